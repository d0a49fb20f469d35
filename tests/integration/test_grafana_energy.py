"""What dashboards say of energy and of the hour of the week, against plain arithmetic on the same readings.

On both generations of InfluxDB, by the clocks of Hong Kong and of London, over the end of summer time.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from random import Random
from typing import NamedTuple
from zoneinfo import ZoneInfo

import pytest

from grafana.queries import SITE, Every, Scope, counted_by_calendar
from grafana.rhythm import (
    PROFILE_DAYS,
    WEEKS,
    counted_by_day_of_month,
    counted_by_weekday,
    counted_in_month,
    demand,
    hours_of_week,
    peak_of_month,
)
from telemetry.reading import NS_PER_S, Reading
from tests.builders import CATALOGUE, device, registry, site
from tests.integration.grafana_stores import GENERATIONS, Store, a_store, ms

ENERGY, POWER = CATALOGUE["energy_import_kwh"], CATALOGUE["power_kw"]
HONG_KONG, LONDON = "Asia/Hong_Kong", "Europe/London"
ZONES = (HONG_KONG, LONDON)
NOW = datetime(2026, 11, 12, 6, 41, tzinfo=UTC)
START = datetime(2026, 9, 8, 0, 3, tzinfo=UTC)
"""Before all spans; readings never come on the hour, where it would be open to which side they belong."""
STEP = timedelta(minutes=20)
METER, OTHER = "meter-1", "meter-2"
ROLL_OVER_KWH = 100_000.0
GAP = (datetime(2026, 11, 3, 4, 0, tzinfo=UTC), datetime(2026, 11, 3, 9, 30, tzinfo=UTC))
"""Within a day of both zones."""
RESET = datetime(2026, 10, 21, 10, 0, tzinfo=UTC)
FALSE_ZERO = datetime(2026, 11, 6, 10, 0, tzinfo=UTC)
RECORD = datetime(2026, 11, 2, 23, 0, tzinfo=UTC)
"""The last hour of November's first working day: until then its first half hour draws the most."""
PLACE = registry(
    device(METER, "tower", kind="meter_power", metrics=("power_kw", "energy_import_kwh")),
    device(OTHER, "tower", kind="meter_power", metrics=("power_kw", "energy_import_kwh")),
    sites=[site("tower")],
)
ONE, BOTH = Scope(variables=(), devices=(METER,)), Scope(variables=())


Sample = tuple[datetime, float]


class Past(NamedTuple):
    """What was, and what the meters said."""

    power: Mapping[str, Sequence[Sample]]
    used: Mapping[str, Sequence[Sample]]
    """kWh since the reading before, at each reading that counts: a false zero is none."""
    lost: Mapping[datetime, float]
    """Of these, what `METER` cannot say: counted between the readings around its roll-over and its reset."""
    readings: Sequence[Reading]


def past() -> Past:
    """Nine weeks of two meters; one rolls over, is silent for some hours, is set back and says a false zero."""
    power, used = ({METER: list[Sample](), OTHER: list[Sample]()} for _ in range(2))
    lost: dict[datetime, float] = {}
    readings: list[Reading] = []
    for name, first in ((METER, 73_400.0), (OTHER, 5.0)):
        random = Random(name)
        register = told = first
        since = 0.0
        for place in range((NOW - START) // STEP + 1):
            moment = START + place * STEP
            kilowatts = 20 + moment.hour + 10 * (moment.weekday() < 5) + random.random()
            since += kilowatts / 3
            register = (register + kilowatts / 3) % ROLL_OVER_KWH
            if name == METER and moment - STEP < RESET <= moment:
                register = 0.5
            if name == METER and GAP[0] < moment < GAP[1]:
                continue
            is_false = name == METER and moment - STEP < FALSE_ZERO <= moment
            values = {"power_kw": kilowatts, "energy_import_kwh": 0.0 if is_false else register}
            readings.append(Reading(name, round(moment.timestamp()) * NS_PER_S, None, values, {}))
            power[name].append((moment, kilowatts))
            if not is_false:
                used[name].append((moment, since))
                if register < told:
                    lost[moment] = since
                told, since = register, 0.0
    return Past(power, used, lost, readings)


PAST = past()


@pytest.fixture(scope="module", params=GENERATIONS)
def store(request: pytest.FixtureRequest) -> Iterator[Store]:
    with a_store(request, "energy", START, NOW) as one:
        one.fill(PLACE, PAST.readings)
        yield one


@pytest.mark.parametrize("zone", ZONES)
def test_the_load_profile_is_by_the_clocks_of_the_site(store: Store, zone: str) -> None:
    said = {
        (row["device"], row["time"]): (row["weekday"], row["hour"], row["value"])
        for row in store.rows(hours_of_week(POWER, BOTH, zone))
    }
    expected = {}
    for name, values in PAST.power.items():
        hours: dict[datetime, list[float]] = defaultdict(list)
        for moment, value in values:
            if moment >= NOW - timedelta(days=PROFILE_DAYS):
                hours[moment.replace(minute=0)].append(value)
        for hour, of_hour in hours.items():
            shown = hour.astimezone(ZoneInfo(zone))
            mean = pytest.approx(sum(of_hour) / len(of_hour))
            expected[name, ms(hour)] = (shown.weekday(), shown.hour, mean)
    assert said == expected
    assert len(said) == 2 * (PROFILE_DAYS * 24 + 1) - 5, "the whole hours of the gap are none"


@pytest.mark.parametrize("zone", ZONES)
def test_weeks_are_those_of_the_calendar(store: Store, zone: str) -> None:
    today = NOW.astimezone(ZoneInfo(zone)).date()
    expected: dict[tuple[int, int], float] = defaultdict(float)
    for day, kwh in _known(PAST, zone):
        ago = (_monday(today) - _monday(day)).days // 7
        if ago < WEEKS:
            expected[day.weekday(), ago] += kwh
    said = store.rows(counted_by_weekday(ENERGY, BOTH, zone))
    assert {(row["weekday"], row["ago"]): row["value"] for row in said} == pytest.approx(dict(expected))


def test_months_are_those_of_the_calendar(store: Store) -> None:
    today = NOW.astimezone(ZoneInfo(HONG_KONG)).date()
    expected: dict[tuple[int, int], float] = defaultdict(float)
    for day, kwh in _known(PAST, HONG_KONG):
        ago = today.month - day.month
        if ago < 2:
            expected[day.day, ago] += kwh
    said = store.rows(counted_by_day_of_month(ENERGY, BOTH, HONG_KONG))
    assert {(row["day"], row["ago"]): row["value"] for row in said} == pytest.approx(dict(expected))


def test_the_month_is_compared_with_the_same_hours_of_the_last(store: Store) -> None:
    # October has an hour more in London: the same hour is that which clocks showed.
    place = ZoneInfo(LONDON)
    now = NOW.astimezone(place)
    expected = {10: 0.0, 11: 0.0}
    for name, values in PAST.used.items():
        for moment, kwh in values:
            shown = moment.astimezone(place)
            is_known = name == OTHER or moment not in PAST.lost
            if is_known and shown.month in expected and (shown.day, shown.hour) <= (now.day, now.hour):
                expected[shown.month] += kwh
    (said,) = store.rows(counted_in_month(ENERGY, BOTH, LONDON))
    assert said["this"] == pytest.approx(expected[11])
    assert said["before"] == pytest.approx(expected[10])
    assert said["change"] == pytest.approx((expected[11] / expected[10] - 1) * 100)


def test_the_first_month_is_compared_with_nothing(store: Store) -> None:
    (said,) = store.rows(counted_in_month(ENERGY, BOTH, HONG_KONG), end=START + timedelta(days=3))
    assert said["this"] > 0
    assert (said["before"], said["change"]) == (0, None)


@pytest.mark.parametrize(
    ("end", "is_over"),
    [
        (RECORD + timedelta(minutes=25), False),
        (RECORD + timedelta(minutes=29, seconds=59), True),
        (RECORD + timedelta(minutes=30), True),
        (NOW, True),
    ],
    ids=["not over yet", "until its last second", "over", "long ago"],
)
def test_the_peak_is_the_highest_half_hour_that_is_over(store: Store, end: datetime, is_over: bool) -> None:
    first = datetime(2026, 11, 1, tzinfo=ZoneInfo(HONG_KONG))
    sums = _half_hours(first, end)
    when = max(sums, key=lambda slot: sums[slot])
    assert (when >= RECORD) is is_over, "what the test is about"
    (said,) = store.rows(peak_of_month(POWER, BOTH, HONG_KONG), end=end)
    assert said["peak"] == pytest.approx(sums[when])
    assert said["time"] == ms(when)


@pytest.mark.parametrize("begin", [RECORD - timedelta(hours=30), RECORD - timedelta(hours=29, minutes=41)])
@pytest.mark.parametrize("minutes", [25, 29.99, 30])
def test_the_demand_is_that_of_half_hours_that_are_over(store: Store, begin: datetime, minutes: float) -> None:
    end = RECORD + timedelta(minutes=minutes)
    said = store.rows(demand(POWER, BOTH), begin, end)
    expected = {ms(slot): value for slot, value in _half_hours(begin, end).items()}
    assert {row["time"]: row["power_kw"] for row in said if row["power_kw"] is not None} == pytest.approx(expected)


def test_a_half_hour_without_readings_is_a_gap_in_the_demand(store: Store) -> None:
    only = Scope(variables=(), devices=(METER,))
    said = store.rows(demand(POWER, only), GAP[0] - timedelta(hours=2), GAP[1] + timedelta(hours=2))
    empty = [row["time"] for row in said if row["power_kw"] is None]
    assert empty
    assert set(empty) >= {ms(GAP[0] + timedelta(hours=hour)) for hour in range(1, 5)}


def _half_hours(begin: datetime, end: datetime) -> Mapping[datetime, float]:
    """The means of the half hours that are over, both meters added up, of the readings in the range."""
    sums: dict[datetime, float] = defaultdict(float)
    for values in PAST.power.values():
        slots: dict[datetime, list[float]] = defaultdict(list)
        for moment, value in values:
            if begin <= moment <= end:
                slots[moment.replace(minute=moment.minute // 30 * 30)].append(value)
        for slot, of_slot in slots.items():
            if slot + timedelta(minutes=30) <= end + timedelta(seconds=1):
                sums[slot] += sum(of_slot) / len(of_slot)
    return sums


@pytest.mark.parametrize("zone", ZONES)
def test_days_begin_at_midnight_and_lose_one_interval_at_a_reset(store: Store, zone: str) -> None:
    place = ZoneInfo(zone)
    truth: dict[date, float] = defaultdict(float)
    unknown: dict[date, float] = defaultdict(float)
    for moment, kwh in PAST.used[METER]:
        truth[moment.astimezone(place).date()] += kwh
        unknown[moment.astimezone(place).date()] += PAST.lost.get(moment, 0.0)
    begin = datetime(2026, 10, 1, tzinfo=place)
    said = store.rows(counted_by_calendar(ENERGY, ONE, Every.DAY, zone, SITE), begin=begin)
    midnights = [datetime.fromtimestamp(row["time"] / 1000, place) for row in said]
    assert {(one.hour, one.minute) for one in midnights} == {(0, 0)}
    days = {one.date(): row["energy_import_kwh"] for one, row in zip(midnights, said, strict=True)}
    # What was counted before the first reading of the range is not in it.
    whole = [day for day in truth if day > begin.date()]
    assert set(days) == {begin.date(), *whole}
    assert {day: days[day] for day in whole} == pytest.approx({day: truth[day] - unknown[day] for day in whole})
    assert len(PAST.lost) == 2, "one roll-over and one reset, and no false zero"
    assert max(unknown.values()) <= max(kwh for _, kwh in PAST.used[OTHER]), "no more than one interval"


def _known(what: Past, zone: str) -> Iterator[tuple[date, float]]:
    """What meters can say, by the day of the zone."""
    for name, values in what.used.items():
        for moment, kwh in values:
            if name == OTHER or moment not in what.lost:
                yield moment.astimezone(ZoneInfo(zone)).date(), kwh


def _monday(day: date) -> date:
    return day - timedelta(days=day.weekday())
