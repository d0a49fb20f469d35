"""Whether `caretaker up` plays its incident."""

import pytest

from alerts.rules.rule import Happening
from caretaker.alert_words import AlertWords
from caretaker.commands.up import _rehearses
from telemetry.registry.models import Person
from tests import alerting
from tests import builders as make

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
