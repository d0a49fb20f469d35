"""What evaluation works on: the events, a rule's state on one device, and the place in which that device stands."""

from collections.abc import Sequence
from zoneinfo import ZoneInfo

from msgspec import Struct

from alerts.conditions.window import Bucket, Course
from alerts.judge import lifecycle
from alerts.judge.lifecycle import Known, Life
from telemetry.reading import Quality, Reading
from telemetry.registry.models import Device


class Tick(Struct, frozen=True, gc=False):
    """The clock, as far as this device is concerned: no reading before this moment will be taken."""

    time_ns: int


class Silent(Struct, frozen=True, gc=False):
    """The device counts as silent from this moment on."""

    time_ns: int
    heard_ns: int
    """Event time of its last reading; 0: none was ever heard."""


Event = Reading | Tick | Silent


class Place(Struct):
    """What is known about a device besides its readings."""

    device: Device
    zone: ZoneInfo
    hold_ns: int | None
    """How long a value holds without a new one; None: until there is one."""
    counters: frozenset[str] = frozenset()
    """The metrics that count up."""
    pauses: Sequence[tuple[int, str]] = ()
    """Event time and metric of what was reported lately in the same area, in order of time."""


class RuleState(Struct, frozen=True, array_like=True):
    """What a rule remembers of a device."""

    life: Life
    shape: str = ""
    """Of the rule that it was made for, see `plans.shape`."""
    at_ns: int = 0
    """Worked out until here."""
    due_ns: int | None = None
    """When time alone changes something next."""
    now: Known | None = None
    """What the rule compares; of a window: as of its last step."""
    before: tuple[int, float] | None = None
    """Of a rate: time and value of the last reading."""
    guard: tuple[int, float] | None = None
    """Time and value of the guard's metric."""
    course: Course | None = None
    seen: tuple[tuple[int, int], ...] = ()
    """Of events: time and sequence number of the last ones, so that none counts twice."""
    closed: tuple[Bucket, ...] = ()
    """Of a window: the buckets that are closed, oldest first."""
    older: int = 0
    """As it is kept: how many more there are before `closed`, the last of those in the table of windows."""

    @property
    def is_idle(self) -> bool:
        """Whether it may be forgotten: a new one would judge the next reading the same way."""
        kept = self.course or self.before or self.guard or self.seen or self.life.raises
        return not kept and self.due_ns is None and lifecycle.is_idle(self.life)


def is_suspect(reading: Reading, *metrics: str) -> bool:
    """Whether a value of it is outside its metric's plausible range."""
    return any(reading.quality.get(metric, Quality.GOOD) & Quality.SUSPECT for metric in metrics)
