"""All of InfluxDB's bucket, out as line protocol and in again: the same way for 1.x and 2.x, without their tools.

Out: InfluxQL, a window of time after the other, each answer a stream in pieces, so that neither side holds more than
one piece in memory. In: the store's own client, and its own way of finding what is refused.
"""

import gzip
import re
import ssl
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import httpx2
import msgspec
from msgspec import Struct

from deploy.backup.lines import Writers, batches, lines_of, writers_of
from deploy.backup.manifest import BackupError, Readings
from telemetry.catalogue.metric import Metric
from telemetry.reading import NS_PER_S
from telemetry.stores.influxdb.bisect import Verdict, bisect, judge
from telemetry.stores.influxdb.client import Answer, InfluxHttp
from telemetry.stores.influxdb.influxql import identifier, select, series
from telemetry.stores.influxdb.provision import field_types, provision
from telemetry.stores.settings import InfluxSettings
from telemetry.stores.store import StoreAwayError

ROWS_A_PIECE = 10_000
"""Of a streamed answer."""
FEW, MANY = 20_000, 500_000
"""Points in a window: with fewer the next is longer, with more shorter. What fails is asked for again as a window."""
FIRST_SPAN_NS = 86_400 * NS_PER_S
LONGEST_SPAN_NS = 64 * FIRST_SPAN_NS
LINES_A_WRITE = 5_000
ATTEMPTS = 5
PAUSE_S = 2.0
"""After the first attempt; then twice that, and so on."""
READ_LIMIT_S = 120.0
"""For the next piece of an answer."""
DROPPED = re.compile(r"dropped=(\d+)")
LEVEL = 1

Progress = Callable[[float], None]


class Written(Struct, frozen=True):
    """What became of the lines of a backup."""

    lines: int
    refused: int
    """Older than the bucket keeps them, or of another type than what is there."""
    first_refusal: str | None


class Exporter:
    """Reads one bucket from end to end. Use with `with`."""

    def __init__(self, settings: InfluxSettings, pause_s: float = PAUSE_S) -> None:
        """`pause_s` after a failed attempt."""
        self._http = InfluxHttp(settings)
        self._settings = settings
        self._pause_s = pause_s
        secret = settings.secret()
        by_user = settings.username is not None
        self._stream = httpx2.Client(
            base_url=settings.url,
            headers={} if secret is None or by_user else {"Authorization": f"Token {secret}"},
            auth=(settings.username or "", secret or "") if by_user else None,
            verify=ssl.create_default_context(cafile=settings.ca),
            timeout=httpx2.Timeout(settings.timeout_s, read=READ_LIMIT_S),
            trust_env=False,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stream.close()
        self._http.close()

    def export(self, target: Path, metrics: Mapping[str, Metric], progress: Progress = lambda _: None) -> Readings:
        """Write every point of the bucket into a gzipped file of line protocol. `progress` hears fractions.

        Raises `StoreAwayError`, `StoreUnusableError`, and `BackupError` for what line protocol cannot carry.
        """
        retention_s = provision(self._http, self._settings, metrics)
        lines = values = 0
        types = field_types(self._http.query("SHOW FIELD KEYS"))
        with gzip.open(target, "wt", compresslevel=LEVEL, encoding="utf-8", newline="\n") as out:
            for index, (measurement, fields) in enumerate(sorted(types.items())):
                for done, some in self._measurement(measurement, writers_of(fields)):
                    for line, count in some:
                        out.write(line + "\n")
                        lines += 1
                        values += count
                    progress((index + done) / len(types))
        return Readings(lines, values, retention_s)

    def _measurement(self, name: str, writers: Writers) -> Iterator[tuple[float, Sequence[tuple[str, int]]]]:
        """Its points, and what share of its time is done.

        A window that breaks off is asked for again: a point that is written twice is one point.
        """
        fields = ", ".join(map(identifier, writers))
        first_ns, last_ns = (self._edge(name, fields, order) for order in ("ASC", "DESC"))
        if first_ns is None or last_ns is None:
            return
        from_ns, span_ns = first_ns, FIRST_SPAN_NS
        while from_ns <= last_ns:
            until_ns = min(from_ns + span_ns, last_ns + 1)
            within = f"WHERE time >= {from_ns:d} AND time < {until_ns:d} GROUP BY *"
            done = (until_ns - first_ns) / (last_ns + 1 - first_ns)
            points = 0
            for answer in self._patiently(select(fields, name, within)):
                for one in series(answer):
                    points += len(one["values"])
                    yield done, self._lines(one, writers)
            from_ns = until_ns
            if points < FEW:
                span_ns = min(span_ns * 4, LONGEST_SPAN_NS)
            elif points > MANY:
                span_ns = max(span_ns // 4, NS_PER_S)

    def _lines(self, one: Mapping[str, Any], writers: Writers) -> Sequence[tuple[str, int]]:
        try:
            return list(lines_of(one, writers))
        except ValueError as error:
            raise BackupError(
                f"the bucket holds a series that line protocol cannot carry ({error}), none of Caretaker's: back up "
                "InfluxDB by its own means, and the rest with --without-store"
            ) from None

    def _edge(self, name: str, fields: str, order: str) -> int | None:
        (answer,) = self._http.query(select(fields, name, f"ORDER BY time {order} LIMIT 1"))
        times: list[int] = [one["values"][0][0] for one in series(answer)]
        return times[0] if times else None

    def _patiently(self, query: str) -> Iterator[dict[str, Any]]:
        for attempt in range(1, ATTEMPTS + 1):
            try:
                yield from self._pieces(query)
            except (httpx2.TransportError, StoreAwayError) as error:
                if attempt == ATTEMPTS:
                    raise StoreAwayError(f"InfluxDB broke off, {ATTEMPTS} times: {error}") from None
                time.sleep(self._pause_s * 2 ** (attempt - 1))
            else:
                return

    def _pieces(self, query: str) -> Iterator[dict[str, Any]]:
        asked = {
            "db": self._http.database,
            "rp": self._http.policy,
            "epoch": "ns",
            "q": query,
            "chunked": "true",
            "chunk_size": str(ROWS_A_PIECE),
        }
        wanted = {key: text for key, text in asked.items() if text}
        with self._stream.stream("GET", "/query", params=wanted, headers={"Accept": "application/json"}) as answer:
            if answer.status_code != httpx2.codes.OK:
                raise StoreAwayError(f"InfluxDB answers {answer.status_code}")
            for line in answer.iter_lines():
                document = msgspec.json.decode(line)
                results: list[dict[str, Any]] = document.get("results", [document])
                for result in results:
                    if "error" in result:  # whatever it is, "not found" too: what follows it is missing
                        raise StoreAwayError(str(result["error"]))
                yield from results


def write(
    file: Path,
    settings: InfluxSettings,
    metrics: Mapping[str, Metric],
    lines: int,
    progress: Progress = lambda _: None,
    pause_s: float = PAUSE_S,
) -> Written:
    """Write the `lines` of an export; the bucket is made where it is missing.

    What is refused for good is counted. Raises `StoreAwayError`, `StoreUnusableError`, and `BackupError` where most of
    it is refused; then it may be run again.
    """
    http = InfluxHttp(settings)
    refused, first = 0, None
    done = 0
    try:
        provision(http, settings, metrics)
        with gzip.open(file, "rt", encoding="utf-8", newline="\n") as rows:
            for batch in batches(rows, LINES_A_WRITE):
                lost, why = _send(http, batch, pause_s)
                refused += lost
                first = first or why
                done += len(batch)
                progress(done / max(lines, 1))
    finally:
        http.close()
    return Written(done, refused, first)


def _send(http: InfluxHttp, batch: Sequence[str], pause_s: float) -> tuple[int, str | None]:
    """How many lines of a batch were refused, and what the store said of the first."""
    answer = Answer(0)
    for attempt in range(ATTEMPTS):
        if attempt:
            time.sleep(answer.retry_after_s or pause_s * 2 ** (attempt - 1))
        answer = http.write(batch)
        match judge(answer):
            case Verdict.WRITTEN:
                return 0, None
            case Verdict.REFUSED if (dropped := DROPPED.search(answer.message)) and "retention" in answer.message:
                return int(dropped[1]), answer.message  # the rest of the batch is written
            case Verdict.REFUSED | Verdict.TOO_LARGE:
                fate = bisect(batch, answer, http.write)
                if fate.too_many:
                    raise BackupError(f"InfluxDB refuses what is in the backup: {answer.message}")
                if not fate.undecided:
                    return len(fate.refused), next(iter(fate.refused.values()), None)
            case Verdict.DENIED | Verdict.LIMITED:
                break
            case Verdict.AWAY | Verdict.SICK:
                pass
    raise StoreAwayError(answer.message or f"InfluxDB answers {answer.status}")
