"""The air: means against guidelines, trends that one outlier does not change, the worst first."""

from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from api.access.caller import Caller, Role, Way
from api.board.frame import Visit
from api.board.pages.air import TRENDS, verdict
from api.board.words import words_of
from api.now import Now
from api.queries.air import (
    HOUR_NS,
    Against,
    Air,
    Pollutant,
    Trend,
    against,
    air,
    mean_of_hours,
    past,
    trend,
)
from api.sources import Sources
from telemetry.catalogue.guidelines import GUIDELINES, Guideline
from telemetry.catalogue.load import load_catalogue
from telemetry.reading import NS_PER_S, Quality, Reading
from telemetry.stores.store import Window
from tests.builders import device, registry, site
from tests.unit.history_ground import NOW_NS, GoingAway, Ground

ADMIN = Caller("admin", Role.ADMIN, None, Way.SESSION, "")
STATION = device(
    "station", "central", kind="air_station", metrics=("pm2_5_ugm3", "no2_ugm3", "o3_ugm3", "temperature_c")
)
KNOWN = registry(STATION, sites=[site("central", kind="air")])
PM25 = GUIDELINES["pm2_5_ugm3"]


@pytest.fixture
async def ground(tmp_path: Path) -> AsyncIterator[Ground]:
    one = Ground(tmp_path / "store.db", KNOWN)
    yield one
    await one.close()


def sources(ground: Ground, now: Now | None = None) -> Sources:
    made = SimpleNamespace(registry=KNOWN, store=ground.store, now=now or Now(), clock=lambda: NOW_NS)
    return cast("Sources", made)


def hours(values: Sequence[float | None]) -> Sequence[Window]:
    """The last of them ends now."""
    return [
        Window(NOW_NS - (len(values) - i) * HOUR_NS, 4, 0, value, value, 4 * value, value, value)
        for i, value in enumerate(values)
        if value is not None
    ]


@pytest.mark.parametrize(
    ("values", "where"),
    [
        ([10, 11, 12, 13, 14, 15, 16, 17], Trend.RISING),
        ([17, 16, 15, 14, 13, 12, 11, 10], Trend.FALLING),
        ([10, 10, 10, 10, 10, 10, 10, 10], Trend.STEADY),
        ([10, 11, 10, 9, 10, 11, 10, 9, 10, 10], Trend.STEADY),
        ([10, 10, 10, 10, 400, 10, 10, 10, 10], Trend.STEADY),  # one outlier
        ([10, 11, 12, 300, 14, 15, 16, 17, 18], Trend.RISING),
        ([100, 100.1, 100.2, 100.3, 100.4, 100.5, 100.6], Trend.STEADY),  # sure, and too little to matter
        ([1, 2, 3, 4, 5], Trend.UNKNOWN),
        ([], Trend.UNKNOWN),
    ],
)
def test_where_the_last_hour_went(values: Sequence[float], where: Trend) -> None:
    assert trend(values) is where


def test_every_trend_has_its_words() -> None:
    chinese = words_of("zh-Hant")
    assert set(TRENDS) == set(Trend)
    assert all(chinese(text) != text for _, text in TRENDS.values())


def test_an_hour_with_many_values_weighs_no_more() -> None:
    busy = Window(0, 1_000, 0, 2.0, 2.0, 2_000.0, 2.0, 2.0)
    quiet = Window(HOUR_NS, 1, 0, 4.0, 4.0, 4.0, 4.0, 4.0)
    assert mean_of_hours([busy, quiet]) == 3.0
    assert mean_of_hours([]) is None


@pytest.mark.parametrize(("known", "mean"), [(24, 30.0), (18, 30.0), (17, None), (0, None)])
def test_a_mean_needs_three_quarters_of_its_hours(known: int, mean: float | None) -> None:
    found = against(PM25, hours([None] * (24 - known) + [30.0] * known), NOW_NS)
    assert found.mean == mean
    assert found.share == (None if mean is None else pytest.approx(2.0))


def test_ozone_is_judged_over_eight_hours() -> None:
    found = against(Guideline(100.0, 8), hours([500.0] * 16 + [50.0] * 8), NOW_NS)
    assert (found.mean, found.share) == (50.0, 0.5)


def test_guidelines_are_those_of_the_who() -> None:
    assert {name: (one.limit, one.hours) for name, one in GUIDELINES.items()} == {
        "pm2_5_ugm3": (15.0, 24),
        "pm10_ugm3": (45.0, 24),
        "no2_ugm3": (25.0, 24),
        "so2_ugm3": (40.0, 24),
        "o3_ugm3": (100.0, 8),
        "co_ugm3": (4_000.0, 24),
    }
    units = {load_catalogue()[name].unit for name in GUIDELINES}
    assert units == {"ug/m3"}


async def test_the_worst_comes_first_and_what_has_no_mean_last(ground: Ground) -> None:
    for metric, value in (("pm2_5_ugm3", 12.0), ("no2_ugm3", 40.0)):
        values: dict[int, float | str] = {NOW_NS - i * 600 * NS_PER_S: value for i in range(1, 24 * 6 + 1)}
        await ground.fill(metric, values, device="station", doubts={NOW_NS - 600 * NS_PER_S: Quality.SUSPECT})
    now = Now()
    now.take(Reading("station", NOW_NS - NS_PER_S, None, {"no2_ugm3": 41.0, "temperature_c": 20.0}, {}), "central")
    found = await air(sources(ground, now), ADMIN, "central", await past(sources(ground), ADMIN, "central"))
    assert [one.metric for one in found.pollutants] == ["no2_ugm3", "pm2_5_ugm3", "o3_ugm3"]
    assert found.worst is not None
    assert found.worst.against.share == pytest.approx(1.6)
    assert (found.worst.value, found.worst.stale, found.worst.trend) == (41.0, False, Trend.STEADY)
    assert len(found.worst.points) == 24 * 6
    assert [place for place, one in enumerate(found.worst.points) if one.suspect] == [24 * 6 - 1]
    assert found.pollutants[2].against.mean is None
    assert [one.metric for one in found.climate] == ["temperature_c"]


async def test_with_the_store_away_there_is_still_the_present(ground: Ground) -> None:
    ground.store = GoingAway(0)
    now = Now()
    now.take(Reading("station", NOW_NS - NS_PER_S, None, {"no2_ugm3": 41.0}, {}), "central")
    found = await air(sources(ground, now), ADMIN, "central", await past(sources(ground), ADMIN, "central"))
    assert found.away is not None
    assert "the store does not answer" in found.away
    assert found.worst is None
    values = {one.metric: (one.value, one.trend) for one in found.pollutants}
    assert values["no2_ugm3"] == (41.0, Trend.UNKNOWN)


def pollutant(share: float | None) -> Pollutant:
    fields: dict[str, Any] = {
        "device": "station",
        "metric": "pm2_5_ugm3",
        "names": {"en": "PM2.5"},
        "unit": "ug/m3",
        "decimals": 1,
        "value": 1.0,
        "time": None,
        "stale": False,
        "suspect": False,
        "trend": Trend.STEADY,
        "against": Against(limit=15.0, hours=24, mean=None if share is None else share * 15, share=share),
        "points": (),
    }
    return Pollutant.model_validate(fields)


@pytest.mark.parametrize(
    ("share", "says"),
    [
        (0.82, "All within the guidelines; PM2.5 is nearest, at 82%"),
        (1.0, "All within the guidelines; PM2.5 is nearest, at 100%"),
        (1.56, "PM2.5 is 1.6 times its guideline"),
        (None, "Too little is known for a mean yet"),
    ],
)
def test_the_air_in_words(share: float | None, says: str) -> None:
    one = pollutant(share)
    moment = datetime(2026, 11, 22, tzinfo=UTC)
    found = Air(
        site="central",
        start=moment,
        end=moment,
        pollutants=[one],
        worst=None if share is None else one,
        climate=(),
        away=None,
    )
    visit = cast("Visit", SimpleNamespace(words=words_of("en")))
    assert verdict(visit, found) == says
