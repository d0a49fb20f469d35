"""What the dashboards of devices and alerts ask, against a real InfluxDB with planted readings."""

import dataclasses
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import pytest
from msgspec import structs

from alerts.rules.load import load_rules
from alerts.rules.rule import Rules
from grafana import alert_queries, silence
from grafana.deployment import Deployment
from grafana.one_device import course_of_one
from grafana.queries import Scope
from grafana.suspects import suspects
from telemetry.reading import NS_PER_S, Quality, Reading
from telemetry.stores.settings import InfluxSettings
from tests.builders import CATALOGUE
from tests.integration.grafana_city import EXAMPLE, REGISTRY
from tests.integration.test_grafana_queries import Store

END_S = round(datetime(2026, 11, 20, 7, 40, tzinfo=UTC).timestamp())
FROM_S = END_S - 86_400
ANYWHERE = Scope(variables=())
CITY = Deployment(REGISTRY, load_rules(EXAMPLE, REGISTRY), "https://board.example.org")
HOUR_S = 3_600


@pytest.fixture(scope="module")
def store(influxdb_url: str) -> Iterator[Store]:
    """Devices heard at different times; alerts with their lengths; one doubtful value."""
    bucket = f"grafana_devices_{os.getpid()}/autogen"
    settings = InfluxSettings(kind="influxdb", url=influxdb_url, bucket=bucket, timeout_s=30)
    store = Store(settings)
    store.write(REGISTRY, [*_heard(), *_alerts()])
    yield store
    store.close()


def _reading(device: str, before_s: float, **values: float | str) -> Reading:
    return Reading(device=device, time_ns=round((END_S - before_s) * NS_PER_S), seq=None, values=values, quality={})


def _heard() -> Sequence[Reading]:
    doubtful = _reading("ac-pollutants", 7, co_ugm3=40_000.0)
    return [
        _reading("tst-odour-male", 4, nh3_ppm=1.0, humidity_pct=60.0),
        _reading("tst-odour-male", 5_000, nh3_ppm=1.0, humidity_pct=60.0),
        _reading("tst-odour-female", 90, nh3_ppm=1.0, humidity_pct=60.0),
        _reading("tst-cubicle-male-1", 400, battery_pct=50.0),
        _reading("tst-cubicle-male-2", 20 * 86_400, battery_pct=50.0),
        _reading("tst-button-male", 20 * HOUR_S, battery_pct=50.0),
        _reading("tst-supplies-male", 6 * HOUR_S, battery_pct=50.0),
        _reading("tst-supplies-male", 20, paper_pct=70.0),
        _reading("tst-leak-male", 6 * HOUR_S, leak=0.0),
        _reading("tst-leak-male", 30, battery_pct=50.0),
        Reading(doubtful.device, doubtful.time_ns, None, doubtful.values, {"co_ugm3": Quality.SUSPECT}),
    ]


def _alerts() -> Sequence[Reading]:
    def said(device: str, before_s: float, **values: float) -> Reading:
        return _reading(device, before_s, alert_rule="odour", **values)

    return [
        said("tst-odour-male", 5 * HOUR_S, alert_state=2.0, alert_severity=2.0),
        said("tst-odour-male", 5 * HOUR_S - 60, alert_acknowledge_s=60.0),
        said("tst-odour-male", 4 * HOUR_S, alert_state=0.0, alert_severity=0.0, alert_resolve_s=3_600.0),
        said("tst-odour-female", 20 * 86_400, alert_state=2.0, alert_severity=3.0),
        said("tst-odour-female", HOUR_S, alert_acknowledge_s=30.0),
    ]


def _rows(store: Store, query: str) -> Sequence[Mapping[str, Any]]:
    filled = (
        query.replace("${__from}", f"{FROM_S}000")
        .replace("${__to}", f"{END_S}000")
        .replace("$timeFilter", f"time >= {FROM_S}000ms and time <= {END_S}000ms")
        .replace("$__interval", "1h")
    )
    assert "$" not in re.sub(r"(\)|\\E)\$/|\\\$", "", filled), filled
    return [
        {**part.get("tags", {}), **dict(zip(part["columns"], row, strict=True))}
        for part in store.ask(filled)
        for row in part["values"]
    ]


def test_each_device_has_its_age_by_what_is_allowed_to_it(store: Store) -> None:
    rows = _least(_rows(store, silence.ages(CITY, CITY.devices(), ANYWHERE)))
    found = {name: (row["age"], row["expected"], row["late"]) for name, row in rows.items()}
    assert found == {
        "tst-odour-male": (4, 5, 0),
        "tst-odour-female": (90, 5, 1),
        "tst-cubicle-male-1": (400, 60, 0),
        "tst-cubicle-male-2": (20 * 86_400, 60, 1),
        "tst-button-male": (20 * HOUR_S, 0, 0),
        "tst-supplies-male": (20, 30, 0),
        "tst-leak-male": (30, 60, 0),
        "ac-pollutants": (7, 5, 0),
    }
    assert rows["tst-odour-female"]["silence"] == pytest.approx(90 / 60)
    assert rows["tst-button-male"]["silence"] == pytest.approx(20 / 26)


def test_a_device_that_was_moved_is_not_silent_where_it_was(store: Store) -> None:
    known = REGISTRY.devices["tst-odour-male"]
    devices = {**REGISTRY.devices, known.id: structs.replace(known, site="mong-kok-market")}
    moved = dataclasses.replace(REGISTRY, devices=devices)
    there = Deployment(moved, CITY.rules, CITY.board_url)
    rows = _rows(store, silence.ages(there, there.devices(), ANYWHERE))
    assert known.id not in {row["device"] for row in rows}, "it has not been heard yet where it is"
    assert known.id in {row["device"] for row in _rows(store, silence.ages(CITY, CITY.devices(), ANYWHERE))}


def _least(rows: Sequence[Mapping[str, Any]]) -> Mapping[str, Mapping[str, Any]]:
    """By device, as the panels take them together."""
    found: dict[str, Mapping[str, Any]] = {}
    for row in rows:
        found[row["device"]] = min(row, found.get(row["device"], row), key=lambda one: one["age"])
    return found


def test_what_fires_now_comes_with_what_its_links_are_made_of(store: Store) -> None:
    """An acknowledgement, which is newer, says nothing of the state."""
    (row,) = _rows(store, alert_queries.firing_linked(ANYWHERE))
    assert row["severity"] == 3
    assert row["time"] == (END_S - 20 * 86_400) * 1000
    assert (row["at_site"], row["of_device"]) == ("tsim-sha-tsui-pier", "tst-odour-female")
    assert row["dashboard"] == row["panel"] == row["rule"] == "odour"


def test_what_was_raised_before_the_range_is_in_its_history(store: Store) -> None:
    rows = _rows(store, alert_queries.changes(ANYWHERE))
    assert [(row["device"], row["severity"]) for row in rows if row["severity"] is not None] == [
        ("tst-odour-female", 3),
        ("tst-odour-male", 2),
        ("tst-odour-male", 0),
    ]


def test_lengths_are_counted_and_have_their_medians(store: Store) -> None:
    (row,) = _rows(store, alert_queries.lengths(ANYWHERE))
    assert (row["rule"], row["ended"], row["resolve"], row["taken"]) == ("odour", 1, 3_600, 2)
    assert row["acknowledge"] == 45
    (raised,) = _rows(store, alert_queries.noisiest(ANYWHERE, ("rule",)))
    assert raised["alerts"] == 1


def test_a_doubtful_value_is_found_by_device_and_metric(store: Store) -> None:
    metrics = [CATALOGUE["nh3_ppm"], CATALOGUE["co_ugm3"]]
    found = [row for query in suspects(metrics, ANYWHERE) for row in _rows(store, query.query)]
    assert [(row["device"], row["suspect"], row["metric"]) for row in found] == [("ac-pollutants", 1, 1)]


def _as_a_regex(value: str) -> str:
    """What Grafana makes of one value for `:regex`."""
    return re.sub(r"[\\^$*+?.()|\[\]{}/]", r"\\\g<0>", value)


@pytest.mark.parametrize(
    ("chosen", "number"),
    [
        ("tst-odour-male", 2),
        (".*", 0),
        ("(tst-odour-male|vp-odour-male)", 0),
        (_as_a_regex("tst-odour-.*"), 0),
        (_as_a_regex("tst-odour-male' OR device != '"), 0),
        (_as_a_regex(r'x$/; DROP MEASUREMENT "toilet"; SELECT 1 FROM a WHERE b =~ /y'), 0),
    ],
)
def test_one_device_is_shown_and_never_several(chosen: str, number: int, store: Store) -> None:
    query = course_of_one(CATALOGUE["nh3_ppm"]).replace("${device:regex}", chosen)
    assert chosen in query
    assert sum(row["nh3_ppm"] is not None for row in _rows(store, query)) == number


def test_a_device_that_nothing_expects_anything_of_is_not_watched() -> None:
    nobody = Deployment(REGISTRY, Rules(), "https://board.example.org")
    assert silence.allowed_s(nobody, REGISTRY.devices["tst-button-male"]) is None
    assert silence.allowed_s(nobody, REGISTRY.devices["tst-odour-male"]) == 15
    assert silence.allowed_s(CITY, REGISTRY.devices["tst-button-male"]) == 26 * HOUR_S
    everybody = [device for some in silence.watched(CITY, CITY.devices()).values() for device in some]
    assert len({device.id for device in everybody}) == len(everybody) == len(CITY.devices()) - 1
