"""Cells of tables, and what is and is not shown of a device."""

from alerts.rules.load import load_rules
from grafana.__main__ import BOARD_URL, CITY
from grafana.cells import Range, ranges
from grafana.dashboards import alerts, devices_one
from grafana.deployment import Deployment
from grafana.links import Place
from grafana.reasons import reasons
from grafana.suspects import may_be_suspect
from grafana.words import CHINESE, words_of
from telemetry.message import Reason
from telemetry.registry.load import load_registry
from tests.builders import CATALOGUE

REGISTRY = load_registry(CITY)
HERE = Deployment(REGISTRY, load_rules(CITY, REGISTRY), BOARD_URL)


def test_every_range_of_words_has_two_ends() -> None:
    """Grafana 9.3 matches none that lacks one."""
    mappings = ranges([Range(None, 1, "heard", "c"), Range(1, None, "silent", "c")])[0].value
    assert isinstance(mappings, list)
    assert all(one.options.from_val is not None and one.options.to is not None for one in mappings)


def test_what_could_tell_of_single_people_is_not_shown_of_a_device() -> None:
    shown = {metric.name for metric in devices_one.shown_of(HERE, HERE.devices())}
    assert {"nh3_ppm", "battery_pct", "uses"} <= shown
    assert not shown & {"occupied", "people_in", "people_out", "visitors_now", "assistance", "firmware"}
    assert not may_be_suspect(CATALOGUE["people_in"])
    assert may_be_suspect(CATALOGUE["co_ugm3"])
    assert not may_be_suspect(CATALOGUE["battery_pct"])


def test_an_alert_leads_to_the_panel_of_its_metric_or_to_that_of_its_device() -> None:
    odour, battery = Place("caretaker-toilets", 110), Place("caretaker-devices", 311)
    drawn = {("toilet", "nh3_ppm"): odour, ("*", "battery_pct"): battery}
    places = alerts.places_of_rules(HERE, drawn)
    assert places.keys() == {rule.id for rule in HERE.rules.rules}
    assert places["odour"] == odour
    assert places["battery-low"] == battery
    assert places["paper-low"] == Place("caretaker-devices", devices_one.COURSE)
    assert places["sensor-silent"] == places["assistance"] == Place("caretaker-devices", 110)


def test_every_reason_to_refuse_has_words() -> None:
    wanted = {reason.value for reason in Reason if not reason.ignored}
    english, chinese = reasons(HERE.words), reasons(words_of(CHINESE))
    assert english.keys() == chinese.keys() == wanted
    assert len(set(english.values())) == len(set(chinese.values())) == len(wanted)
