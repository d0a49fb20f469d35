"""What goes wrong on the way: a pure transform of planned publishes.

Whether a fault strikes depends on the seed, the fault, the device and the moment, and on nothing else: the same
configuration gives the same faults, in any order of asking.
"""

from collections.abc import Callable, Mapping, Sequence
from math import isfinite

from simulators.encode import Sample
from simulators.ledger import Flag
from simulators.models.model import Value
from simulators.models.noise import between, key, unit
from simulators.outgoing import Outgoing, with_values
from simulators.settings import Fault, FaultKind
from telemetry.catalogue.metric import Kind, Metric
from telemetry.registry.models import Device

Look = Callable[[Device, int], Mapping[str, Value]]
"""What a device measures at a moment (epoch ms UTC), were nothing wrong with it."""
SPIKE_FACTOR = 6.0
DUPLICATE_AFTER_MS = (200.0, 4_000.0)


class Faults:
    """All faults of a configuration, applied one after the other."""

    def __init__(self, seed: int, faults: Sequence[Fault], catalogue: Mapping[str, Metric], look: Look) -> None:
        self._faults = [(fault, key(seed, "fault", i, fault.fault)) for i, fault in enumerate(faults)]
        self._catalogue = catalogue
        self._look = look
        self._of_device: dict[str, list[tuple[Fault, int]]] = {}

    def apply(self, outgoing: Outgoing) -> list[Outgoing]:
        """What really goes out for one planned publish: nothing, itself changed or delayed, or itself twice."""
        found = [outgoing]
        device = outgoing.device
        selected = self._of_device.get(device.id)
        if selected is None:
            selected = self._of_device[device.id] = [
                (fault, key(fault_key, device.id)) for fault, fault_key in self._faults if fault.where.selects(device)
            ]
        for fault, draw in selected:
            found = [after for before in found for after in self._strike(fault, draw, before)]
        return found

    def _strike(self, fault: Fault, draw: int, outgoing: Outgoing) -> list[Outgoing]:
        """Rates are shares of messages, of stretches of time, or of devices: see `FaultKind`."""
        moment_ms = outgoing.samples[-1].time_ms
        length_ms = max(1, int(abs(fault.seconds) * 1000))
        match fault.fault:
            case FaultKind.DUPLICATE if unit(draw, moment_ms) < fault.rate:
                copy = outgoing.later(int(between(draw, -moment_ms, *DUPLICATE_AFTER_MS)))
                return [outgoing, Outgoing(copy.at_ms, copy.device, copy.samples, copy.flags | Flag.DUPLICATE)]
            case FaultKind.LATE if unit(draw, moment_ms) < fault.rate:
                return [outgoing.later(int(unit(draw, -moment_ms) * length_ms))]
            case FaultKind.GAP if unit(draw, moment_ms // length_ms) < fault.rate:
                return []
            case _:
                samples = [self._changed(fault, draw, outgoing.device, sample) for sample in outgoing.samples]
                return [outgoing.saying(samples)]

    def _changed(self, fault: Fault, draw: int, device: Device, sample: Sample) -> Sample:
        """The same reading with other values or another time, if the fault is one of those and strikes."""
        length_ms = max(1, int(abs(fault.seconds) * 1000))
        match fault.fault:
            case FaultKind.STUCK if unit(draw, sample.time_ms // length_ms) < fault.rate:
                held = self._look(device, sample.time_ms // length_ms * length_ms)
                return with_values(sample, {name: held.get(name, value) for name, value in sample.values.items()})
            case FaultKind.SPIKE if unit(draw, sample.time_ms) < fault.rate:
                return self._spike(draw, sample)
            case FaultKind.CLOCK_SKEW if unit(draw, 0) < fault.rate:
                return Sample(sample.time_ms + int(fault.seconds * 1000), sample.seq, sample.values)
            case FaultKind.REGISTER_RESET if unit(draw, 0) < fault.rate:
                return self._reset(length_ms, device, sample)
            case _:
                return sample

    def _spike(self, draw: int, sample: Sample) -> Sample:
        gauges = [name for name in sample.values if self._catalogue[name].kind is Kind.GAUGE]
        if not gauges:
            return sample
        name = gauges[int(unit(draw, -sample.time_ms) * len(gauges))]
        metric = self._catalogue[name]
        value = float(sample.values[name]) * SPIKE_FACTOR
        value = min(max(value, _finite(metric.possible_min, -1e9)), _finite(metric.possible_max, 1e9))
        return with_values(sample, {**sample.values, name: round(value, 3)})

    def _reset(self, length_ms: int, device: Device, sample: Sample) -> Sample:
        at_reset = self._look(device, sample.time_ms // length_ms * length_ms)
        values = dict(sample.values)
        for name, value in sample.values.items():
            if self._catalogue[name].kind is Kind.COUNTER:
                # A dial that rolled over in between would come out negative; it then counts from its own nought.
                since = float(value) - float(at_reset.get(name, 0.0))
                values[name] = round(since, 3) if since >= 0 else value
        return with_values(sample, values)


def _finite(bound: float, instead: float) -> float:
    return bound if isfinite(bound) else instead
