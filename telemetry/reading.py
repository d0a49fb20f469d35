"""The reading: what one device measured at one moment. The only thing that flows."""

from collections.abc import Mapping
from enum import IntFlag

from msgspec import Struct

NS_PER_MS = 1_000_000
NS_PER_S = 1_000_000_000
ENTERED_BY = "entered_by"
"""The metric that says who entered a reading by hand; its other values are `Quality.MANUAL`."""


class Quality(IntFlag):
    """Why a value deserves less trust. A value without an entry is good."""

    GOOD = 0
    SUSPECT = 1
    """Possible, but outside the metric's plausible range."""
    ARRIVAL_TIME = 2
    """The device gave no time; the moment of arrival stands in for it."""
    MANUAL = 4
    """Entered by a person, not measured."""


class Reading(Struct, frozen=True, gc=False, array_like=True):
    """One device, one moment, its values.

    `gc=False`: holds no cycles, so the collector need not look. `array_like`: encodes without field names.
    """

    device: str
    """Id in the registry."""
    time_ns: int
    """Event time, nanoseconds since the epoch, UTC, truncated to whole milliseconds."""
    seq: int | None
    """The device's own count, if it has one."""
    values: Mapping[str, float | str]
    """Catalogue metric to value in the catalogue's unit."""
    quality: Mapping[str, Quality]
    """Only the metrics whose value is not good."""
