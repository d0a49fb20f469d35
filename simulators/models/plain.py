"""A device of a kind that no model knows: each of its metrics drifts about in the middle of what is plausible."""

from collections.abc import Mapping, Sequence
from math import isfinite

from simulators.models.model import Value
from simulators.models.noise import smooth
from telemetry.catalogue.metric import Kind, Metric

DRIFT_S = 3_600


class Plain:
    """Stands in for anything."""

    def __init__(self, metrics: Sequence[str], catalogue: Mapping[str, Metric], seed_key: int) -> None:
        self._metrics = [catalogue[name] for name in metrics]
        self._key = seed_key

    def values(self, time_ms: int, span_ms: int) -> dict[str, Value]:  # noqa: ARG002 drifts, counts nothing
        """A value for each metric."""
        return {
            metric.name: _value(metric, smooth(self._key ^ i, time_ms / 1000, DRIFT_S), time_ms)
            for i, metric in enumerate(self._metrics)
        }


def _value(metric: Metric, drift: float, time_ms: int) -> Value:
    if metric.kind is Kind.TEXT:
        return "simulated"
    if metric.kind is Kind.STATE:
        return drift > 0
    if metric.kind is Kind.COUNTER:
        return time_ms // 60_000 % 1_000_000
    low = metric.plausible_min if isfinite(metric.plausible_min) else 0.0
    high = metric.plausible_max if isfinite(metric.plausible_max) else low + 100.0
    return round(low + (high - low) * (0.3 + 0.1 * drift), metric.decimals)
