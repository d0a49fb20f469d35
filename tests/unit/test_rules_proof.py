"""Tests of rules: what holds, what does not and in which words, and what is no test."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from alerts.proof.file import load_proofs
from alerts.proof.proof import prove, span_text
from alerts.rules.load import load_rules
from caretaker.commands.rules import app
from telemetry.document import DocumentError
from telemetry.registry.load import load_registry

SITES = """\
sites:
  - {id: pier, timezone: Asia/Hong_Kong, areas: [{id: male, type: male}]}
"""
DEVICES = """\
devices:
  - {id: gw, site: pier, kind: gateway, interval_s: 10, metrics: [online]}
  - {id: nh3-1, site: pier, kind: toilet_odour, parent: gw, interval_s: 10, metrics: [nh3_ppm, firmware]}
  - {id: nh3-2, site: pier, kind: toilet_odour, parent: gw, interval_s: 10, metrics: [nh3_ppm]}
"""
RULES = """\
rules:
  - id: odour
    names: {en: Odour}
    why: Because.
    when: {metric: nh3_ppm}
    severities: {warning: {above: 3, clear_below: 2, for: 1m}, critical: {above: 6, clear_below: 4}}
  - id: silent
    names: {en: Silent}
    why: Because.
    where: {kinds: [toilet_odour]}
    when: {no_data: {}}
    severities: {warning: {}}
"""
TEST = """\
tests:
  - name: Odour
    start: 2026-11-23T10:00
    readings:
      - {device: nh3-1, every: 10s, values: {0s: {nh3_ppm: 1}, 1m: {nh3_ppm: 5}, 5m: {nh3_ppm: 1}}}
    until: 6m
    expect:
      - {at: 2m, rule: odour, raised: warning}
      - {at: 5m, rule: odour, resolved: warning}
"""
GOOD = {
    "name": "Odour",
    "start": "2026-11-23T10:00",
    "readings": "[{device: nh3-1, every: 10s, values: {0s: {nh3_ppm: 1}}}]",
    "until": "6m",
    "expect": "[]",
}


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    (tmp_path / "sites.yaml").write_text(SITES)
    (tmp_path / "devices.yaml").write_text(DEVICES)
    (tmp_path / "rules.yaml").write_text(RULES)
    (tmp_path / "rules" / "tests").mkdir(parents=True)
    return tmp_path


def written(directory: Path, text: str = "", **changes: str) -> Path:
    """A file with one test: `text`, or the plainest with `changes`."""
    path = directory / "rules" / "tests" / "odour.yaml"
    lines = [f"{key}: {value}" for key, value in {**GOOD, **changes}.items()]
    path.write_text(text or "tests:\n  - " + "\n    ".join(lines) + "\n")
    return path


def complaints(directory: Path, text: str = "", **changes: str) -> list[str]:
    registry = load_registry(directory)
    (proof,) = load_proofs(
        [written(directory, text, **changes)], directory, registry, load_rules(directory, registry)
    )  # fmt: skip
    return list(prove(proof).complaints)


def test_what_happens_as_expected_holds(directory: Path) -> None:
    assert complaints(directory, TEST) == []


def test_what_is_expected_and_does_not_happen_is_told(directory: Path) -> None:
    found = complaints(directory, expect="[{at: 2m, rule: odour, raised: warning}]")

    assert found == ["expected odour of nh3-1 raised as warning at 2m; it was not"]


def test_what_happens_and_is_not_expected_is_told(directory: Path) -> None:
    found = complaints(directory, TEST.split("    expect:", maxsplit=1)[0] + "    expect: []\n")

    assert found == [
        "not expected: odour of nh3-1 raised as warning at 2m",
        "not expected: odour of nh3-1 resolved as warning at 5m",
    ]


def test_another_moment_or_severity_is_told_beside_what_was_expected(directory: Path) -> None:
    text = TEST.replace("at: 2m", "at: 1m50s").replace("resolved: warning", "resolved: critical")

    found = complaints(directory, text)

    assert found == [
        "expected odour of nh3-1 raised as warning at 1m50s; it was warning, at 2m",
        "expected odour of nh3-1 resolved as critical at 5m; it was warning, at 5m",
    ]


def test_rising_and_falling(directory: Path) -> None:
    assert not complaints(
        directory,
        readings="[{device: nh3-1, every: 10s, values: {0s: {nh3_ppm: 4}, 2m: {nh3_ppm: 7}, 3m: {nh3_ppm: 3}}}]",
        expect="[{at: 1m, rule: odour, raised: warning}, {at: 2m, rule: odour, rose: critical}, "
        "{at: 3m, rule: odour, fell: warning}]",
    )


def test_nobody_but_the_devices_of_the_test_is_there(directory: Path) -> None:
    # Else nh3-2 would be silent, and nh3-1, behind a gateway that is away, unknown.
    assert not complaints(
        directory,
        readings="[{device: nh3-1, every: 10s, values: {0s: {nh3_ppm: 1}, 1m: silent}}]",
        expect="[{at: 1m20s, rule: silent, raised: warning}]",
    )


def test_a_gateway_that_takes_part_is_the_gateway(directory: Path) -> None:
    assert not complaints(
        directory,
        readings="[{device: gw, every: 10s, values: {0s: {online: 1}, 1m: silent}}, "
        "{device: nh3-1, every: 10s, values: {0s: {nh3_ppm: 1}, 1m: silent}}]",
    )


def test_rules_can_be_named_and_intervals_be_longer(directory: Path) -> None:
    readings = "[{device: nh3-1, every: 5m, values: {0s: {nh3_ppm: 1}, 10m: silent}}]"

    assert not complaints(directory, readings=readings, rules="[odour]", until="1h")
    assert not complaints(
        directory,
        readings=readings,
        intervals="{nh3-1: 5m}",
        until="1h",
        expect="[{at: 20m, rule: silent, raised: warning}]",
    )


def test_late_readings_arrive_late(directory: Path) -> None:
    rows = "{device: nh3-1, every: 10s, values: {0s: {nh3_ppm: 1}, 1m: silent}}"
    late = "{device: nh3-1, late: LATE, values: {70s: {nh3_ppm: 7}}}"
    raised = "{at: 1m10s, rule: odour, raised: critical}"

    in_time, too_late = (f"[{rows}, {late.replace('LATE', span)}]" for span in ("5s", "30s"))
    assert not complaints(directory, readings=in_time, until="80s", expect=f"[{raised}]")
    assert not complaints(directory, readings=too_late, until="75s")


def test_sites_and_devices_of_its_own(directory: Path) -> None:
    text = """\
sites: [{id: quay, timezone: Europe/Paris, areas: [{id: roof, type: roof}]}]
devices: [{id: nh3-9, site: quay, area: roof, kind: toilet_odour, metrics: [nh3_ppm]}]
""" + TEST.replace("nh3-1", "nh3-9")

    assert complaints(directory, text) == []


def test_the_start_is_the_sites_time(directory: Path) -> None:
    (directory / "rules.yaml").write_text(
        RULES.replace("    when: {metric", "    active: 10:01-11:00\n    when: {metric")
    )

    assert not complaints(
        directory,
        readings="[{device: nh3-1, every: 10s, values: {0s: {nh3_ppm: 7}}}]",
        expect="[{at: 1m, rule: odour, raised: critical}]",
    )


READINGS = "[{{device: nh3-1, values: {{0s: {{{0}}}}}}}]"
CASES: dict[str, tuple[dict[str, str], str, str]] = {
    "an unknown device": ({"readings": "[{device: nh3-3, values: {0s: {nh3_ppm: 1}}}]"}, "readings[0]", "'nh3-3'"),
    "no device": ({"readings": "[{values: {0s: {nh3_ppm: 1}}}]"}, "readings[0]", "no device"),
    "an unknown metric": ({"readings": READINGS.format("nh3_pm: 1")}, "readings[0].values", "'nh3_pm'"),
    "a metric of another": ({"readings": READINGS.format("h2s_ppm: 1")}, "readings[0].values", "h2s_ppm"),
    "an impossible value": ({"readings": READINGS.format("nh3_ppm: 5000")}, "readings[0].values", "nh3_ppm: 5000"),
    "a text": ({"readings": READINGS.format("firmware: 1")}, "readings[0].values", "firmware: 1"),
    "no number": ({"readings": READINGS.format("nh3_ppm: high")}, "readings[0].values.0s.nh3_ppm", "'high'"),
    "no moment": (
        {"readings": "[{device: nh3-1, values: {soon: {nh3_ppm: 1}}}]"}, "readings[0].values.soon", "'soon'"),
    "too many readings": (
        {"readings": GOOD["readings"].replace("10s", "1s"), "until": "12d"}, "readings[0]", "more than 1000000"),
    "an unknown rule": ({"expect": "[{at: 1m, rule: odor, raised: warning}]"}, "expect[0].rule", "'odor'"),
    "an unknown rule in force": ({"rules": "[odor]"}, "rules[0]", "'odor'"),
    "a device that does not take part": (
        {"expect": "[{at: 1m, rule: odour, device: nh3-2, raised: warning}]"}, "expect[0].device", "'nh3-2'"),
    "no change": ({"expect": "[{at: 1m, rule: odour}]"}, "expect[0]", "no change"),
    "two changes": (
        {"expect": "[{at: 1m, rule: odour, raised: warning, fell: warning}]"}, "expect[0]", "raised and fell"),
    "an unknown severity": ({"expect": "[{at: 1m, rule: odour, raised: bad}]"}, "expect[0].raised", "'bad'"),
    "an interval of nobody": ({"intervals": "{nh3-2: 5m}"}, "intervals.nh3-2", "'nh3-2'"),
    "no end": ({"until": "0s"}, "until", "'0s'"),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_what_is_no_test_is_refused(directory: Path, name: str) -> None:
    changes, field, found = CASES[name]

    with pytest.raises(DocumentError) as caught:
        complaints(directory, **changes)

    (problem,) = caught.value.problems
    assert (problem.file, problem.field) == ("rules/tests/odour.yaml", f"tests[0].{field}")
    assert found in problem.found


def test_one_of_several_devices_has_to_be_named(directory: Path) -> None:
    with pytest.raises(DocumentError, match="more than one takes part"):
        complaints(
            directory,
            readings="[{devices: [nh3-1, nh3-2], values: {0s: {nh3_ppm: 7}}}]",
            expect="[{at: 0s, rule: odour, raised: critical}]",
        )


def test_devices_of_its_own_are_checked(directory: Path) -> None:
    text = "devices: [{id: a, site: quay, kind: x, metrics: [nh3_ppm]}, {id: b, site: pier, kind: x, metrics: [nh3]}]\n"

    with pytest.raises(DocumentError) as caught:
        complaints(directory, text + TEST)

    assert [problem.field for problem in caught.value.problems] == ["devices[0].site", "devices[1].metrics[0]"]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0s"), (5, "5s"), (90, "1m30s"), (3600, "1h"), (93_784.5, "1d2h3m4.5s"), (-60, "-1m")],
)
def test_spans_are_written_as_they_are_read(seconds: float, text: str) -> None:
    assert span_text(seconds) == text


def call(directory: Path, *words: str) -> Result:
    return CliRunner().invoke(app, ["test", *words, "--config", str(directory)])


def test_the_command_tells_each_test(directory: Path) -> None:
    written(directory, TEST + TEST.split("tests:\n")[1].replace("at: 2m", "at: 3m"))

    result = call(directory)

    assert result.exit_code == 1
    assert result.stdout == (
        "ok      rules/tests/odour.yaml:2: Odour\n"
        "FAILED  rules/tests/odour.yaml:10: Odour\n"
        "        expected odour of nh3-1 raised as warning at 3m; it was warning, at 2m\n"
    )
    assert result.stderr == "1 of 2 tests hold.\n"


def test_the_command_takes_files_and_folders(directory: Path) -> None:
    path = written(directory, TEST)

    for words in ((str(path),), (str(path.parent),), ()):
        result = call(directory, *words, "--format", "json")
        assert result.exit_code == 0
        assert json.loads(result.stdout) == [
            {"file": "rules/tests/odour.yaml", "line": 2, "test": "Odour", "result": "ok", "found": ""}
        ]


def test_the_command_says_when_there_is_nothing_or_nothing_good(directory: Path) -> None:
    assert (call(directory).exit_code, "no tests in" in call(directory).stderr) == (2, True)

    written(directory, until="soon")
    result = call(directory)
    assert result.exit_code == 1
    assert "rules/tests/odour.yaml:5: tests[0].until: found 'soon'" in result.stderr
