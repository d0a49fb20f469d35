"""Names, variables, areas, zones, layout and links of a dashboard."""

from typing import Any
from zoneinfo import ZoneInfo

import pytest

from alerts.rules.rule import Rules
from grafana.deployment import MOST_NAMED, Deployment
from grafana.heard import voices
from grafana.links import Place, device_links, place_of, site_links
from grafana.page import Dashboard, Page
from grafana.panels import course_of, figure, named, plot
from grafana.queries import InfluxQuery, Scope, Variable
from grafana.words import words_of
from grafana.zones import per_zone
from telemetry.registry.models import Registry, Site
from tests.builders import area, device, registry, site

BOARD = "https://board.example.org"
AREAS = (area("male"), area("female", "female"))
PIER = site("pier", kind="toilet", areas=AREAS, names={"en": "Pier, east public toilet", "zh-Hant": "東碼頭公廁"})
PARK = site("park", kind="toilet", areas=AREAS, names={"en": "Park public toilet", "zh-Hant": "公園公廁"})
OFFICES = site("offices", kind="building", names={"en": "Offices"})
OLD = site("old", kind="toilet", archive=True)
DEVICES = (
    device("p1", "pier", area="male", names={"en": "Men's odour", "zh-Hant": "男廁氣味"}),
    device("p2", "pier", area="female", names={"en": "Women's odour"}),
    device("k1", "park", area="male", names={"en": "Men's odour"}),
    device("k2", "park", area="male", names={"en": "Men's second"}),
    device("k3", "park", names={"en": "Corridor"}),
    device("o1", "offices", metrics=("power_kw",), labels={"supply": "main"}),
    device("o2", "offices", metrics=("power_kw",)),
    device("x1", "old"),
)


def deployment(language: str = "en", known: Registry | None = None) -> Deployment:
    every = registry(*DEVICES, sites=[PIER, PARK, OFFICES, OLD])
    return Deployment(known or every, Rules(), BOARD, language)


def page(*sites: Site, **options: Any) -> Page:
    ground = deployment()
    every = list(sites) or ground.sites()
    return Page(ground, "try", "Try", "A try.", sites=every, devices=ground.devices(every), **options)


def panel(title: str = "t") -> Any:
    return figure(title, "What it is.", [InfluxQuery("SELECT 1")])


def variables(made: Dashboard) -> dict[str, Any]:
    return {one["name"]: one for one in made.document["templating"]["list"]}


def test_archives_are_not_shown() -> None:
    ground = deployment()
    assert [one.id for one in ground.sites()] == ["pier", "park", "offices"]
    assert [one.id for one in ground.sites("toilet")] == ["pier", "park"]
    assert "x1" not in {one.id for one in ground.devices()}


def test_short_names_leave_out_what_all_of_a_kind_end_with() -> None:
    assert deployment().short_names([PIER, OFFICES]) == {"pier": "Pier, east", "offices": "Offices"}
    assert deployment("zh-Hant").short_names([PARK]) == {"park": "公園"}


@pytest.mark.parametrize("names", [("Pier", "Pier"), ("toilet", "Park toilet"), ("Odeon", "Marathon")])
def test_a_name_is_never_cut_to_nothing_or_within_a_word(names: tuple[str, str]) -> None:
    sites = [site(f"s{place}", kind="toilet", names={"en": name}) for place, name in enumerate(names)]
    known = registry(sites=sites)
    assert tuple(deployment(known=known).short_names(sites).values()) == names


def test_a_series_is_called_by_its_area_where_that_says_enough() -> None:
    ground = deployment()
    assert ground.series_names(DEVICES[:5]) == {
        "p1": "Pier, east · male",
        "p2": "Pier, east · female",
        "k1": "Park · Men's odour",
        "k2": "Park · Men's second",
        "k3": "Park · Corridor",
    }
    assert ground.device_names(DEVICES[:1]) == {"p1": "Pier, east · Men's odour"}
    assert deployment("zh-Hant").device_names(DEVICES[:1]) == {"p1": "東碼頭 · 男廁氣味"}


def test_sub_meters_are_not_counted_twice() -> None:
    other = site("other", kind="building")
    known = registry(*DEVICES, device("q1", "other", metrics=("power_kw",)), sites=[PIER, PARK, OFFICES, OLD, other])
    ground = deployment(known=known)
    assert [one.id for one in ground.mains("power_kw", ground.sites())] == ["o1", "q1"]


def test_variables_offer_names_and_hold_ids() -> None:
    found = variables(page(PIER, PARK).build())

    assert found["site"]["query"] == r"Pier\, east public toilet : pier,Park public toilet : park"
    assert found["area"]["query"] == r"Pier\, east · male : p1,Pier\, east · female : p2,Park · male : k1|k2"
    assert r"Pier\, east · Men's odour : p1" in found["device"]["query"]
    assert [(one["text"], one["value"]) for one in found["site"]["options"]] == [
        ("All", "$__all"),
        ("Pier, east public toilet", "pier"),
        ("Park public toilet", "park"),
    ]
    for one in found.values():
        assert one["type"] == "custom"
        assert one["multi"]
        assert one["includeAll"]
        assert one["allValue"] == ".*"
        assert one["current"]["value"] == ["$__all"]


def test_a_page_about_some_sites_asks_for_those_only() -> None:
    assert '"site" =~ /^(pier|park)$/' in page(PIER, PARK).scope.where()
    assert page(choose=()).scope.where() == 'WHERE "site" !~ /^(old)$/ AND $timeFilter', "archives are never among all"
    assert page().scope.of_sites([PIER]).where(time=False).endswith('AND "site" =~ /^(pier)$/')
    assert Scope((Variable.SITE,), devices=("a", "b")).where(time=False) == (
        'WHERE "site" =~ /^${site:regex}$/ AND "device" =~ /^(a|b)$/'
    )
    assert Scope(()).where(time=False) == ""


def test_panels_fill_the_grid_from_the_top_left() -> None:
    made = page()
    for place, (width, height) in enumerate([(18, 9), (6, 3), (6, 3), (6, 3), (12, 4), (12, 4)]):
        made.add(place + 1, panel(), width=width, height=height)
    made.row(100, "More")
    made.add(110, panel(), width=24, height=5)

    places = [(one["gridPos"]["x"], one["gridPos"]["y"]) for one in made.build().document["panels"]]
    assert places == [(0, 0), (18, 0), (18, 3), (18, 6), (0, 9), (12, 9), (0, 13), (0, 14)]


def test_an_id_belongs_to_one_panel() -> None:
    made = page()
    made.add(1, panel(), width=6, height=4)
    with pytest.raises(ValueError, match="two panels have the id 1"):
        made.row(1, "Row")


def test_a_panel_without_a_description_is_refused() -> None:
    with pytest.raises(ValueError, match="'t' needs a description"):
        figure("t", "", [])


def test_the_first_panel_that_draws_a_metric_is_its_place() -> None:
    made = page(PIER, PARK)
    made.add(1, panel(), width=6, height=4, draws=["nh3_ppm"])
    made.add(2, panel(), width=6, height=4, draws=["nh3_ppm", "h2s_ppm"])

    drawn = made.build().drawn
    assert {key: place.panel for key, place in drawn.items()} == {("toilet", "nh3_ppm"): 1, ("toilet", "h2s_ppm"): 2}
    assert place_of(drawn, "toilet", "nh3_ppm") == Place("caretaker-try", 1)
    assert place_of(drawn, "building", "nh3_ppm") is None, "its queries are about toilets"


def test_a_page_about_all_sites_draws_for_any_kind() -> None:
    made = page()
    made.add(1, panel(), width=6, height=4, draws=["battery_pct"])
    assert place_of(made.build().drawn, "depot", "battery_pct") == Place("caretaker-try", 1)


def test_a_heading_stands_over_panels_only() -> None:
    made = page()
    made.row(100, "Nothing measures it")
    made.row(200, "Odour")
    made.add(210, panel(), width=6, height=4)
    made.row(300, "Nor this")
    assert [one["id"] for one in made.build().document["panels"]] == [200, 210]


def test_links_lead_to_ids() -> None:
    ground = deployment("zh-Hant")
    device_page, board = device_links(ground)
    assert device_page.url == "/d/caretaker-devices-zh?var-device=${__field.labels.device}&${__url_time_range}"
    assert board.url == f"{BOARD}/devices/${{__field.labels.device}}"
    assert board.target_blank
    assert [one.url for one in site_links(ground, None, "pier")] == [f"{BOARD}/sites/pier"]


def test_a_course_has_names_gaps_and_its_unit() -> None:
    ground = deployment()
    built = course_of(ground, "nh3_ppm", DEVICES[:2], Scope(()), "Ammonia", "What it is.").build()
    fields = built.field_config

    assert {one.matcher.options: one.properties[0].value for one in fields.overrides} == {
        "p1": "Pier, east · male",
        "p2": "Pier, east · female",
    }
    assert fields.defaults.unit == "ppm"
    assert fields.defaults.decimals == 2
    assert built.interval == "10s"
    custom: Any = fields.defaults.custom
    assert custom.span_nulls == 1_800_000
    assert built.description == "What it is. Each point is the mean of its window."


def test_too_many_series_keep_their_ids() -> None:
    def overrides(count: int) -> int:
        names = {f"d{number}": f"name {number}" for number in range(count)}
        return len(named(plot("t", "What it is.", []), names).build().field_config.overrides)

    assert overrides(MOST_NAMED) == MOST_NAMED
    assert overrides(MOST_NAMED + 1) == 0


def test_a_device_that_reports_is_counted_by_what_it_measures() -> None:
    devices = [
        device("a", metrics=("nh3_ppm", "battery_pct", "rssi_dbm")),
        device("b", metrics=("battery_pct",)),
        device("c", metrics=("nh3_ppm", "h2s_ppm", "temperature_c", "firmware")),
        device("d", metrics=("cleaned", "battery_pct"), interval_s=None),
        device("e", metrics=("firmware",)),
        device("f", metrics=("cleaned",)),
    ]
    found = voices(deployment(), devices)
    assert {name: [one.id for one in some] for name, some in found.items()} == {"toilet": ["a", "c"], "device": ["b"]}


def test_sites_in_several_zones_are_asked_for_apart() -> None:
    abroad = site("abroad", kind="toilet", timezone=ZoneInfo("Europe/London"))
    known = registry(device("p1", "pier"), device("a1", "abroad"), sites=[PIER, PARK, abroad])
    ground = deployment(known=known)

    assert ground.zone == "Asia/Hong_Kong"
    assert [(one.ref_id, one.zone, one.scope.sites) for one in per_zone(ground, Scope(()), ground.sites())] == [
        ("A", "Asia/Hong_Kong", ("pier", "park")),
        ("A1", "Europe/London", ("abroad",)),
    ]
    (only,) = per_zone(ground, Scope(()), [PIER])
    assert only.scope == Scope(())


def test_there_are_two_languages() -> None:
    with pytest.raises(ValueError, match="'fr'"):
        words_of("fr")
    assert deployment().suffix == ""
    assert deployment("zh-Hant").suffix == "-zh"
