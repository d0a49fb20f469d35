"""Files of readings, line by line, as the messages that a broker would have brought.

NDJSON: each line `{"device": "id", "time": …, "values": {…}}`, with `seq` if the device has one, or
`{"topic": "caretaker/v1/…", "payload": {…}, "received": …}`, which is what the quarantine exports (`payload_base64` for
bytes that are not JSON; `received` is the first arrival and stands in for a missing time).
CSV: a column `time` (with an offset, or ms since the epoch) or `local_time` (the site's own clock), `device` unless the
caller names one, `seq` if there is one, `by` where a person has entered the row, and then either a column for each
metric, where an empty cell is no value, or the two columns `metric` and `value`.

Nothing is judged here but what keeps a line from being a message at all; admission does the rest.
"""

import base64
import csv
import io
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from math import isfinite
from typing import Annotated, BinaryIO
from zoneinfo import ZoneInfo

import msgspec
from msgspec import Struct

from caretaker.moments import to_ns
from telemetry.catalogue.metric import Kind
from telemetry.message import Message, Reason, Rejection
from telemetry.registry.models import Registry
from telemetry.topics import Channel, topic

_KEYS = {"device", "time", "local_time", "seq", "metric", "value", "quality", "by"}
_EXACT_INTEGERS = 2**53
"""Up to here a double holds every whole number."""


class FileUnusableError(Exception):
    """The file as a whole can't be read; the message says what is expected."""


class FileLine(Struct, frozen=True):
    """One line, as a message or as what is wrong with it."""

    number: int
    """From 1."""
    text: str
    message: Message
    rejection: Rejection | None = None
    """It could not become a message with a topic; `message` then holds the line as it stands."""


_ABSENT = msgspec.Raw()


class _Line(Struct, frozen=True):
    """What this module looks at in an NDJSON line."""

    device: str | None = None
    time: msgspec.Raw = _ABSENT
    topic: str | None = None
    payload: msgspec.Raw = _ABSENT
    payload_base64: str | None = None
    received: Annotated[datetime, msgspec.Meta(tz=True)] | None = None


_decoder = msgspec.json.Decoder(_Line)


class _WrongLineError(Exception):
    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail


def read_ndjson(file: BinaryIO, registry: Registry, received_ns: int) -> Iterator[FileLine]:
    """The lines of an NDJSON file; empty ones are passed over."""
    for number, raw in enumerate(file, start=1):
        body = raw.removeprefix(b"\xef\xbb\xbf").strip() if number == 1 else raw.strip()
        if not body:
            continue
        text = body.decode("utf-8", "replace")
        try:
            message = _unwrap(body, registry, received_ns)
        except _WrongLineError as wrong:
            yield _refused(number, text, wrong, received_ns)
        else:
            yield FileLine(number, text, message)


def read_csv(file: BinaryIO, registry: Registry, received_ns: int, device: str | None) -> Iterator[FileLine]:
    """The rows of a CSV file. Raises `FileUnusableError` where the header can't be understood."""
    with io.TextIOWrapper(file, encoding="utf-8-sig", errors="surrogateescape", newline="") as lines:
        reader = csv.reader(lines)
        header = [name.strip() for name in next(reader, [])]
        _check_header(header, registry, device)
        to_payload = _row_reader(header, registry)
        zones = _LocalTimes()
        for row in reader:
            if not any(row):
                continue
            text = _as_line(row)
            try:
                if len(row) != len(header):
                    raise _WrongLineError(  # noqa: TRY301 - one place turns a wrong row into a rejection
                        Reason.NOT_A_READING, f"{len(row)} cells, expected {len(header)} as in the header"
                    )
                cells = dict(zip(header, row, strict=True))
                known = device or cells["device"]
                where = _topic_of(known, registry)
                payload = to_payload(cells, zones, known, registry.sites[registry.devices[known].site].timezone)
            except _WrongLineError as wrong:
                yield _refused(reader.line_num, text, wrong, received_ns)
            else:
                yield FileLine(reader.line_num, text, Message(where, payload, False, received_ns))


def _refused(number: int, text: str, wrong: _WrongLineError, received_ns: int) -> FileLine:
    message = Message("", text.encode("utf-8", "surrogateescape"), False, received_ns)
    return FileLine(number, text, message, Rejection(message, wrong.reason, 1, wrong.detail))


def _unwrap(body: bytes, registry: Registry, received_ns: int) -> Message:
    """The message of one NDJSON line. The line itself is the payload: admission passes over keys it does not know."""
    line = _decode(body)
    if line.topic is not None:
        if bytes(line.payload):
            payload = bytes(line.payload)
        elif line.payload_base64 is not None:
            payload = _from_base64(line.payload_base64)
        else:
            raise _WrongLineError(Reason.NOT_A_READING, "`topic` without `payload` or `payload_base64`")
        return Message(line.topic, payload, False, to_ns(line.received) if line.received else received_ns)
    if line.device is None:
        raise _WrongLineError(Reason.NOT_A_READING, "neither `device` nor `topic` with `payload`")
    if bytes(line.time) in {b"", b"null"}:
        raise _WrongLineError(Reason.NOT_A_READING, "no `time`: in a file the moment of arrival says nothing")
    return Message(_topic_of(line.device, registry), body, False, received_ns)


def _decode(body: bytes) -> _Line:
    try:
        return _decoder.decode(body)
    except UnicodeDecodeError:
        raise _WrongLineError(Reason.NOT_UTF8, "the line is not UTF-8") from None
    except msgspec.ValidationError as error:
        raise _WrongLineError(Reason.NOT_A_READING, str(error)) from None
    except (msgspec.DecodeError, RecursionError) as error:
        failure = str(error)
    # Python's own decoder takes NaN and 1e999: there admission loses a value where we would lose the line.
    try:
        fields = json.loads(body)
    except (ValueError, RecursionError):
        raise _WrongLineError(Reason.NOT_JSON, failure) from None
    if not isinstance(fields, dict) or not isinstance(fields.get("device"), str):
        raise _WrongLineError(Reason.NOT_JSON, failure)
    return _Line(device=fields["device"], time=msgspec.Raw(b"0") if "time" in fields else _ABSENT)


def _from_base64(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except ValueError:
        raise _WrongLineError(Reason.NOT_A_READING, "`payload_base64` is not base64") from None


def _topic_of(device: str, registry: Registry) -> str:
    known = registry.devices.get(device)
    if known is None:
        raise _WrongLineError(Reason.UNKNOWN_DEVICE, f"{device!r} is not in the registry")
    return topic(known.site, device, Channel.READINGS)


def _check_header(header: Sequence[str], registry: Registry, device: str | None) -> None:
    names = set(header)
    if len(names) != len(header):
        raise FileUnusableError("the header names a column twice")
    if device is None and "device" not in names:
        raise FileUnusableError("no column `device`; add one, or name the device of the whole file with --device")
    if device is not None and "device" in names:
        raise FileUnusableError("the file has a column `device`; leave --device out")
    if device is not None and device not in registry.devices:
        raise FileUnusableError(f"the device {device!r} is not in the registry")
    if len({"time", "local_time"} & names) != 1:
        raise FileUnusableError("expected one column `time` (with an offset) or `local_time` (the site's own clock)")
    if ("metric" in names) != ("value" in names):
        raise FileUnusableError("`metric` and `value` come together")
    unknown = sorted(names - _KEYS - set(registry.metrics))
    if unknown:
        raise FileUnusableError(
            f"columns that are no metric: {', '.join(unknown)}. Rename or remove them; `caretaker catalogue` lists them"
        )
    if not names - _KEYS and "metric" not in names:
        raise FileUnusableError("no column holds a metric")


def _row_reader(
    header: Sequence[str], registry: Registry
) -> Callable[[Mapping[str, str], "_LocalTimes", str, ZoneInfo], bytes]:
    texts = {name for name, metric in registry.metrics.items() if metric.kind is Kind.TEXT}
    wide = [name for name in header if name not in _KEYS]
    tall = "metric" in header

    def to_payload(cells: Mapping[str, str], zones: "_LocalTimes", device: str, zone: ZoneInfo) -> bytes:
        pairs = ((cells["metric"], cells["value"]),) if tall else ((name, cells[name]) for name in wide)
        values = {name: cell if name in texts else _value(cell) for name, cell in pairs if cell != ""}
        if not values:
            raise _WrongLineError(Reason.NOT_A_READING, "the row has no value")
        payload: dict[str, object] = {"values": values}
        payload["time"] = _time(cells["time"]) if "time" in cells else zones.utc(device, cells["local_time"], zone)
        if cells.get("seq"):
            payload["seq"] = _value(cells["seq"])
        if cells.get("by"):
            payload["by"] = cells["by"]
        try:
            return msgspec.json.encode(payload)
        except UnicodeEncodeError:
            raise _WrongLineError(Reason.NOT_UTF8, "the row is not UTF-8") from None

    return to_payload


def _value(cell: str) -> object:
    """A cell as a number or a truth, else as the text it is, for admission to judge."""
    if cell in {"true", "false"}:
        return cell == "true"
    try:
        number = float(cell)
    except ValueError:
        return cell
    if not isfinite(number) or "_" in cell:
        return cell
    return int(number) if number.is_integer() and abs(number) <= _EXACT_INTEGERS else number


def _time(cell: str) -> int | str:
    if cell.isdigit():
        return int(cell)
    try:
        moment = datetime.fromisoformat(cell)
    except ValueError:
        raise _WrongLineError(Reason.NOT_A_READING, f"time {cell!r} is neither ISO 8601 nor ms") from None
    if moment.tzinfo is None:
        raise _WrongLineError(
            Reason.NOT_A_READING, f"time {cell!r} has no offset; add one, or call the column `local_time`"
        )
    return _iso(moment)


def _iso(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class _LocalTimes:
    """Local clock times to UTC.

    In the hour that autumn repeats, a row that does not come after its forerunner is of the second round. A time that
    spring leaves out is refused.
    """

    def __init__(self) -> None:
        self._last: dict[str, datetime] = {}

    def utc(self, device: str, cell: str, zone: ZoneInfo) -> str:
        try:
            naive = datetime.fromisoformat(cell)
        except ValueError:
            raise _WrongLineError(Reason.NOT_A_READING, f"local_time {cell!r} is not ISO 8601") from None
        if naive.tzinfo is not None:
            raise _WrongLineError(Reason.NOT_A_READING, f"local_time {cell!r} has an offset; call the column `time`")
        moment = naive.replace(tzinfo=zone).astimezone(UTC)
        if moment.astimezone(zone).replace(tzinfo=None) != naive:
            raise _WrongLineError(Reason.NOT_A_READING, f"{cell!r} does not exist in {zone.key}: the clock skips it")
        last = self._last.get(device)
        if last is not None and moment <= last:
            second = naive.replace(tzinfo=zone, fold=1).astimezone(UTC)
            moment = second if second - moment <= timedelta(hours=2) and second > last else moment
        self._last[device] = moment
        return _iso(moment)


def _as_line(row: Sequence[str]) -> str:
    line = io.StringIO()
    csv.writer(line, lineterminator="").writerow(row)
    return line.getvalue()
