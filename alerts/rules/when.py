"""From `when:` to a condition, and between which bounds lies what the condition compares."""

import math
from collections.abc import Mapping

from alerts.rules.rule import Aggregate, Condition, Happening, Imbalance, NoData, Rate, State, Value, Window
from alerts.rules.spot import Spot, Words
from alerts.rules.written import WhenEntry
from telemetry.catalogue.metric import Kind, Metric, Source
from telemetry.marked import Part
from telemetry.reading import NS_PER_S

Bounds = tuple[float, float]
Metrics = Mapping[str, Metric]

MAX_WINDOW_NS = 7 * 86_400 * NS_PER_S
STEPS = 60
"""How often a window moves on within its own length."""
MINUTE_NS = 60 * NS_PER_S
USUAL_COVERAGE = 0.75
COVERED = frozenset({Aggregate.MEAN, Aggregate.MIN, Aggregate.MAX, Aggregate.SPREAD})
"""What needs the value's course; the others are of readings, and a gap only makes them smaller."""
UNFIT = {Kind.COUNTER: frozenset({Aggregate.SUM, Aggregate.MEAN}), Kind.STATE: frozenset({Aggregate.DELTA})}
"""Aggregates that mean nothing of such a metric."""

_BESIDE = {
    "metric": ("rate_per", "window", "of", "coverage", "part_of_month_peak"),
    "imbalance": (),
    "state": ("is_",),
    "event": ("at_least", "at_most"),
    "no_data": (),
}
"""What a condition is recognised by, and what may stand beside it."""


def condition_of(entry: WhenEntry, metrics: Metrics, spot: Spot) -> Condition | None:
    """The condition; None, and problems noted at `spot`, where it is none."""
    said = [name for name in WhenEntry.model_fields if getattr(entry, name) is not None]
    kinds = [name for name in said if name in _BESIDE]
    if len(kinds) != 1:
        spot.note(("when",), Words(" and ".join(kinds) or "none of them"), f"one of {', '.join(_BESIDE)}")
        return None
    kind = kinds[0]
    strays = [name for name in said if name != kind and name not in _BESIDE[kind]]
    for name in strays:
        field = name.rstrip("_")
        spot.note(("when", field), Words(f"{field} beside {kind}"), _neighbours(kind))
    if strays:
        return None
    if entry.metric is not None:
        return _of_metric(entry, entry.metric, metrics, spot)
    if entry.imbalance is not None:
        return _imbalance(entry.imbalance, metrics, spot)
    if entry.state is not None:
        return _state(entry, entry.state, metrics, spot)
    if entry.event is not None:
        return _happening(entry, entry.event, metrics, spot)
    assert entry.no_data is not None, "one of five, and not the other four"
    return _no_data(entry, spot)


def bounds(condition: Condition, metrics: Metrics) -> Bounds | None:
    """The least and the most that the condition may compare; None: it has no threshold."""
    match condition:
        case Value(name):
            return metrics[name].possible_min, metrics[name].possible_max
        case Rate(name):
            return (0.0 if metrics[name].kind is Kind.COUNTER else -math.inf), math.inf
        case Imbalance(names):
            # All on one phase: that one is n times the mean.
            return 0.0, 100.0 * (len(names) - 1)
        case Window(part_of_month_peak=True):
            return 0.0, math.inf
        case Window(name, aggregate):
            return _aggregate_bounds(aggregate, metrics[name])
        case _:
            return None


def metric_of(name: str, path: tuple[Part, ...], metrics: Metrics, spot: Spot) -> Metric | None:
    """A metric that can be judged: a number that is not said by the alerts themselves."""
    found = metrics.get(name)
    if found is None:
        spot.unknown(path, "metric", name, metrics)
    elif found.source is Source.ALERT:
        spot.note(path, name, "a metric of devices (what alerts say is not judged again)")
    elif found.kind is Kind.TEXT:
        spot.note(path, Words(f"{name!r}, a text"), "a metric that is a number")
    else:
        return found
    return None


def event_of(name: str, path: tuple[Part, ...], metrics: Metrics, spot: Spot) -> Metric | None:
    """A metric of kind event."""
    found = metrics.get(name)
    events = [metric.name for metric in metrics.values() if metric.kind is Kind.EVENT]
    if found is None:
        spot.unknown(path, "event", name, events)
    elif found.kind is not Kind.EVENT:
        spot.note(path, Words(f"{name!r}, a {found.kind}"), f"an event, one of {', '.join(events)}")
        return None
    return found


def _neighbours(kind: str) -> str:
    names = [name.rstrip("_") for name in _BESIDE[kind]]
    return f"beside {kind} only {', '.join(names)}" if names else f"nothing beside {kind}"


def _of_metric(entry: WhenEntry, name: str, metrics: Metrics, spot: Spot) -> Condition | None:
    metric = metric_of(name, ("when", "metric"), metrics, spot)
    if metric is None:
        return None
    if entry.rate_per is not None:
        return _rate(entry, entry.rate_per, metric, spot)
    if entry.window is not None:
        return _window(entry, entry.window, metric, spot)
    for field in ("of", "coverage", "part_of_month_peak"):
        if getattr(entry, field) is not None:
            spot.note(("when", field), Words(f"{field} without window"), "a window too, such as window: 30m")
            return None
    if metric.kind is Kind.EVENT:
        spot.note(("when", "metric"), Words(f"{name!r}, an event"), f"event: {name}, or a window with of: count")
        return None
    return Value(name)


def _rate(entry: WhenEntry, per_ns: int, metric: Metric, spot: Spot) -> Rate | None:
    for field in ("window", "of", "coverage", "part_of_month_peak"):
        if getattr(entry, field) is not None:
            spot.note(("when", field), Words(f"{field} beside rate_per"), "either rate_per or a window")
            return None
    if metric.kind not in {Kind.GAUGE, Kind.COUNTER}:
        spot.note(
            ("when", "metric"), Words(f"{metric.name!r}, a {metric.kind}"), "a gauge or a counter, to have a rate"
        )
        return None
    return Rate(metric.name, per_ns)


def _window(entry: WhenEntry, window_ns: int, metric: Metric, spot: Spot) -> Window | None:
    if entry.of is None:
        spot.note(("when", "of"), Words("nothing"), f"one of {', '.join(Aggregate)}")
        return None
    if window_ns > MAX_WINDOW_NS:
        spot.note(("when", "window"), Words(f"{window_ns // NS_PER_S} s"), "7d at most")
        return None
    if window_ns >= MINUTE_NS and window_ns % MINUTE_NS:
        # So that the window is a whole number of its steps, and its steps a whole number of seconds.
        spot.note(("when", "window"), Words(f"{window_ns // NS_PER_S} s"), "whole minutes for 60 s and more")
        return None
    if metric.kind is Kind.EVENT and (entry.of is not Aggregate.COUNT or entry.part_of_month_peak):
        spot.note(
            ("when", "of"), Words(f"{entry.of} of {metric.name!r}, an event"), "count: events can only be counted"
        )
        return None
    if entry.of in UNFIT.get(metric.kind, frozenset()):
        fit = [each for each in Aggregate if each not in UNFIT[metric.kind]]
        found = Words(f"{entry.of} of {metric.name!r}, a {metric.kind}")
        spot.note(("when", "of"), found, f"one of {', '.join(fit)}")
        return None
    usual = USUAL_COVERAGE if entry.of in COVERED else 0.0
    return Window(
        metric=metric.name,
        aggregate=entry.of,
        window_ns=window_ns,
        step_ns=max(NS_PER_S, window_ns // STEPS),
        coverage=usual if entry.coverage is None else entry.coverage,
        part_of_month_peak=bool(entry.part_of_month_peak),
    )


def _imbalance(names: tuple[str, ...], metrics: Metrics, spot: Spot) -> Imbalance | None:
    path = ("when", "imbalance")
    if len(set(names)) < max(2, len(names)):
        spot.note(path, Words(", ".join(names) or "nothing"), "two or more metrics, each once")
        return None
    found = [metric_of(name, (*path, i), metrics, spot) for i, name in enumerate(names)]
    phases = [metric for metric in found if metric is not None]
    if len(phases) < len(names):
        return None
    units = {metric.unit for metric in phases}
    if len(units) > 1 or any(metric.kind is not Kind.GAUGE for metric in phases):
        spot.note(path, Words(f"{', '.join(names)} in {', '.join(sorted(units))}"), "gauges of one unit")
        return None
    return Imbalance(names)


def _state(entry: WhenEntry, name: str, metrics: Metrics, spot: Spot) -> State | None:
    metric = metric_of(name, ("when", "state"), metrics, spot)
    if metric is None:
        return None
    if metric.kind is not Kind.STATE:
        spot.note(("when", "state"), Words(f"{name!r}, a {metric.kind}"), f"a state such as leak, or metric: {name}")
        return None
    equals = 1.0 if entry.is_ is None else entry.is_
    if not metric.possible_min <= equals <= metric.possible_max:
        low, high = metric.possible_min, metric.possible_max
        spot.note(("when", "is"), Words(f"{equals:g}"), f"from {low:g} to {high:g}, as {name} can be")
        return None
    return State(name, equals)


def _happening(entry: WhenEntry, name: str, metrics: Metrics, spot: Spot) -> Happening | None:
    metric = event_of(name, ("when", "event"), metrics, spot)
    if metric is None:
        return None
    low, high = metric.possible_min, metric.possible_max
    # An event that is only there or not is 1; a 0 says that nothing happened.
    least = 1.0 if (low, high) == (0.0, 1.0) else low
    happening = Happening(
        name,
        at_least=least if entry.at_least is None else entry.at_least,
        at_most=high if entry.at_most is None else entry.at_most,
    )
    for field in ("at_least", "at_most"):
        value = getattr(entry, field)
        if value is not None and not low <= value <= high:
            spot.note(("when", field), value, f"from {low:g} to {high:g}, as {name} can be")
            return None
    if happening.at_least > happening.at_most:
        found = Words(f"at least {happening.at_least:g} and at most {happening.at_most:g}")
        spot.note(("when",), found, "at_least not above at_most")
        return None
    return happening


def _no_data(entry: WhenEntry, spot: Spot) -> NoData | None:
    silence = entry.no_data
    assert silence is not None, "asked for only where it is said"
    if silence.missed is not None and silence.after is not None:
        spot.note(("when", "no_data"), Words("missed and after"), "one of them")
        return None
    return NoData(silence.missed, silence.after)


def _aggregate_bounds(aggregate: Aggregate, metric: Metric) -> Bounds:
    low, high = metric.possible_min, metric.possible_max
    width = high - low if math.isfinite(high) and math.isfinite(low) else math.inf
    match aggregate:
        case Aggregate.MIN | Aggregate.MAX | Aggregate.MEAN:
            return low, high
        case Aggregate.SPREAD:
            return 0.0, width
        case Aggregate.COUNT:
            return 0.0, math.inf
        case Aggregate.SUM:
            return (0.0 if low >= 0 else -math.inf), (0.0 if high <= 0 else math.inf)
        case Aggregate.DELTA if metric.kind is Kind.COUNTER:
            return 0.0, math.inf
        case Aggregate.DELTA:
            return -width, width
