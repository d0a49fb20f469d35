"""The stored past of one site, in order of time across its devices: what a backtest plays."""

from collections.abc import AsyncIterator, Mapping, Sequence

from alerts.backtest import spacing_s
from caretaker.export_file import joined
from telemetry.reading import NS_PER_S, Reading
from telemetry.registry.models import Device, Registry
from telemetry.stores.store import Sample, StoreReader

FIRST_NS = 900 * NS_PER_S
FEW, MANY = 50_000, 200_000
"""Values of a part: below, the next one is longer; above, shorter. So memory is bounded, whatever is asked for."""
SHORTEST_NS = 10 * NS_PER_S
LOOKED_AT = 20
"""Readings by which the spacing of a device's history is told."""
LOOK_NS, LOOK_FURTHER = 3_600 * NS_PER_S, 12
COARSE = 1.5
"""Times its interval: further apart than that, a device's history is coarse."""


class Past:
    """What a store holds of some devices, from `start_ns` until before `end_ns`."""

    def __init__(self, reader: StoreReader, registry: Registry, start_ns: int, end_ns: int) -> None:
        self._reader = reader
        self._registry = registry
        self._start_ns, self._end_ns = start_ns, end_ns
        self.found: set[tuple[str, str]] = set()
        """Device and metric of everything that was there."""

    async def parts(self, wanted: Mapping[str, Sequence[str]]) -> AsyncIterator[tuple[int, Sequence[Reading]]]:
        """Where a part ends, and its readings in order of time. `wanted`: device to metrics.

        Raises `StoreAwayError`.
        """
        begin_ns, part_ns = self._start_ns, FIRST_NS
        while wanted and begin_ns < self._end_ns:
            until_ns = min(begin_ns + part_ns, self._end_ns)
            samples: list[Sample] = []
            for device, metrics in wanted.items():
                samples += [one async for one in self._reader.history(device, metrics, begin_ns, until_ns)]
            self.found.update((sample.device, sample.metric) for sample in samples)
            yield until_ns, sorted(joined(samples, self._registry), key=_order)
            begin_ns = until_ns
            if len(samples) < FEW:
                part_ns *= 2
            elif len(samples) > MANY:
                part_ns = max(part_ns // 2, SHORTEST_NS)

    async def coarse(self, wanted: Mapping[str, Sequence[str]]) -> Mapping[str, float]:
        """Devices whose readings are stored further apart than they are sent, and how far, s: thinned out, or filled.

        Raises `StoreAwayError`.
        """
        found: dict[str, float] = {}
        for name, metrics in wanted.items():
            device = self._registry.devices[name]
            if device.interval_s is None:
                continue
            spacing = await self._spacing_s(device, metrics)
            if spacing is not None and spacing > COARSE * device.interval_s:
                found[name] = spacing
        return found

    async def _spacing_s(self, device: Device, metrics: Sequence[str]) -> float | None:
        """By the metric that comes most often."""
        span_ns = LOOK_NS
        while True:
            until_ns = min(self._start_ns + span_ns, self._end_ns)
            moments = [await self._first(device.id, metric, until_ns) for metric in metrics]
            if until_ns == self._end_ns or max(map(len, moments), default=0) > LOOKED_AT // 2:
                return min((found for some in moments if (found := spacing_s(some)) is not None), default=None)
            span_ns *= LOOK_FURTHER

    async def _first(self, device: str, metric: str, until_ns: int) -> Sequence[int]:
        """The moments of the first values."""
        history = self._reader.history(device, [metric], self._start_ns, until_ns)
        moments: list[int] = []
        async for sample in history:
            moments.append(sample.time_ns)
            if len(moments) > LOOKED_AT:
                break
        return moments


def _order(reading: Reading) -> tuple[int, str, int]:
    return reading.time_ns, reading.device, -1 if reading.seq is None else reading.seq
