"""A rule, checked, as the engine uses it. How it is written stands in `written.py`.

All times in ns, all values in the catalogue's units.
"""

from collections.abc import Mapping
from enum import StrEnum

from msgspec import Struct

from alerts.alert import Severity
from telemetry.registry.hours import Hours


class Side(StrEnum):
    """On which side of its threshold a value is bad."""

    ABOVE = "above"
    BELOW = "below"


class Aggregate(StrEnum):
    """What is made of the values in a window.

    The last value holds until the next reading, or until the device counts as silent: mean, min, max and spread are
    those of that course; sum, count and delta are of the readings.
    """

    MIN = "min"
    MAX = "max"
    MEAN = "mean"
    SUM = "sum"
    DELTA = "delta"
    """Of a counter: how much was counted, resets passed over. Of anything else: the last value less the first."""
    COUNT = "count"
    """Readings that hold the metric; of an event: how often it happened."""
    SPREAD = "spread"
    """The highest less the lowest."""


class Value(Struct, frozen=True, tag=True):
    """A metric as it is."""

    metric: str


class Rate(Struct, frozen=True, tag=True):
    """How fast a metric changes from one reading to the next, per `per_ns`. A counter that falls has no rate then."""

    metric: str
    per_ns: int


class Imbalance(Struct, frozen=True, tag=True):
    """The largest deviation of any phase from the mean of all, in percent of that mean (NEMA MG 1); 0 without load."""

    metrics: tuple[str, ...]


class Window(Struct, frozen=True, tag=True):
    """An aggregate over the last `window_ns`, worked out every `step_ns` (whole steps of event time since the epoch).

    Unknown until the device has been watched for a whole window, and where values were known for too small a share.
    """

    metric: str
    aggregate: Aggregate
    window_ns: int
    step_ns: int
    coverage: float
    """Share of the window in which the value has to be known: 0.75 is usual for air quality."""
    part_of_month_peak: bool = False
    """The aggregate as a part of the highest so far in this calendar month of the site, closed windows only. Unknown
    in the month's first three days and in the first three that are watched, when every morning would be a record."""


class State(Struct, frozen=True, tag=True):
    """A metric has this value."""

    metric: str
    equals: float


class Happening(Struct, frozen=True, tag=True):
    """An event is reported. Latches: only a person or `expire_after` ends the alert."""

    metric: str
    at_least: float
    at_most: float


class NoData(Struct, frozen=True, tag=True):
    """The device is silent, while the gateway through which it speaks is not."""

    missed: float | None
    """So many of its intervals; None: the number for its kind (`missed_intervals`, by default 3)."""
    after_ns: int | None
    """Instead: so long. For devices without an interval the only way."""


Condition = Value | Rate | Imbalance | Window | State | Happening | NoData


class Level(Struct, frozen=True):
    """One severity of a rule."""

    severity: Severity
    raise_at: float | None
    """Raised beyond it; None where the condition has no threshold (state, event, no data)."""
    clear_at: float | None
    """Cleared on the other side of it; between the two nothing changes."""
    for_ns: int
    """The condition has to hold so long before it is raised."""
    clear_for_ns: int
    """It has to have stopped for so long before it is cleared."""


class Selector(Struct, frozen=True):
    """Which devices: those that fit all that is said. An empty part says nothing. `*` stands for anything in ids."""

    sites: tuple[str, ...] = ()
    site_kinds: tuple[str, ...] = ()
    areas: tuple[str, ...] = ()
    area_types: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    devices: tuple[str, ...] = ()
    labels: Mapping[str, str] = {}


class Pause(Struct, frozen=True):
    """The rule knows nothing for a while after an event at the same site and area (or the same device)."""

    metric: str
    for_ns: int


class Guard(Struct, frozen=True):
    """The rule holds only while another metric of the device is beyond a value; while not, the condition does not hold.

    Where that metric is unknown, so is the condition.
    """

    metric: str
    side: Side
    threshold: float


class Flapping(Struct, frozen=True):
    """So many raises within so long, and further changes are only recorded, until there were fewer."""

    raises: int
    within_ns: int


class Rule(Struct, frozen=True):
    """One rule."""

    id: str
    names: Mapping[str, str]
    why: str
    """Why this threshold, in a sentence."""
    where: Selector
    condition: Condition
    side: Side
    """Of all levels; meaningless where they have no thresholds."""
    levels: tuple[Level, ...]
    """By severity, rising; at least one."""
    hours: Hours | None = None
    """When the rule is active, in the site's time zone; None: always."""
    pause: Pause | None = None
    guard: Guard | None = None
    lateness_ns: int = 0
    """How long a reading may be overtaken within its device and still be judged in order; judging waits so long."""
    expire_after_ns: int | None = None
    """Of events: ends the alert by itself, and an event older than that raises none."""
    flapping: Flapping | None = Flapping(5, 3_600_000_000_000)
    message: Mapping[str, str] = {}
    """Language to the sentence that says what is the matter, with fields in braces; empty: made from the condition."""
    advice: Mapping[str, str] = {}
    """Language to what to do."""
    labels: Mapping[str, str] = {}
    """For routing."""
    file: str = ""
    line: int = 0

    @property
    def metrics(self) -> tuple[str, ...]:
        """What it reads of its device, besides the guard's."""
        match self.condition:
            case Imbalance(metrics):
                return metrics
            case NoData():
                return ()
            case condition:
                return (condition.metric,)

    @property
    def latches(self) -> bool:
        """Whether only a person, or time, ends its alerts."""
        return isinstance(self.condition, Happening)


class Rules(Struct, frozen=True):
    """All rules of a deployment, and how long a device may be silent."""

    rules: tuple[Rule, ...] = ()
    missed_intervals: Mapping[str, float] = {}
    """Device kind to the number of missed intervals after which it counts as silent; others: 3."""


MISSED_INTERVALS = 3.0
"""One lost radio message must not alert."""
