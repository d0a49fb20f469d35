"""The model city: plausible, consistent within itself, and the same whenever and in whatever order it is asked."""

import itertools
import json
from collections import defaultdict
from math import isclose, sqrt
from pathlib import Path

import pytest

from simulators.history import history
from simulators.models.city import City, Ticker
from simulators.models.days import Calendar
from telemetry.admission.admit import admit
from telemetry.catalogue.metric import Kind
from telemetry.message import Message
from telemetry.registry.load import load_registry

CITY = Path(__file__).parents[2] / "examples" / "hong-kong"
REGISTRY = load_registry(CITY)
SEED = 7
HOUR_MS = 3_600_000
NOON_MS = 1_790_000_000_000 // HOUR_MS * HOUR_MS  # in September 2026
HOUR_NS = HOUR_MS * 1_000_000
START_NS = NOON_MS * 1_000_000


def ticker(city: City, kind: str, place: int = 0) -> Ticker:
    return [one for one in city.tickers.values() if one.device.kind == kind][place]


@pytest.fixture(scope="module")
def city() -> City:
    return City(REGISTRY, SEED)


def test_every_value_is_of_the_catalogue_and_plausible() -> None:
    devices = set()
    for topic, payload, time_ns in history(REGISTRY, SEED, START_NS, START_NS + 30 * HOUR_NS, 1800):
        admitted = admit(Message(topic, payload, retained=False, received_ns=time_ns), REGISTRY)
        assert not admitted.rejections, payload
        (reading,) = admitted.readings
        assert not reading.quality, payload
        assert reading.time_ns == time_ns
        devices.add(reading.device)
    assert devices == {one.id for one in REGISTRY.devices.values() if not one.archive}


def test_each_device_says_everything_that_is_listed_for_it(city: City) -> None:
    for one in city.tickers.values():
        assert set(one.values(NOON_MS, HOUR_MS)) == set(one.device.metrics), one.device.id


def test_the_past_is_in_order_and_joins_the_present() -> None:
    end_ns = START_NS + 6 * HOUR_NS
    city = City(REGISTRY, SEED)
    last: dict[str, tuple[int, dict[str, object]]] = {}
    times = []
    for topic, payload, time_ns in history(REGISTRY, SEED, START_NS, end_ns, 900):
        times.append(time_ns)
        last[topic.split("/")[3]] = (time_ns, json.loads(payload))

    assert times == sorted(times)
    assert times[0] >= START_NS
    assert times[-1] < end_ns
    for one in city.tickers.values():
        time_ns, document = last[one.device.id]
        tick = one.tick(time_ns // 1_000_000)
        # The last reading of the past is one that the live device would have sent: same moment, number and state.
        assert one.moment_ms(tick) * 1_000_000 == time_ns
        assert document["seq"] == tick
        live = one.sample(tick)
        for name, value in live.values.items():
            if name not in {"people_in", "people_out", "rain_mm"}:  # these count since the reading before
                assert document["values"][name] == value  # type: ignore[index] # it is JSON


def test_counts_since_the_reading_before_add_up(city: City) -> None:
    door = ticker(city, "toilet_door")
    quarters = [door.values(NOON_MS + i * HOUR_MS // 4, HOUR_MS // 4) for i in range(1, 97)]
    whole = door.values(NOON_MS + 24 * HOUR_MS, 24 * HOUR_MS)

    for name in ("people_in", "people_out"):
        assert sum(int(quarter[name]) for quarter in quarters) == whole[name]
    assert int(whole["people_in"]) > 20


def test_the_door_agrees_with_the_cubicles(city: City) -> None:
    cubicles = [one for one in city.tickers.values() if one.device.kind == "toilet_cubicle"]
    by_area = defaultdict(list)
    for one in cubicles:
        by_area[one.device.site, one.device.area].append(one)
    doors = [one for one in city.tickers.values() if one.device.kind == "toilet_door"]
    assert doors
    for door in doors:
        members = by_area[door.device.site, door.device.area]
        for minute in range(0, 24 * 60, 7):
            time_ms = NOON_MS + minute * 60_000
            inside = door.values(time_ms, HOUR_MS)["visitors_now"]
            occupied = sum(bool(one.values(time_ms, HOUR_MS)["occupied"]) for one in members)
            assert occupied <= int(inside), "nobody sits in a cubicle without having come in"


def test_ammonia_rises_with_use_and_falls_with_cleaning(city: City) -> None:
    odour = ticker(city, "toilet_odour")
    calendar = Calendar(REGISTRY.sites[odour.device.site].timezone)
    day = calendar.at(NOON_MS)

    def level(hour: float) -> float:
        return float(odour.values(day.moment_ms(hour), HOUR_MS)["nh3_ppm"])

    assert max(level(h / 4) for h in range(48, 60)) > 1.5 * min(level(h / 4) for h in range(8, 20))
    area = city._area(odour.device)
    for moment in area.rounds(day)[1:]:
        before = float(odour.values(moment - 300_000, HOUR_MS)["nh3_ppm"])
        after = float(odour.values(moment + 300_000, HOUR_MS)["nh3_ppm"])
        assert after < before


def test_supplies_run_down_and_are_refilled(city: City) -> None:
    supplies = ticker(city, "toilet_supplies")
    paper = [float(supplies.values(NOON_MS + i * 300_000, 1)["paper_pct"]) for i in range(288 * 2)]
    rises = [b - a for a, b in itertools.pairwise(paper) if b > a]

    assert 1 <= len(rises) <= 10
    assert all(0 <= level <= 100 for level in paper)
    assert min(paper) < 70


def test_power_is_consistent(city: City) -> None:
    for place in range(5):
        meter = ticker(city, "meter_power", place)
        for i in range(50):
            values = {k: float(v) for k, v in meter.values(NOON_MS + i * 1_234_567, 5000).items()}
            p, q, s = values["power_kw"], values["reactive_power_kvar"], values["apparent_power_kva"]
            assert isclose(sqrt(p * p + q * q), s, abs_tol=0.01)
            assert isclose(p / s, values["power_factor"], abs_tol=0.001)
            assert isclose(sum(values[f"power_l{i}_kw"] for i in (1, 2, 3)), p, abs_tol=0.002)
            volts_amperes = values["voltage_l1_v"] * values["current_l1_a"] * values["power_factor"] / 1000
            assert isclose(volts_amperes, values["power_l1_kw"], rel_tol=0.01)


def test_a_building_draws_what_its_floors_draw_and_more(city: City) -> None:
    meters = [one for one in city.tickers.values() if one.device.kind == "meter_power"]
    for main in (one for one in meters if one.device.labels["supply"] == "main"):
        floors = [one for one in meters if one.device.site == main.device.site and one is not main]
        assert floors
        for minute in range(0, 7 * 24 * 60, 37):
            time_ms = NOON_MS + minute * 60_000
            drawn = sum(float(one.values(time_ms, HOUR_MS)["power_kw"]) for one in floors)
            assert drawn < float(main.values(time_ms, HOUR_MS)["power_kw"]) < 2 * drawn


def test_the_register_is_the_integral_of_power(city: City) -> None:
    meter = ticker(city, "meter_power")
    step_ms = 60_000
    powers = [float(meter.values(NOON_MS + i * step_ms, 1)["power_kw"]) for i in range(24 * 60 + 1)]
    integral = sum((a + b) / 2 for a, b in itertools.pairwise(powers)) * step_ms / HOUR_MS
    first = float(meter.values(NOON_MS, 1)["energy_import_kwh"])
    last = float(meter.values(NOON_MS + 24 * HOUR_MS, 1)["energy_import_kwh"])

    assert isclose((last - first) % 1e6, integral, rel_tol=1e-4)


def test_weekends_are_quiet_in_offices(city: City) -> None:
    meter = ticker(city, "meter_power")
    calendar = Calendar(REGISTRY.sites[meter.device.site].timezone)
    days = [calendar.day(calendar.at(NOON_MS).number + i) for i in range(7)]
    noon = {day.weekday: float(meter.values(day.moment_ms(11), 1)["power_kw"]) for day in days}

    assert noon[6] < 0.8 * min(noon[weekday] for weekday in range(5))


def test_the_weather_of_a_district_is_one(city: City) -> None:
    stations = [one for one in city.tickers.values() if one.device.kind == "air_weather"]
    assert len(stations) == 4
    for i in range(20):
        readings = [one.values(NOON_MS + i * 5 * HOUR_MS, HOUR_MS) for one in stations]
        temperatures = [float(reading["temperature_c"]) for reading in readings]
        assert max(temperatures) - min(temperatures) < 2.5
        for reading in readings:
            assert float(reading["dew_point_c"]) <= float(reading["temperature_c"]) + 0.3
            assert 5 <= float(reading["humidity_pct"]) <= 100


def test_particles_are_ordered_by_size(city: City) -> None:
    station = ticker(city, "air_station")
    for i in range(100):
        values = {k: float(v) for k, v in station.values(NOON_MS + i * HOUR_MS, HOUR_MS).items()}
        assert values["pm1_ugm3"] <= values["pm2_5_ugm3"] <= values["pm10_ugm3"]


def test_batteries_drain_over_months(city: City) -> None:
    levels = [
        float(one.values(NOON_MS + week * 7 * 24 * HOUR_MS, 1)["battery_pct"])
        for one in list(city.tickers.values())[:60]
        if "battery_pct" in one.device.metrics
        for week in range(3)
    ]
    falls = [a - b for a, b in zip(levels[::3], levels[1::3], strict=True)]

    assert len([fall for fall in falls if 0 < fall < 4]) >= len(falls) - 2  # a change of battery is rare


def test_buttons_tell_of_cleaning_rounds(city: City) -> None:
    presser = next(iter(city.pressers.values()))
    samples = list(presser.samples(NOON_MS, NOON_MS + 48 * HOUR_MS))

    assert sum("cleaned" in sample.values for sample in samples) == 10
    seqs = [sample.seq for sample in samples]
    assert len(set(seqs)) == len(seqs)
    assert {name for sample in samples for name in sample.values} <= set(presser.device.metrics)


def test_sleeping_devices_send_several_readings_at_once(city: City) -> None:
    sleeper = next(one for one in city.tickers.values() if "battery_pct" in one.device.metrics)
    start = sleeper.tick(NOON_MS) // 4 * 4
    groups = [list(sleeper.sent_at(tick)) for tick in range(start, start + 800)]

    assert [tick for group in groups for tick in group] == list(range(start, start + 800)), "none lost, none twice"
    assert 0 < sum(len(group) == 4 for group in groups) < 50


def test_devices_of_an_interval_count_on(city: City) -> None:
    for one in list(city.tickers.values())[:20]:
        tick = one.tick(NOON_MS)
        assert one.moment_ms(tick) <= NOON_MS < one.moment_ms(tick + 1)
        assert one.sample(tick + 1).seq == one.sample(tick).seq + 1  # type: ignore[operator] # a device of an interval has one


def test_another_seed_is_another_city() -> None:
    one, other = City(REGISTRY, 1), City(REGISTRY, 2)
    first, second = ticker(one, "meter_power"), ticker(other, "meter_power")

    assert first.values(NOON_MS, 1) != second.values(NOON_MS, 1)


def test_counters_never_fall_but_at_the_end_of_the_dial(city: City) -> None:
    counters = {name for name, metric in REGISTRY.metrics.items() if metric.kind is Kind.COUNTER}
    for one in city.tickers.values():
        for name in counters.intersection(one.device.metrics):
            marks = [float(one.values(NOON_MS + i * 3 * HOUR_MS, 1)[name]) for i in range(10)]
            falls = [a for a, b in itertools.pairwise(marks) if b < a]
            assert all(mark > 0.97e5 for mark in falls), (one.device.id, name, marks)
