"""Whether `caretaker up` plays its incident, and how other commands find what it runs."""

from pathlib import Path

import msgspec
import pytest
from typer.testing import CliRunner

from alerts.rules.rule import Happening
from caretaker.__main__ import app
from caretaker.alert_words import AlertWords
from caretaker.commands import up
from caretaker.commands.init import init
from caretaker.commands.up import _rehearses
from caretaker.system import SystemPlan
from deploy.doctor.embedded import find_embedded
from deploy.private import write_private
from telemetry.registry.models import Person
from tests import alerting
from tests import builders as make
from tests.components import free_port

PANEL = make.device("panel", kind="toilet_button", metrics=("assistance",), interval_s=None)
RULES = {"help": alerting.rule(Happening("assistance", 1, 1))}


@pytest.mark.parametrize(
    ("receivers", "wanted", "plays"),
    [
        ((), None, True),
        ((), False, False),
        (("mailto:duty@example.org",), None, False),
        (("mailto:duty@example.org",), True, True),
    ],
)
def test_nobodys_telephone_rings_for_a_play_unasked(
    receivers: tuple[str, ...], wanted: bool | None, plays: bool
) -> None:
    registry = make.registry(PANEL, people=[Person("attendant", "Duty attendant", "en", receivers, ())])
    assert _rehearses(wanted, AlertWords(registry, RULES)) is plays


def test_without_a_rule_there_is_nothing_to_show() -> None:
    assert not _rehearses(wanted=True, words=AlertWords(make.registry(PANEL), {}))


def test_its_services_are_found_where_their_ports_were_moved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config, data = tmp_path / "city", tmp_path / "data"
    init(config)
    options = ("--port", "--port-5", "--http-port", "--alerts-port", "--board-port")
    ports = {option: free_port() for option in options}
    where = ["--data", str(data)]
    replayed = []

    async def run(plan: SystemPlan, *_: object) -> int:
        write_private(data / "broker.toml", plan.broker.toml())
        found = find_embedded(data)
        assert found is not None
        assert (found.port, *msgspec.structs.astuple(found.ports)) == tuple(ports[option] for option in options[1:])
        replayed.append(CliRunner().invoke(app, ["quarantine", "replay", "1", "--config", str(config), *where]))
        return 0

    monkeypatch.setattr(up, "run", run)
    words = [word for option, port in ports.items() for word in (option, str(port))]
    done = CliRunner().invoke(app, ["up", str(config), *where, *words])
    assert done.exit_code == 0, done.output
    (asked,) = replayed
    assert f"nobody answers at 127.0.0.1:{ports['--http-port']}" in asked.stderr
    assert find_embedded(data) is None, "it has ended"
