"""What a metric is."""

from enum import StrEnum

from msgspec import Struct


class Kind(StrEnum):
    """How a value behaves over time."""

    GAUGE = "gauge"
    COUNTER = "counter"
    """Counts up; a fall is a reset or a roll-over."""
    STATE = "state"
    """One of few: true or false, or small whole numbers."""
    EVENT = "event"
    """Something that happened at a moment. Two of one moment are both kept."""
    TEXT = "text"


class Source(StrEnum):
    """Who may say it, and so on which topics it is admitted."""

    DEVICE = "device"
    DERIVED = "derived"
    ALERT = "alert"


class Privacy(StrEnum):
    """Who may see it."""

    OPEN = "open"
    INTERNAL = "internal"
    PERSONAL = "personal"


class Metric(Struct, frozen=True, gc=False):
    """One metric of the catalogue. Ranges are inclusive, in `unit`; infinite where there is no bound."""

    name: str
    """With its unit, as in `nh3_ppm`."""
    unit: str
    """UCUM, as in `[ppm]`; `1` for plain numbers."""
    kind: Kind
    measurement: str
    source: Source
    privacy: Privacy
    names: dict[str, str]
    """Language tag (`en`, `zh-Hant`) to the name that people read."""
    decimals: int
    possible_min: float
    """Below: the value is rejected."""
    possible_max: float
    plausible_min: float
    """Below: stored, marked suspect."""
    plausible_max: float
