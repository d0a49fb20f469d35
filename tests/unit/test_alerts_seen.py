"""What the live view makes of the alert database."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from alerts.alert import Change, Ending, Severity, Transition, alert_id
from alerts.database.database import AlertDatabase
from alerts.dispatch.planned import Planned
from alerts.judge.judged import Act, Judged
from alerts.judge.standing import Standing
from alerts.notice import Attempt, Cause, Channel, Delivery, Message, Verdict
from alerts.rules.rule import Value
from caretaker.alert_words import AlertWords
from caretaker.alerts_seen import AlertsSeen
from caretaker.screen.observe import DELIVERED
from caretaker.screen.view import Alerts
from telemetry.reading import NS_PER_S
from telemetry.registry.models import Person
from tests import alerting
from tests import builders as make

NOW = 1_800_000_000 * NS_PER_S
REGISTRY = make.registry(
    make.device("odour", "s1", names={"en": "Men's odour"}),
    make.device("other", "s2"),
    sites=[make.site("s1", names={"en": "Pier (simulated)"})],
    people=[Person("attendant", "Duty attendant", "en", (), ())],
)
WORDS = AlertWords(REGISTRY, {"odour": alerting.rule(Value("nh3_ppm"))})


def change(kind: Change, device: str = "odour", after_s: float = 0.0, **fields: Any) -> Transition:
    at_ns = NOW + round(after_s * NS_PER_S)
    usual: dict[str, Any] = {"severity": Severity.WARNING, "value": 6.0, "threshold": 5.0, "reading_ns": at_ns}
    return Transition(
        alert_id("odour", device, NOW), "odour", device, kind, at_ns=at_ns, noticed_ns=at_ns, **{**usual, **fields}
    )


def letter(number: int, **fields: Any) -> Delivery:
    plain = Delivery(
        id=f"msg_{number}",
        person="attendant",
        place=0,
        channel=Channel.INBOX,
        cause=Cause.NEW,
        created_ns=NOW,
        alerts=(alert_id("odour", "odour", NOW),),
        message=Message("Odour at the pier", "Look.", Severity.WARNING, b"{}"),
    )
    return replace(plain, **fields)


class Engine:
    """Writes as the alert service does."""

    def __init__(self, database: AlertDatabase) -> None:
        self.database = database
        self._standing = Standing([], [])

    async def note(self, *changes: Transition) -> None:
        for one in changes:
            self._standing.note(one)
        await self.database.commit(self._standing.take_into(Judged()))


@pytest.fixture
async def engine(tmp_path: Path) -> AsyncIterator[Engine]:
    database = AlertDatabase.open(tmp_path / "alerts.db")
    yield Engine(database)
    await database.close()


@pytest.fixture
async def seen(engine: Engine, tmp_path: Path) -> AsyncIterator[AlertsSeen]:
    del engine
    found = AlertsSeen(tmp_path / "alerts.db", WORDS)
    yield found
    found.close()


def stations(alerts: Alerts, *, over: bool = False) -> list[str]:
    """Those that the one alert got to."""
    (line,) = alerts.resolved if over else alerts.lines
    return [f"{step.word} {step.detail}".strip() for step in line.course if step.clock is not None]


async def test_an_alert_is_followed_from_its_raise_to_its_end(engine: Engine, seen: AlertsSeen) -> None:
    await engine.note(change(Change.RAISED))
    found = seen.look(NOW + 13 * NS_PER_S, "running", 7)
    (line,) = found.lines
    assert (line.name, line.site, line.device, line.age) == ("Odour", "Pier", "Men's odour", "13 s")
    assert line.value == "Ammonia: 6 ppm, above 5 ppm"
    assert (found.active, found.service, found.delivered) == (1, "running", 7)
    assert seen.sites == {"s1": (Severity.WARNING, "Odour")}
    assert stations(found) == ["raised"]

    await engine.database.plan(Planned(1, deliveries=[letter(1), letter(2, person="", channel=Channel.MQTT)]))
    await engine.database.attempted("msg_2", Attempt(Verdict.DELIVERED), None)
    found = seen.look(NOW, "running", 0)
    assert stations(found) == ["raised"], "MQTT tells no person"
    assert found.outbox == 1
    await engine.database.attempted("msg_1", Attempt(Verdict.DELIVERED), None)
    found = seen.look(NOW, "running", 0)
    assert stations(found) == ["raised", "delivered to Duty attendant"]
    assert found.outbox == 0

    await engine.note(change(Change.ACKNOWLEDGED, after_s=20, by="me"))
    assert stations(seen.look(NOW, "running", 0))[2:] == ["acknowledged by me"]
    await engine.note(change(Change.RESOLVED, after_s=60, ending=Ending.CLEARED))
    found = seen.look(NOW + 90 * NS_PER_S, "running", 0)
    assert (found.active, found.lines, seen.sites) == (0, (), {})
    assert stations(found, over=True)[2:] == ["acknowledged by me", "resolved"]
    assert found.resolved[0].age == "30 s"
    later = seen.look(NOW + 7200 * NS_PER_S, "running", 0)
    assert stations(later, over=True), "the last one stays on the screen"


async def test_events_are_sentences_in_the_order_in_which_they_were_seen(engine: Engine, seen: AlertsSeen) -> None:
    await engine.note(change(Change.RAISED), change(Change.ROSE, after_s=5, severity=Severity.CRITICAL))
    await engine.note(
        change(Change.ACKNOWLEDGED, after_s=9, by="me"), change(Change.RESOLVED, after_s=10, ending=Ending.CLEARED)
    )
    said = [event.partition(" ")[2].partition(", Men's odour, Pier: ")[2] for event in seen.look(NOW, "x", 0).events]
    assert said == ["raised, warning", "rose to critical", "acknowledged by me", "resolved: the condition has ended"]


async def test_the_newest_that_nobody_has_is_acknowledged(engine: Engine, seen: AlertsSeen) -> None:
    assert seen.newest_free(NOW) is None
    older, newer = change(Change.RAISED, severity=Severity.CRITICAL), change(Change.RAISED, "other", after_s=5)
    await engine.note(older, newer)
    free = seen.newest_free(NOW)
    assert free is not None
    assert free.id == newer.alert
    seen.acknowledge(newer.alert, "me", None)
    seen.resolve(newer.alert, "me", "all is well")
    seen.acknowledge("none", "me", None)
    wishes = await engine.database.actions()
    assert [(wish.act, wish.alert, wish.by) for wish in wishes] == [
        (Act.ACKNOWLEDGE, newer.alert, "me"),
        (Act.RESOLVE, newer.alert, "me"),
    ]
    await engine.note(change(Change.ACKNOWLEDGED, "other", after_s=6, by="me"))
    free = seen.newest_free(NOW)
    assert free is not None
    assert free.id == older.alert


def test_before_there_is_a_database_only_the_service_is_known(tmp_path: Path) -> None:
    seen = AlertsSeen(tmp_path / "none" / "alerts.db", WORDS)
    assert seen.look(NOW, "away", 0) == Alerts(service="away")
    assert seen.newest_free(NOW) is None
    seen.acknowledge("a", "me", None)


def test_messages_to_people_are_counted_from_the_services_own_figures() -> None:
    text = """# HELP caretaker_alerts_deliveries_total Attempts.
caretaker_alerts_deliveries_total{receiver="inbox",result="delivered"} 4.0
caretaker_alerts_deliveries_total{receiver="mqtt",result="delivered"} 9.0
caretaker_alerts_deliveries_total{receiver="webhook",result="delivered"} 1.0
caretaker_alerts_deliveries_total{receiver="webhook",result="later"} 3.0
"""
    assert DELIVERED.findall(text) == ["4.0", "1.0"]
