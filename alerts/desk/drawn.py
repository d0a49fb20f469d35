"""What of a rule can be drawn: the lines at which it raises and clears, and the metrics that it looks at. Pure."""

from collections.abc import Sequence

from msgspec import Struct

from alerts.alert import Severity
from alerts.rules.rule import Rule, Side
from alerts.rules.scale import compared


class Line(Struct, frozen=True):
    """The thresholds of one severity, in the metric's unit."""

    metric: str
    severity: Severity
    raise_at: float
    clear_at: float
    """The same where the rule has none of its own."""
    side: Side
    """On which side of `raise_at` it is bad."""


def lines(rule: Rule) -> Sequence[Line]:
    """By rising severity, for a plot of the metric itself.

    None for what has no threshold (a state, an event, silence), nor for what is compared on another scale than the
    metric's own (a rate, a count, a sum, a part of the month's peak, an imbalance): `asks` says those in words.
    """
    metric = compared(rule.condition)
    return [
        Line(metric, level.severity, level.raise_at, level.clear_at, rule.side)
        for level in rule.levels
        if metric is not None and level.raise_at is not None and level.clear_at is not None
    ]


def watched(rule: Rule) -> tuple[str, ...]:
    """The metrics of its device that it looks at, those first that it compares; none: it looks whether any come."""
    return tuple(dict.fromkeys((*rule.metrics, *(() if rule.guard is None else (rule.guard.metric,)))))
