"""`caretaker check` reads what each service reads, and never shows an address."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from caretaker.__main__ import app

SITES = "sites:\n  - {id: pier, kind: toilet, names: {en: Pier}, timezone: Asia/Hong_Kong}\n"
DEVICES = "id,site,kind,interval_s,metrics\nnh3-1,pier,toilet_odour,10,nh3_ppm\n"
RULES = """\
rules:
  - id: odour
    names: {en: Odour}
    why: A test.
    where: {kinds: [toilet_odour]}
    when: {metric: nh3_ppm}
    severities: {warning: {above: 4, clear_below: 2}}
"""
PEOPLE = "people:\n  - {id: manager, name: Manager, receivers: [%s]}\n"
ROUTES = "route:\n  to: [manager]\n  group_by: [site]\n"
SMTP = "alerts: {smtp: {host: 127.0.0.1, security: none, sender: alerts@example.org}}\n"


def checked(folder: Path, **files: str) -> tuple[int, str]:
    given = {"sites": SITES, "rules": RULES, "people": PEOPLE % "", "routes": ROUTES} | files
    for name, text in given.items():
        (folder / f"{name}.yaml").write_text(text)
    (folder / "devices.csv").write_text(DEVICES)
    done = CliRunner().invoke(app, ["check", str(folder)])
    return done.exit_code, done.output


def test_a_good_configuration_is_counted(tmp_path: Path) -> None:
    code, said = checked(tmp_path)
    assert code == 0
    assert [line.split() for line in said.splitlines()][-2:] == [["rules", "–", "1"], ["routes", "–", "1"]]  # noqa: RUF001 - the table's dash


@pytest.mark.parametrize(
    ("files", "shown"),
    [
        ({"rules": RULES.replace("clear_below: 2", "clear_below: 5")}, "rules.yaml:7"),
        ({"rules": RULES.replace("nh3_ppm", "nh3_pmm")}, "rules.yaml:6"),
        ({"routes": ROUTES.replace("manager", "nobody")}, "routes.yaml:2"),
        ({"people": PEOPLE % "'mailto:canary@example.org'"}, "people.yaml: manager.receivers[0]"),
        ({"people": PEOPLE % "'file:///canary'"}, "people.yaml: manager.receivers[0]"),
        ({"caretaker": "alerts: {smpt: {}}\n"}, "caretaker.yaml:1"),
    ],
)
def test_what_is_wrong_is_said_with_its_place_and_without_its_secret(
    tmp_path: Path, files: dict[str, str], shown: str
) -> None:
    code, said = checked(tmp_path, **files)
    assert code == 1
    assert shown in said
    assert "canary" not in said
    assert "Traceback" not in said


def test_a_mail_address_is_good_where_there_is_a_mail_server(tmp_path: Path) -> None:
    code, _ = checked(tmp_path, people=PEOPLE % "'mailto:a@example.org'", caretaker=SMTP)
    assert code == 0
