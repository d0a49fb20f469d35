"""Payloads as devices write them. An encoder of our own, on the standard library, so that it tests the platform's."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime

from msgspec import Struct

from simulators.models.model import Values

_json = json.JSONEncoder(separators=(",", ":"), allow_nan=False).encode


class Sample(Struct, frozen=True, gc=False):
    """One reading on its way to a payload."""

    time_ms: int
    """Epoch ms UTC, by the device's clock."""
    seq: int | None
    values: Values


def moment(time_ms: int) -> str:
    """ISO 8601 in UTC with milliseconds only where there are any."""
    seconds, milliseconds = divmod(time_ms, 1000)
    text = datetime.fromtimestamp(seconds, UTC).isoformat()[:19]  # several times faster than strftime
    return f"{text}.{milliseconds:03}Z" if milliseconds else f"{text}Z"


def encode(time_ms: int | None, seq: int | None, values: Values) -> bytes:
    """One reading. Without a time the platform takes the moment of arrival."""
    return _one(time_ms, seq, values).encode()


def encode_samples(samples: Sequence[Sample]) -> bytes:
    """One reading as an object, several as a list."""
    texts = [_one(sample.time_ms, sample.seq, sample.values) for sample in samples]
    return (texts[0] if len(texts) == 1 else f"[{','.join(texts)}]").encode()


def _one(time_ms: int | None, seq: int | None, values: Values) -> str:
    body: dict[str, object] = {}
    if time_ms is not None:
        body["time"] = moment(time_ms)
    if seq is not None:
        body["seq"] = seq
    body["values"] = dict(values)
    return _json(body)
