"""A building's day: registers, half hours, the same weekday before, and how it is said."""

from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import cast
from zoneinfo import ZoneInfo

import pytest

from api.access.caller import Caller, Role, Way
from api.board.pages.building import LAST, verdict
from api.board.words import words_of
from api.now import Now
from api.problem import AwayError, NotFoundError
from api.queries.answer import time_ns_of
from api.queries.buildings import (
    ROUND_MS,
    SLOT_MS,
    building,
    by_clocks,
    compared,
    course_of,
    demand,
    mains_of,
    peak,
    slot_starts,
    slots,
    supply,
)
from api.queries.register import GAP_MS, Register, imbalance_pct, unwrapped
from api.sources import Sources
from telemetry.reading import NS_PER_MS, NS_PER_S, Reading
from tests.builders import device, registry, site
from tests.unit.history_ground import GoingAway, Ground

HONG_KONG, LONDON = ZoneInfo("Asia/Hong_Kong"), ZoneInfo("Europe/London")
ADMIN = Caller("admin", Role.ADMIN, None, Way.SESSION, "")
NOON = datetime(2026, 11, 22, 12, 0, tzinfo=HONG_KONG)  # a Sunday
MINUTE, HOUR = 60_000, 3_600_000
PHASES = ("current_l1_a", "current_l2_a", "current_l3_a")
METER = device(
    "meter", "hall", kind="meter_power", metrics=("power_kw", "energy_import_kwh", *PHASES), labels={"supply": "main"}
)
SUB = device("floor", "hall", kind="meter_power", metrics=("power_kw", "energy_import_kwh"), labels={"supply": "sub"})
WATER = device("water", "hall", kind="meter_water", metrics=("water_m3",))
ABROAD = device("abroad", "tower", kind="meter_power", metrics=("energy_import_kwh",))
KNOWN = registry(
    METER, SUB, WATER, ABROAD, sites=[site("hall", kind="building"), site("tower", kind="building", timezone=LONDON)]
)
english = words_of("en")


@pytest.fixture
async def ground(tmp_path: Path) -> AsyncIterator[Ground]:
    one = Ground(tmp_path / "store.db", KNOWN)
    yield one
    await one.close()


def sources(ground: Ground, now: Now | None = None, at: datetime = NOON) -> Sources:
    made = SimpleNamespace(registry=KNOWN, store=ground.store, now=now or Now(), clock=lambda: time_ns_of(at))
    return cast("Sources", made)


async def run_up(
    ground: Ground, name: str, metric: str, begin: datetime, kw: float, hours: float, start: float
) -> float:
    """A register that rises evenly, read every ten minutes; its last value."""
    steps = int(hours * 6)
    first_ns = time_ns_of(begin)
    values: dict[int, float | str] = {first_ns + i * 600 * NS_PER_S: start + kw * i / 6 for i in range(steps + 1)}
    await ground.fill(metric, values, device=name)
    return start + kw * steps / 6


def test_a_register_is_known_between_its_readings() -> None:
    register = Register([0, 10 * MINUTE], [5.0, 6.0])
    assert register.at(5 * MINUTE) == pytest.approx(5.5)
    assert register.counted(0, 10 * MINUTE) == pytest.approx(1.0)


@pytest.mark.parametrize("at", [-1, 10 * MINUTE + 1])
def test_before_and_after_its_readings_it_is_not_known(at: int) -> None:
    register = Register([0, 10 * MINUTE], [5.0, 6.0])
    assert register.at(at) is None
    assert register.counted(0, at) is None
    assert Register().at(0) is None


def test_over_a_gap_only_the_ends_are_known() -> None:
    register = Register([0, 2 * GAP_MS], [0.0, 30.0])
    assert register.at(GAP_MS) is None
    assert register.counted(0, 2 * GAP_MS) == 30.0


@pytest.mark.parametrize(
    ("values", "counts"),
    [
        ([10.0, 12.0, 15.0], [0.0, 2.0, 5.0]),
        ([10.0, 12.0, 1.0, 2.0], [0.0, 2.0, 3.0, 4.0]),  # reset
        ([10.0, 0.0, 12.0], [0.0, 2.0]),  # a false zero
        ([99_998.0, 1.0], [0.0, 3.0]),  # over the end of the dial
        ([0.0, 0.0, 1.0], [0.0, 0.0, 1.0]),
        ([], []),
    ],
)
def test_falls_hide_nothing_that_was_counted(values: list[float], counts: list[float]) -> None:
    assert list(unwrapped(range(len(values)), values).counts) == pytest.approx(counts)


@pytest.mark.parametrize(
    ("currents", "share"), [([10.0, 10.0, 10.0], 0.0), ([0.0, 0.0, 0.0], 0.0), ([15.0, 10.0, 5.0], 50.0)]
)
def test_imbalance_is_the_largest_deviation_from_the_mean(currents: list[float], share: float) -> None:
    assert imbalance_pct(currents) == pytest.approx(share)


@pytest.mark.parametrize(("day", "count"), [((2026, 11, 22), 48), ((2026, 3, 29), 46), ((2026, 10, 25), 50)])
def test_a_day_has_the_half_hours_of_its_clocks(day: tuple[int, int, int], count: int) -> None:
    assert len(slot_starts(date(*day), LONDON)) == count


def test_usual_is_from_the_lowest_to_the_highest_of_the_weeks_before() -> None:
    (slot, later) = slots([0, 1], [[1.0], [5.0, 6.0], [3.0, None], [None, 9.0]])
    assert (slot.kw, slot.last_week_kw, slot.usual_low_kw, slot.usual_high_kw) == (1.0, 5.0, 3.0, 5.0)
    assert (later.kw, later.last_week_kw, later.usual_low_kw, later.usual_high_kw) == (None, 6.0, 6.0, 9.0)


def by_the_hour(day: date, zone: ZoneInfo) -> list[float | None]:
    """The course of a day on which as many kW are drawn as the clocks show hours."""
    starts = slot_starts(day, zone)
    times_ms = range(starts[0] - ROUND_MS, starts[-1] + SLOT_MS + ROUND_MS, SLOT_MS)
    counts = [0.0]
    for ms in times_ms[:-1]:
        counts.append(counts[-1] + datetime.fromtimestamp(ms / 1000, zone).hour / 2)
    return list(course_of([Register(times_ms, counts)], day, zone, datetime(2030, 1, 1, tzinfo=zone)))


@pytest.mark.parametrize(
    ("today", "not_known"),
    [
        (date(2026, 3, 29), set()),  # put forward
        (date(2026, 4, 5), {1.0}),  # a week later: the hour from one was left out
        (date(2026, 10, 25), set()),  # put back: the hour from one comes twice
        (date(2026, 11, 1), set()),
        (date(2026, 11, 22), set()),
    ],
)
def test_half_hours_are_compared_by_what_clocks_show(today: date, not_known: set[float]) -> None:
    week_ago = today - timedelta(weeks=1)
    hours = by_the_hour(today, LONDON)
    assert by_clocks(by_the_hour(week_ago, LONDON), week_ago, today, LONDON) == [
        None if hour in not_known else pytest.approx(hour) for hour in hours
    ]


@pytest.mark.parametrize(
    ("course", "kw"),
    [
        ([], None),
        ([1.0], 1.0),
        ([1.0, 2.0], 2.0),
        ([1.0, 2.0, None], 2.0),  # its end is not read yet
        ([1.0, 2.0, None, None], None),
    ],
)
def test_the_last_half_hour_is_none_of_this_morning(course: list[float | None], kw: float | None) -> None:
    assert demand(course) == kw


def test_the_peak_is_the_first_of_the_highest() -> None:
    found = peak([0, HOUR, 2 * HOUR], [1.0, 4.0, 4.0])
    assert found is not None
    assert (found.kw, time_ns_of(found.start)) == (4.0, HOUR * NS_PER_MS)
    assert peak([0], [None]) is None


@pytest.mark.parametrize(
    ("today", "before", "says"),
    [
        (88.0, 100.0, "12% under last Sunday so far"),
        (130.0, 100.0, "30% over last Sunday so far"),
        (100.4, 100.0, "Level with last Sunday so far"),
        (5.0, 0.0, "Nothing was used last Sunday until this time"),
    ],
)
def test_the_day_in_words(today: float, before: float, says: str) -> None:
    found = compared(today, before, date(2026, 11, 15))
    assert found is not None
    assert verdict(found, english) == says


def test_a_day_is_not_compared_with_nothing() -> None:
    assert compared(5.0, None, date(2026, 11, 15)) is None
    assert compared(None, 100.0, date(2026, 11, 15)) is None


def test_every_weekday_has_its_words() -> None:
    days = [date(2026, 11, 16) + timedelta(days=i) for i in range(7)]
    assert [LAST[day.weekday()] for day in days] == [f"last {day:%A}" for day in days]


def test_the_main_supply_is_labelled_or_what_is_no_sub_meter() -> None:
    plain = device("x", "hall", metrics=("energy_import_kwh",))
    assert mains_of([SUB, METER]) == [METER]
    assert mains_of([SUB, plain]) == [plain]


async def test_a_day_so_far_against_the_same_weekday(ground: Ground) -> None:
    week_ago = datetime(2026, 11, 15, 0, 0, tzinfo=HONG_KONG)
    today = datetime(2026, 11, 22, 0, 0, tzinfo=HONG_KONG)
    left = await run_up(ground, "meter", "energy_import_kwh", week_ago - timedelta(hours=1), 10.0, 26, 1_000.0)
    await run_up(ground, "meter", "energy_import_kwh", today - timedelta(hours=1), 8.8, 13, left)
    found = await building(sources(ground), ADMIN, "hall")
    assert found.today_kwh == pytest.approx(8.8 * 12)
    assert found.compared is not None
    assert found.compared.day == week_ago.date()
    assert found.compared.so_far_kwh == pytest.approx(120.0)
    assert found.compared.change_pct == pytest.approx(-12.0)
    assert found.weeks == 1
    assert len(found.slots) == 48
    assert [slot.kw for slot in found.slots[:24]] == pytest.approx([8.8] * 24)
    assert [slot.kw for slot in found.slots[24:]] == [None] * 24
    assert found.slots[47].last_week_kw == pytest.approx(10.0)
    assert found.demand_kw == pytest.approx(8.8)
    assert [(one.device, one.main) for one in found.meters] == [("meter", True), ("floor", False)]
    assert found.meters[1].today is None
    assert [one.metric for one in found.supplies] == ["water_m3"]


async def test_on_the_day_clocks_are_put_back_noon_is_compared_with_noon(ground: Ground) -> None:
    noon = datetime(2026, 10, 18, 12, 0, tzinfo=LONDON)
    left = await run_up(ground, "abroad", "energy_import_kwh", noon - timedelta(hours=13), 1.0, 13, 0.0)
    await run_up(ground, "abroad", "energy_import_kwh", noon, 5.0, 13, left)
    found = await building(sources(ground, at=noon + timedelta(weeks=1)), ADMIN, "tower")
    before = {f"{one.start.astimezone(LONDON):%H:%M}": one.last_week_kw for one in found.slots}
    assert (len(found.slots), found.weeks) == (50, 1)
    assert (before["11:30"], before["12:00"], before["23:30"]) == pytest.approx((1.0, 5.0, 5.0))


async def test_what_is_missing_now_is_not_compared(ground: Ground) -> None:
    """The register was last heard at ten: last week, too, counts until ten."""
    for week, kw in ((15, 10.0), (22, 5.0)):
        begin = datetime(2026, 11, week, 0, 0, tzinfo=HONG_KONG) - timedelta(hours=1)
        await run_up(ground, "meter", "energy_import_kwh", begin, kw, 11 if week == 22 else 26, week * 1_000.0)
    found = await building(sources(ground), ADMIN, "hall")
    assert found.until == datetime(2026, 11, 22, 2, 0, tzinfo=UTC)
    assert found.today_kwh == pytest.approx(50.0)
    assert found.compared is not None
    assert found.compared.so_far_kwh == pytest.approx(100.0)
    assert found.demand_kw is None, "the last half hour is not known, and another one is not the last"


async def test_a_building_without_a_past_says_so(ground: Ground) -> None:
    found = await building(sources(ground), ADMIN, "hall")
    assert (found.today_kwh, found.compared, found.peak, found.demand_kw, found.weeks) == (None, None, None, None, 0)


async def test_now_is_from_memory(ground: Ground) -> None:
    now = Now()
    at_ns = time_ns_of(NOON) - 5 * NS_PER_S
    values = {"power_kw": 9.0, **dict(zip(PHASES, (15.0, 10.0, 5.0), strict=True))}
    now.take(Reading("meter", at_ns, None, values, {}), "hall")
    found = await supply(sources(ground, now), ADMIN, "hall")
    assert found.power is not None
    assert (found.power.value, found.power.stale) == (9.0, False)
    assert found.phases is not None
    assert found.phases.imbalance_pct == pytest.approx(50.0)
    assert found.meters["floor"] is None


async def test_a_site_of_others_and_a_store_that_is_away(ground: Ground) -> None:
    stranger = Caller("x", Role.ADMIN, frozenset({"pier"}), Way.KEY, "")
    with pytest.raises(NotFoundError):
        await building(sources(ground), stranger, "hall")
    with pytest.raises(NotFoundError):
        await supply(sources(ground), stranger, "hall")
    ground.store = GoingAway(0)
    with pytest.raises(AwayError, match="the store does not answer"):
        await building(sources(ground), ADMIN, "hall")
