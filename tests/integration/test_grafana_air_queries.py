"""Running means, wind, suspect values and phases against plain arithmetic, on both generations of InfluxDB."""

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from random import Random

import pytest

from grafana.air_queries import CALM_MS, by_wind_sector, mean_until_now, running_mean, suspect_share
from grafana.phases import band, imbalance
from grafana.queries import Scope
from telemetry.reading import NS_PER_S, Quality, Reading
from tests.builders import CATALOGUE, device, registry, site
from tests.integration.grafana_stores import GENERATIONS, Store, a_store, ms

NOW = datetime(2026, 11, 12, 6, 41, tzinfo=UTC)
BEGIN = datetime(2026, 11, 9, 16, 0, tzinfo=UTC)
START = BEGIN - timedelta(hours=30)
GAPS = (range(40, 44), range(52, 62))
"""Hours since `START` without readings: the shorter costs no running mean of 24 hours, the longer one does."""
PM, DIRECTION, SPEED = (CATALOGUE[name] for name in ("pm2_5_ugm3", "wind_direction_deg", "wind_ms"))
CURRENTS = [CATALOGUE[f"current_l{phase}_a"] for phase in (1, 2, 3)]
PLACE = registry(
    device("analyser", "square", kind="air_station", metrics=("pm2_5_ugm3",)),
    device("clean", "hill", kind="air_station", metrics=("pm2_5_ugm3",)),
    device("vane", "square", kind="air_weather", metrics=("wind_ms", "wind_direction_deg")),
    device("meter", "square", kind="meter_power", metrics=tuple(one.name for one in CURRENTS)),
    sites=[site("square"), site("hill")],
)
ANY = Scope(variables=())
SUSPECTS = 3


def past() -> Sequence[Reading]:
    """Four readings an hour of each device."""
    random = Random(7)
    made: list[Reading] = []
    suspects = 0
    for quarter in range(round((NOW - START) / timedelta(minutes=15))):
        time_ns = round((START + timedelta(minutes=15 * quarter + 2)).timestamp()) * NS_PER_S
        hour = quarter // 4
        if any(hour in gap for gap in GAPS):
            continue
        suspect = {"pm2_5_ugm3": Quality.SUSPECT} if hour > 70 and suspects < SUSPECTS else {}
        suspects += len(suspect)
        made += [
            Reading("analyser", time_ns, None, {"pm2_5_ugm3": 10 + hour % 24 + random.random()}, suspect),
            Reading("clean", time_ns, None, {"pm2_5_ugm3": random.random()}, {}),
            # Around north, where a mean of degrees would be south; and calm hours.
            Reading(
                "vane",
                time_ns,
                None,
                {
                    "wind_direction_deg": (hour * 10 + (-8, 8)[quarter % 2]) % 360,
                    "wind_ms": 0.2 if hour % 7 == 0 else 3.0,
                },
                {},
            ),
            Reading("meter", time_ns, None, {one.name: 100 + 30 * random.random() for one in CURRENTS}, {}),
        ]
    return made


PAST = past()


@pytest.fixture(scope="module", params=GENERATIONS)
def store(request: pytest.FixtureRequest) -> Iterator[Store]:
    with a_store(request, "air", BEGIN, NOW) as one:
        one.fill(PLACE, PAST)
        yield one


def hourly(name: str, metric: str) -> Mapping[datetime, Sequence[float]]:
    """Values of a device by the hour in which they are."""
    found: dict[datetime, list[float]] = defaultdict(list)
    for reading in PAST:
        if reading.device == name:
            moment = datetime.fromtimestamp(reading.time_ns / NS_PER_S, UTC)
            value = reading.values[metric]
            assert isinstance(value, float | int)
            found[moment.replace(minute=0, second=0)].append(value)
    return found


def mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def test_a_running_mean_is_of_the_hours_that_are_known_and_of_none_where_too_few_are(store: Store) -> None:
    hours = {hour: mean(values) for hour, values in hourly("analyser", "pm2_5_ugm3").items()}
    said = {row["time"]: row["pm2_5_ugm3"] for row in store.rows(running_mean(PM, ANY, 24)) if row["site"] == "square"}
    hour, absent = BEGIN, 0
    while hour <= NOW:
        known = [hours[one] for one in (hour - timedelta(hours=ago) for ago in range(24)) if one in hours]
        value = said[ms(hour)]
        if len(known) >= 18:
            assert value == pytest.approx(mean(known)), hour
        else:
            absent += 1
            assert value is None, hour
        hour += timedelta(hours=1)
    assert absent


def test_the_mean_until_now_is_of_hours(store: Store) -> None:
    hours: dict[datetime, list[float]] = defaultdict(list)
    for reading in PAST:
        moment = datetime.fromtimestamp(reading.time_ns / NS_PER_S, UTC)
        if reading.device == "analyser" and moment >= NOW - timedelta(hours=24):
            hours[moment.replace(minute=0)].append(float(reading.values["pm2_5_ugm3"]))
    said = {row["site"]: row["pm2_5_ugm3"] for row in store.rows(mean_until_now(PM, ANY, 24))}
    assert said["square"] == pytest.approx(mean([mean(values) for values in hours.values()]))
    assert said["hill"] < 1


@pytest.mark.parametrize(("hours", "is_known"), [(16, False), (18, True)])
def test_no_mean_is_made_of_few_hours(store: Store, hours: int, is_known: bool) -> None:
    rows = store.rows(mean_until_now(PM, ANY, 24), end=START + timedelta(hours=hours))
    assert {row["site"] for row in rows} == ({"square", "hill"} if is_known else set())


def test_pollution_is_told_by_the_wind_of_its_hour(store: Store) -> None:
    directions, speeds = hourly("vane", "wind_direction_deg"), hourly("vane", "wind_ms")
    expected = {}
    for hour, values in hourly("analyser", "pm2_5_ugm3").items():
        if hour >= BEGIN and mean(speeds[hour]) >= CALM_MS:
            east, north = (mean([turn(math.radians(one)) for one in directions[hour]]) for turn in (math.sin, math.cos))
            degrees = math.degrees(math.atan2(east, north)) % 360
            expected[ms(hour)] = ((degrees + 22.5) % 360 // 45, pytest.approx(mean(values)))
    said = store.rows(by_wind_sector(PM, DIRECTION, SPEED, ANY))
    assert {row["time"]: (row["sector"], row["value"]) for row in said} == expected
    assert {row["sector"] for row in said} >= {0, 7}
    assert {row["site"] for row in said} == {"square"}, "where no vane is there is no direction"


def test_the_share_of_suspect_values_is_0_where_none_was(store: Store) -> None:
    total = sum(len(values) for hour, values in hourly("analyser", "pm2_5_ugm3").items() if hour >= BEGIN)
    said = {row["site"]: row["pm2_5_ugm3"] for row in store.rows(suspect_share(PM, ANY))}
    assert said == {"square": pytest.approx(SUSPECTS / total * 100), "hill": 0}


def test_imbalance_is_the_largest_deviation_of_a_phase(store: Store) -> None:
    phases = [hourly("meter", one.name) for one in CURRENTS]
    said = {row["time"]: row["value"] for row in store.rows(imbalance(CURRENTS, ANY))}
    hours = [hour for hour in phases[0] if hour >= BEGIN]
    for hour in hours:
        means = [mean(phase[hour]) for phase in phases]
        worst = max(abs(one - mean(means)) for one in means) / mean(means) * 100
        assert said[ms(hour)] == pytest.approx(worst)
    assert sum(value is not None for value in said.values()) == len(hours), "gaps stay gaps"
    assert None in said.values()


def test_the_band_holds_every_reading_of_every_phase(store: Store) -> None:
    phases = [hourly("meter", one.name) for one in CURRENTS]
    for function, extreme in (("min", min), ("max", max)):
        said = {row["time"]: row["value"] for row in store.rows(band(CURRENTS, ANY, function))}
        for hour in phases[0]:
            if hour >= BEGIN:
                of_hour = [value for phase in phases for value in phase[hour]]
                assert said[ms(hour)] == extreme(of_hour)
