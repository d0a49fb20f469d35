"""Now: the newest value of each metric of each device, in memory. Filled from the store, kept by what arrives."""

from collections import Counter
from collections.abc import Iterable, Mapping

from msgspec import Struct

from telemetry.reading import Quality, Reading
from telemetry.registry.models import Registry
from telemetry.stores.store import Sample


class Value(Struct, frozen=True, gc=False):
    """One value, as of its moment."""

    value: float | str
    time_ns: int
    """Event time, ns UTC."""
    quality: Quality


_NOTHING: Mapping[str, Value] = {}


class Now:
    """The present. For one event loop; nothing in it waits."""

    def __init__(self) -> None:
        self._values: dict[str, dict[str, Value]] = {}
        self._changes: Counter[str] = Counter()
        self.filled = False
        """Whether the store was asked for what came before us."""
        self.listening_ns = 0
        """Since when we hear devices, wall clock: at a start, and after the broker was away, all have time again."""

    def of(self, device: str) -> Mapping[str, Value]:
        """By metric; empty: it has not spoken."""
        return self._values.get(device, _NOTHING)

    def spoke_ns(self, device: str) -> int | None:
        """Event time of its newest value; None: it has not spoken."""
        values = self._values.get(device)
        return max(value.time_ns for value in values.values()) if values else None

    def changes(self, site: str) -> int:
        """Grows with each reading of the site: two equal figures mean that nothing has come between."""
        return self._changes[site]

    def take(self, reading: Reading, site: str) -> None:
        """What has just arrived. A value older than the one that stands changes nothing."""
        values = self._values.setdefault(reading.device, {})
        for metric, value in reading.values.items():
            before = values.get(metric)
            if before is None or before.time_ns <= reading.time_ns:
                values[metric] = Value(value, reading.time_ns, reading.quality.get(metric, Quality.GOOD))
        self._changes[site] += 1

    def fill(self, samples: Iterable[Sample], registry: Registry) -> None:
        """What the store knows. What has arrived meanwhile and is newer stands."""
        for sample in samples:
            device = registry.devices.get(sample.device)
            if device is None:
                continue
            values = self._values.setdefault(sample.device, {})
            before = values.get(sample.metric)
            if before is None or before.time_ns < sample.time_ns:
                values[sample.metric] = Value(sample.value, sample.time_ns, sample.quality)
            self._changes[device.site] += 1

    def forget(self, registry: Registry) -> None:
        """Devices that are no longer in the registry."""
        for device in self._values.keys() - registry.devices.keys():
            del self._values[device]
