"""The weather of a district, shared by all its stations and buildings, so that they agree with each other.

The climate is that of the South China coast (means and swings after the Hong Kong Observatory's 1991-2020 normals).
"""

from math import cos, exp, log, pi, sin, tau

from msgspec import Struct

from simulators.models.days import MS_PER_S, Calendar, Day
from simulators.models.noise import key, smooth, unit

DAYS_A_YEAR = 365.2425
ANCHOR_DAY_OF_YEAR = 0  # the calendar's day 0 is a first of January
RAIN_CELL_S = 10_800


class Sky(Struct, frozen=True, gc=False):
    """The weather at one moment, at street level."""

    temperature_c: float
    dew_point_c: float
    pressure_hpa: float
    wind_ms: float
    wind_direction_deg: float
    rain_mm_h: float
    sun: float
    """0 at night and 1 at noon under a clear sky."""

    @property
    def humidity_pct(self) -> float:
        """Relative humidity from temperature and dew point (Magnus formula, Alduchov and Eskridge 1996)."""
        return min(100.0, 100.0 * saturation_hpa(self.dew_point_c) / saturation_hpa(self.temperature_c))


class Weather:
    """One district's weather at any moment. Remembers the last moment asked for, as stations report together."""

    def __init__(self, seed: int, district: str, calendar: Calendar) -> None:
        self._calendar = calendar
        self._keys = {
            name: key(seed, district, name) for name in ("air", "dew", "press", "wind", "turn", "rain", "sky")
        }
        self._last: tuple[int, Sky] | None = None

    def day_mean_c(self, day: Day) -> float:
        """The mean air temperature of a day: season and passing air masses, without the hour."""
        return self._slow_c(day.number, (day.start_ms + day.length_ms // 2) / MS_PER_S)

    def _slow_c(self, day_number: float, time_s: float) -> float:
        season = cos(tau * (day_number - ANCHOR_DAY_OF_YEAR - 205) / DAYS_A_YEAR)
        return 23.3 + 6.2 * season + 3.0 * smooth(self._keys["air"], time_s, 130_000)

    def at(self, time_ms: int) -> Sky:
        """The weather at `time_ms`, epoch ms UTC."""
        if self._last is not None and self._last[0] == time_ms:
            return self._last[1]
        sky = self._sky(time_ms)
        self._last = (time_ms, sky)
        return sky

    def _sky(self, time_ms: int) -> Sky:
        keys = self._keys
        time_s = time_ms / MS_PER_S
        day = self._calendar.at(time_ms)
        hour = day.hour(time_ms)
        cloud = 0.5 + 0.5 * smooth(keys["sky"], time_s, 20_000)
        rain = self._rain_mm_h(time_s)
        height = max(0.0, sin(pi * (hour - 6.2) / 12.0)) if 6.2 < hour < 18.2 else 0.0
        sun = height * (1.0 - 0.75 * cloud) * (0.3 if rain > 0 else 1.0)
        swing = 2.6 * (1.2 - 0.8 * cloud) * cos(tau * (hour - 14.5) / 24.0)
        temperature = self._slow_c(day.number + hour / 24.0, time_s) + swing - min(2.0, rain * 0.2)
        spread = max(0.4, 5.0 + 3.5 * smooth(keys["dew"], time_s, 60_000) + swing * 0.6 - min(4.0, rain))
        return Sky(
            temperature_c=temperature,
            dew_point_c=temperature - spread,
            pressure_hpa=1012.8 - 0.45 * (temperature - 23.3) + 4.0 * smooth(keys["press"], time_s, 170_000),
            wind_ms=0.3 + 3.2 * (1.0 + smooth(keys["wind"], time_s, 14_000)) * (0.7 + 0.3 * height),
            wind_direction_deg=(90.0 + 100.0 * smooth(keys["turn"], time_s, 40_000)) % 360.0,
            rain_mm_h=rain,
            sun=sun,
        )

    def _rain_mm_h(self, time_s: float) -> float:
        """Showers: one cell of three hours in eight has one, rising and falling within its cell."""
        cell = int(time_s // RAIN_CELL_S)
        if unit(self._keys["rain"], 2 * cell) > 0.12:
            return 0.0
        strength = -4.0 * log(1.0 - 0.98 * unit(self._keys["rain"], 2 * cell + 1))
        return strength * sin(pi * (time_s / RAIN_CELL_S - cell))


def saturation_hpa(temperature_c: float) -> float:
    """Saturation vapour pressure over water."""
    return 6.1094 * exp(17.625 * temperature_c / (temperature_c + 243.04))
