"""Every query of every dashboard against a real InfluxDB that holds the example city: it answers, and it is right."""

import asyncio
import os
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import httpx2
import pytest

from alerts.rules.load import load_rules
from grafana.dashboards import dashboards
from grafana.deployment import Deployment
from grafana.page import Dashboard
from grafana.queries import (
    SITE,
    Every,
    Scope,
    by_calendar,
    counted,
    counted_by_calendar,
    counted_from_0_by_calendar,
    suspect,
)
from grafana.zones import per_zone
from telemetry.reading import NS_PER_S, Quality, Reading
from telemetry.registry.models import Registry
from telemetry.stores.influxdb.write import InfluxWriter
from telemetry.stores.settings import InfluxSettings
from tests.builders import device, metric, registry, site
from tests.components import drop_database
from tests.integration.grafana_asked import Asked, Choice, asked, choices
from tests.integration.grafana_city import ALERTS, END, EXAMPLE, LEAK, ODOUR, REGISTRY, fill, incidents

RULES = load_rules(EXAMPLE, REGISTRY)
MADE: Mapping[str, Dashboard] = {
    one.uid: one for one in dashboards(Deployment(REGISTRY, RULES, "https://board.example.org"))
}
MAY_BE_EMPTY: Mapping[tuple[str, int], str] = {
    ("caretaker-devices", 211): "it is about one device that is chosen, see test_grafana_devices.py",
    ("caretaker-devices", 610): "no value of the example city is doubtful",
}
"""Dashboard and panel to why nothing is there, although nothing is wrong."""
MAY_BE_EMPTY_AT_ONE_SITE: Mapping[tuple[str, int], str] = {
    ("caretaker-toilets", 0): "no alert was raised there",
    ("caretaker-alerts", 10): "none fires there",
    ("caretaker-alerts", 11): "none fires there",
    ("caretaker-alerts", 12): "none fires there",
    ("caretaker-alerts", 13): "none fires there",
}
"""The same where one site is chosen: the first that can be."""

HONG_KONG = ZoneInfo("Asia/Hong_Kong")
ANYWHERE = Scope(variables=())


class Store:
    """A database of InfluxDB, asked as Grafana's proxy asks it."""

    def __init__(self, settings: InfluxSettings) -> None:
        self.settings = settings
        self._client = httpx2.Client(base_url=settings.url, timeout=10)
        self._database = settings.bucket.partition("/")[0]

    def ask(self, query: str) -> Sequence[Mapping[str, Any]]:
        """The series of one statement. Fails on an error."""
        answer = self._client.post("/query", data={"db": self._database, "epoch": "ms", "q": query})
        assert answer.status_code == 200, f"{answer.text}\n{query}"
        (result,) = answer.json()["results"]
        assert "error" not in result, f"{result['error']}\n{query}"
        found: Sequence[Mapping[str, Any]] = result.get("series", [])
        return found

    def write(self, known: Registry, readings: Sequence[Reading]) -> None:
        """Through the writer of the services."""

        async def go() -> None:
            writer = InfluxWriter(self.settings, lambda: known)
            await writer.start()
            outcome = await writer.write(readings)
            await writer.close()
            assert not outcome.refused
            assert not outcome.keep, outcome.trouble

        asyncio.run(go())

    def close(self) -> None:
        """Drop it."""
        self._client.close()
        drop_database(self.settings.url, self._database)


def _store(url: str, name: str) -> Store:
    bucket = f"grafana_{name}_{os.getpid()}/autogen"
    return Store(InfluxSettings(kind="influxdb", url=url, bucket=bucket, timeout_s=30))


@pytest.fixture(scope="module")
def city(influxdb_url: str) -> Iterator[Store]:
    """The example city, with incidents and alerts; its last moment is `END`."""
    store = _store(influxdb_url, "city")
    asyncio.run(fill(store.settings))
    yield store
    store.close()


@pytest.fixture
def empty(influxdb_url: str, request: pytest.FixtureRequest) -> Iterator[Store]:
    """A database for what a test plants."""
    store = _store(influxdb_url, f"t{abs(hash(request.node.name))}")
    yield store
    store.close()


def _values(series: Sequence[Mapping[str, Any]]) -> Sequence[Any]:
    return [value for one in series for row in one["values"] for value in row[1:] if value is not None]


def _problems(store: Store, queries: Sequence[Asked], excused: Mapping[tuple[str, int], str]) -> Sequence[str]:
    found: list[str] = []
    for one in queries:
        series = store.ask(one.query)
        if not _values(series) and (one.uid, one.panel) not in excused:
            found.append(f"{one} is empty: {one.query}")
        if "GROUP BY time(" in one.query and not all(_in_order(part["values"]) for part in series):
            found.append(f"{one} has a window more than once: {one.query}")
    return found


def _in_order(rows: Sequence[Sequence[Any]]) -> bool:
    return all(before[0] < after[0] for before, after in pairwise(rows))


@pytest.mark.parametrize("uid", MADE)
def test_every_query_answers(uid: str, city: Store) -> None:
    queries = list(asked(MADE[uid].document, END))
    assert not _problems(city, queries, MAY_BE_EMPTY)


@pytest.mark.parametrize("uid", [uid for uid, one in MADE.items() if choices(one.document, "site")])
def test_every_query_answers_for_one_site(uid: str, city: Store) -> None:
    chosen = choices(MADE[uid].document, "site")[0]
    queries = list(asked(MADE[uid].document, END, {"site": [chosen]}))
    assert not _problems(city, queries, {**MAY_BE_EMPTY, **MAY_BE_EMPTY_AT_ONE_SITE})


def test_what_is_excused_exists() -> None:
    known = {(uid, panel["id"]) for uid, one in MADE.items() for panel in one.document["panels"]}
    assert {(uid, panel) for uid, panel in {**MAY_BE_EMPTY, **MAY_BE_EMPTY_AT_ONE_SITE} if panel} <= known


def _panel(store: Store, uid: str, panel: int, choice: Choice | None = None) -> Sequence[Mapping[str, Any]]:
    found = [one for one in asked(MADE[uid].document, END, choice) if one.panel == panel]
    assert found, f"{uid} has a panel {panel}"
    return [series for one in found for series in store.ask(one.query)]


def _of(series: Sequence[Mapping[str, Any]], **tags: str) -> Mapping[int, Any]:
    """Time in ms to the first value of the one series with the tags."""
    (found,) = [one for one in series if tags.items() <= one.get("tags", {}).items()]
    return {row[0]: row[1] for row in found["values"] if row[1] is not None}


def test_a_failed_fan_is_seen_where_odour_is_drawn(city: Store) -> None:
    odour, _ = incidents(END)
    ammonia = _panel(city, "caretaker-toilets", 110)
    struck = _of(ammonia, device=ODOUR)
    other = _of(ammonia, device="tst-odour-male")

    during = [value for moment, value in struck.items() if odour.start_ms + 600_000 <= moment < odour.end_ms - 600_000]
    assert min(during) > 10, "the limit of the critical level"
    assert max(value for moment, value in struck.items() if moment < odour.start_ms - 60_000) < 4
    assert max(other.values()) < 4
    assert set(_of(_panel(city, "caretaker-toilets", 112), device=ODOUR).values()) == {0, 1}, "its fan stood still"


def test_a_variable_narrows_to_the_device(city: Store) -> None:
    area = next(value for value in choices(MADE["caretaker-toilets"].document, "area") if ODOUR in value)

    for choice in ({"device": [ODOUR]}, {"area": [area]}, {"site": ["tsim-sha-tsui-pier"], "area": [area]}):
        found = _panel(city, "caretaker-toilets", 110, choice)
        assert [one["tags"]["device"] for one in found] == [ODOUR]
    two = _panel(city, "caretaker-toilets", 110, {"site": ["tsim-sha-tsui-pier", "mong-kok-market"]})
    assert {one["tags"]["site"] for one in two} == {"tsim-sha-tsui-pier", "mong-kok-market"}


def test_what_fires_is_on_the_first_page(city: Store) -> None:
    firing = {planted.device: planted for planted in ALERTS if planted.until_s is None}
    rows = _panel(city, "caretaker-city", 10)

    assert {one["tags"]["device"] for one in rows} == set(firing)
    assert {one["tags"]["device"]: one["values"][0][1] for one in rows} == {
        name: planted.severity for name, planted in firing.items()
    }
    since = END - timedelta(seconds=firing[LEAK].since_s)
    assert list(_of(rows, device=LEAK)) == [round(since.timestamp() * 1000)]
    assert _values(_panel(city, "caretaker-city", 11)) == [1]


def test_a_leak_is_seen_where_water_is(city: Store) -> None:
    wet = {one["tags"]["device"] for one in _panel(city, "caretaker-toilets", 510) if 1 in _values([one])}
    assert wet == {LEAK}


def test_devices_are_counted_once(city: Store) -> None:
    reporting = [one for one in REGISTRY.devices.values() if one.interval_s is not None and not one.archive]
    assert sum(_values(_panel(city, "caretaker-city", 13))) == len(reporting)


T = datetime(2026, 11, 18, 22, 30, tzinfo=HONG_KONG)
"""A Wednesday, an hour and a half before its end."""


def _at(month: int, day: int, hour: int = 0, zone: ZoneInfo = HONG_KONG) -> datetime:
    return datetime(2026, month, day, hour, tzinfo=zone)


def _said(name: str, readings: Mapping[datetime, float], device_id: str = "d1") -> list[Reading]:
    return [
        Reading(device_id, round(moment.timestamp()) * NS_PER_S, None, {name: value}, {})
        for moment, value in readings.items()
    ]


def _within(query: str, start: datetime, end: datetime) -> str:
    ms = f"time >= {round(start.timestamp() * 1000)}ms and time <= {round(end.timestamp() * 1000)}ms"
    return query.replace("$timeFilter", ms)


def test_a_counter_is_counted_across_a_reset_a_roll_over_and_a_false_zero(empty: Store) -> None:
    uses = metric("uses")
    known = registry(device("d1", "toilet-1", metrics=("uses",)), metrics=[uses])
    truth, shown, readings = 0, 999_900, {}
    counted_at: list[tuple[datetime, int]] = []
    for minute in range(180):
        moment = T + timedelta(minutes=minute)
        truth, shown = truth + 3, shown + 3
        if minute == 60:
            shown -= 1_000_000  # its dial has six digits
        if minute == 120:
            shown = 1  # a new battery
        readings[moment] = 0.0 if minute in {20, 100} else float(shown)  # it says 0 while it starts
        counted_at.append((moment, truth))
    empty.write(known, _said("uses", readings))
    start, end = T, T + timedelta(hours=3)

    total = sum(_values(empty.ask(_within(counted(uses, ANYWHERE), start, end))))
    hours = _of(empty.ask(_within(counted_by_calendar(uses, ANYWHERE, Every.HOUR, "Asia/Hong_Kong", SITE), start, end)))
    days = _of(empty.ask(_within(counted_by_calendar(uses, ANYWHERE, Every.DAY, "Asia/Hong_Kong", SITE), start, end)))

    step = 3
    assert truth - counted_at[0][1] - 2 * step <= total <= truth, "the two falls cost a reading's interval each"
    assert sum(hours.values()) == sum(days.values()) == total, "no step is lost between two windows, none is in both"
    midnight = T.replace(hour=0, minute=0) + timedelta(days=1)
    assert list(days) == [round((midnight - timedelta(days=1)).timestamp() * 1000), round(midnight.timestamp() * 1000)]
    before = sum(1 for moment in readings if T < moment < midnight) * step
    assert days[round((midnight - timedelta(days=1)).timestamp() * 1000)] == before - step, (
        "the roll-over was before it"
    )


def test_the_first_restart_of_a_device_is_one(empty: Store) -> None:
    restarts = metric("restarts")
    known = registry(device("d1", "toilet-1", metrics=("restarts",)), metrics=[restarts])
    shown = [0.0] * 30 + [1.0] * 5 + [3.0] * 5 + [0.0] + [1.0]
    empty.write(known, _said("restarts", {T + timedelta(hours=hour): value for hour, value in enumerate(shown)}))

    query = counted_from_0_by_calendar(restarts, ANYWHERE, Every.DAY, "Asia/Hong_Kong")
    days = _of(empty.ask(_within(query, T, T + timedelta(days=2))))
    midnight = T.replace(hour=0, minute=0)
    assert {moment: count for moment, count in days.items() if count} == {
        round((midnight + timedelta(days=days)).timestamp() * 1000): count for days, count in ((2, 4),)
    }


def test_counters_of_two_devices_are_not_mixed(empty: Store) -> None:
    uses = metric("uses")
    known = registry(*(device(name, "toilet-1", metrics=("uses",)) for name in ("d1", "d2")), metrics=[uses])
    moments = [T + timedelta(minutes=minute) for minute in range(10)]
    low = {moment: 10.0 + count for count, moment in enumerate(moments)}
    high = {moment + timedelta(seconds=30): 5_000.0 + 2 * count for count, moment in enumerate(moments)}
    empty.write(known, _said("uses", low) + _said("uses", high, "d2"))

    query = counted(uses, ANYWHERE, SITE)
    assert _values(empty.ask(_within(query, T, T + timedelta(hours=1)))) == [9 + 18]


@pytest.mark.parametrize(
    ("every", "begins"),
    [
        (Every.HOUR, [_at(11, 22, 23), _at(11, 23, 0)]),
        (Every.DAY, [_at(11, 22), _at(11, 23)]),
        (Every.WEEK, [_at(11, 16), _at(11, 23)]),
    ],
)
def test_windows_begin_by_the_clocks_of_the_site(every: Every, begins: Sequence[datetime], empty: Store) -> None:
    cleaned = metric("cleaned")
    known = registry(device("d1", "toilet-1", metrics=("cleaned",)), metrics=[cleaned])
    midnight = datetime(2026, 11, 23, tzinfo=HONG_KONG)  # a Monday
    empty.write(known, _said("cleaned", {midnight - timedelta(seconds=1): 1.0, midnight: 1.0}))

    query = by_calendar(cleaned, ANYWHERE, "count", every, "Asia/Hong_Kong", SITE)
    found = _of(empty.ask(_within(query, midnight - timedelta(minutes=30), midnight + timedelta(minutes=30))))
    assert found == {round(begin.timestamp() * 1000): 1 for begin in begins}


def test_sites_in_two_zones_have_midnights_of_their_own(empty: Store) -> None:
    """On a day when clocks go back in one of them."""
    london = ZoneInfo("Europe/London")
    cleaned = metric("cleaned")
    known = registry(
        device("d1", "here", metrics=("cleaned",)), device("d2", "there", metrics=("cleaned",)),
        sites=[site("here"), site("there", timezone=london)], metrics=[cleaned],
    )  # fmt: skip
    moments = {
        zone: [_at(10, 25, zone=zone) + timedelta(minutes=minute) for minute in (-1, 1)] for zone in (HONG_KONG, london)
    }
    said = _said("cleaned", dict.fromkeys(moments[HONG_KONG], 1.0))
    empty.write(known, said + _said("cleaned", dict.fromkeys(moments[london], 1.0), "d2"))
    deployment = Deployment(known, RULES, "")

    found: dict[str, Mapping[int, Any]] = {}
    for one in per_zone(deployment, ANYWHERE, deployment.sites()):
        query = by_calendar(cleaned, one.scope, "count", Every.DAY, one.zone, SITE)
        (series,) = empty.ask(_within(query, datetime(2026, 10, 24, tzinfo=UTC), datetime(2026, 10, 26, tzinfo=UTC)))
        found[series["tags"]["site"]] = {row[0]: row[1] for row in series["values"] if row[1]}
    for place, zone in (("here", HONG_KONG), ("there", london)):
        begins = [_at(10, 24, zone=zone), _at(10, 25, zone=zone)]
        assert found[place] == {round(begin.timestamp() * 1000): 1 for begin in begins}


def test_suspect_values_are_counted(empty: Store) -> None:
    ammonia = metric("nh3_ppm")
    known = registry(device("d1"), metrics=[ammonia])
    marks = [Quality(0), Quality.SUSPECT, Quality.SUSPECT | Quality.ARRIVAL_TIME, Quality.ARRIVAL_TIME]
    start_ns = round(T.timestamp()) * NS_PER_S
    readings = [
        Reading("d1", start_ns + place * NS_PER_S, None, {"nh3_ppm": 60.0}, {"nh3_ppm": mark} if mark else {})
        for place, mark in enumerate(marks)
    ]
    empty.write(known, readings)

    assert _values(empty.ask(_within(suspect(ammonia, ANYWHERE), T, T + timedelta(hours=1)))) == [2]
