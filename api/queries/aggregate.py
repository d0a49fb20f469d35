"""What a window of values is made into. Pure."""

from collections.abc import Callable, Mapping
from enum import StrEnum

from telemetry.catalogue.metric import Kind
from telemetry.stores.store import Window


class Aggregate(StrEnum):
    """One value for all of a window. Suspect values count like the others; the window is marked."""

    MEAN = "mean"
    MIN = "min"
    MAX = "max"
    SUM = "sum"
    COUNT = "count"
    FIRST = "first"
    LAST = "last"
    INCREASE = "increase"
    """Of a counter: what was counted, right across resets and roll-overs."""


OF_KIND: Mapping[Kind, Aggregate] = {
    Kind.GAUGE: Aggregate.MEAN,
    Kind.COUNTER: Aggregate.INCREASE,
    Kind.STATE: Aggregate.LAST,
    Kind.EVENT: Aggregate.COUNT,
    Kind.TEXT: Aggregate.LAST,
}
"""Where none is asked for."""

OF_WINDOW: Mapping[Aggregate, Callable[[Window], float | str | None]] = {
    Aggregate.MEAN: lambda one: None if one.total is None else one.total / one.count,
    Aggregate.MIN: lambda one: one.low,
    Aggregate.MAX: lambda one: one.high,
    Aggregate.SUM: lambda one: one.total,
    Aggregate.COUNT: lambda one: one.count,
    Aggregate.FIRST: lambda one: one.first,
    Aggregate.LAST: lambda one: one.last,
}
"""All but the increase, which needs every value."""

IN_PLOT: Mapping[Kind, Aggregate] = {**OF_KIND, Kind.COUNTER: Aggregate.LAST, Kind.EVENT: Aggregate.SUM}
"""What stands for a window between its lowest and its highest value."""

_OF_TEXTS = {Aggregate.COUNT, Aggregate.LAST}


def misfit(kind: Kind, aggregate: Aggregate) -> str | None:
    """Why metrics of a kind have no such aggregate, or None."""
    if kind is Kind.TEXT and aggregate not in _OF_TEXTS:
        return "is a text, which has only count and last"
    if kind is not Kind.COUNTER and aggregate is Aggregate.INCREASE:
        return "is no counter, and only counters increase: take sum or last"
    return None
