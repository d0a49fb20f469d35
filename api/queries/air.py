"""The air at a station: each pollutant now, where it goes, and its mean against the guideline; the worst first.

Guidelines: WHO global air quality guidelines (2021): means over 24 hours, of ozone over 8 hours.
A mean counts where three quarters of its hours are known, as is usual for air quality.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from itertools import combinations
from math import sqrt
from statistics import median

from msgspec import Struct

from api.access.caller import Caller
from api.problem import AwayError
from api.queries import standing
from api.queries.answer import Answer, Names, moment
from api.queries.measured import asking_store
from api.queries.readers import devices_at, require_reader, site_of
from api.queries.value_now import ValueNow, value_now
from api.sources import Sources
from telemetry.catalogue.guidelines import GUIDELINES, Guideline
from telemetry.reading import NS_PER_MS, NS_PER_S, Quality
from telemetry.registry.models import Device
from telemetry.stores.store import Window

HOUR_NS = 3_600 * NS_PER_S
STEP_NS = 600 * NS_PER_S
"""Of what is drawn: ten minutes."""
TREND_STEP_NS = 300 * NS_PER_S
SEEN_HOURS = 24
COVERAGE = 0.75
TREND_LEAST = 6
"""Fewer five-minute means in the hour, and nothing is said of its trend."""
TREND_SURE = 1.96
"""Of the Mann-Kendall statistic: 95 percent."""
TREND_SHARE = 0.1
"""A change over the hour that is less than this share of its level is steady for people."""
CLIMATE = ("temperature_c", "humidity_pct", "wind_ms", "wind_direction_deg", "rain_mm", "pressure_hpa", "noise_dba")
"""What is shown beside, where the station measures it."""


class Trend(StrEnum):
    """Where a value went in the last hour."""

    RISING = "rising"
    STEADY = "steady"
    FALLING = "falling"
    UNKNOWN = "unknown"
    """Too little came in that hour."""


class Against(Answer):
    """A mean and the guideline for it."""

    limit: float
    hours: int
    mean: float | None
    """Over the last `hours`; null: less than three quarters of them are known."""
    share: float | None
    """Of the limit: above 1 it is exceeded."""


class Point(Answer):
    """A mean of ten minutes."""

    time_ms: int
    """Its middle, since the epoch."""
    value: float
    suspect: bool


class Pollutant(Answer):
    """One pollutant at one device."""

    device: str
    metric: str
    names: Names
    unit: str
    decimals: int
    value: float | None
    """Now; null: nothing has come."""
    time: datetime | None
    stale: bool
    suspect: bool
    trend: Trend
    against: Against
    points: Sequence[Point]
    """Of the last 24 hours; a gap is left out."""


class Air(Answer):
    """A station."""

    site: str
    start: datetime
    """Of what is drawn."""
    end: datetime
    pollutants: Sequence[Pollutant]
    """Highest against its guideline first; those without a mean last."""
    worst: Pollutant | None
    """The first of them, if its mean is known."""
    climate: Sequence[ValueNow]
    away: str | None
    """Why the store can't be asked: then only what is known in memory is here."""


class Course(Struct, frozen=True):
    """Of one pollutant; windows without values are missing."""

    hours: Sequence[Window] = ()
    """Of the last 24."""
    drawn: Sequence[Window] = ()
    """Of `STEP_NS`, of the same 24 hours."""
    last: Sequence[Window] = ()
    """Of `TREND_STEP_NS`, of the last hour."""


class Past(Struct, frozen=True):
    """What the store knows of a station, as of a moment. It changes slowly: a page asks for it once a minute."""

    at_ns: int
    courses: Mapping[tuple[str, str], Course]
    """By device and metric."""
    away: str | None = None
    """Why the store can't be asked; then there are none."""


async def past(sources: Sources, caller: Caller, site_id: str) -> Past:
    """Raises `NotFoundError`."""
    require_reader(caller)
    site_of(sources, caller, site_id)
    now_ns = sources.clock()
    courses: dict[tuple[str, str], Course] = {}
    try:
        with asking_store():
            for device, metric in _measured(sources, site_id):
                courses[device.id, metric] = await _course(sources, device, metric, now_ns)
    except AwayError as error:
        return Past(now_ns, {}, str(error))
    return Past(now_ns, courses)


async def air(sources: Sources, caller: Caller, site_id: str, known: Past) -> Air:
    """The present, from memory, with the past that is `known`. Raises `NotFoundError`."""
    require_reader(caller)
    site_of(sources, caller, site_id)
    devices = devices_at(sources.registry, site_id)
    now_ns = sources.clock()
    found = [
        _pollutant(sources, one, metric, known.courses.get((one.id, metric), Course()), known.at_ns)
        for one, metric in _measured(sources, site_id)
    ]
    # A share that is not known comes after all that are.
    ordered = sorted(found, key=lambda one: -1.0 if one.against.share is None else one.against.share, reverse=True)
    return Air(
        site=site_id,
        start=moment(known.at_ns - SEEN_HOURS * HOUR_NS),
        end=moment(known.at_ns),
        pollutants=ordered,
        worst=ordered[0] if ordered and ordered[0].against.share is not None else None,
        climate=[shown for metric in CLIMATE for one in devices if (shown := _climate(sources, one, metric, now_ns))],
        away=known.away,
    )


def mean_of_hours(hours: Sequence[Window]) -> float | None:
    """Of all values of one hour each the mean, and of these the mean: an hour with many values weighs no more."""
    means = [hour.total / hour.count for hour in hours if hour.total is not None]
    return sum(means) / len(means) if means else None


def against(guideline: Guideline, hours: Sequence[Window], now_ns: int) -> Against:
    """`hours`: windows of an hour that end now, one after the other; those without values are missing."""
    since_ns = now_ns - guideline.hours * HOUR_NS
    within = [hour for hour in hours if hour.start_ns >= since_ns]
    mean = mean_of_hours(within) if len(within) >= COVERAGE * guideline.hours else None
    share = None if mean is None else mean / guideline.limit
    return Against(limit=guideline.limit, hours=guideline.hours, mean=mean, share=share)


def trend(values: Sequence[float]) -> Trend:
    """Where evenly spaced values go: Mann-Kendall says whether, Sen's slope how far. One outlier changes neither.

    Gilbert, Statistical Methods for Environmental Pollution Monitoring (1987), chapters 16.4 and 16.5.
    """
    n = len(values)
    if n < TREND_LEAST:
        return Trend.UNKNOWN
    pairs = list(combinations(range(n), 2))
    s = sum((values[j] > values[i]) - (values[j] < values[i]) for i, j in pairs)
    sure = (abs(s) - 1) / sqrt(n * (n - 1) * (2 * n + 5) / 18) if s else 0.0
    change = median((values[j] - values[i]) / (j - i) for i, j in pairs) * (n - 1)
    if sure < TREND_SURE or abs(change) < TREND_SHARE * abs(median(values)):
        return Trend.STEADY
    return Trend.RISING if change > 0 else Trend.FALLING


def _measured(sources: Sources, site_id: str) -> Sequence[tuple[Device, str]]:
    devices = devices_at(sources.registry, site_id)
    return [(one, metric) for one in devices for metric in one.metrics if metric in GUIDELINES]


async def _course(sources: Sources, device: Device, metric: str, now_ns: int) -> Course:
    async def windows(start_ns: int, step_ns: int) -> Sequence[Window]:
        return await sources.store.windows(device.id, metric, start_ns, now_ns, step_ns, now_ns % step_ns)

    day_ns = now_ns - SEEN_HOURS * HOUR_NS
    return Course(
        await windows(day_ns, HOUR_NS), await windows(day_ns, STEP_NS), await windows(now_ns - HOUR_NS, TREND_STEP_NS)
    )


def _pollutant(sources: Sources, device: Device, metric: str, course: Course, past_ns: int) -> Pollutant:
    what, now_ns = sources.registry.metrics[metric], sources.clock()
    value = sources.now.of(device.id).get(metric)
    number = value.value if value is not None and not isinstance(value.value, str) else None
    return Pollutant(
        device=device.id,
        metric=metric,
        names=what.names,
        unit=what.unit,
        decimals=what.decimals,
        value=number,
        time=None if value is None else moment(value.time_ns),
        stale=value is not None and standing.is_stale(device, what, value.time_ns, now_ns),
        suspect=value is not None and Quality.SUSPECT in value.quality,
        trend=trend([one.total / one.count for one in course.last if one.total is not None]),
        against=against(GUIDELINES[metric], course.hours, past_ns),
        points=[
            Point(
                time_ms=(one.start_ns + STEP_NS // 2) // NS_PER_MS,
                value=one.total / one.count,
                suspect=one.suspect > 0,
            )
            for one in course.drawn
            if one.total is not None
        ],
    )


def _climate(sources: Sources, device: Device, metric: str, now_ns: int) -> ValueNow | None:
    """Something else that the station measures."""
    if metric not in device.metrics:
        return None
    return value_now(device, sources.registry.metrics[metric], sources.now.of(device.id).get(metric), now_ns)
