"""A service's figures for Prometheus: what is known at the moment it asks."""

from collections.abc import Iterable, Mapping

from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector


class _Snapshot(Collector):
    def __init__(self, families: Iterable[Metric]) -> None:
        self._families = list(families)

    def collect(self) -> Iterable[Metric]:
        return self._families


class Figures:
    """Makes the families of one service."""

    def __init__(self, prefix: str) -> None:
        """`prefix` as in `caretaker_ingestor`."""
        self._prefix = prefix

    def counter(self, name: str, text: str, value: float) -> Metric:
        """Counts up."""
        return CounterMetricFamily(f"{self._prefix}_{name}", text, value=value)

    def gauge(self, name: str, text: str, value: float) -> Metric:
        """Goes up and down."""
        return GaugeMetricFamily(f"{self._prefix}_{name}", text, value=value)

    def counters(
        self, name: str, text: str, labels: tuple[str, ...], values: Mapping[tuple[str, ...], float]
    ) -> Metric:
        """One counter by labels; each key holds their values in the same order."""
        family = CounterMetricFamily(f"{self._prefix}_{name}", text, labels=labels)
        for key, value in sorted(values.items()):
            family.add_metric(key, value)
        return family

    def gauges(self, name: str, text: str, labels: tuple[str, ...], values: Mapping[tuple[str, ...], float]) -> Metric:
        """One gauge by labels; each key holds their values in the same order."""
        family = GaugeMetricFamily(f"{self._prefix}_{name}", text, labels=labels)
        for key, value in sorted(values.items()):
            family.add_metric(key, value)
        return family


def exposition(families: Iterable[Metric]) -> bytes:
    """All in Prometheus' text format, with what the process takes of the machine (Linux): CPU, memory, open files."""
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    registry.register(_Snapshot(families))
    return generate_latest(registry)
