"""The catalogue: what can be measured, and who may see it."""

import math

from api.access.caller import Caller
from api.queries.answer import Answer, Names
from api.queries.readers import require_reader
from api.sources import Sources
from telemetry.catalogue.metric import Kind, Metric, Privacy, Source


class Range(Answer):
    """From `low` to `high`, both included; null: no bound."""

    low: float | None
    high: float | None


class MetricFacts(Answer):
    """What a metric is."""

    name: str
    names: Names
    unit: str
    """UCUM; `1` for plain numbers."""
    kind: Kind
    measurement: str
    source: Source
    """Who says it: a device, what is computed from readings, or the alerts."""
    privacy: Privacy
    """`personal`: values are for operators only."""
    decimals: int
    possible: Range
    """Beyond: refused."""
    plausible: Range
    """Beyond: kept, marked suspect."""


async def metrics(sources: Sources, caller: Caller) -> tuple[MetricFacts, ...]:
    """All of them, by name."""
    require_reader(caller)
    return tuple(_facts(metric) for _, metric in sorted(sources.registry.metrics.items()))


def _facts(metric: Metric) -> MetricFacts:
    return MetricFacts(
        name=metric.name,
        names=metric.names,
        unit=metric.unit,
        kind=metric.kind,
        measurement=metric.measurement,
        source=metric.source,
        privacy=metric.privacy,
        decimals=metric.decimals,
        possible=_range(metric.possible_min, metric.possible_max),
        plausible=_range(metric.plausible_min, metric.plausible_max),
    )


def _range(low: float, high: float) -> Range:
    return Range(low=low if math.isfinite(low) else None, high=high if math.isfinite(high) else None)
