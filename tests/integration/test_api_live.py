"""The live stream of the running API: what arrives over MQTT, changes of alerts, coming back after a restart."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import httpx2
import pytest

from tests.components import wait_until
from tests.integration.api_house import GARDEN, PIER, House, running

LIMIT_S = 20.0
"""Longer than a quiet stream takes to say that it is still there."""


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with running(tmp_path_factory.mktemp("live")) as house:
        yield house


class Events:
    """The events of one stream, one after the other."""

    def __init__(self, answer: httpx2.Response) -> None:
        self._lines = answer.iter_lines()
        self.last_id = ""

    def __next__(self) -> tuple[str, Any]:
        return self._next(time.monotonic() + LIMIT_S)

    def _next(self, end_s: float) -> tuple[str, Any]:
        name, data = "", None
        for line in self._lines:
            if time.monotonic() > end_s:
                raise TimeoutError
            field, _, value = line.partition(": ")
            if field == "id":
                self.last_id = value
            elif field == "event":
                name = value
            elif field == "data":
                data = json.loads(value)
            elif not line and data is not None:
                return name, data
        raise EOFError

    def until(self, wanted: str) -> Any:
        """The next of that name."""
        end_s = time.monotonic() + LIMIT_S
        while True:
            name, data = self._next(end_s)
            if name == wanted:
                return data


@contextmanager
def listening(house: House, query: str = "", who: str = "operator", last_id: str = "") -> Iterator[Events]:
    """Begun, and greeted."""
    headers = {"Last-Event-ID": last_id} if last_id else {}
    with house.client(who) as client, client.stream("GET", f"/live?{query}", headers=headers) as answer:
        if answer.status_code != 200:
            raise AssertionError(answer.read())
        assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
        events = Events(answer)
        assert next(events)[0] == "hello"
        yield events


@pytest.mark.parametrize("line", [": still here", "event: other", "data: {}"])
def test_who_waits_in_vain_does_not_wait_for_good(monkeypatch: pytest.MonkeyPatch, line: str) -> None:
    monkeypatch.setattr(f"{__name__}.LIMIT_S", -1.0)
    answer: Any = SimpleNamespace(iter_lines=lambda: iter([line, ""] * 10))
    with pytest.raises(TimeoutError):
        next(Events(answer))
    with pytest.raises(TimeoutError):
        Events(answer).until("reading")


def test_a_reading_is_there_as_soon_as_it_arrives(house: House) -> None:
    with listening(house, "kind=reading&device=nh3-1") as events:
        before_ms = time.time_ns() // 1_000_000
        house.measure(GARDEN, "meter-1", power_kw=3.0)
        house.measure(PIER, "nh3-1", nh3_ppm=0.5)
        data = events.until("reading")
        assert (data["device"], data["site"], data["values"], data["quality"]) == ("nh3-1", PIER, {"nh3_ppm": 0.5}, {})
        assert before_ms <= data["time"] <= time.time_ns() // 1_000_000


def test_a_viewer_is_not_told_where_people_are(house: House) -> None:
    with listening(house, "kind=reading", "viewer@pier") as viewer, listening(house, "kind=reading") as operator:
        house.measure(PIER, "door-1", visitors_now=3)
        house.measure(GARDEN, "meter-1", power_kw=3.5)
        house.measure(PIER, "nh3-1", nh3_ppm=0.6)
        assert viewer.until("reading")["device"] == "nh3-1"
        assert [operator.until("reading")["device"] for _ in range(3)] == ["door-1", "meter-1", "nh3-1"]


def test_a_change_of_an_alert_is_there_too(house: House) -> None:
    with listening(house, "kind=alert") as events:
        house.measure(GARDEN, "meter-1", power_kw=250.0)
        raised = events.until("alert")
        assert (raised["rule"], raised["change"], raised["severity"]) == ("power", "raised", "warning")
        assert (raised["site"], raised["value"], raised["threshold"]) == (GARDEN, 250.0, 100.0)
        with house.client("operator") as client:
            acknowledged = client.post(f"/alerts/{raised['alert']}/acknowledge", json={"comment": "on my way"})
            assert acknowledged.status_code == 200
        told = events.until("alert")
        assert (told["change"], told["by"], told["comment"]) == ("acknowledged", "operator", "on my way")


@pytest.mark.parametrize(
    ("query", "who", "status"),
    [
        ("site=nowhere", "operator", 404),
        ("site=garden", "operator@pier", 404),
        ("device=meter-1", "operator@pier", 404),
        ("metric=happiness", "operator", 404),
        ("metric=visitors_now", "viewer", 403),
        ("kind=gossip", "operator", 400),
        ("for_s=0", "operator", 400),
        ("", "", 401),
    ],
)
def test_what_can_not_be_had_is_a_problem(house: House, query: str, who: str, status: int) -> None:
    with house.client(who) as client:
        answer = client.get(f"/live?{query}")
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"


def test_who_comes_back_is_given_the_rest_and_after_a_restart_is_told_what_is_missed(house: House) -> None:
    with listening(house, "device=nh3-1&kind=reading") as events:
        house.measure(PIER, "nh3-1", nh3_ppm=1.0)
        events.until("reading")
        last_id = events.last_id
    house.measure(PIER, "nh3-1", nh3_ppm=1.1)
    with listening(house, "device=nh3-1&kind=reading", last_id=last_id) as events:
        assert events.until("reading")["values"] == {"nh3_ppm": 1.1}
    with listening(house, f"last_event_id={last_id}&device=nh3-1&kind=reading") as events:
        assert events.until("reading")["values"] == {"nh3_ppm": 1.1}
        house.api.stop()
        assert events.until("dropped")["reason"] == "stopping"
        last_id = events.last_id
    house.api.start()
    house.api.wait_ready(60)
    with listening(house, "device=nh3-1&kind=reading", last_id=last_id) as events:
        assert next(events)[1]["why"] == "other_run"
        house.measure(PIER, "nh3-1", nh3_ppm=1.2)
        assert events.until("reading")["values"] == {"nh3_ppm": 1.2}


def test_a_script_may_listen_for_a_while(house: House) -> None:
    began = time.monotonic()
    with listening(house, "for_s=1&kind=alert") as events, pytest.raises(EOFError):
        next(events)
    assert 0.9 <= time.monotonic() - began < 10


def test_its_figures_stand_with_the_others(house: House) -> None:
    with httpx2.Client(headers={"Authorization": f"Bearer {house.keys['viewer']}"}, trust_env=False) as client:

        def figures() -> str:
            return client.get(house.url + "/metrics").text

        with listening(house):
            wait_until(lambda: "caretaker_api_live_listeners 1.0" in figures(), "the listener is counted")
        wait_until(lambda: "caretaker_api_live_listeners 0.0" in figures(), "who has gone is counted no more")
        assert 'caretaker_api_live_dropped_total{reason="too_slow"} 0.0' in figures()
