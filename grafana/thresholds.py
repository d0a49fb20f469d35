"""From the rules to the lines in a plot and the colours of a value. Pure.

Only constants are drawn. What is compared on another scale than the metric's own (a rate, a count, a sum, a part of the
month's peak) has no line, nor has what has no threshold.
"""

from collections.abc import Iterable, Mapping, Sequence
from math import inf

from grafana_foundation_sdk.models.dashboard import Threshold

from alerts.alert import Severity
from alerts.rules.rule import Aggregate, Rule, Side, Value, Window
from alerts.rules.scale import compared
from telemetry.reading import NS_PER_S

FINE = "transparent"
"""Where nothing is wrong. Below it Grafana draws a step's line in the colour of what lies under it."""
QUIET = "#5A6772"
AMBER = "#B25E00"
RED = "#B3261E"
SEVERITIES: Mapping[Severity, str] = {
    Severity.INFORMATION: QUIET,
    Severity.WARNING: AMBER,
    Severity.CRITICAL: RED,
}


def aggregate_of(rules: Iterable[Rule], metric: str) -> str:
    """The InfluxQL function for a window of the plot: what a rule looks at must not be averaged away.

    `max` where a rule raises above a value or looks at a window's max, `min` where one raises below a value; `mean` for
    all else, and where rules disagree.
    """
    wanted = {_extreme(rule) for rule in rules if compared(rule.condition) == metric}
    return wanted.pop() if len(wanted) == 1 else "mean"


def _extreme(rule: Rule) -> str:
    match rule.condition:
        case Value():
            return "max" if rule.side is Side.ABOVE else "min"
        case Window(aggregate=Aggregate.MAX):
            return "max"
        case _:
            return "mean"


def steps(rules: Iterable[Rule], metric: str) -> Sequence[Threshold]:
    """Grafana's steps, rising from minus infinity: each range in the colour of the worst that is raised within it.

    A step of Grafana's begins with its value: what lies exactly on an upper limit is coloured and not yet raised.
    """
    raised = [
        (rule.side, level.raise_at, level.severity)
        for rule in rules
        if compared(rule.condition) == metric
        for level in rule.levels
        if level.raise_at is not None
    ]
    lows: list[float] = [-inf, *sorted({at for _, at, _ in raised})]
    highs = [*lows[1:], inf]
    return [
        Threshold(value=None if low == -inf else low, color=_colour(raised, low, high))
        for low, high in zip(lows, highs, strict=True)
    ]


def longest_without(rules: Iterable[Rule], metric: str) -> float | None:
    """After how many seconds without the event a rule raises; the least where several do, None where none does."""
    spans = [
        rule.condition.window_ns / NS_PER_S
        for rule in rules
        if isinstance(rule.condition, Window)
        and rule.condition.metric == metric
        and rule.condition.aggregate is Aggregate.COUNT
        and rule.side is Side.BELOW
    ]
    return min(spans, default=None)


def _colour(raised: Iterable[tuple[Side, float, Severity]], low: float, high: float) -> str:
    within = [severity for side, at, severity in raised if (low >= at if side is Side.ABOVE else high <= at)]
    return SEVERITIES[max(within)] if within else FINE
