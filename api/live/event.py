"""One event of the live stream, encoded once: the same bytes go to everybody who may have all of it. Pure."""

from collections.abc import Mapping
from enum import StrEnum

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from alerts.desk import Transition
from telemetry.reading import NS_PER_MS, Reading


class EventKind(StrEnum):
    """What an event tells of: its name on the line."""

    READING = "reading"
    ALERT = "alert"


class ReadingData(Struct, frozen=True, gc=False):
    """What a device measured at one moment."""

    device: str
    site: str
    time: int
    """Event time, ms since the epoch, UTC."""
    values: Mapping[str, float | str]
    """Metric to value, in the catalogue's unit."""
    quality: Mapping[str, int]
    """Only of values that are not good: 1 suspect, 2 without a time of the device's own, 3 both."""


class AlertData(Struct, frozen=True, gc=False):
    """A change of an alert."""

    alert: str
    rule: str
    device: str
    site: str | None
    """Null: the device is no longer in the registry."""
    change: str
    severity: str
    """After the change; when resolved: the last one."""
    at: int
    """When it became true, ms since the epoch, UTC."""
    value: float | None
    """What the rule compared; null: nothing, or the metric is not for the caller."""
    threshold: float | None
    by: str | None
    """Who acknowledged, assigned, commented or resolved it."""
    to: str | None
    """The id of the person to whom it was assigned."""
    comment: str | None


class Event(Struct, frozen=True, gc=False):
    """As it is kept for who comes back."""

    number: int
    """In the order of arrival; the first is 1."""
    kind: EventKind
    site: str
    """Empty: not known."""
    device: str
    names: frozenset[str]
    """Of a reading: its metrics. Of an alert: its rule."""
    block: bytes
    """As it is sent: lines for id, event and data, and the empty line."""


_encode = msgspec.json.Encoder().encode
_reading = msgspec.json.Decoder(ReadingData).decode
_alert = msgspec.json.Decoder(AlertData).decode
_GOOD: Mapping[str, int] = {}
_DATA = b"\ndata: "


def block(id_: str, name: str, data: bytes) -> bytes:
    """An event as it goes over the line. `data` is JSON: a line end inside a text is escaped, and stays in its line."""
    return b"id: %b\nevent: %b%b%b\n\n" % (id_.encode(), name.encode(), _DATA, data)


def of_reading(run: str, number: int, reading: Reading, site: str, names: frozenset[str]) -> Event:
    """`names` are those of its values."""
    quality = {metric: int(one) for metric, one in reading.quality.items()} if reading.quality else _GOOD
    data = ReadingData(reading.device, site, reading.time_ns // NS_PER_MS, reading.values, quality)
    return Event(
        number, EventKind.READING, site, reading.device, names, block(f"{run}-{number}", "reading", _encode(data))
    )


def of_alert(run: str, number: int, transition: Transition, site: str) -> Event:
    """`site` empty: it is not known."""
    data = AlertData(
        alert=transition.alert,
        rule=transition.rule,
        device=transition.device,
        site=site or None,
        change=transition.change.value,
        severity=transition.severity.word,
        at=transition.at_ns // NS_PER_MS,
        value=transition.value,
        threshold=transition.threshold,
        by=transition.by,
        to=transition.to,
        comment=transition.comment,
    )
    names = frozenset((transition.rule,))
    return Event(
        number, EventKind.ALERT, site, transition.device, names, block(f"{run}-{number}", "alert", _encode(data))
    )


def with_metrics_only(event: Event, metrics: frozenset[str]) -> bytes:
    """The block of a reading with these metrics of it and no others."""
    data = _reading(_data_of(event))
    narrowed = replace(
        data,
        values={metric: value for metric, value in data.values.items() if metric in metrics},
        quality={metric: one for metric, one in data.quality.items() if metric in metrics},
    )
    return _head_of(event) + _encode(narrowed) + b"\n\n"


def without_values(event: Event) -> bytes:
    """The block of an alert without what the rule compared."""
    return _head_of(event) + _encode(replace(_alert(_data_of(event)), value=None, threshold=None)) + b"\n\n"


def _head_of(event: Event) -> bytes:
    return event.block[: event.block.index(_DATA) + len(_DATA)]


def _data_of(event: Event) -> bytes:
    return event.block[event.block.index(_DATA) + len(_DATA) : -2]
