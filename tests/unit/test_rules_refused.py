"""Rules that mean nothing, or never could, are refused: where, what was found, what is expected."""

from pathlib import Path

import pytest

from alerts.rules.load import load_rules
from telemetry.document import DocumentError
from tests.builders import area, device, registry, site

METRICS = ("nh3_ppm", "leak", "cleaned", "feedback", "water_m3", "firmware", "power_kw", "current_l1_a", "current_l2_a")
CITY = registry(
    device("all", "pier", area="male", kind="toilet_odour", metrics=METRICS, labels={"room": "1"}),
    device("button", "pier", kind="toilet_button", metrics=("cleaned", "battery_pct"), interval_s=None),
    device("old", "museum", kind="replay", metrics=("o3_ugm3",)),
    sites=[site("pier", areas=[area("male")], kind="toilet"), site("museum", kind="replay", archive=True)],
)
GOOD = {
    "id": "one",
    "names": "{en: One}",
    "why": "Because.",
    "where": "{devices: [all]}",
    "when": "{metric: nh3_ppm}",
    "severities": "{warning: {above: 3}}",
}
CONDITIONS = "one of metric, imbalance, state, event, no_data"
MILD = "{warning: {}}"

Case = tuple[dict[str, str], str, str, str]
CASES: dict[str, Case] = {
    "unknown metric": ({"when": "{metric: nh3_pm}"}, "when.metric", "'nh3_pm'", "perhaps 'nh3_ppm'"),
    "a text": ({"when": "{metric: firmware}"}, "when.metric", "'firmware', a text", "a number"),
    "what alerts say": ({"when": "{metric: alert_severity}"}, "when.metric", "'alert_severity'", "not judged again"),
    "an event as a value": ({"when": "{metric: cleaned}"}, "when.metric", "an event", "event: cleaned"),
    "a mean of events": (
        {"when": "{metric: cleaned, window: 1h, of: mean}"}, "when.of", "mean of 'cleaned', an event", "count"),
    "a sum of a register": (
        {"when": "{metric: water_m3, window: 1h, of: sum}"}, "when.of", "sum of 'water_m3', a counter", "delta"),
    "a delta of a state": ({"when": "{metric: leak, window: 1h, of: delta}"}, "when.of", "a state", "spread"),
    "a rate of a state": ({"when": "{metric: leak, rate_per: 1h}"}, "when.metric", "'leak', a state", "a counter"),
    "an event that is none": (
        {"when": "{event: nh3_ppm}", "severities": MILD}, "when.event", "'nh3_ppm', a gauge", "an event, one of"),
    "an unknown event": (
        {"when": "{event: cleand}", "severities": MILD}, "when.event", "'cleand'", "perhaps 'cleaned'"),
    "a state that is none": (
        {"when": "{state: nh3_ppm}", "severities": MILD}, "when.state", "a gauge", "or metric: nh3_ppm"),
    "a state that it can't have": (
        {"when": "{state: leak, is: 2}", "severities": MILD}, "when.is", "2", "from 0 to 1, as leak can be"),
    "no condition": ({"when": "{}"}, "when", "none of them", CONDITIONS),
    "two conditions": ({"when": "{metric: nh3_ppm, state: leak}"}, "when", "metric and state", CONDITIONS),
    "a window of a state": ({"when": "{state: leak, window: 1h}"}, "when.window", "window beside state", "only is"),
    "a rate of a window": (
        {"when": "{metric: nh3_ppm, rate_per: 1h, window: 1h}"}, "when.window", "window beside rate_per", "either"),
    "an aggregate without window": ({"when": "{metric: nh3_ppm, of: mean}"}, "when.of", "of without window", "window"),
    "a window without aggregate": ({"when": "{metric: nh3_ppm, window: 1h}"}, "when.of", "nothing", "one of min, max"),
    "a window of 90 s": (
        {"when": "{metric: nh3_ppm, window: 90s, of: mean}"}, "when.window", "90 s", "whole minutes for 60 s and more"),
    "a window of a month": (
        {"when": "{metric: nh3_ppm, window: 30d, of: mean}"}, "when.window", "2592000 s", "7d at most"),
    "a window of nothing": (
        {"when": "{metric: nh3_ppm, window: 0s, of: mean}"}, "when.window", "'0s'", "a duration above 0"),
    "one phase": ({"when": "{imbalance: [current_l1_a]}"}, "when.imbalance", "current_l1_a", "two or more"),
    "phases of two units": (
        {"when": "{imbalance: [current_l1_a, power_kw]}"}, "when.imbalance", "in A, kW", "gauges of one unit"),
    "a phase twice": (
        {"when": "{imbalance: [current_l1_a, current_l1_a]}"}, "when.imbalance", "current_l1_a", "each once"),
    "feedback upside down": (
        {"when": "{event: feedback, at_least: 4, at_most: 2}", "severities": MILD}, "when", "at least 4", "not above"),
    "feedback of nine": (
        {"when": "{event: feedback, at_least: 9}", "severities": MILD}, "when.at_least", "9.0", "from 1 to 5"),
    "two silences": (
        {"when": "{no_data: {missed: 3, after: 1h}}", "severities": MILD}, "when.no_data", "missed and after", "one"),
    "an impossible threshold": (
        {"severities": "{warning: {above: 1000}}"}, "severities.warning.above", "1000.0", "from -2 to below 1000"),
    "a threshold that always holds": (
        {"severities": "{warning: {above: -3}}"}, "severities.warning.above", "-3.0", "from -2 to below 1000"),
    "below the least": (
        {"severities": "{warning: {below: -2}}"}, "severities.warning.below", "-2.0", "above -2 up to 1000"),
    "fewer than none": (
        {"when": "{metric: cleaned, window: 1h, of: count}", "severities": "{warning: {below: 0}}"},
        "severities.warning.below", "0.0", "above 0: beyond that the count of cleaned can't be"),
    "an imbalance beyond all": (
        {"when": "{imbalance: [current_l1_a, current_l2_a]}", "severities": "{warning: {above: 100}}"},
        "severities.warning.above", "100.0", "from 0 to below 100"),
    "a register that runs back": (
        {"when": "{metric: water_m3, rate_per: 1h}", "severities": "{warning: {below: 0}}"},
        "severities.warning.below", "0.0", "the rate of water_m3"),
    "a clear that can't be": (
        {"severities": "{warning: {above: 3, clear_below: -5}}"},
        "severities.warning.clear_below", "-5.0", "from -2 to 1000"),
    "a clear beyond the raise": (
        {"severities": "{warning: {above: 3, clear_below: 4}}"},
        "severities.warning.clear_below", "4.0", "3 or below (it is raised above 3)"),
    "a clear above the raise, below": (
        {"severities": "{warning: {below: 3, clear_above: 2}}"},
        "severities.warning.clear_above", "2.0", "3 or above (it is raised below 3)"),
    "a clear of the other side": (
        {"severities": "{warning: {above: 3, clear_above: 2}}"},
        "severities.warning.clear_above", "clear_above with above", "clear_below"),
    "above and below": (
        {"severities": "{warning: {above: 3, below: 2}}"}, "severities.warning", "above and below", "above or below"),
    "one above, one below": (
        {"severities": "{warning: {above: 3}, critical: {below: 2}}"}, "severities", "above and below", "two rules"),
    "no threshold": ({"severities": MILD}, "severities.warning", "no threshold", "above or below"),
    "no severity": ({"severities": "{}"}, "severities", "none", "one or more of information, warning, critical"),
    "severities that do not rise": (
        {"severities": "{warning: {above: 6}, critical: {above: 3}}"},
        "severities.critical.above", "3.0", "above 6, where warning is, or the same with a longer for"),
    "the same twice": (
        {"severities": "{warning: {above: 6, for: 1m}, critical: {above: 6, for: 1m}}"},
        "severities.critical.above", "6.0", "a longer for"),
    "a critical that stays longer": (
        {"severities": "{warning: {above: 3, clear_below: 2}, critical: {above: 6, clear_below: 1}}"},
        "severities.critical.clear_below", "1.0", "2 or above, where warning clears"),
    "a state with a threshold": (
        {"when": "{state: leak}", "severities": "{warning: {above: 0.5}}"},
        "severities.warning.above", "0.5", "no threshold"),
    "states that do not rise": (
        {"when": "{state: leak}", "severities": "{warning: {for: 5m}, critical: {for: 1m}}"},
        "severities.critical", "no longer for", "longer for than that of warning"),
    "an event that waits": (
        {"when": "{event: cleaned}", "severities": "{warning: {for: 5m}}"},
        "severities.warning", "for", "an event is over at once"),
    "an event of two severities": (
        {"when": "{event: cleaned}", "severities": "{warning: {}, critical: {}}"},
        "severities", "more than one", "one severity"),
    "a guard without threshold": ({"only_while": "{metric: power_kw}"}, "only_while", "no threshold", "above or below"),
    "a guard with two": (
        {"only_while": "{metric: power_kw, above: 1, below: 2}"}, "only_while", "above and below", "above or below"),
    "a guard that is always met": (
        {"only_while": "{metric: current_l1_a, above: -1}"}, "only_while.above", "-1.0", "from 0 to below 20000"),
    "a guard that nothing measures": (
        {"only_while": "{metric: co2_ppm, above: 500}"}, "where", "don't measure nh3_ppm and co2_ppm", "at least one"),
    "a guard of silence": (
        {"when": "{no_data: {}}", "severities": MILD, "only_while": "{metric: power_kw, above: 1}"},
        "only_while", "only_while", "of a silent device nothing else is known"),
    "a guard of an event": (
        {"when": "{event: cleaned}", "severities": MILD, "only_while": "{metric: power_kw, above: 1}"},
        "only_while", "only_while", "every event is told"),
    "a pause of an event": (
        {"when": "{event: cleaned}", "severities": MILD, "pause": "{after: feedback, for: 1m}"},
        "pause", "pause", "every event is told"),
    "a pause after no event": ({"pause": "{after: leak, for: 20m}"}, "pause.after", "'leak', a state", "an event"),
    "an expiry of what ends itself": (
        {"expire_after": "2h"}, "expire_after", "expire_after", "only alerts of events stay"),
    "flapping events": (
        {"when": "{event: cleaned}", "severities": MILD, "flapping": "{raises: 5, within: 1h}"},
        "flapping", "flapping", "every event is told"),
    "lateness of silence": (
        {"when": "{no_data: {}}", "severities": MILD, "lateness": "10s"}, "lateness", "10 s", "order means nothing"),
    "lateness of an event": (
        {"when": "{event: cleaned}", "severities": MILD, "lateness": "10s"}, "lateness", "10 s", "order means nothing"),
    "lateness beyond the window": (
        {"when": "{metric: nh3_ppm, window: 1m, of: mean}", "lateness": "2m"}, "lateness", "120 s", "the window, 60 s"),
    "lateness of a day": ({"lateness": "1d"}, "lateness", "86400 s", "1h at most"),
    "an unknown kind": ({"where": "{kinds: [toilet_odur]}"}, "where.kinds[0]", "'toilet_odur'", "'toilet_odour'"),
    "a kind that fits nothing": ({"where": "{kinds: ['lift_*']}"}, "where.kinds[0]", "'lift_*'", "kind of device"),
    "an unknown kind of site": ({"where": "{site_kinds: [toilt]}"}, "where.site_kinds[0]", "'toilt'", "'toilet'"),
    "an unknown site": ({"where": "{sites: [peer]}"}, "where.sites[0]", "'peer'", "a known site, perhaps 'pier'"),
    "an unknown area": ({"where": "{areas: [mal]}"}, "where.areas[0]", "'mal'", "a known area, perhaps 'male'"),
    "an unknown type": ({"where": "{area_types: [roof]}"}, "where.area_types[0]", "'roof'", "a known type of area"),
    "an unknown device": ({"where": "{devices: [al]}"}, "where.devices[0]", "'al'", "a known device, perhaps 'all'"),
    "an unknown label": (
        {"where": "{labels: {rom: '1'}}"}, "where.labels.rom", "'rom'", "a known label of a device, perhaps 'room'"),
    "an unknown label's value": (
        {"where": "{labels: {room: '2'}}"}, "where.labels.room", "'2'", "a known value of the label room"),
    "no device": (
        {"where": "{kinds: [toilet_button], areas: [male]}"}, "where", "no device", "one that fits a device"),
    "devices without the metric": (
        {"where": "{kinds: [toilet_button]}"}, "where", "devices that don't measure nh3_ppm", "at least one"),
    "devices without interval": (
        {"where": "{kinds: [toilet_button]}", "when": "{no_data: {}}", "severities": MILD},
        "when.no_data", "devices without an interval", "after, as in no_data: {after: 26h}"),
    "an archive": (
        {"where": "{site_kinds: [replay]}", "when": "{metric: o3_ugm3}"}, "where", "only devices of archives", "now"),
    "a message with a field of its own": (
        {"message": "{en: 'is {valu}'}"}, "message.en", "'is {valu}'", "no other fields than {area}, {device}"),
    "a message with a format": ({"message": "{en: '{value:.1f}'}"}, "message.en", "'{value:.1f}'", "no other fields"),
    "a message with half a brace": ({"message": "{en: '{value'}"}, "message.en", "'{value'", "braces in pairs"),
    "a message in Chinese only": ({"message": "{zh-Hant: 異味}"}, "message", "a mapping", "English (en) at least"),
    "a language that is none": ({"do": "{en: Go., english: Go.}"}, "do.english", "'english'", "a language tag"),
    "names in Chinese only": ({"names": "{zh-Hant: 異味}"}, "names", "a mapping", "English (en) at least"),
    "a label that every alert has": ({"labels": "{site: x}"}, "labels.site", "'site'", "a name of your own"),
    "an id with a space": ({"id": "my rule"}, "id", "'my rule'", "1 to 64 of"),
    "a duration without unit": (
        {"severities": "{warning: {above: 3, for: 10}}"}, "severities.warning.for", "10", "a duration such as 90s"),
    "hours that are none": ({"active": "at night"}, "active", "'at night'", "22:00-06:00"),
    "an unknown field": ({"wen": "{}"}, "wen", "'wen'", "perhaps 'when'"),
    "flapping by a word": ({"flapping": "often"}, "flapping", "'often'", "a mapping"),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_refused(tmp_path: Path, name: str) -> None:
    changes, field, found, expected = CASES[name]
    lines = [f"{key}: {value}" for key, value in {**GOOD, **changes}.items()]
    (tmp_path / "rules.yaml").write_text("rules:\n  - " + "\n    ".join(lines) + "\n", encoding="utf-8")

    with pytest.raises(DocumentError) as caught:
        load_rules(tmp_path, CITY)

    (problem,) = caught.value.problems
    assert problem.file == "rules.yaml"
    assert problem.field == f"rules[0].{field}"
    assert found in problem.found
    assert expected in problem.expected
    line = 2 + [line.split(":")[0] for line in lines].index(field.split(".", maxsplit=1)[0].split("[")[0])
    assert problem.line == line


@pytest.mark.parametrize("missing", ["id", "names", "why", "when", "severities"])
def test_what_every_rule_has(tmp_path: Path, missing: str) -> None:
    lines = [f"{key}: {value}" for key, value in GOOD.items() if key != missing]
    (tmp_path / "rules.yaml").write_text("rules:\n  - " + "\n    ".join(lines) + "\n")

    with pytest.raises(DocumentError) as caught:
        load_rules(tmp_path, CITY)

    (problem,) = caught.value.problems
    assert (problem.field, problem.found) == (f"rules[0].{missing}", "nothing")


def test_missed_intervals_are_of_kinds_that_are_there(tmp_path: Path) -> None:
    (tmp_path / "rules.yaml").write_text("missed_intervals: {toilet_buton: 5, toilet_button: 0}")
    (tmp_path / "rules-2.yaml").write_text("missed_intervals: {toilet_buton: 5, toilet_button: 5}")
    (tmp_path / "rules-3.yaml").write_text("missed_intervals: {toilet_button: 6}")

    with pytest.raises(DocumentError) as caught:
        load_rules(tmp_path, CITY)

    assert [(problem.file, problem.field, problem.found) for problem in caught.value.problems] == [
        ("rules-2.yaml", "missed_intervals.toilet_buton", "'toilet_buton'"),
        ("rules-3.yaml", "missed_intervals.toilet_button", "6"),
        ("rules.yaml", "missed_intervals.toilet_button", "0"),
    ]
