"""The dashboard of air: the WHO's guideline is drawn and said, and no mean is held to the limit of another."""

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from alerts.rules.load import load_rules
from alerts.rules.rule import Rules
from grafana.__main__ import CITY
from grafana.dashboards import air
from grafana.deployment import Deployment
from grafana.thresholds import AMBER, FINE, QUIET
from telemetry.catalogue.guidelines import GUIDELINES
from telemetry.registry.load import load_registry
from tests.builders import device, registry, site

REGISTRY = load_registry(CITY)
RULES = load_rules(CITY, REGISTRY)
AGAINST, NOW, EPISODES, FIRST_MEAN, TRUST = 10, 11, 110, 111, 610


def panels(deployment: Deployment) -> Mapping[int, Any]:
    return {one["id"]: one for one in air.dashboard(deployment).document["panels"]}


MADE = panels(Deployment(REGISTRY, RULES, "https://board.example.org"))


def limits(panel: int) -> Sequence[tuple[float | None, str]]:
    steps = MADE[panel]["fieldConfig"]["defaults"]["thresholds"]["steps"]
    return [(one["value"], one["color"]) for one in steps]


@pytest.mark.parametrize(("place", "name"), list(enumerate(GUIDELINES)))
def test_each_guideline_is_a_quiet_line_on_the_mean_that_it_is_for(place: int, name: str) -> None:
    panel, guideline = FIRST_MEAN + place, GUIDELINES[name]
    assert (guideline.limit, QUIET) in limits(panel)
    assert f"{guideline.hours} hours" in MADE[panel]["title"]
    assert f'moving_average("mean", {guideline.hours})' in MADE[panel]["targets"][0]["query"]
    assert f"{guideline.limit:,g} \N{MICRO SIGN}g/m\N{SUPERSCRIPT THREE}" in MADE[panel]["description"]


def test_only_rules_about_the_same_mean_are_drawn() -> None:
    assert limits(FIRST_MEAN) == [(None, FINE), (15, QUIET), (50, AMBER)], "the rule is about 24 hours, too"
    assert limits(FIRST_MEAN + 2) == [(None, FINE), (25, QUIET)], "that of nitrogen dioxide is about an hour"


def test_cells_are_dark_from_the_guideline_on() -> None:
    shaded = {
        one["matcher"]["options"]: prop["value"]["steps"]
        for one in MADE[AGAINST]["fieldConfig"]["overrides"]
        for prop in one["properties"]
        if prop["id"] == "thresholds"
    }
    assert {name: [(one["value"], one["color"]) for one in steps] for name, steps in shaded.items()} == {
        name: [(None, FINE), (guideline.limit, QUIET)] for name, guideline in GUIDELINES.items()
    }
    assert "who.int" in MADE[AGAINST]["description"]


def test_a_target_for_each_pollutant_and_one_row_for_each_station() -> None:
    for panel in (AGAINST, NOW, TRUST):
        assert [one["refId"] for one in MADE[panel]["targets"]] == list(GUIDELINES)
        assert [one["id"] for one in MADE[panel]["transformations"]] == ["filterFieldsByName", "merge", "organize"]


def test_a_direction_has_no_mean_and_a_gust_is_not_averaged_away() -> None:
    assert 'last("wind_direction_deg")' in MADE[412]["targets"][0]["query"]
    assert 'max("wind_gust_ms")' in MADE[411]["targets"][0]["query"]


def test_a_station_without_vane_has_no_wind() -> None:
    station = device("s", "square", kind="air_station", metrics=("pm2_5_ugm3",))
    made = panels(Deployment(registry(station, sites=[site("square", kind="air")]), Rules(), "https://b.example.org"))
    assert {AGAINST, NOW, EPISODES, FIRST_MEAN, 210, 310, TRUST} <= set(made)
    assert not {400, 410, 420, 500} & set(made)
    nothing = Deployment(
        registry(device("d"), sites=[site("toilet-1", kind="toilet")]), Rules(), "https://b.example.org"
    )
    assert not panels(nothing)
