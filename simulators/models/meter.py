"""Building meters. Power is a sum of parts whose integrals are known, so that registers count what power shows."""

from collections.abc import Callable
from math import cos, sin, sqrt, tau

from simulators.models.days import MS_PER_HOUR, Calendar, Day
from simulators.models.model import Value
from simulators.models.noise import between, signed, smooth
from simulators.models.profile import Profile, Register, hours_of
from simulators.models.weather import Weather

PRESENT = Profile([(0, 0), (6, 0.02), (7.5, 0.2), (9, 0.9), (11, 1.0), (12.5, 0.85), (14, 1.0), (17.5, 0.9), (19, 0.35),
                   (21, 0.12), (24, 0)])  # fmt: skip
COOLING = Profile([(0, 0), (6.5, 0.05), (8, 0.75), (11, 0.85), (15, 1.0), (18, 0.8), (20, 0.3), (22, 0.1), (24, 0)])
SUN = Profile([(0, 0), (6.5, 0), (9, 0.5), (12.5, 1.0), (16, 0.5), (18, 0), (24, 0)])
BY_WEEKDAY = (1.0, 1.02, 1.0, 1.01, 0.97, 0.42, 0.25)
WAVES_A_DAY = (3, 7, 19, 48)
"""Lifts, pumps, compressors: whole waves a day, so that they add nothing to the day's sum."""
PHASE_VOLTAGE_V = 220.0
KWH_DIAL = 1e6
M3_DIAL = 1e5


class Power:
    """A main or sub meter for electricity, three phases."""

    def __init__(self, calendar: Calendar, weather: Weather, seed_key: int) -> None:
        self._calendar = calendar
        self._weather = weather
        self._key = seed_key
        self._base_kw = between(seed_key, 0, 12.0, 45.0)
        self._present_kw = self._base_kw * between(seed_key, 1, 1.2, 2.6)
        self._cooling_kw = self._base_kw * between(seed_key, 2, 1.0, 2.2)
        self._export_kw = self._base_kw * between(seed_key, 3, 0.2, 0.5)
        self._reactive_share = between(seed_key, 4, 0.18, 0.3)
        self._reactive_kvar = self._base_kw * 0.22
        self._unbalance = [between(seed_key, 5 + phase, -0.03, 0.03) for phase in range(2)]
        self._days: dict[int, tuple[float, float, list[float]]] = {}
        self._energy = self._register(self._day_kwh, self._kwh_until, 11)
        self._export = self._register(
            lambda day: self._export_kw * self._clear(day) * SUN.total * hours_of(day) / 24.0,
            lambda day, t: self._export_kw * self._clear(day) * SUN.until(day.hour(t)) * hours_of(day) / 24.0,
            12,
        )
        self._reactive = self._register(
            lambda day: self._reactive_kvar * hours_of(day) + self._reactive_share * self._day_kwh(day),
            lambda day, t: (
                self._reactive_kvar * day.hour(t) * hours_of(day) / 24.0
                + self._reactive_share * self._kwh_until(day, t)
            ),
            13,
        )

    def _register(self, daily: Callable[[Day], float], so_far: Callable[[Day, int], float], number: int) -> Register:
        return Register(
            self._calendar, daily=daily, so_far=so_far, start_key=self._key ^ (number << 8), rollover=KWH_DIAL
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
        present, cooling, waves = self._plan(day)
        hour = day.hour(time_ms)
        ripple = sum(
            height * sin(tau * number * hour / 24.0) for number, height in zip(WAVES_A_DAY, waves, strict=True)
        )
        return self._base_kw + present * PRESENT.at(hour) + cooling * COOLING.at(hour) + ripple

    def _plan(self, day: Day) -> tuple[float, float, list[float]]:
        plan = self._days.get(day.number)
        if plan is None:
            at = day.number * 8
            busy = BY_WEEKDAY[day.weekday] * between(self._key, at + 1000, 0.93, 1.07)
            warm = min(1.3, max(0.08, (self._weather.day_mean_c(day) - 17.0) / 11.0)) * (0.3 + 0.7 * busy)
            waves = [self._base_kw * 0.12 * signed(self._key, at + 1001 + i) for i in range(len(WAVES_A_DAY))]
            plan = self._days[day.number] = (self._present_kw * busy, self._cooling_kw * warm, waves)
            if len(self._days) > 3:
                del self._days[next(iter(self._days))]
        return plan

    def _day_kwh(self, day: Day) -> float:
        present, cooling, _ = self._plan(day)
        over_24_h = self._base_kw * 24.0 + present * PRESENT.total + cooling * COOLING.total
        return over_24_h * hours_of(day) / 24.0

    def _kwh_until(self, day: Day, time_ms: int) -> float:
        present, cooling, waves = self._plan(day)
        hour = day.hour(time_ms)
        ripple = sum(
            height * 24.0 / (tau * number) * (1.0 - cos(tau * number * hour / 24.0))
            for number, height in zip(WAVES_A_DAY, waves, strict=True)
        )
        until = self._base_kw * hour + present * PRESENT.until(hour) + cooling * COOLING.until(hour) + ripple
        return until * hours_of(day) / 24.0

    def _clear(self, day: Day) -> float:
        return between(self._key, day.number * 8 + 1007, 0.2, 1.0)


class Flow:
    """A meter for water or gas: a night's trickle, a day's use, one register."""

    def __init__(self, calendar: Calendar, metric: str, day_m3: float, seed_key: int) -> None:
        """`day_m3` is what an ordinary building takes on a weekday."""
        self._calendar = calendar
        self._metric = metric
        self._key = seed_key
        size = between(seed_key, 0, 0.5, 1.8)
        self._trickle_m3_h = 0.004 * day_m3 * size
        self._day_m3 = 0.9 * day_m3 * size
        self._register = Register(
            calendar,
            daily=lambda day: self._trickle_m3_h * hours_of(day) + self._used(day) * hours_of(day) / 24.0,
            so_far=self._so_far,
            start_key=seed_key ^ 0xF10,
            rollover=M3_DIAL,
        )

    def values(self, time_ms: int, span_ms: int) -> dict[str, Value]:  # noqa: ARG002 registers run on
        """The register, and for water the flow."""
        found: dict[str, Value] = {self._metric: round(self._register.at(time_ms), 3)}
        if self._metric == "water_m3":
            day = self._calendar.at(time_ms)
            flow_m3_h = self._trickle_m3_h + self._used(day) * PRESENT.at(day.hour(time_ms)) / PRESENT.total
            found["water_flow_lpm"] = round(flow_m3_h * 1000.0 / 60.0, 2)
        return found

    def _used(self, day: Day) -> float:
        return self._day_m3 * BY_WEEKDAY[day.weekday] * between(self._key, day.number + 1000, 0.85, 1.15)

    def _so_far(self, day: Day, time_ms: int) -> float:
        hour = day.hour(time_ms)
        used = self._used(day) * PRESENT.until(hour) / PRESENT.total
        return (self._trickle_m3_h * hour + used) * hours_of(day) / 24.0
