"""The command's table."""

import subprocess
import sys

import pytest
from typer.testing import CliRunner

from caretaker.__main__ import COMMANDS, app

HEAVY = ("textual", "iotcore", "pydantic", "uvicorn", "aiomqtt", "cryptography", "influxdb_client")


def test_help_names_every_command() -> None:
    answer = CliRunner().invoke(app, ["--help"])
    assert answer.exit_code == 0
    assert all(f" {name} " in answer.output for name in COMMANDS)


@pytest.mark.parametrize("name", list(COMMANDS))
def test_every_command_is_there_and_teaches(name: str) -> None:
    answer = CliRunner().invoke(app, [name, "--help"])
    assert answer.exit_code == 0, answer.output
    assert "Usage: " in answer.output


def test_a_slip_of_the_finger_gets_a_hint_and_the_code_for_wrong_usage() -> None:
    answer = CliRunner().invoke(app, ["chek"])
    assert answer.exit_code == 2
    assert "Did you mean 'check'?" in answer.output


def test_help_loads_nothing_that_is_heavy() -> None:
    script = (
        "import sys\n"
        "from typer.testing import CliRunner\n"
        "from caretaker.__main__ import app\n"
        "CliRunner().invoke(app, ['--help'])\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules])\n"
    )
    answer = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=30)
    assert answer.stdout.strip() == "[]"
