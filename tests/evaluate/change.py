"""How a trouble changes what a device says, when it says nothing, and when it speaks up. Pure."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping

from simulators.encode import Sample
from simulators.models.model import Value, Values
from simulators.outgoing import with_values
from telemetry.registry.models import Device
from tests.evaluate.planted import Planted, Trouble

MS_PER_MIN = 60_000
ODOUR_RAMP_MIN, BRIEF_RAMP_MIN = 10.0, 1.0
SUPPLIES_RUN_MIN = 120.0
NONSENSE_ENDS_MIN = 15.0
"""Before the device is in service again: whoever mended it looks whether it works."""
LEAK_LPM = 38.0

Look = Callable[[str, int], Mapping[str, Value]]
"""What a device measures at a moment (epoch ms UTC), were nothing wrong."""
Numbers = dict[str, Value]

DUMB = frozenset(
    {
        Trouble.GATEWAY_HICCUP,
        Trouble.PANEL_DEAD,
        Trouble.METER_SILENT,
        Trouble.METER_PAUSE,
        Trouble.SENSOR_SILENT,
        Trouble.SENSOR_PAUSE,
    }
)
"""The device says nothing, and keeps nothing."""
FROZEN = {
    Trouble.STATION_STUCK: (),
    Trouble.STATION_HANGS: (),
    Trouble.ROOM_STUCK: (),
    Trouble.ODOUR_STUCK: ("nh3_ppm", "h2s_ppm"),
    Trouble.CUBICLE_LONG: ("uses",),
    Trouble.CUBICLE_STUCK: ("uses",),
    Trouble.CUBICLE_PATIENT: ("uses",),
}
"""What stays as it was at the beginning; nothing named: all."""


class Changes:
    """All that is planted, by device."""

    def __init__(self, planted: Iterable[Planted], look: Look) -> None:
        self._of: dict[str, list[Planted]] = defaultdict(list)
        for one in planted:
            for device in one.devices:
                self._of[device].append(one)
        self._look = look
        self._held: dict[tuple[str, int], Mapping[str, Value]] = {}

    def of(self, device: str) -> Iterable[Planted]:
        """What happens to a device."""
        return self._of.get(device, ())

    def said(self, device: Device, sample: Sample) -> Sample | None:
        """What it really says of that moment; None: nothing."""
        for one in self._of.get(device.id, ()):
            if one.begin_ms <= sample.time_ms < one.end_ms:
                if one.trouble in DUMB or (one.trouble is Trouble.ROUND_SKIPPED and "cleaned" in sample.values):
                    return None
                sample = with_values(sample, self._changed(one, device.id, sample))
        return sample

    def _changed(self, one: Planted, device: str, sample: Sample) -> Numbers:
        values = dict(sample.values)
        if one.trouble in FROZEN:
            key = (device, one.begin_ms)
            if key not in self._held:
                self._held[key] = self._look(device, one.begin_ms)
            names = FROZEN[one.trouble] or tuple(values)
            values |= {name: self._held[key][name] for name in names if name in values}
        passed_min = (sample.time_ms - one.begin_ms) / MS_PER_MIN
        left_min = (one.end_ms - sample.time_ms) / MS_PER_MIN
        effect = _EFFECTS.get(one.trouble)
        return values if effect is None else values | effect(values, one.strength, passed_min, left_min)


def _added(values: Values, metric: str, more: float) -> Numbers:
    return {metric: round(float(values[metric]) + more, 3)} if metric in values else {}


def _leak(values: Values, strength: float, passed_min: float, left_min: float) -> Numbers:  # noqa: ARG001 - one shape
    return {"leak": True} if "leak" in values else _added(values, "water_flow_lpm", LEAK_LPM)


def _odour(values: Values, strength: float, passed_min: float, left_min: float) -> Numbers:
    return _added(values, "nh3_ppm", strength * min(1.0, passed_min / ODOUR_RAMP_MIN, left_min / ODOUR_RAMP_MIN))


def _brief_odour(values: Values, strength: float, passed_min: float, left_min: float) -> Numbers:
    return _added(values, "nh3_ppm", strength * min(1.0, passed_min / BRIEF_RAMP_MIN, left_min / BRIEF_RAMP_MIN))


def _falls(metric: str) -> Callable[[Values, float, float, float], Numbers]:
    def effect(values: Values, strength: float, passed_min: float, left_min: float) -> Numbers:  # noqa: ARG001
        left = max(0.0, 30.0 * (1.0 - passed_min / SUPPLIES_RUN_MIN))
        return {metric: round(min(float(values[metric]), left), 1)}

    return effect


def _bin(values: Values, strength: float, passed_min: float, left_min: float) -> Numbers:  # noqa: ARG001 - one shape
    full = min(100.0, 70.0 + 30.0 * passed_min / SUPPLIES_RUN_MIN)
    return {"bin_level_pct": round(max(float(values["bin_level_pct"]), full), 1)}


def _adds(metric: str) -> Callable[[Values, float, float, float], Numbers]:
    def effect(values: Values, strength: float, passed_min: float, left_min: float) -> Numbers:  # noqa: ARG001
        return _added(values, metric, strength)

    return effect


def _occupied(values: Values, strength: float, passed_min: float, left_min: float) -> Numbers:  # noqa: ARG001
    return {"occupied": True}


def _demand(values: Values, strength: float, passed_min: float, left_min: float) -> Numbers:  # noqa: ARG001
    """Everything that goes with the load, so that it comes to `strength` kVA at least."""
    factor = max(1.0, strength / float(values["apparent_power_kva"]))
    scaled = [
        name
        for name in values
        if name.startswith(("power_l", "current_")) or name in {"power_kw", "reactive_power_kvar"}
    ]
    found: Numbers = {name: round(float(values[name]) * factor, 3) for name in scaled}
    return {**found, "apparent_power_kva": round(float(values["apparent_power_kva"]) * factor, 3)}


def _phases(values: Values, strength: float, passed_min: float, left_min: float) -> Numbers:  # noqa: ARG001
    """That share of the first phase's current moves to the other two."""
    moved = float(values["current_l1_a"]) * strength
    found = _added(values, "current_l1_a", -moved)
    return found | _added(values, "current_l2_a", moved / 2) | _added(values, "current_l3_a", moved / 2)


def _factor(values: Values, strength: float, passed_min: float, left_min: float) -> Numbers:  # noqa: ARG001
    return {"power_factor": strength, "apparent_power_kva": round(float(values["power_kw"]) / strength, 3)}


def _battery(values: Values, strength: float, passed_min: float, left_min: float) -> Numbers:  # noqa: ARG001
    return {"battery_pct": strength}


def _nonsense(values: Values, strength: float, passed_min: float, left_min: float) -> Numbers:  # noqa: ARG001
    if left_min <= NONSENSE_ENDS_MIN:
        return {}
    wild: Numbers = {"leak": True, "nh3_ppm": 60.0, "paper_pct": 0.0, "soap_pct": 0.0, "bin_level_pct": 100.0}
    return {name: value for name, value in wild.items() if name in values}


_EFFECTS: Mapping[Trouble, Callable[[Values, float, float, float], Numbers]] = {
    Trouble.LEAK: _leak,
    Trouble.ODOUR_STRONG: _odour,
    Trouble.ODOUR_WEAK: _odour,
    Trouble.ODOUR_BRIEF: _brief_odour,
    Trouble.ODOUR_CLEANING: _brief_odour,
    Trouble.PAPER_OUT: _falls("paper_pct"),
    Trouble.SOAP_OUT: _falls("soap_pct"),
    Trouble.BIN_FULL: _bin,
    Trouble.TAP_RUNNING: _adds("water_flow_lpm"),
    Trouble.TAP_BRIEF: _adds("water_flow_lpm"),
    Trouble.CUBICLE_LONG: _occupied,
    Trouble.CUBICLE_STUCK: _occupied,
    Trouble.CUBICLE_PATIENT: _occupied,
    Trouble.DEMAND: _demand,
    Trouble.SURGE: _demand,
    Trouble.PHASE_HEAVY: _phases,
    Trouble.PHASE_LOST: _phases,
    Trouble.PHASE_BRIEF: _phases,
    Trouble.FACTOR_LOW: _factor,
    Trouble.FACTOR_BRIEF: _factor,
    Trouble.BUILDING_LEAK: _adds("water_flow_lpm"),
    Trouble.BUILDING_BURST: _adds("water_flow_lpm"),
    Trouble.TANK_FILLING: _adds("water_flow_lpm"),
    Trouble.CO2_HIGH: _adds("co2_ppm"),
    Trouble.ROOM_DUST: _adds("pm10_ugm3"),
    Trouble.PARTICLES: _adds("pm2_5_ugm3"),
    Trouble.NITROGEN: _adds("no2_ugm3"),
    Trouble.BATTERY_LOW: _battery,
    Trouble.BATTERY_OUT: _battery,
    Trouble.BATTERY_DIP: _battery,
    Trouble.OUT_OF_SERVICE: _nonsense,
}
