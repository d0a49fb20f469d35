"""What a model device is."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from msgspec import Struct

Value = float | int | bool | str
Values = Mapping[str, Value]


class Event(Struct, frozen=True, gc=False):
    """Something a device reports at the moment it happens."""

    time_ms: int
    seq: int
    values: Values


class Model(Protocol):
    """A device that reports at an interval. Its values depend on nothing but the seed, itself and the time."""

    def values(self, time_ms: int, span_ms: int) -> dict[str, Value]:
        """Everything it measures at `time_ms` (epoch ms UTC); what it counts over a span, over the last `span_ms`."""
        ...


class EventModel(Protocol):
    """A device that speaks only when something happens."""

    def events(self, start_ms: int, end_ms: int) -> Sequence[Event]:
        """What happens in start <= time < end, in order."""
        ...
