"""Building meters. Power is a sum of parts whose integrals are known, so that registers count what power shows."""

from collections.abc import Callable, Sequence
from math import cos, sin, sqrt, tau
from typing import NamedTuple

from simulators.models.days import ANCHOR, MS_PER_HOUR, Calendar, Day
from simulators.models.model import Value
from simulators.models.noise import between, signed, smooth
from simulators.models.profile import Profile, Register, Running, pace
from simulators.models.weather import Weather

PRESENT = Profile([(0, 0), (6, 0.02), (7.5, 0.2), (9, 0.9), (11, 1.0), (12.5, 0.85), (14, 1.0), (17.5, 0.9), (19, 0.35),
                   (21, 0.12), (24, 0)])  # fmt: skip
COOLING = Profile([(0, 0), (6.5, 0.05), (8, 0.75), (11, 0.85), (15, 1.0), (18, 0.8), (20, 0.3), (22, 0.1), (24, 0)])
SUN = Profile([(0, 0), (6.5, 0), (9, 0.5), (12.5, 1.0), (16, 0.5), (18, 0), (24, 0)])
BY_WEEKDAY = (1.0, 1.02, 1.0, 1.01, 0.97, 0.42, 0.25)
WAVES_A_DAY = (3, 7, 19, 48)
"""Lifts, pumps, compressors: whole waves a day, so that they add nothing to the day's sum."""
PHASE_VOLTAGE_V = 220.0
NOT_ON_A_FLOOR = 1.3
"""Lifts, pumps, lights of stairs and outside; more than the ripple by which floors and supply differ."""
RIPPLE = 0.12
KWH_DIAL = 1e6
M3_DIAL = 1e5


class Heat:
    """How much cooling the days of a district need, and the sum over them: walked through once for all its meters."""

    def __init__(self, calendar: Calendar, weather: Weather) -> None:
        self._calendar = calendar
        self._weather = weather
        self._sums = {0: 0.0}
        self._parts: dict[int, float] = {}

    def of(self, number: int) -> float:
        """0 to about 1.3: warm days and working days need more."""
        part = self._parts.get(number)
        if part is None:
            part = self._parts[number] = self._make(self._calendar.day(number))
        return part

    def _make(self, day: Day) -> float:
        warm = min(1.3, max(0.08, (self._weather.day_mean_c(day) - 17.0) / 11.0))
        return warm * (0.3 + 0.7 * BY_WEEKDAY[day.weekday])

    def before(self, number: int) -> float:
        """The sum from day 0 up to, and without, that day; negative for days before day 0."""
        step = 1 if number > 0 else -1
        at = number
        while at not in self._sums:
            at -= step
        while at != number:
            part = self.of(at) if step > 0 else -self.of(at - 1)
            self._sums[at + step] = self._sums[at] + part
            at += step
        return self._sums[number]


class Load(NamedTuple):
    """What hangs on a meter, kW."""

    base: float
    """Day and night."""
    present: float
    """Of people, at most."""
    cooling: float
    """On a warm working day, at most."""
    ripple: float
    """Of each of its waves, at most."""


def load_of(seed_key: int) -> Load:
    """Of a floor, or of a house that is not metered by floors."""
    base_kw = between(seed_key, 0, 12.0, 45.0)
    present_kw, cooling_kw = base_kw * between(seed_key, 1, 1.2, 2.6), base_kw * between(seed_key, 2, 1.0, 2.2)
    return Load(base_kw, present_kw, cooling_kw, base_kw * RIPPLE)


def load_over(floors: Sequence[Load]) -> Load:
    """Of the supply above metered floors: theirs, and what no floor meters."""
    base_kw, present_kw, cooling_kw, _ = (NOT_ON_A_FLOOR * sum(parts) for parts in zip(*floors, strict=True))
    # What goes up and down by itself evens out.
    return Load(base_kw, present_kw, cooling_kw, base_kw * RIPPLE / sqrt(len(floors)))


class Power:
    """A main or sub meter for electricity, three phases."""

    def __init__(self, calendar: Calendar, heat: Heat, seed_key: int, load: Load) -> None:
        self._calendar = calendar
        self._heat = heat
        self._key = seed_key
        self._base_kw, self._present_kw, self._cooling_kw, self._ripple_kw = load
        self._export_kw = self._base_kw * between(seed_key, 3, 0.2, 0.5)
        self._reactive_share = between(seed_key, 4, 0.18, 0.3)
        self._reactive_kvar = self._base_kw * 0.22
        self._unbalance = [between(seed_key, 5 + phase, -0.03, 0.03) for phase in range(2)]
        self._present = Running(self._present_kw, BY_WEEKDAY, ANCHOR.weekday(), seed_key ^ 21, 0.04)
        self._sun = Running(self._export_kw, (0.6,) * 7, ANCHOR.weekday(), seed_key ^ 22, 0.2)
        self._energy = self._register(self._kwh_before, self._kwh_until, 11)
        self._export = self._register(
            lambda number: self._sun.before(number) * SUN.total,
            lambda day, time_ms: self._sun.of(day.number) * SUN.until(day.hour(time_ms)),
            12,
        )
        self._reactive = self._register(
            lambda number: 24.0 * number * self._reactive_kvar + self._reactive_share * self._kwh_before(number),
            lambda day, time_ms: (
                self._reactive_kvar * day.hour(time_ms) + self._reactive_share * self._kwh_until(day, time_ms)
            ),
            13,
        )

    def _register(self, before: Callable[[int], float], so_far: Callable[[Day, int], float], number: int) -> Register:
        return Register(
            self._calendar, before=before, so_far=so_far, start_key=self._key ^ (number << 8), rollover=KWH_DIAL
        )

    def values(self, time_ms: int, span_ms: int) -> dict[str, Value]:
        """Power, its parts by phase, the mean over the span, and the registers."""
        power = self.power_kw(time_ms)
        reactive = self._reactive_kvar + self._reactive_share * power
        apparent = sqrt(power * power + reactive * reactive)
        factor = power / apparent
        found: dict[str, Value] = {
            "power_kw": round(power, 3),
            "load_kw": round(self._mean_kw(time_ms, span_ms), 3),
            "reactive_power_kvar": round(reactive, 3),
            "apparent_power_kva": round(apparent, 3),
            "power_factor": round(factor, 3),
            "energy_import_kwh": round(self._energy.at(time_ms), 3),
            "energy_export_kwh": round(self._export.at(time_ms), 3),
            "reactive_energy_kvarh": round(self._reactive.at(time_ms), 3),
            "frequency_hz": round(50.0 + 0.04 * smooth(self._key ^ 77, time_ms / 1000, 45), 3),
        }
        self._phases(found, time_ms / 1000, power, factor)
        return found

    def _phases(self, found: dict[str, Value], time_s: float, power: float, factor: float) -> None:
        shares = [
            1.0 / 3.0 + lean + 0.01 * smooth(self._key ^ i, time_s, 700) for i, lean in enumerate(self._unbalance)
        ]
        shares.append(1.0 - sum(shares))
        # What people read is rounded; the phases' sum is what the total says.
        phases = [round(power * share, 3) for share in shares[:2]]
        phases.append(round(round(power, 3) - sum(phases), 3))
        total_a = 0.0
        for i, phase_kw in enumerate(phases, start=1):
            voltage = PHASE_VOLTAGE_V + 3.5 * smooth(self._key ^ (64 + i), time_s, 1_800)
            current = phase_kw * 1000.0 / (voltage * factor)
            total_a += current
            found[f"power_l{i}_kw"] = phase_kw
            found[f"voltage_l{i}_v"] = round(voltage, 1)
            found[f"current_l{i}_a"] = round(current, 2)
        found["current_a"] = round(total_a / 3.0, 2)

    def _mean_kw(self, time_ms: int, span_ms: int) -> float:
        used_kwh = (self._energy.at(time_ms) - self._energy.at(time_ms - span_ms)) % KWH_DIAL
        return used_kwh * MS_PER_HOUR / span_ms

    def power_kw(self, time_ms: int) -> float:
        """Active power. Never below a third of the base load."""
        day = self._calendar.at(time_ms)
        hour = day.hour(time_ms)
        number = day.number
        present, cooling = self._present.of(number), self._cooling_kw * self._heat.of(number)
        ripple = sum(self._wave_kw(number, n) * sin(tau * n * hour / 24.0) for n in WAVES_A_DAY)
        return (self._base_kw + present * PRESENT.at(hour) + cooling * COOLING.at(hour) + ripple) * pace(day)

    def _wave_kw(self, number: int, waves: int) -> float:
        return self._ripple_kw * signed(self._key ^ waves, number)

    def _kwh_before(self, number: int) -> float:
        cooling = self._cooling_kw * self._heat.before(number)
        return self._base_kw * 24.0 * number + self._present.before(number) * PRESENT.total + cooling * COOLING.total

    def _kwh_until(self, day: Day, time_ms: int) -> float:
        hour = day.hour(time_ms)
        present, cooling = self._present.of(day.number), self._cooling_kw * self._heat.of(day.number)
        ripple = sum(
            self._wave_kw(day.number, n) * 24.0 / (tau * n) * (1.0 - cos(tau * n * hour / 24.0)) for n in WAVES_A_DAY
        )
        return self._base_kw * hour + present * PRESENT.until(hour) + cooling * COOLING.until(hour) + ripple


class Flow:
    """A meter for water or gas: a night's trickle, a day's use, one register."""

    def __init__(self, calendar: Calendar, metric: str, day_m3: float, seed_key: int) -> None:
        """`day_m3` is what an ordinary building takes on a weekday."""
        self._calendar = calendar
        self._metric = metric
        self._key = seed_key
        size = between(seed_key, 0, 0.5, 1.8)
        self._trickle_m3_h = 0.004 * day_m3 * size
        self._used = Running(0.9 * day_m3 * size, BY_WEEKDAY, ANCHOR.weekday(), seed_key ^ 0xF11, 0.08)
        self._register = Register(
            calendar,
            before=lambda number: 24.0 * number * self._trickle_m3_h + self._used.before(number),
            so_far=lambda day, time_ms: self._so_far(day, day.hour(time_ms)),
            start_key=seed_key ^ 0xF10,
            rollover=M3_DIAL,
        )

    def values(self, time_ms: int, span_ms: int) -> dict[str, Value]:  # noqa: ARG002 registers run on
        """The register, and for water the flow."""
        found: dict[str, Value] = {self._metric: round(self._register.at(time_ms), 3)}
        if self._metric == "water_m3":
            day = self._calendar.at(time_ms)
            used = self._used.of(day.number) * PRESENT.at(day.hour(time_ms)) / PRESENT.total
            found["water_flow_lpm"] = round((self._trickle_m3_h + used) * pace(day) * 1000.0 / 60.0, 2)
        return found

    def _so_far(self, day: Day, hour: float) -> float:
        return self._trickle_m3_h * hour + self._used.of(day.number) * PRESENT.until(hour) / PRESENT.total
