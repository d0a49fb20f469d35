"""Where a reading belongs in a store: measurement, tags, time and fields. Pure.

A series is one metric of one device. Its measurement comes from the catalogue, its tags are `site` and `device`,
nothing else, so that the number of series is bounded by the registry times the catalogue. Alerts have a third, `rule`:
two rules may change on one device in one millisecond.
"""

from collections.abc import Mapping, Sequence
from math import isfinite

from msgspec import Struct

from telemetry.catalogue.metric import Kind, Metric
from telemetry.reading import NS_PER_MS, Quality, Reading
from telemetry.registry.models import Registry
from telemetry.topics import ID

ALERT = "alert"
"""The measurement of what the alert engine says."""
ALERT_RULE = "alert_rule"
"""The metric whose text becomes the tag `rule` of the others of that measurement, instead of a value."""
QUALITY_SUFFIX = "_q"
LIMIT_NS = 2**63 - 2
"""InfluxDB's own bound on either side of the epoch, in the years 1677 and 2262; SQLite's is one more."""


class Point(Struct, frozen=True, gc=False):
    """The values of one reading that share a measurement and a stored time."""

    measurement: str
    site: str
    device: str
    time_ns: int
    """As stored, see `event_time_ns`."""
    values: Mapping[str, float | str]
    """Numbers are floats, whatever their kind; texts are strings."""
    quality: Mapping[str, Quality]
    """Only what is not good, only metrics in `values`."""
    rule: str = ""
    """The rule of an alert; empty for all else."""


class Split(Struct, frozen=True, gc=False):
    """A reading as points, and what of it has no place in a store."""

    points: Sequence[Point]
    faults: Sequence[str]
    """A sentence for each value (or for the whole reading) that fits no series."""


def quality_field(metric: str) -> str:
    """The field beside a metric's own that says how far to trust it."""
    return metric + QUALITY_SUFFIX


def event_time_ns(time_ns: int, seq: int | None) -> int:
    """The stored time of an event: its millisecond, and the device's count below it.

    Two events of one moment are both kept, while a redelivery of either meets itself. Without a count: the millisecond.
    """
    return time_ns - time_ns % NS_PER_MS + (seq or 0) % NS_PER_MS


def fault_of(metric: Metric | None, name: str, value: float | str) -> str | None:
    """Why a value fits no series, or None. The catalogue may have changed since the reading was admitted."""
    if metric is None:
        return f"metric {name!r} is not in the catalogue"
    if isinstance(value, str) != (metric.kind is Kind.TEXT):
        found = "text" if isinstance(value, str) else "a number"
        return f"{name!r} is {found}, but the catalogue says {metric.kind}"
    if isinstance(value, str):
        return None if _is_unicode(value) else f"{name!r} holds half a surrogate pair, which no store can encode"
    return None if _is_finite(value) else f"{name!r} is not a finite number"


def alert_fault(values: Mapping[str, float | str]) -> str | None:
    """Why what an alert reading says about alerts is no point, or None. What it says beside that is not touched."""
    rule = values.get(ALERT_RULE)
    if rule is None:
        return f"{', '.join(map(repr, values))} without {ALERT_RULE!r}: it is not known which alert that is"
    if not isinstance(rule, str) or not ID.fullmatch(rule):
        return f"{ALERT_RULE!r} is no rule's id: {rule!r:.80}"
    return f"{ALERT_RULE!r} alone says nothing" if len(values) == 1 else None


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _is_finite(number: float) -> bool:
    try:
        return isfinite(number)
    except OverflowError:  # a whole number beyond every float
        return False


def split(reading: Reading, registry: Registry) -> Split:
    """The points of a reading: one for each measurement, and events apart, whose stored time differs.

    What it says of an alert without naming the rule is a fault: it would overwrite what other rules say.
    """
    device = registry.devices.get(reading.device)
    if device is None:
        return Split((), (f"device {reading.device!r} is not in the registry",))
    if not -LIMIT_NS <= reading.time_ns <= LIMIT_NS:
        return Split((), (f"its time, {reading.time_ns} ns, is outside the years 1678 to 2261",))
    faults: list[str] = []
    groups: dict[tuple[str, bool], dict[str, float | str]] = {}
    for name, value in reading.values.items():
        metric = registry.metrics.get(name)
        fault = fault_of(metric, name, value)
        if fault is not None or metric is None:
            faults.append(fault or "")
            continue
        values = groups.setdefault((metric.measurement, metric.kind is Kind.EVENT), {})
        values[name] = value if isinstance(value, str) else float(value)
    points: list[Point] = []
    for (measurement, is_event), values in groups.items():
        rule = ""
        if measurement == ALERT:
            fault = alert_fault(values)
            if fault is not None:
                faults.append(fault)
                continue
            rule = str(values.pop(ALERT_RULE))
        points.append(
            Point(
                measurement=measurement,
                site=device.site,
                device=device.id,
                time_ns=event_time_ns(reading.time_ns, reading.seq) if is_event else reading.time_ns,
                values=values,
                quality={name: reading.quality[name] for name in values if reading.quality.get(name)},
                rule=rule,
            )
        )
    return Split(points, faults)
