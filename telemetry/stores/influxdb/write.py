"""The way into InfluxDB: one request in flight, every status has its branch, the outcome is told for each reading."""

from collections.abc import Callable, Sequence
from hashlib import sha256

from telemetry.reading import Reading
from telemetry.registry.models import Registry
from telemetry.stores.influxdb.bisect import Fate, Verdict, bisect, judge
from telemetry.stores.influxdb.client import AWAY, Answer, InfluxHttp
from telemetry.stores.influxdb.lines import LineEncoder, Lines
from telemetry.stores.influxdb.provision import find_stated_quality, provision
from telemetry.stores.settings import InfluxSettings
from telemetry.stores.store import Outcome, Refusal, StoreAwayError, StoreUnusableError
from telemetry.stores.thread import StoreThread

FAILURES_BEFORE_BISECTING = 3
"""A store that restarts answers 500 once or twice; a line that breaks it does so each time."""


class InfluxWriter:
    """Writes readings to one bucket. Requests, line protocol and compression run in one thread of its own."""

    def __init__(self, settings: InfluxSettings, registry: Callable[[], Registry]) -> None:
        """`registry` gives the one in force now."""
        self._settings = settings
        self._registry = registry
        self._thread = StoreThread("influxdb-write")
        # Touched by the thread only.
        self._http = InfluxHttp(settings)
        self._encoder = LineEncoder(registry)
        self._provisioned = False
        self._retention_s: float | None = None
        self._failing: tuple[bytes, int] = (b"", 0)

    async def start(self) -> None:
        """Make the bucket and check the types of its fields. Raises `StoreUnusableError`.

        An InfluxDB that does not answer is no error: the first write tries again.
        """
        await self._thread.run(self._start)

    async def write(self, readings: Sequence[Reading]) -> Outcome:
        """Store; see the contract."""
        return await self._thread.run(self._write, readings)

    async def retention_s(self) -> float | None:
        """The bucket's, as found at the start."""
        return self._retention_s

    async def expire(self, now_ns: int) -> int:  # noqa: ARG002  # the contract's
        """Nothing: InfluxDB deletes by itself."""
        return 0

    async def close(self) -> None:
        """Close the connections; a second call does nothing."""
        await self._thread.close(self._http.close)

    # Everything below runs in the thread.

    def _start(self) -> None:
        try:
            self._provision()
        except StoreAwayError:
            return

    def _provision(self) -> None:
        self._retention_s = provision(self._http, self._settings, self._registry().metrics)
        for device, metric in find_stated_quality(self._http, self._registry().metrics):
            self._encoder.state_quality(device, metric)
        self._provisioned = True

    def _write(self, readings: Sequence[Reading]) -> Outcome:
        if not self._provisioned:
            try:
                self._provision()
            except StoreAwayError as error:
                return Outcome(keep=readings, trouble=str(error))
            except StoreUnusableError as error:
                return Outcome(keep=readings, trouble=str(error), alarm=True)
        batch = self._encoder.encode(readings)
        if not batch.lines:
            return Outcome(refused=batch.refused)
        answer = self._send(batch.lines)
        verdict = judge(answer)
        if verdict is Verdict.WRITTEN:
            return Outcome(refused=batch.refused)
        if verdict in {Verdict.REFUSED, Verdict.TOO_LARGE} or (
            verdict is Verdict.SICK and self._failed_often(batch.lines)
        ):
            fate = bisect(batch.lines, answer, self._send)
        else:
            fate = Fate(undecided=range(len(batch.lines)), cause=answer)
        return _outcome(readings, batch, fate)

    def _send(self, lines: Sequence[str]) -> Answer:
        # Halving takes up to hundreds of requests; a stop must not wait for them.
        return Answer(AWAY, "the writer is being closed") if self._thread.closed else self._http.write(lines)

    def _failed_often(self, lines: Sequence[str]) -> bool:
        """Whether this very batch has now failed so often that one of its lines may be the cause."""
        key = sha256("\n".join(lines).encode()).digest()
        known, count = self._failing
        self._failing = (key, count + 1 if key == known else 1)
        return self._failing[1] >= FAILURES_BEFORE_BISECTING


def _outcome(readings: Sequence[Reading], batch: Lines, fate: Fate) -> Outcome:
    """What became of lines, told of readings. One that has a line to be tried again is kept whole."""
    if fate.too_many:
        trouble = f"InfluxDB refuses more of a batch than single faults explain; the last: {_said(fate.cause)}"
        return Outcome(keep=readings, trouble=trouble, alarm=True)
    kept = {batch.owners[line] for line in fate.undecided}
    said: dict[int, list[str]] = {}
    for line, message in fate.refused.items():
        said.setdefault(batch.owners[line], []).append(message)
    refused = [Refusal(readings[index], "; ".join(said[index])) for index in sorted(said.keys() - kept)]
    keep = [readings[index] for index in sorted(kept)]
    keeping = {id(reading) for reading in keep}
    refused += [refusal for refusal in batch.refused if id(refusal.reading) not in keeping]
    if fate.cause is None:
        return Outcome(refused=refused)
    return Outcome(
        refused=refused,
        keep=keep,
        retry_after_s=fate.cause.retry_after_s,
        trouble=_said(fate.cause),
        alarm=judge(fate.cause) in {Verdict.DENIED, Verdict.LIMITED},
    )


def _said(answer: Answer | None) -> str:
    if answer is None:
        return "nothing"
    return f"InfluxDB answers {answer.status}: {answer.message}" if answer.status else answer.message
