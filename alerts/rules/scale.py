"""What of a condition can be drawn into a plot of its metric. Pure."""

from alerts.rules.rule import Aggregate, Condition, Value, Window

_ON_THE_METRIC = frozenset({Aggregate.MIN, Aggregate.MAX, Aggregate.MEAN})
"""Aggregates that lie where the values themselves lie."""


def compared(condition: Condition) -> str | None:
    """The metric that it compares with constants on the metric's own scale; None: it compares something else.

    A rate, a count, a sum or a part of the month's peak lies elsewhere; a state, an event, silence have no threshold.
    """
    match condition:
        case Value(metric):
            return metric
        case Window(metric, aggregate, part_of_month_peak=False) if aggregate in _ON_THE_METRIC:
            return metric
        case _:
            return None
