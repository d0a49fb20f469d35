"""The dashboard of buildings: main meters only, the rules' own limits, and nothing where there is nothing."""

from collections.abc import Mapping
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from alerts.rules.load import load_rules
from alerts.rules.rule import Rules
from grafana.__main__ import CITY
from grafana.dashboards import buildings
from grafana.deployment import Deployment
from grafana.thresholds import AMBER, RED
from telemetry.registry.load import load_registry
from tests.builders import device, registry, site

REGISTRY = load_registry(CITY)
CITYS = Deployment(REGISTRY, load_rules(CITY, REGISTRY), "https://board.example.org")
MAINS = {"wc-power-main", "st-power-main", "kt-power-main"}
METRICS = ("power_kw", "apparent_power_kva", "energy_import_kwh")
POWER_NOW, MONTH, PEAK, PROFILE, WEEKS = 10, 11, 12, 210, 211
IMBALANCE, FACTOR = 311, 312


def panels(deployment: Deployment) -> Mapping[int, Any]:
    return {one["id"]: one for one in buildings.dashboard(deployment).document["panels"]}


MADE = panels(CITYS)


@pytest.mark.parametrize("panel", [POWER_NOW, MONTH, PEAK, 110, 111, PROFILE, WEEKS, 212, 213, 351, 352])
def test_meters_behind_the_main_supply_are_not_added_to_it(panel: int) -> None:
    for target in MADE[panel]["targets"]:
        assert all(main in target["query"] for main in MAINS)
        assert "power-ground" not in target["query"]


@pytest.mark.parametrize("panel", [POWER_NOW, MONTH, PEAK, 110, 111, PROFILE, WEEKS, 212, 213])
def test_of_main_meters_only_the_site_is_chosen(panel: int) -> None:
    for target in MADE[panel]["targets"]:
        assert "${site:regex}" in target["query"]
        assert "${device" not in target["query"]
        assert "${area" not in target["query"]


def test_imbalance_has_the_limits_of_its_rule_and_passes_over_low_load() -> None:
    steps = MADE[IMBALANCE]["fieldConfig"]["defaults"]["thresholds"]["steps"]
    assert [(one["value"], one["color"]) for one in steps[1:]] == [(25, AMBER), (60, RED)]
    assert MADE[IMBALANCE]["targets"][0]["query"].count('"power_kw" > 10.0') == 3


def test_the_power_factor_has_the_limit_of_its_rule_and_passes_over_low_load() -> None:
    steps = MADE[FACTOR]["fieldConfig"]["defaults"]["thresholds"]["steps"]
    assert [one["color"] for one in steps] == [AMBER, "transparent"]
    assert steps[1]["value"] == 0.85
    assert '"power_kw" > 20.0' in MADE[FACTOR]["targets"][0]["query"]


def test_without_rules_nothing_is_left_out_and_no_limit_drawn() -> None:
    made = panels(Deployment(REGISTRY, Rules(), "https://board.example.org"))
    assert '"power_kw" >' not in made[IMBALANCE]["targets"][0]["query"]
    assert "thresholds" not in made[IMBALANCE]["fieldConfig"]["defaults"]


def test_alerts_point_to_what_they_are_about() -> None:
    drawn = {metric: place.panel for (_, metric), place in buildings.dashboard(CITYS).drawn.items()}
    watched = {metric for rule in CITYS.rules.rules if rule.file.endswith("buildings.yaml") for metric in rule.metrics}
    assert watched
    assert watched <= set(drawn)
    assert drawn["current_l2_a"] == IMBALANCE
    assert drawn["power_factor"] == FACTOR


def test_buildings_of_two_zones_have_days_of_their_own_and_one_table() -> None:
    sites = [
        site("tower", kind="building"),
        site("house", kind="building", timezone=ZoneInfo("Europe/London")),
    ]
    meters = [device(f"m-{one.id}", one.id, kind="meter_power", metrics=METRICS) for one in sites]
    made = panels(Deployment(registry(*meters, sites=sites), Rules(), "https://board.example.org"))
    for panel in (MONTH, PEAK, PROFILE, WEEKS, 212, 213):
        asked = [target["query"] for target in made[panel]["targets"]]
        assert ["Asia/Hong_Kong" in query for query in asked] == [True, False], panel
        assert ["Europe/London" in query for query in asked] == [False, True], panel
        assert len({target["refId"] for target in made[panel]["targets"]}) == 2
    for panel in (MONTH, PEAK, PROFILE, WEEKS, 212):
        assert made[panel]["transformations"][0]["id"] == "merge"


def test_where_no_building_is_there_are_no_panels() -> None:
    nothing = Deployment(
        registry(device("d"), sites=[site("toilet-1", kind="toilet")]), Rules(), "https://b.example.org"
    )
    assert not panels(nothing)
