"""From `severities:` to levels: thresholds that can be reached, and can be left again."""

import math
from collections.abc import Mapping
from itertools import pairwise

from alerts.alert import Severity
from alerts.rules.rule import Condition, Guard, Happening, Imbalance, Level, NoData, Rate, Side, State, Value, Window
from alerts.rules.spot import Spot, Words
from alerts.rules.when import Bounds, bounds, metric_of
from alerts.rules.written import GuardEntry, LevelEntry, SeveritiesEntry
from telemetry.catalogue.metric import Metric

CLEAR = {Side.ABOVE: "clear_below", Side.BELOW: "clear_above"}
OPPOSITE = {Side.ABOVE: Side.BELOW, Side.BELOW: Side.ABOVE}


def levels_of(
    entry: SeveritiesEntry, condition: Condition, metrics: Mapping[str, Metric], spot: Spot
) -> tuple[Side, tuple[Level, ...]]:
    """The side that is bad and the levels by rising severity; where something is wrong with them, it is at `spot`."""
    written = [
        (severity, level) for severity in Severity if (level := getattr(entry, severity.word)) is not None
    ]  # fmt: skip
    if not written:
        words = ", ".join(severity.word for severity in Severity)
        spot.note(("severities",), Words("none"), f"one or more of {words}, as in warning: {{for: 10m}}")
        return Side.ABOVE, ()
    limits = bounds(condition, metrics)
    if limits is None:
        return Side.ABOVE, _without_thresholds(written, condition, spot)
    side = _side(written, spot)
    if side is None:
        return Side.ABOVE, ()
    levels = tuple(_level(severity, level, side, spot) for severity, level in written)
    what = _compared(condition)
    for level in levels:
        _check_reach(level, side, limits, what, spot)
    _check_ladder(levels, side, spot)
    return side, levels


def guard_of(entry: GuardEntry, metrics: Mapping[str, Metric], spot: Spot) -> Guard | None:
    """The guard; None, and problems noted, where it is none."""
    path = ("only_while",)
    metric = metric_of(entry.metric, (*path, "metric"), metrics, spot)
    if (entry.above is None) == (entry.below is None):
        spot.note(path, Words("above and below" if entry.above is not None else "no threshold"), "above or below")
        return None
    if metric is None:
        return None
    side, threshold = (Side.ABOVE, entry.above) if entry.above is not None else (Side.BELOW, entry.below)
    assert threshold is not None, "one of the two is there"
    low, high = metric.possible_min, metric.possible_max
    if not _reached(threshold, side, (low, high)):
        spot.note((*path, side), threshold, _range(side, (low, high), entry.metric))
    return Guard(entry.metric, side, threshold)


def _side(written: list[tuple[Severity, LevelEntry]], spot: Spot) -> Side | None:
    """The side on which all levels raise."""
    sides: set[Side] = set()
    for severity, level in written:
        path = ("severities", severity.word)
        raising = [side for side in Side if getattr(level, side) is not None]
        if len(raising) != 1:
            spot.note(path, Words(" and ".join(raising) or "no threshold"), "above or below")
            return None
        sides.update(raising)
        wrong = CLEAR[OPPOSITE[raising[0]]]
        if getattr(level, wrong) is not None:
            spot.note((*path, wrong), Words(f"{wrong} with {raising[0]}"), CLEAR[raising[0]])
            return None
    if len(sides) > 1:
        spot.note(("severities",), Words("above and below"), "the same side for all severities; write two rules")
        return None
    return sides.pop()


def _level(severity: Severity, entry: LevelEntry, side: Side, spot: Spot) -> Level:
    raise_at, clear_at = getattr(entry, side), getattr(entry, CLEAR[side])
    if clear_at is None:
        clear_at = raise_at
    elif _beyond(clear_at, raise_at, side):
        path = ("severities", severity.word, CLEAR[side])
        spot.note(path, clear_at, f"{raise_at:g} or {OPPOSITE[side]} (it is raised {side} {raise_at:g})")
    return Level(severity, raise_at, clear_at, entry.for_, entry.clear_for)


def _without_thresholds(
    written: list[tuple[Severity, LevelEntry]], condition: Condition, spot: Spot
) -> tuple[Level, ...]:
    latches = isinstance(condition, Happening)
    for severity, level in written:
        path = ("severities", severity.word)
        for field in ("above", "below", "clear_above", "clear_below"):
            if getattr(level, field) is not None:
                spot.note((*path, field), getattr(level, field), "no threshold: the condition has nothing to compare")
        if latches and (level.for_ or level.clear_for):
            spot.note(path, Words("for" if level.for_ else "clear_for"), "{}: an event is over at once")
    levels = tuple(Level(severity, None, None, level.for_, level.clear_for) for severity, level in written)
    if latches and len(levels) > 1:
        spot.note(("severities",), Words("more than one"), "one severity: an event has no degrees; write two rules")
    elif not latches:
        for lower, higher in pairwise(levels):
            if higher.for_ns <= lower.for_ns:
                path = ("severities", higher.severity.word)
                spot.note(path, Words("no longer for"), f"a longer for than that of {lower.severity.word}")
    return levels


def _check_reach(level: Level, side: Side, limits: Bounds, what: str, spot: Spot) -> None:
    path = ("severities", level.severity.word)
    assert level.raise_at is not None, "the condition has thresholds"
    assert level.clear_at is not None, "it is the raise threshold where none is written"
    if not _reached(level.raise_at, side, limits):
        spot.note((*path, side), level.raise_at, _range(side, limits, what))
    elif not limits[0] <= level.clear_at <= limits[1]:
        low, high = limits
        spot.note((*path, CLEAR[side]), level.clear_at, f"from {low:g} to {high:g}, as {what} can be")


def _check_ladder(levels: tuple[Level, ...], side: Side, spot: Spot) -> None:
    """A higher severity is harder to reach, or takes longer; and it is left first."""
    for lower, higher in pairwise(levels):
        path = ("severities", higher.severity.word)
        assert lower.raise_at is not None, "the condition has thresholds"
        assert higher.raise_at is not None, "the condition has thresholds"
        assert lower.clear_at is not None, "it is the raise threshold where none is written"
        assert higher.clear_at is not None, "it is the raise threshold where none is written"
        longer = higher.raise_at == lower.raise_at and higher.for_ns > lower.for_ns
        if not _beyond(higher.raise_at, lower.raise_at, side) and not longer:
            expected = f"{side} {lower.raise_at:g}, where {lower.severity.word} is, or the same with a longer for"
            spot.note((*path, side), higher.raise_at, expected)
        elif _beyond(lower.clear_at, higher.clear_at, side):
            expected = f"{lower.clear_at:g} or {side}, where {lower.severity.word} clears"
            spot.note((*path, CLEAR[side]), higher.clear_at, expected)


def _beyond(value: float, threshold: float, side: Side) -> bool:
    return value > threshold if side is Side.ABOVE else value < threshold


def _reached(threshold: float, side: Side, limits: Bounds) -> bool:
    """Whether values lie on both sides of it."""
    low, high = limits
    return low <= threshold < high if side is Side.ABOVE else low < threshold <= high


def _range(side: Side, limits: Bounds, what: str) -> str:
    low, high = limits
    if side is Side.ABOVE:
        ends = [f"from {low:g}" if low > -math.inf else "", f"to below {high:g}" if high < math.inf else ""]
    else:
        ends = [f"above {low:g}" if low > -math.inf else "", f"up to {high:g}" if high < math.inf else ""]
    return f"{' '.join(end for end in ends if end)}: beyond that {what} can't be, or always is"


def _compared(condition: Condition) -> str:
    match condition:
        case Value(metric):
            return metric
        case Rate(metric):
            return f"the rate of {metric}"
        case Imbalance():
            return "the imbalance, in percent,"
        case Window(part_of_month_peak=True):
            return "the part of the month's peak"
        case Window(metric, aggregate):
            return f"the {aggregate} of {metric}"
        case State() | Happening() | NoData():
            return "it"
