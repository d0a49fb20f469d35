"""`caretaker check` reads rules too, each problem once."""

import json
import shutil
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from caretaker.commands.check import check

STARTER = Path(__file__).parents[2] / "caretaker" / "starter"


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return Path(shutil.copytree(STARTER, tmp_path / "city"))


def call(directory: Path) -> Result:
    app = typer.Typer()
    app.command()(check)
    return CliRunner().invoke(app, [str(directory), "--format", "json"])


def test_good_rules_are_counted(directory: Path) -> None:
    result = call(directory)

    assert result.exit_code == 0
    assert {"what": "rules", "kind": None, "number": 3} in json.loads(result.stdout)


def test_a_rule_that_is_wrong_is_named_with_its_line(directory: Path) -> None:
    rules = directory / "rules.yaml"
    text = rules.read_text(encoding="utf-8").replace("metric: nh3_ppm", "metric: nh3_pm")
    rules.write_text(text, encoding="utf-8")
    line = 1 + text[: text.index("nh3_pm")].count("\n")

    result = call(directory)

    assert result.exit_code == 1
    assert json.loads(result.stdout) == [
        {
            "file": "rules.yaml",
            "line": line,
            "field": "rules[0].when.metric",
            "found": "'nh3_pm'",
            "expected": "a known metric, perhaps 'nh3_ppm'",
        }
    ]


def test_what_two_services_find_wrong_is_told_once(directory: Path) -> None:
    (directory / "caretaker.yaml").write_text("broker: {port: high}")

    problems = json.loads(call(directory).stdout)

    assert [(problem["file"], problem["field"]) for problem in problems] == [("caretaker.yaml", "broker.port")]


def test_beside_a_broken_registry_rules_are_not_judged(directory: Path) -> None:
    (directory / "sites.yaml").write_text("sites: []")
    (directory / "devices.csv").write_text("id,site\n")

    problems = json.loads(call(directory).stdout)

    assert {problem["file"] for problem in problems} == {"devices.csv", "people.yaml"}
