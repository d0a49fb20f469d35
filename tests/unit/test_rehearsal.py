"""The incident that `caretaker up` plays: what the simulated attendant does, and what is left to people."""

import asyncio
import time
from dataclasses import dataclass, field
from typing import cast

import pytest

from alerts.alert import Severity
from alerts.rules.rule import Happening
from caretaker import rehearsal
from caretaker.screen.observe import Observer
from caretaker.screen.story import Stories
from caretaker.screen.view import AlertLine, Alerts, Step, View
from tests import alerting
from tests import builders as make

STATIONS = ("raised", "delivered", "acknowledged", "resolved")
PANEL = make.device("panel", kind="toilet_button", metrics=("assistance",), interval_s=None)


@dataclass
class City:
    """Simulators and alerts in one: what is asked for happens at once."""

    takes_part: bool = True
    reached: int = 0
    stories: Stories = field(default_factory=Stories)
    asked: list[tuple[str, str]] = field(default_factory=list)
    raised_ns: int = 0
    played: asyncio.Event = field(default_factory=asyncio.Event)

    async def play(self, incident: str) -> bool:
        self.asked.append(("play", incident))
        self.raised_ns, self.reached = time.time_ns(), 2
        self.played.set()
        return self.takes_part

    async def acknowledge(self, alert: str, by: str, comment: str) -> None:
        assert alert == "a1"
        assert "Played" in comment
        self.asked.append(("acknowledge", by))
        self.reached = 3

    async def resolve(self, alert: str, by: str, comment: str) -> None:
        assert alert == "a1"
        assert "Played" in comment
        self.asked.append(("resolve", by))
        self.reached = 4

    def view(self) -> View:
        older = AlertLine("a0", Severity.CRITICAL, "Help", "s", "d", "", "1 h", 1, ("assistance",), course(2))
        other = AlertLine("b0", Severity.CRITICAL, "Leak", "s", "d", "", "1 s", time.time_ns(), ("leak",), course(2))
        mine = AlertLine(
            "a1", Severity.CRITICAL, "Help", "s", "d", "", "1 s", self.raised_ns, ("assistance",), course(self.reached)
        )
        return View(alerts=Alerts(lines=(other, older, *([mine] if 0 < self.reached < 4 else []))))


def course(reached: int) -> tuple[Step, ...]:
    return tuple(Step(word, "14:00:00" if place < reached else None) for place, word in enumerate(STATIONS))


@pytest.fixture(autouse=True)
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, seconds in (
        ("AT_S", 0.01),
        ("PATIENCE_S", 0.05),
        ("BUSY_S", 0.05),
        ("LIMIT_S", 5.0),
        ("LOOK_EVERY_S", 0.01),
    ):
        monkeypatch.setattr(rehearsal, name, seconds)


async def rehearse(city: City) -> None:
    await rehearsal.rehearse(city.play, cast("Observer", city), time.monotonic())


async def test_where_nobody_is_at_the_screen_the_attendant_is_simulated_and_called_so() -> None:
    city = City()
    await rehearse(city)
    assert city.asked == [("play", "help"), ("acknowledge", "simulated attendant"), ("resolve", "simulated attendant")]
    assert "its attendant too" in city.stories.sentences()[0]


async def test_whoever_is_first_has_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rehearsal, "PATIENCE_S", 4.0)
    city = City()
    running = asyncio.create_task(rehearse(city))
    await city.played.wait()
    city.reached = 3  # a person has pressed the key
    await running
    assert city.asked == [("play", "help"), ("resolve", "simulated attendant")]


async def test_without_simulators_nothing_is_said_to_be_played() -> None:
    city = City(takes_part=False)
    await rehearse(city)
    assert city.asked == [("play", "help")]
    assert city.stories.sentences() == ()


def test_it_needs_a_button_that_is_simulated_and_a_rule_that_hears_it() -> None:
    help_rule = alerting.rule(Happening("assistance", 1, 1))
    real = make.device("panel", kind="toilet_button", metrics=("assistance",), labels={"simulated": "no"})
    assert rehearsal.can_rehearse(make.registry(PANEL), [help_rule])
    assert not rehearsal.can_rehearse(make.registry(PANEL), [alerting.rule()])
    assert not rehearsal.can_rehearse(make.registry(real), [help_rule])


class SlowCity(City):
    """The same, where what is asked for is seen only a few looks later."""

    async def acknowledge(self, alert: str, by: str, comment: str) -> None:
        await super().acknowledge(alert, by, comment)
        self.reached = 2
        asyncio.get_running_loop().call_later(0.1, setattr, self, "reached", 3)


async def test_the_attendant_asks_once_however_long_the_answer_takes() -> None:
    city = SlowCity()
    await rehearse(city)
    assert [what for what, _ in city.asked] == ["play", "acknowledge", "resolve"]
