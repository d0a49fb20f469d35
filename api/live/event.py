"""One event of the live stream, encoded once: the same bytes go to everybody who may have all of it."""

from collections.abc import Mapping
from enum import StrEnum

import msgspec
from msgspec import Struct

from alerts.desk import Transition
from telemetry.reading import NS_PER_MS, Quality, Reading

_encode = msgspec.json.Encoder(enc_hook=int).encode


class Kind(StrEnum):
    """What it tells of."""

    READING = "reading"
    ALERT = "alert"


class Event(Struct, frozen=True, gc=False):
    """As it is kept for who comes back."""

    number: int
    """In the order of arrival, beginning with 1."""
    kind: Kind
    site: str
    device: str
    names: frozenset[str]
    """Of a reading: its metrics. Of an alert: its rule."""
    block: bytes
    """As it is sent: id, event and data lines, and the empty line."""


class ReadingData(Struct, frozen=True, gc=False):
    """The data of a reading. `time` is event time, ms since the epoch, UTC."""

    device: str
    site: str
    time: int
    values: Mapping[str, float | str]
    quality: Mapping[str, int]
    """Only of values that are not good."""


class AlertData(Struct, frozen=True):
    """The data of a transition of an alert. Moments are ms since the epoch, UTC."""

    alert: str
    rule: str
    device: str
    site: str
    change: str
    severity: str
    at: int
    value: float | None
    threshold: float | None
    by: str | None
    comment: str | None


def reading_event(run: str, number: int, reading: Reading, site: str, names: frozenset[str]) -> Event:
    """`names` are those of the reading's values."""
    data = ReadingData(
        reading.device,
        site,
        reading.time_ns // NS_PER_MS,
        reading.values,
        {metric: int(quality) for metric, quality in reading.quality.items()} if reading.quality else _GOOD,
    )
    return Event(number, Kind.READING, site, reading.device, names, block(run, number, "reading", _encode(data)))


_GOOD: Mapping[str, int] = {}


def alert_event(run: str, number: int, transition: Transition, site: str) -> Event:
    """Of one change of one alert."""
    data = AlertData(
        transition.alert,
        transition.rule,
        transition.device,
        site,
        transition.change.value,
        transition.severity.word,
        transition.at_ns // NS_PER_MS,
        transition.value,
        transition.threshold,
        transition.by,
        transition.comment,
    )
    names = frozenset((transition.rule,))
    return Event(number, Kind.ALERT, site, transition.device, names, block(run, number, "alert", _encode(data)))


def block(run: str, number: int, name: str, data: bytes) -> bytes:
    """An event as it goes over the line. JSON has no line ends outside of strings, and inside they are escaped."""
    return b"id: %b-%d\nevent: %b\ndata: %b\n\n" % (run.encode(), number, name.encode(), data)


def quality_of(value: int) -> Quality:
    """As it stands in the data."""
    return Quality(value)
