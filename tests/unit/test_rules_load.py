"""What is written becomes the rule that the engine uses."""

from pathlib import Path

import pytest

from alerts.alert import Severity
from alerts.rules.load import load_rules, rules_files
from alerts.rules.rule import (
    Aggregate,
    Flapping,
    Guard,
    Happening,
    Imbalance,
    Level,
    NoData,
    Pause,
    Rate,
    Rule,
    Rules,
    Selector,
    Side,
    State,
    Value,
    Window,
)
from alerts.rules.written import duration_ns
from telemetry.document import DocumentError
from telemetry.reading import NS_PER_S
from telemetry.registry.hours import parse_hours
from telemetry.registry.models import Registry
from tests.builders import area, device, registry, site

MINUTE_NS = 60 * NS_PER_S
METRICS = (
    "nh3_ppm",
    "leak",
    "cleaned",
    "feedback",
    "water_flow_lpm",
    "water_m3",
    "power_kw",
    "apparent_power_kva",
    "current_l1_a",
    "current_l2_a",
    "current_l3_a",
)
CITY = registry(
    device("all", "pier", area="male", kind="toilet_odour", metrics=METRICS, labels={"room": "1"}),
    device("button", "pier", kind="toilet_button", metrics=("cleaned",), interval_s=None),
    sites=[site("pier", areas=[area("male")], kind="toilet")],
)
RULE = """\
rules:
  - id: one
    names: {en: One}
    why: Because.
    where: {devices: [all]}
"""


def load(directory: Path, rest: str, city: Registry = CITY) -> Rule:
    """The rule with these lines."""
    (directory / "rules.yaml").write_text(RULE + "".join(f"    {line}\n" for line in rest.splitlines()))
    (rule,) = load_rules(directory, city).rules
    return rule


def test_everything_that_can_be_said(tmp_path: Path) -> None:
    (tmp_path / "rules.yaml").write_text("""\
missed_intervals: {toilet_button: 5}
rules:
  - id: odour
    names: {en: Odour, zh-Hant: 異味}
    why: People complain from 5 ppm.
    where:
      kinds: [toilet_*]
      site_kinds: [toilet]
      sites: [pier]
      areas: [male]
      area_types: [male]
      devices: [all]
      labels: {room: 1|2}
    when: {metric: nh3_ppm}
    only_while: {metric: power_kw, below: 20}
    severities:
      warning: {above: 3, clear_below: 2, for: 10m, clear_for: 5m}
      critical: {above: 6, clear_below: 4, for: 90s}
    active: mon-fri 01:00-05:00
    pause: {after: cleaned, for: 20m}
    lateness: 30s
    flapping: {raises: 3, within: 1d}
    message: {en: "{device}: {value}", zh-Hant: "{device} {value}"}
    do: {en: Clean it.}
    labels: {team: cleaning}
""")

    found = load_rules(tmp_path, CITY)

    odour = Rule(
        id="odour",
        names={"en": "Odour", "zh-Hant": "異味"},
        why="People complain from 5 ppm.",
        where=Selector(("pier",), ("toilet",), ("male",), ("male",), ("toilet_*",), ("all",), {"room": "1|2"}),
        condition=Value("nh3_ppm"),
        side=Side.ABOVE,
        levels=(
            Level(Severity.WARNING, 3.0, 2.0, 10 * MINUTE_NS, 5 * MINUTE_NS),
            Level(Severity.CRITICAL, 6.0, 4.0, 90 * NS_PER_S, 0),
        ),
        hours=parse_hours("mon-fri 01:00-05:00"),
        pause=Pause("cleaned", 20 * MINUTE_NS),
        guard=Guard("power_kw", Side.BELOW, 20.0),
        lateness_ns=30 * NS_PER_S,
        flapping=Flapping(3, 1440 * MINUTE_NS),
        message={"en": "{device}: {value}", "zh-Hant": "{device} {value}"},
        advice={"en": "Clean it."},
        labels={"team": "cleaning"},
        file="rules.yaml",
        line=3,
    )
    assert found == Rules((odour,), {"toilet_button": 5.0})


@pytest.mark.parametrize(
    ("when", "condition"),
    [
        ("{metric: nh3_ppm, rate_per: 1h}", Rate("nh3_ppm", 60 * MINUTE_NS)),
        (
            "{metric: nh3_ppm, window: 30m, of: mean}",
            Window("nh3_ppm", Aggregate.MEAN, 30 * MINUTE_NS, 30 * NS_PER_S, 0.75),
        ),
        ("{metric: nh3_ppm, window: 1h, of: min}", Window("nh3_ppm", Aggregate.MIN, 60 * MINUTE_NS, MINUTE_NS, 0.75)),
        ("{metric: nh3_ppm, window: 20s, of: max}", Window("nh3_ppm", Aggregate.MAX, 20 * NS_PER_S, NS_PER_S, 0.75)),
        (
            "{metric: nh3_ppm, window: 1m, of: spread, coverage: 0.5}",
            Window("nh3_ppm", Aggregate.SPREAD, MINUTE_NS, NS_PER_S, 0.5),
        ),
        ("{metric: water_m3, window: 1m, of: delta}", Window("water_m3", Aggregate.DELTA, MINUTE_NS, NS_PER_S, 0.0)),
        ("{metric: nh3_ppm, window: 1m, of: sum}", Window("nh3_ppm", Aggregate.SUM, MINUTE_NS, NS_PER_S, 0.0)),
        ("{metric: cleaned, window: 1m, of: count}", Window("cleaned", Aggregate.COUNT, MINUTE_NS, NS_PER_S, 0.0)),
        (
            "{metric: apparent_power_kva, window: 30m, of: mean, part_of_month_peak: true}",
            Window("apparent_power_kva", Aggregate.MEAN, 30 * MINUTE_NS, 30 * NS_PER_S, 0.75, part_of_month_peak=True),
        ),
        ("{imbalance: [current_l1_a, current_l2_a]}", Imbalance(("current_l1_a", "current_l2_a"))),
    ],
)  # fmt: skip
def test_each_condition_with_a_threshold(tmp_path: Path, when: str, condition: object) -> None:
    rule = load(tmp_path, f"when: {when}\nseverities: {{warning: {{above: 1}}}}")

    assert rule.condition == condition
    assert rule.levels == (Level(Severity.WARNING, 1.0, 1.0, 0, 0),), "clear is raise where nothing is said"


@pytest.mark.parametrize(
    ("when", "condition"),
    [
        ("{state: leak}", State("leak", 1.0)),
        ("{state: leak, is: false}", State("leak", 0.0)),
        ("{no_data: {}}", NoData(None, None)),
        ("{no_data: {missed: 3}}", NoData(3.0, None)),
        ("{no_data: {after: 26h}}", NoData(None, 26 * 60 * MINUTE_NS)),
        ("{event: cleaned}", Happening("cleaned", 1.0, 1.0)),
        ("{event: feedback}", Happening("feedback", 1.0, 5.0)),
        ("{event: feedback, at_most: 2}", Happening("feedback", 1.0, 2.0)),
    ],
)
def test_each_condition_without_one(tmp_path: Path, when: str, condition: object) -> None:
    rule = load(tmp_path, f"when: {when}\nseverities: {{critical: {{}}}}")

    assert rule.condition == condition
    assert rule.levels == (Level(Severity.CRITICAL, None, None, 0, 0),)


def test_below(tmp_path: Path) -> None:
    rule = load(tmp_path, "when: {metric: nh3_ppm}\nseverities: {warning: {below: 3, clear_above: 4}}")

    assert (rule.side, rule.levels) == (Side.BELOW, (Level(Severity.WARNING, 3.0, 4.0, 0, 0),))


def test_the_same_threshold_for_longer_is_worse(tmp_path: Path) -> None:
    rule = load(
        tmp_path, "when: {metric: nh3_ppm}\nseverities: {warning: {above: 3}, critical: {above: 3, for: 1h}}"
    )  # fmt: skip

    assert [level.for_ns for level in rule.levels] == [0, 60 * MINUTE_NS]


def test_flapping_is_damped_except_where_it_is_not_wanted_or_an_event(tmp_path: Path) -> None:
    severities = "severities: {warning: {}}"

    assert load(tmp_path, f"when: {{state: leak}}\n{severities}").flapping == Flapping(5, 60 * MINUTE_NS)
    assert load(tmp_path, f"when: {{state: leak}}\n{severities}\nflapping: false").flapping is None
    assert load(tmp_path, f"when: {{event: cleaned}}\n{severities}").flapping is None


def test_an_event_expires(tmp_path: Path) -> None:
    rule = load(tmp_path, "when: {event: cleaned}\nseverities: {critical: {}}\nexpire_after: 1h30m")

    assert rule.expire_after_ns == 90 * MINUTE_NS
    assert rule.latches


@pytest.mark.parametrize(
    ("text", "seconds"), [("0s", 0), ("90s", 90), ("10m", 600), ("6h", 21_600), ("1d", 86_400), ("1h30m", 5_400)]
)
def test_durations(text: str, seconds: int) -> None:
    assert duration_ns(text) == seconds * NS_PER_S


@pytest.mark.parametrize("text", ["", "10", "10 m", "m", "1w", "-1m", "1.5h", "10M", "5000000s", 10, None])
def test_no_durations(text: object) -> None:
    with pytest.raises(ValueError, match="a duration such as"):
        duration_ns(text)


def test_files_and_folders(tmp_path: Path) -> None:
    for name in ("rules.yaml", "rules-2.yml", "rules/a.yaml", "rules/tests/a.yaml", "other.yaml", "rules/note.txt"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("{}")

    found = [path.relative_to(tmp_path).as_posix() for path in rules_files(tmp_path)]

    assert found == ["rules-2.yml", "rules.yaml", "rules/a.yaml"]
    assert load_rules(tmp_path, CITY) == Rules()


def test_no_file_is_no_rule(tmp_path: Path) -> None:
    assert load_rules(tmp_path, CITY) == Rules()


def test_an_id_belongs_to_one_rule_of_all_files(tmp_path: Path) -> None:
    text = RULE + "    when: {state: leak}\n    severities: {warning: {}}\n"
    (tmp_path / "rules.yaml").write_text(text)
    (tmp_path / "rules-2.yaml").write_text(text)

    with pytest.raises(DocumentError) as caught:
        load_rules(tmp_path, CITY)

    assert [str(problem) for problem in caught.value.problems] == [
        "rules.yaml:2: rules[0].id: found 'one', expected an id of its own (rules-2.yaml:2 has this one)"
    ]


def test_all_problems_of_all_files_are_told(tmp_path: Path) -> None:
    (tmp_path / "rules.yaml").write_text("rules: [{id: a}]")
    (tmp_path / "rules-2.yaml").write_text("rule: []")
    (tmp_path / "rules-3.yaml").write_text(RULE + "    when: {state: leek}\n    severities: {warning: {}}\n")

    with pytest.raises(DocumentError) as caught:
        load_rules(tmp_path, CITY)

    assert {problem.file for problem in caught.value.problems} == {"rules.yaml", "rules-2.yaml", "rules-3.yaml"}
