"""Devices: ranges that are typed, thresholds that are drawn, batteries, gateways, how complete a day is."""

from collections.abc import AsyncIterator
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast
from zoneinfo import ZoneInfo

import pytest

from alerts.desk import Level, Rule, Rules, Severity, Side, Value
from alerts.rules.rule import Selector
from api.access.caller import Caller, Role, Way
from api.board.pages.explore import SPANS, lines_of, range_of
from api.board.plot import Tone
from api.board.words import words_of
from api.now import Now
from api.problem import AwayError, NotFoundError, UnprocessableError
from api.queries import fleet
from api.queries.alert_values import SeverityWord
from api.queries.answer import time_ns_of
from api.queries.fleet import batteries, coverage, days_left, gateways, wants_changing
from api.queries.standing import State
from api.queries.thresholds import Threshold, thresholds
from api.sources import Sources
from telemetry.reading import NS_PER_S, Reading
from tests.builders import device, registry, site
from tests.unit.history_ground import HOUR_NS, NOW_NS, GoingAway, Ground

HONG_KONG = ZoneInfo("Asia/Hong_Kong")
ADMIN = Caller("admin", Role.ADMIN, None, Way.SESSION, "")
VIEWER = Caller("wall", Role.VIEWER, None, Way.SESSION, "")
DAY_NS = 24 * HOUR_NS
SENSOR = device(
    "nh3-1", "pier", parent="gateway-1", interval_s=600.0, metrics=("nh3_ppm", "battery_pct", "visitors_now")
)
BUTTON = device("button-1", "pier", parent="gateway-1", interval_s=None, metrics=("cleaned",))
GATEWAY = device("gateway-1", "pier", kind="gateway", metrics=("uptime_s",))
KNOWN = registry(SENSOR, BUTTON, GATEWAY, device("far-1", "hall"), sites=[site("pier"), site("hall")])
english = words_of("en")


@pytest.fixture
async def ground(tmp_path: Path) -> AsyncIterator[Ground]:
    one = Ground(tmp_path / "store.db", KNOWN)
    yield one
    await one.close()


def rule(**fields: Any) -> Rule:
    levels = (Level(Severity.WARNING, 4.0, 2.5, 0, 0), Level(Severity.CRITICAL, 10.0, 10.0, 0, 0))
    plain: dict[str, Any] = {
        "id": "odour",
        "names": {"en": "Odour"},
        "why": "",
        "where": Selector(),
        "condition": Value("nh3_ppm"),
        "side": Side.ABOVE,
        "levels": levels,
    }
    return Rule(**{**plain, **fields})


def sources(ground: Ground, now: Now | None = None, rules: tuple[Rule, ...] = ()) -> Sources:
    made = SimpleNamespace(
        registry=KNOWN, store=ground.store, now=now or Now(), clock=lambda: NOW_NS, rules=Rules(rules)
    )
    return cast("Sources", made)


@pytest.mark.parametrize("span", list(SPANS))
def test_a_span_ends_now(span: str) -> None:
    found = range_of(span, "", "", HONG_KONG, NOW_NS)
    assert (found.end_ns, found.span) == (NOW_NS, span)
    assert found.end_ns - found.start_ns == SPANS[span][0] * NS_PER_S


def test_what_is_typed_is_by_the_sites_clocks() -> None:
    found = range_of("24h", "2026-11-22T08:00", "2026-11-22T09:30", HONG_KONG, NOW_NS)
    assert found.start_ns == time_ns_of(datetime(2026, 11, 22, 8, 0, tzinfo=HONG_KONG))
    assert found.end_ns - found.start_ns == 90 * 60 * NS_PER_S
    assert found.span == ""


def test_an_offset_goes_before_the_sites_clocks() -> None:
    found = range_of("24h", "2026-11-22T00:00+00:00", "", HONG_KONG, NOW_NS)
    assert found.start_ns == NOW_NS - 8 * HOUR_NS
    assert found.end_ns == NOW_NS


@pytest.mark.parametrize(
    ("span", "start", "end"),
    [
        ("soon", "", ""),
        ("24h", "yesterday", ""),
        ("24h", "2026-11-22T09:00", "2026-11-22T08:00"),
        ("24h", "", "2026-02-30T00:00"),
        ("24h", "0001-01-01T00:00+23:59", ""),
        ("24h", "", "9999-12-31T00:00"),
        ("24h", "1990-01-01T00:00", "2026-01-01T00:00"),
        ("", "<script>", ""),
    ],
)
def test_a_range_without_sense_is_refused(span: str, start: str, end: str) -> None:
    with pytest.raises(UnprocessableError):
        range_of(span, start, end, HONG_KONG, NOW_NS)


async def test_the_thresholds_of_the_rules_that_watch_the_metric(ground: Ground) -> None:
    elsewhere = rule(id="elsewhere", where=Selector(sites=("hall",)))
    found = await thresholds(sources(ground, rules=(rule(), elsewhere)), ADMIN, "nh3-1", "nh3_ppm")
    assert [(one.rule, one.severity, one.raise_at, one.clear_at) for one in found] == [
        ("odour", SeverityWord.WARNING, 4.0, 2.5),
        ("odour", SeverityWord.CRITICAL, 10.0, 10.0),
    ]
    assert await thresholds(sources(ground, rules=(rule(),)), ADMIN, "nh3-1", "battery_pct") == []


@pytest.mark.parametrize(("caller", "name"), [(VIEWER, "visitors_now"), (ADMIN, "nothing")])
async def test_thresholds_of_what_is_not_for_the_caller(caller: Caller, name: str, ground: Ground) -> None:
    with pytest.raises(NotFoundError):
        await thresholds(sources(ground), caller, "nh3-1", name)


@pytest.mark.parametrize("severity", list(SeverityWord))
def test_lines_say_where_an_alert_begins_and_ends(severity: SeverityWord) -> None:
    def one(raise_at: float, clear_at: float) -> Threshold:
        return Threshold(
            rule="odour",
            names={"en": "Odour"},
            severity=severity,
            raise_at=raise_at,
            clear_at=clear_at,
            side=Side.ABOVE,
        )

    tone = Tone.CRITICAL if severity is SeverityWord.CRITICAL else Tone.ATTENTION
    found = lines_of([one(4.0, 2.5), one(4.0, 4.0)], english, 1)
    assert [(line.value, line.text, line.tone) for line in found] == [
        (4.0, "Odour: alert 4.0", tone),
        (2.5, "Odour: ends 2.5", Tone.CLEAR),
    ]


@pytest.mark.parametrize(
    ("by_day", "left"),
    [
        ({1.0: 50.0, 2.0: 49.0, 3.0: 48.0}, 48.0),
        ({1.0: 50.0, 2.0: 49.0, 3.0: 90.0, 4.0: 47.0, 5.0: 46.0, 6.0: 45.0, 7.0: 44.0}, 44.0),  # one odd day
        ({1.0: 50.0, 2.0: 50.0, 3.0: 50.0}, None),
        ({1.0: 50.0, 2.0: 60.0, 3.0: 70.0}, None),
        ({1.0: 50.0, 2.0: 49.99, 3.0: 49.98}, None),  # further ahead than anybody can say
        ({1.0: 50.0, 2.0: 49.0}, None),
        ({}, None),
    ],
)
def test_how_long_a_battery_lasts(by_day: dict[float, float], left: float | None) -> None:
    assert days_left(by_day) == (None if left is None else pytest.approx(left))


@pytest.mark.parametrize(
    ("pct", "left", "wants"), [(9.0, None, True), (30.0, 59.0, True), (30.0, 61.0, False), (30.0, None, False)]
)
def test_a_battery_wants_changing_when_it_is_low_or_soon_empty(pct: float, left: float | None, wants: bool) -> None:
    assert wants_changing(pct, left) is wants


async def test_batteries_that_want_changing(ground: Ground) -> None:
    now = Now()
    now.take(Reading("nh3-1", NOW_NS, None, {"battery_pct": 20.0}, {}), "pier")
    assert await batteries(sources(ground, now), ADMIN) == []
    values: dict[int, float | str] = {NOW_NS - i * DAY_NS + HOUR_NS: 20.0 + i for i in range(1, 10)}
    await ground.fill("battery_pct", values)
    (found,) = await batteries(sources(ground, now), ADMIN)
    assert (found.device, found.pct) == ("nh3-1", 20.0)
    assert found.days_left == pytest.approx(21.0)
    assert await batteries(sources(ground, now), ADMIN, "hall") == []
    stranger = Caller("x", Role.ADMIN, frozenset({"hall"}), Way.KEY, "")
    assert await batteries(sources(ground, now), stranger) == []


async def test_gateways_with_what_is_behind_them(ground: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    async def none(*_: object) -> None:
        return None

    monkeypatch.setattr(fleet, "active_alerts", none)
    now = Now()
    now.take(Reading("gateway-1", NOW_NS, None, {"uptime_s": 1.0}, {}), "pier")
    (found,) = await gateways(sources(ground, now), ADMIN)
    assert (found.device, found.state, found.behind, found.silent) == ("gateway-1", State.FINE, 2, 1)


async def test_how_complete_the_last_day_is(ground: Ground) -> None:
    values: dict[int, float | str] = {NOW_NS - i * 600 * NS_PER_S: 1.0 for i in range(1, 145) if i % 6 != 0}
    await ground.fill("nh3_ppm", values)
    found = await coverage(sources(ground), ADMIN, "nh3-1")
    assert found is not None
    assert (found.metric, found.count, found.expected) == ("nh3_ppm", 120, 144)
    assert {hour.count for hour in found.hours} == {5}


async def test_nothing_came_and_nothing_is_expected(ground: Ground) -> None:
    assert await coverage(sources(ground), ADMIN, "nh3-1") is None
    await ground.fill("cleaned", {NOW_NS - HOUR_NS: 1.0}, device="button-1")
    found = await coverage(sources(ground), ADMIN, "button-1")
    assert found is not None
    assert (found.count, found.expected) == (1, None)


async def test_how_complete_does_not_tell_viewers_of_people(ground: Ground) -> None:
    await ground.fill("visitors_now", {NOW_NS - HOUR_NS: 1.0})
    assert await coverage(sources(ground), VIEWER, "nh3-1") is None


async def test_a_store_that_is_away_is_said(ground: Ground) -> None:
    ground.store = GoingAway(0)
    with pytest.raises(AwayError, match="the store does not answer"):
        await coverage(sources(ground), ADMIN, "nh3-1")
