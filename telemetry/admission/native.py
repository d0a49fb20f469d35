"""Caretaker's own payload: JSON, one reading or a list of them.

`{"time": "2026-11-22T08:00:00Z", "seq": 41, "values": {"nh3_ppm": 0.4, "occupied": true}}`

`time` is RFC 3339 with an offset, or milliseconds since the epoch, or absent. `device` and `site` may be repeated
inside and must then agree with the topic. `by` names whoever entered the reading by hand. Unknown keys are passed
over, so that newer devices can speak to older servers.
"""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any

import msgspec

from telemetry.admission.limits import MAX_DEPTH, MAX_READINGS, depth
from telemetry.message import Reason
from telemetry.reading import ENTERED_BY, Reading

INT64_MAX = 2**63 - 1
FOUND_CHARS = 80
"""How much of a wrong value is quoted."""

Time = Annotated[datetime, msgspec.Meta(tz=True)] | int | float | None
Seq = Annotated[int, msgspec.Meta(ge=0, le=INT64_MAX)] | None


class Native(msgspec.Struct, gc=False):
    """One reading as a device wrote it. Nothing is checked yet but its shape."""

    values: dict[str, Any]
    time: Time = None
    seq: Seq = None
    device: str | None = None
    site: str | None = None
    by: str | None = None


class _Plain(Native, gc=False):
    """The same, where every value is a number, a truth or a text: what nearly all messages are."""

    values: dict[str, float | bool | str]


class Undecodable(msgspec.Struct, frozen=True):
    """Why a document, or one item of its list, is no reading."""

    reason: Reason
    detail: str


decode_plain = msgspec.json.Decoder(_Plain).decode
"""One reading, all of whose values are numbers, truths or texts. Raises `MsgspecError`, `UnicodeDecodeError` or
`RecursionError` on any other payload."""
_decoder = msgspec.json.Decoder(_Plain | list[_Plain])
_encoder = msgspec.json.Encoder()


def decode(payload: bytes) -> Sequence[Native | Undecodable]:
    """The readings of a payload, an `Undecodable` for each that is none. Never raises, takes bounded work."""
    try:
        document = _decoder.decode(payload)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return _decode_patiently(payload)
    return _within_bounds(document) if isinstance(document, list) else (document,)


def _decode_patiently(payload: bytes) -> Sequence[Native | Undecodable]:
    """The slow way, for payloads that the strict decoder refuses: finds what is wrong and saves what is not."""
    try:
        text = payload.decode()
    except UnicodeDecodeError as error:
        return (Undecodable(Reason.NOT_UTF8, f"byte {error.start} is not UTF-8"),)
    if (levels := depth(payload)) > MAX_DEPTH:
        return (Undecodable(Reason.TOO_DEEP, f"nested {levels} levels deep, at most {MAX_DEPTH}"),)
    try:
        # Python's own decoder takes NaN, 1e999 and lone surrogates: here they cost one value, not the message.
        document = json.loads(text, parse_int=_whole_number)
    except ValueError as error:
        return (Undecodable(Reason.NOT_JSON, str(error)),)
    if not isinstance(document, list):
        return (_native(document),)
    return _within_bounds([_native(item) for item in document[: MAX_READINGS + 1]])


def _within_bounds(items: Sequence[Native | Undecodable]) -> Sequence[Native | Undecodable]:
    if not items:
        return (Undecodable(Reason.NOT_A_READING, "an empty list"),)
    if len(items) > MAX_READINGS:
        return (Undecodable(Reason.TOO_LARGE, f"a list of more than {MAX_READINGS} readings"),)
    return items


def _whole_number(digits: str) -> int | float:
    return int(digits) if len(digits) < 20 else float(digits)  # noqa: PLR2004 - beyond 64 bits it is no count


def _native(item: object) -> Native | Undecodable:
    if not isinstance(item, dict):
        return Undecodable(Reason.NOT_A_READING, f"found {quote(item)}, expected an object with `values`")
    if not isinstance(item.get("values"), dict):
        return Undecodable(Reason.NOT_A_READING, f"`values`: found {quote(item.get('values'))}, expected an object")
    try:
        return msgspec.convert(item, Native)
    except (msgspec.ValidationError, UnicodeEncodeError, OverflowError) as error:
        return Undecodable(Reason.NOT_A_READING, quote_text(str(error)))


def encode(reading: Reading) -> bytes:
    """A reading as its device would publish it: what admission takes in again. Quality is not part of it."""
    values = dict(reading.values)
    author = values.pop(ENTERED_BY, None)
    document = {"time": reading.time_ns // 1_000_000, "seq": reading.seq, "values": values}
    return _encoder.encode(document if author is None else {**document, "by": author})


def quote(value: object) -> str:
    """What was found, short and printable, whatever it was."""
    if isinstance(value, dict):
        return f"an object of {len(value)}"
    if isinstance(value, list):
        return f"a list of {len(value)}"
    return quote_text(ascii(value))


def quote_text(text: str) -> str:
    """A text of unknown origin, short and printable."""
    safe = text.encode("ascii", "backslashreplace").decode()
    return safe if len(safe) <= FOUND_CHARS else safe[:FOUND_CHARS] + "..."
