"""Every dashboard of the example city: what lies in the repository is what the code makes, and each is whole."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from alerts.rules.load import load_rules
from alerts.rules.rule import Rules
from alerts.rules.select import selected
from grafana.__main__ import BOARD_URL, CITY, GENERATED, generated
from grafana.dashboards import dashboards, places_of
from grafana.dashboards.alerts import places_of_rules
from grafana.dashboards.devices_one import COURSE
from grafana.deployment import Deployment
from grafana.links import Place
from grafana.page import COLUMNS, SCHEMA, Dashboard
from grafana.shown import device_dashboard, panel_of, site_dashboard, uid
from grafana.silence import SILENCE
from grafana.words import LANGUAGES
from telemetry.registry.load import load_registry
from telemetry.registry.models import Device, Registry
from tests.builders import CATALOGUE, device, registry, site

REGISTRY = load_registry(CITY)
RULES = load_rules(CITY, REGISTRY)
MADE: Mapping[str, Dashboard] = {
    one.uid: one for language in LANGUAGES for one in dashboards(Deployment(REGISTRY, RULES, BOARD_URL, language))
}
WHEN_AND_NOT_WHAT = {(uid("devices", language), SILENCE) for language in LANGUAGES}
"""Panels that say by device when it was last heard, and no value of it."""
MOST_CHARACTERS = 320_000
"""Characters of a dashboard's JSON for a city of 150 devices."""


def _panels(uid: str) -> Iterator[Mapping[str, Any]]:
    for panel in MADE[uid].document["panels"]:
        yield panel
        yield from panel.get("panels", ())


def _drawn(uid: str) -> Iterator[Mapping[str, Any]]:
    return (panel for panel in _panels(uid) if panel["type"] != "row")


def test_the_generated_files_are_what_the_code_makes() -> None:
    lying = {
        path.relative_to(GENERATED).as_posix(): path.read_text("utf-8") for path in sorted(GENERATED.rglob("*.json"))
    }
    wanted = generated()
    changed = sorted(name for name in lying.keys() | wanted.keys() if lying.get(name) != wanted.get(name))
    assert not changed, "run: python -m grafana"


def test_the_same_deployment_gives_the_same_bytes() -> None:
    again = dashboards(Deployment(load_registry(CITY), RULES, BOARD_URL))
    for one in again:
        assert json.dumps(one.document) == json.dumps(MADE[one.uid].document)


@pytest.mark.parametrize("uid", MADE)
def test_a_dashboard_is_whole(uid: str) -> None:
    document = MADE[uid].document

    assert document["uid"] == uid
    assert re.fullmatch(r"caretaker-[a-z]+(-zh)?", uid)
    assert "id" not in document
    assert "version" not in document
    assert document["schemaVersion"] == SCHEMA
    assert document["title"]
    assert document["description"]
    assert document["timezone"] == "Asia/Hong_Kong"
    assert document["weekStart"] == "monday"
    assert "caretaker" in document["tags"]
    assert document["refresh"] in {"5s", "1m"}
    assert [link["type"] for link in document["links"]] == ["dashboards", "link"]
    assert not document["links"][0]["includeVars"], "other pages have other sites"
    assert document["annotations"]["list"][0]["target"]["query"].count("$timeFilter") == 1, "9.3 replaces one"
    assert len(json.dumps(document, ensure_ascii=False)) < MOST_CHARACTERS


@pytest.mark.parametrize("uid", MADE)
def test_every_panel_says_what_it_is(uid: str) -> None:
    for panel in _drawn(uid):
        assert panel["title"], panel["id"]
        assert panel["description"].endswith((".", "?", "\N{IDEOGRAPHIC FULL STOP}", "\N{FULLWIDTH QUESTION MARK}")), (
            f"{panel['title']}: a sentence"
        )
        assert panel["targets"], panel["title"]
        assert len({target["refId"] for target in panel["targets"]}) == len(panel["targets"]), panel["title"]


@pytest.mark.parametrize("uid", MADE)
def test_panels_have_ids_of_their_own_and_places_of_their_own(uid: str) -> None:
    panels = list(_panels(uid))
    taken: set[tuple[int, int]] = set()
    for panel in panels:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert place["x"] + place["w"] <= COLUMNS
        assert not cells & taken, panel["title"]
        taken |= cells
    assert len({panel["id"] for panel in panels}) == len(panels)


@pytest.mark.parametrize("uid", MADE)
def test_variables_have_ids_of_their_own(uid: str) -> None:
    """Grafana 9.3 keeps one of an id."""
    ids = [one["id"] for one in MADE[uid].document["templating"]["list"]]
    assert len(set(ids)) == len(ids)


@pytest.mark.parametrize("name", [uid for uid in MADE if not uid.endswith("-zh")])
def test_both_languages_ask_and_draw_the_same(name: str) -> None:
    english, chinese = list(_panels(name)), list(_panels(f"{name}-zh"))

    assert [panel["id"] for panel in english] == [panel["id"] for panel in chinese]
    assert [panel["gridPos"] for panel in english] == [panel["gridPos"] for panel in chinese]
    assert [_queries(panel) for panel in english] == [_queries(panel) for panel in chinese]
    for one, other in zip(english, chinese, strict=True):
        assert one["title"] != other["title"] or re.search(r"[A-Z]{2}|\d", one["title"]), f"{one['title']} is English"


def _queries(panel: Mapping[str, Any]) -> list[Any]:
    return [target.get("query", target.get("expr", "")) for target in panel.get("targets", ())]


@pytest.mark.parametrize("uid", MADE)
def test_no_query_asks_for_the_servers_time_or_without_a_bound(uid: str) -> None:
    for panel in _drawn(uid):
        for target in panel["targets"]:
            if target["datasource"]["uid"] != "caretaker-influxdb":
                continue
            query = target["query"]
            assert "now()" not in query, panel["title"]
            assert "${__to}" in query or "$timeFilter" in query or '"alert"' in query, panel["title"]


def test_a_metric_of_people_is_never_shown_by_device() -> None:
    personal = {name for name, metric in CATALOGUE.items() if metric.privacy == "personal"}
    for name in MADE:
        for panel in _drawn(name):
            for query in _queries(panel):
                if (name, panel["id"]) in WHEN_AND_NOT_WHAT:
                    continue
                if any(f'"{metric}"' in query for metric in personal):
                    assert "device" not in _apart(query), panel["title"]


def _apart(query: str) -> str:
    """By what the rows of the whole query are kept apart, not those of a query within it."""
    plain = re.sub(r"/\^.*?\$/", "", query)
    while re.search(r"\([^()]*\)", plain):
        plain = re.sub(r"\([^()]*\)", "", plain)
    return plain.partition("GROUP BY")[2]


@pytest.mark.parametrize("name", MADE)
def test_no_link_is_made_of_a_name(name: str) -> None:
    """What Grafana takes from another column of a table is what that column shows: where it has names, no id."""
    for panel in _drawn(name):
        overrides = panel["fieldConfig"]["overrides"]
        with_names = {
            one["matcher"]["options"]
            for one in overrides
            if one["matcher"]["id"] == "byName" and any(part["id"] == "mappings" for part in one["properties"])
        }
        with_names -= {"dashboard", "panel"}  # what they show is what the link is made of
        taken = set(re.findall(r'__data\.fields\[\\?"(\w+)', json.dumps(panel)))
        assert not taken & with_names, f"{panel['title']}: use CELL, or a hidden column of ids"


def test_what_is_watched_has_a_place_where_it_is_drawn() -> None:
    for language in LANGUAGES:
        made = [one for one in MADE.values() if one.document["tags"][1] == f"caretaker-{language}"]
        places = places_of(made)
        assert panel_of("nh3_ppm", "toilet", language) == (uid("toilets", language), 110)
        for (kind, metric), place in places.items():
            panels = {panel["id"]: panel for panel in _panels(place.uid)}
            assert any(f'"{metric}"' in query for query in _queries(panels[place.panel])), metric
            assert panel_of(metric, kind, language) == (place.uid, place.panel)


@pytest.mark.parametrize("language", LANGUAGES)
def test_where_an_alert_leads_its_device_is_shown(language: str) -> None:
    """From the table of alerts and from the board, for each rule and each device for which it holds."""
    made = [one for one in MADE.values() if one.document["tags"][1] == f"caretaker-{language}"]
    deployment = Deployment(REGISTRY, RULES, BOARD_URL, language)
    by_rule = places_of_rules(deployment, places_of(made))
    by_device = selected(RULES, REGISTRY)
    for one in deployment.devices():
        for rule in by_device.get(one.id, ()):
            place = by_rule[rule.id]
            assert _shows(place.uid, place.panel, one), f"{rule.id}, {one.id}: {place}"
            kind = REGISTRY.sites[one.site].kind
            linked = panel_of(rule.metrics[0], kind, language) if rule.metrics else None
            assert linked is None or _shows(*linked, one), f"{rule.id}, {one.id}: {linked}"
    course = Place(uid("devices", language), COURSE)
    assert by_rule["building-leak"] == Place(uid("buildings", language), 410)
    assert by_rule["fine-particles"] == course, "rooms and stations are drawn on no common page"
    assert panel_of("pm2_5_ugm3", "building", language) is None


def _shows(name: str, panel_id: int, device: Device) -> bool:
    """Whether any query of the panel may find the device, once it is chosen."""
    (queries,) = [_queries(panel) for panel in _panels(name) if panel["id"] == panel_id]
    if (name, panel_id) in WHEN_AND_NOT_WHAT:
        return any(device.id in query for query in queries)
    known = {"site": device.site, "device": device.id}
    return any(
        all(known[tag] in ids.split("|") for tag, ids in re.findall(r'"(site|device)" =~ /\^\(([\w|-]+)\)\$/', query))
        for query in queries
        if any(f'"{metric}"' in query for metric in device.metrics)
    )


@pytest.mark.parametrize("language", LANGUAGES)
def test_links_of_others_lead_to_dashboards(language: str) -> None:
    for kind in ("toilet", "building", "air", "anything"):
        assert site_dashboard(kind, language) in MADE
    assert device_dashboard(language) == uid("devices", language)
    assert panel_of("no_such_metric", "toilet", language) is None


def test_there_are_no_dashboards_in_other_languages() -> None:
    assert panel_of("nh3_ppm", "toilet", "fr") is None
    with pytest.raises(ValueError, match="'fr'"):
        device_dashboard("fr")


def test_a_deployment_has_dashboards_about_its_kinds_of_sites() -> None:
    nothing = dashboards(Deployment(Registry(CATALOGUE, {}, {}), Rules(), ""))
    everywhere = ["caretaker-city", "caretaker-devices", "caretaker-platform", "caretaker-alerts"]
    assert [one.uid for one in nothing] == everywhere
    one_building = registry(device("m1", "tower", metrics=("power_kw",)), sites=[site("tower", kind="building")])
    made = dashboards(Deployment(one_building, Rules(), ""))
    assert [one.uid for one in made] == ["caretaker-city", "caretaker-buildings", *everywhere[1:]]
