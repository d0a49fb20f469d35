"""History: who may ask, what is asked for, what comes."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from pydantic import ValidationError

from api.access.caller import Caller, Role, Way
from api.problem import ApiError, AwayError, ForbiddenError, NotFoundError, UnprocessableError
from api.queries import history as module
from api.queries.aggregate import IN_PLOT, OF_KIND, OF_WINDOW, Aggregate, misfit
from api.queries.history import Column, HistoryRequest, history, series
from telemetry.catalogue.metric import Kind
from telemetry.reading import NS_PER_MS, NS_PER_S, Quality
from tests.unit.history_ground import ADMIN, HOUR_NS, NOW_NS, OPERATOR, VIEWER, GoingAway, Ground

NOW = datetime.fromtimestamp(NOW_NS // NS_PER_S, UTC)
START_NS = NOW_NS - 24 * HOUR_NS


@pytest.fixture
async def ground(tmp_path: Path) -> AsyncIterator[Ground]:
    one = Ground(tmp_path / "store.db")
    yield one
    await one.close()


async def values_of(column: Column) -> list[tuple[int, float | str | None, Quality]]:
    """Time in ns, value, quality."""
    found: list[tuple[int, float | str | None, Quality]] = []
    async for page in column.pages:
        marks = dict(page.marks)
        times_ms, values = msgspec.json.decode(page.times_ms), msgspec.json.decode(page.values)
        for place, (ms, value) in enumerate(zip(times_ms, values, strict=True)):
            found.append((ms * NS_PER_MS, value, marks.get(place, Quality.GOOD)))
    return found


async def ask(ground: Ground, caller: Caller = ADMIN, device: str = "nh3-1", **asked: Any) -> dict[str, list[Any]]:
    """By metric, what there is."""
    answer = await history(ground.sources(), caller, device, HistoryRequest(**asked))
    return {column.metric.name: await values_of(column) for column in answer.columns}


async def test_a_day_of_what_the_device_is_there_for(ground: Ground) -> None:
    await ground.fill("nh3_ppm", {START_NS - 1: 1.0, START_NS: 2.0, NOW_NS - 1: 3.0, NOW_NS: 4.0})
    await ground.fill("firmware", {START_NS: "2.1"})
    await ground.fill("visitors_now", {START_NS: 5.0})
    found = await ask(ground, OPERATOR)
    assert list(found) == ["nh3_ppm", "visitors_now", "firmware"]
    assert [value for _, value, _ in found["nh3_ppm"]] == [2.0, 3.0]
    assert found["firmware"] == [(START_NS, "2.1", Quality.GOOD)]
    assert list(await ask(ground, VIEWER)) == ["nh3_ppm", "firmware"]


@pytest.mark.parametrize(
    ("caller", "device", "asked", "error", "says"),
    [
        (OPERATOR, "nobody", {}, NotFoundError, "no device nobody"),
        (OPERATOR, "meter-1", {}, NotFoundError, "no device meter-1"),
        (VIEWER, "nh3-1", {"metrics": ("visitors_now",)}, ForbiddenError, "operator"),
        (VIEWER, "nh3-1", {"metrics": ("nh3_ppm", "entered_by")}, ForbiddenError, "operator"),
        (ADMIN, "nh3-1", {"metrics": ("nh3",)}, NotFoundError, "no metric nh3"),
        (ADMIN, "nh3-1", {"metrics": ("alert_state",)}, UnprocessableError, "history of their own"),
        (ADMIN, "nh3-1", {"metrics": [f"m{k}" for k in range(21)]}, UnprocessableError, "20 metrics"),
        (Caller("x", Role.OPERATOR, None, Way.LINK, ""), "nh3-1", {}, ForbiddenError, "sign in"),
        (Caller("x", Role.OPERATOR, None, Way.CODE, ""), "nh3-1", {}, ForbiddenError, "sign in"),
        (ADMIN, "nh3-1", {"start": NOW}, UnprocessableError, "ends before it begins"),
        (ADMIN, "nh3-1", {"start": NOW, "end": NOW - timedelta(days=1)}, UnprocessableError, "ends before it begins"),
        (ADMIN, "nh3-1", {"start": NOW - timedelta(days=3_661)}, UnprocessableError, "3660 days"),
        (ADMIN, "nh3-1", {"window": "36h"}, UnprocessableError, "whole days"),
        (ADMIN, "nh3-1", {"window": "99999999d"}, UnprocessableError, "3660d"),
        (ADMIN, "nh3-1", {"window": "1s", "start": NOW - timedelta(days=20)}, UnprocessableError, "longer ones"),
        (ADMIN, "nh3-1", {"aggregate": Aggregate.MEAN}, UnprocessableError, "give a `window`"),
        (ADMIN, "nh3-1", {"points": 100}, UnprocessableError, "window=auto"),
        (ADMIN, "nh3-1", {"points": 100, "window": "1h"}, UnprocessableError, "window=auto"),
        (
            ADMIN,
            "nh3-1",
            {"window": "1h", "aggregate": Aggregate.INCREASE, "metrics": ("nh3_ppm",)},
            UnprocessableError,
            "no counter",
        ),
        (
            ADMIN,
            "nh3-1",
            {"window": "1h", "aggregate": Aggregate.MEAN, "metrics": ("firmware",)},
            UnprocessableError,
            "is a text",
        ),
    ],
)
async def test_what_is_refused(
    ground: Ground, caller: Caller, device: str, asked: dict[str, Any], error: type[ApiError], says: str
) -> None:
    with pytest.raises(error, match=says):
        await ask(ground, caller, device, **asked)


@pytest.mark.parametrize("window", ["0m", "1.5h", "-1h", "1w", "1h ", "", "9" * 40 + "s", "h", "1m\n", "1ms"])
def test_a_window_is_a_whole_number_of_a_unit(window: str) -> None:
    with pytest.raises(ValidationError):
        HistoryRequest(window=window)


async def test_a_time_before_and_after_everything_is_empty(ground: Ground) -> None:
    await ground.fill("nh3_ppm", {START_NS: 2.0})
    for year in (1_700, 1_969, 2_200):
        start = datetime(year, 1, 1, tzinfo=UTC)
        for window in (None, "1h", "1d", "auto"):
            found = await ask(ground, metrics=("nh3_ppm",), start=start, end=start + timedelta(days=9), window=window)
            assert found == {"nh3_ppm": []}


async def test_limits_are_told_before_the_answer_begins(ground: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    await ground.fill("nh3_ppm", {START_NS + k: float(k) for k in range(10)})
    await ground.fill("visitors_now", {START_NS + k: float(k) for k in range(10)})
    monkeypatch.setattr(module, "MAX_POINTS", 20)
    assert sum(map(len, (await ask(ground)).values())) == 20
    monkeypatch.setattr(module, "MAX_POINTS", 19)
    with pytest.raises(UnprocessableError, match=r"more than 19 values: .* window=1h"):
        await ask(ground)
    monkeypatch.setattr(module, "MAX_READ", 1)
    await ground.fill("uses", {START_NS: 1.0, START_NS + 1: 2.0})
    with pytest.raises(UnprocessableError, match="more than 1 values"):
        await ask(ground, metrics=("uses",), window="1d")


async def test_windows_of_each_aggregate(ground: Ground) -> None:
    at = START_NS + HOUR_NS
    await ground.fill("nh3_ppm", {at: 4.0, at + 1: 1.0, at + 2: 2.5}, doubts={at + 1: Quality.SUSPECT})
    expected = {"mean": 2.5, "min": 1.0, "max": 4.0, "sum": 7.5, "count": 3, "first": 4.0, "last": 2.5}
    for aggregate, value in expected.items():
        found = await ask(ground, metrics=("nh3_ppm",), window="1h", aggregate=Aggregate(aggregate))
        assert found == {"nh3_ppm": [(at, value, Quality.SUSPECT)]}
    assert {*expected, "increase"} == set(Aggregate)
    assert await ask(ground, metrics=("nh3_ppm",), window="1h") == {"nh3_ppm": [(at, 2.5, Quality.SUSPECT)]}


def test_every_kind_and_every_aggregate_is_known() -> None:
    assert set(OF_KIND) == set(IN_PLOT) == set(Kind)
    assert set(OF_WINDOW) == set(Aggregate) - {Aggregate.INCREASE}
    assert all(misfit(kind, aggregate) is None for kind, aggregate in OF_KIND.items())


async def test_days_are_those_of_the_site_also_when_its_clocks_are_changed(ground: Ground) -> None:
    """London, October 2026: the 25th has 25 hours. A meter that counts 1 kWh an hour."""
    first = datetime(2026, 10, 22, 23, tzinfo=UTC)  # midnight there
    first_ns = int(first.timestamp()) * NS_PER_S
    await ground.fill("energy_import_kwh", {first_ns + k * HOUR_NS: 100.0 + k for k in range(-1, 121)}, "meter-1")
    asked: dict[str, Any] = {"start": first, "end": first + timedelta(hours=120), "window": "1d"}
    found = await ask(ground, device="meter-1", **asked)
    hours = [0, 24, 48, 73, 97]
    assert found == {
        "energy_import_kwh": [
            (first_ns + hour * HOUR_NS, amount, Quality.GOOD)
            for hour, amount in zip(hours, [24.0, 24.0, 25.0, 24.0, 23.0], strict=True)
        ]
    }
    counted = await ask(ground, device="meter-1", aggregate=Aggregate.COUNT, **asked)
    assert [value for _, value, _ in counted["energy_import_kwh"]] == [24, 24, 25, 24, 23]


async def test_an_increase_counts_from_the_last_value_before_the_range(ground: Ground) -> None:
    await ground.fill("uses", {START_NS - 20 * HOUR_NS: 9_990.0, START_NS + 1: 9_999.0, START_NS + 2: 3.0})
    assert await ask(ground, metrics=("uses",), window="7d") == {
        "uses": [((START_NS - 5 * 24 * HOUR_NS - 16 * HOUR_NS), 13.0, Quality.GOOD)]
    }


async def test_auto_is_value_by_value_where_there_are_few(ground: Ground) -> None:
    await ground.fill("nh3_ppm", {START_NS + k * 60 * NS_PER_S: float(k % 10) for k in range(1_440)})
    sources = ground.sources()
    for points, window_s in ((1_440, None), (1_439, 120), (300, 300), (30, 3_600), (3, 86_400)):
        asked = HistoryRequest(metrics=("nh3_ppm",), window="auto", points=points)
        answer = await history(sources, ADMIN, "nh3-1", asked)
        assert answer.window_s == window_s
        assert len(await values_of(answer.columns[0])) <= points
        plot = await series(sources, ADMIN, "nh3-1", "nh3_ppm", START_NS, NOW_NS, points)
        assert plot.window_s == window_s
        assert len(plot.times_ms) == len(plot.values) <= points


async def test_a_plot_has_gaps_ranges_and_what_is_suspect(ground: Ground) -> None:
    values: dict[int, float | str] = {START_NS + k * 60 * NS_PER_S: float(k % 60) for k in range(1_440) if k // 60 != 5}
    await ground.fill("nh3_ppm", values, doubts={START_NS + 120 * 60 * NS_PER_S: Quality.SUSPECT})
    await ground.fill("nh3_ppm", {START_NS: 0.0}, doubts={START_NS: Quality.ARRIVAL_TIME})
    plot = await series(ground.sources(), VIEWER, "nh3-1", "nh3_ppm", START_NS, NOW_NS, 30)
    hours = [k for k in range(24) if k != 5]
    assert list(plot.times_ms) == [(START_NS + hour * HOUR_NS) // NS_PER_MS for hour in hours]
    assert (set(plot.values), set(plot.low), set(plot.high)) == ({29.5}, {0.0}, {59.0})
    assert plot.suspect == {2}
    raw = await series(ground.sources(), VIEWER, "nh3-1", "nh3_ppm", START_NS, NOW_NS, 2_000)
    assert set(raw.suspect) == {120}
    assert (len(raw.values), list(raw.low), raw.window_s) == (1_380, [], None)


async def test_texts_are_no_plot(ground: Ground) -> None:
    with pytest.raises(UnprocessableError, match="no plot"):
        await series(ground.sources(), ADMIN, "nh3-1", "firmware", START_NS, NOW_NS, 100)
    with pytest.raises(ForbiddenError):
        await series(ground.sources(), VIEWER, "nh3-1", "visitors_now", START_NS, NOW_NS, 100)


@pytest.mark.parametrize("window", [None, "1h", "auto"])
async def test_a_store_that_is_away_is_told_with_a_time_to_come_back(ground: Ground, window: str | None) -> None:
    ground.store = GoingAway(pages=0)
    sources = ground.sources()
    with pytest.raises(AwayError, match="the store does not answer") as away:
        await history(sources, ADMIN, "nh3-1", HistoryRequest(window=window))
    assert away.value.headers["Retry-After"]
    with pytest.raises(AwayError):
        await series(sources, ADMIN, "nh3-1", "nh3_ppm", START_NS, NOW_NS, 100)
