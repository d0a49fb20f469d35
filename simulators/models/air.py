"""Air stations outdoors and sensors indoors. One weather and one haze for a district; streets and rooms differ."""

from math import sin, tau

from simulators.models.days import Calendar
from simulators.models.meter import BY_WEEKDAY, PRESENT
from simulators.models.model import Value
from simulators.models.noise import between, key, smooth, unit
from simulators.models.profile import Profile
from simulators.models.weather import Sky, Weather

TRAFFIC = Profile([(0, 0.25), (4, 0.1), (6, 0.35), (8, 1.0), (10, 0.75), (13, 0.7), (16, 0.75), (18.3, 1.0), (21, 0.55),
                   (24, 0.25)])  # fmt: skip
EPISODE_CELL_S = 172_800
EPISODE_SHARE = 0.16
MS_PER_HOUR = 3_600_000


class Background:
    """The district's haze: slow drift, and now and then an episode of a day or two."""

    def __init__(self, seed: int, district: str) -> None:
        self._key = key(seed, "background", district)

    def at(self, time_s: float) -> float:
        """About 0.5 to 1.5 on ordinary days, up to 4 in an episode."""
        level = 1.0 + 0.5 * smooth(self._key, time_s, 70_000)
        cell = int(time_s // EPISODE_CELL_S)
        if unit(self._key ^ 1, cell) < EPISODE_SHARE:
            strength = 1.0 + 1.5 * unit(self._key ^ 2, cell)
            level += strength * sin(tau / 2.0 * (time_s / EPISODE_CELL_S - cell)) ** 2
        return level


class Station:
    """An outdoor station: particles and gases, correlated through traffic, sun, wind and haze; and the weather."""

    def __init__(self, calendar: Calendar, weather: Weather, background: Background, seed_key: int) -> None:
        self._calendar = calendar
        self._weather = weather
        self._background = background
        self._key = seed_key
        self._traffic = between(seed_key, 0, 0.5, 1.5)
        self._height_c = between(seed_key, 1, -0.8, 0.5)

    def values(self, time_ms: int, span_ms: int) -> dict[str, Value]:
        """Everything a full station measures; rain is what fell over the span."""
        sky = self._weather.at(time_ms)
        day = self._calendar.at(time_ms)
        found = self._climate(sky, time_ms / 1000, span_ms)
        traffic = self._traffic * TRAFFIC.at(day.hour(time_ms)) * (0.75 + 0.25 * BY_WEEKDAY[day.weekday])
        self._pollutants(found, sky, time_ms / 1000, traffic)
        return found

    def _climate(self, sky: Sky, time_s: float, span_ms: int) -> dict[str, Value]:
        gust = sky.wind_ms * (1.35 + 0.25 * smooth(self._key ^ 1, time_s, 90))
        wind = sky.wind_ms * (1.0 + 0.2 * smooth(self._key ^ 2, time_s, 60))
        turn = 15.0 * smooth(self._key ^ 3, time_s, 120)
        return {
            "temperature_c": round(sky.temperature_c + self._height_c + 0.15 * smooth(self._key ^ 4, time_s, 300), 1),
            "humidity_pct": round(max(5.0, sky.humidity_pct - 2.0 * self._height_c), 1),
            "dew_point_c": round(sky.dew_point_c + 0.1 * self._height_c, 1),
            "pressure_hpa": round(sky.pressure_hpa, 1),
            "wind_ms": round(wind, 1),
            "wind_gust_ms": round(max(gust, wind), 1),
            "wind_direction_deg": round((sky.wind_direction_deg + turn) % 360.0) % 360,
            "rain_mm": round(sky.rain_mm_h * min(span_ms, MS_PER_HOUR) / MS_PER_HOUR, 2),
            "light_lux": round(105_000.0 * sky.sun),
            "uv_index": round(11.0 * sky.sun, 1),
        }

    def _pollutants(self, found: dict[str, Value], sky: Sky, time_s: float, traffic: float) -> None:
        haze = self._background.at(time_s)
        thin = 1.0 / (0.55 + 0.18 * sky.wind_ms)
        jitter = [1.0 + 0.06 * smooth(self._key ^ (16 + i), time_s, 400) for i in range(5)]
        washed = 0.7 if sky.rain_mm_h > 1 else 1.0
        fine = (9.0 * haze + 9.0 * traffic * thin) * washed * jitter[0]
        nitrogen = (8.0 + 46.0 * traffic * thin + 9.0 * haze) * jitter[1]
        ozone = max(4.0, (28.0 * haze + 75.0 * sky.sun * haze**0.5 - 0.28 * nitrogen + 15.0) * jitter[2])
        found["pm1_ugm3"] = round(fine * 0.68, 1)
        found["pm2_5_ugm3"] = round(fine, 1)
        found["pm4_ugm3"] = round(fine * 1.22, 1)
        found["pm10_ugm3"] = round(fine * 1.55 + 6.0 * traffic * washed, 1)
        found["no2_ugm3"] = round(nitrogen, 1)
        found["so2_ugm3"] = round((2.5 + 3.0 * haze) * jitter[3], 1)
        found["o3_ugm3"] = round(ozone, 1)
        found["co_ugm3"] = round((280.0 + 190.0 * haze + 260.0 * traffic * thin) * jitter[4])
        found["noise_dba"] = round(52.0 + 15.0 * traffic**0.5 + 2.5 * smooth(self._key ^ 9, time_s, 30), 1)


class Room:
    """An indoor sensor: carbon dioxide follows the people, particles follow the air outside."""

    def __init__(self, calendar: Calendar, station: Station, seed_key: int) -> None:
        self._calendar = calendar
        self._outside = station
        self._key = seed_key
        self._crowd_ppm = between(seed_key, 0, 280.0, 720.0)
        self._set_c = between(seed_key, 1, 22.5, 24.8)

    def values(self, time_ms: int, span_ms: int) -> dict[str, Value]:
        """Room climate and air; dew point is left to whoever wants it."""
        outside = self._outside.values(time_ms, span_ms)
        day = self._calendar.at(time_ms)
        hour = day.hour(time_ms)
        people = (
            PRESENT.at(hour) * BY_WEEKDAY[day.weekday] * (1.0 + 0.15 * smooth(self._key ^ 1, time_ms / 1000, 2_400))
        )
        flicker = smooth(self._key ^ 2, time_ms / 1000, 500)
        found: dict[str, Value] = {
            "co2_ppm": round(428.0 + self._crowd_ppm * people + 8.0 * flicker),
            "tvoc_ugm3": round(90.0 + 190.0 * people + 15.0 * flicker),
            "temperature_c": round(self._set_c + 0.9 * people + 0.3 * flicker + (1.2 if people < 0.05 else 0.0), 1),
            "humidity_pct": round(56.0 + 4.0 * people - 2.5 * smooth(self._key ^ 3, time_ms / 1000, 5_000), 1),
            "noise_dba": round(36.0 + 19.0 * people**0.5 + 2.0 * flicker, 1),
            "light_lux": round(8.0 + 460.0 * min(1.0, people * 1.4)),
            "pressure_hpa": outside["pressure_hpa"],
        }
        for metric in ("pm1_ugm3", "pm2_5_ugm3", "pm4_ugm3", "pm10_ugm3", "no2_ugm3", "o3_ugm3", "co_ugm3"):
            found[metric] = round(float(outside[metric]) * 0.45, 1)
        return found
