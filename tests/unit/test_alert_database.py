"""The alert database towards judge and dispatch: what is kept in one transaction, and what is read back."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from sqlalchemy import select

from alerts.alert import Alert, Change, Ending, Severity, Silence, Transition, alert_id
from alerts.database import blobs, read, tables
from alerts.database.ask import put_action
from alerts.database.database import AlertDatabase, SecondActiveAlertError
from alerts.dispatch.planned import Planned
from alerts.judge.judged import Act, Action, Judged
from alerts.notice import Cause, Channel, Delivery, Message


def alert(device: str = "nh3-1", raised_ns: int = 1_000, **fields: Any) -> Alert:
    plain = Alert(
        id=alert_id("odour", device, raised_ns),
        rule="odour",
        device=device,
        severity=Severity.WARNING,
        worst=Severity.CRITICAL,
        raised_ns=raised_ns,
        changed_ns=raised_ns,
        resolved_ns=None,
        value=1.25,
        threshold=1.0,
        reading_ns=raised_ns - 1,
        suspect=False,
        acknowledged_by=None,
        acknowledged_ns=None,
        acknowledged_until_ns=None,
        comment=None,
        ending=None,
    )
    return replace(plain, **fields)


def resolved(one: Alert, at_ns: int) -> Alert:
    return replace(one, resolved_ns=at_ns, changed_ns=at_ns, ending=Ending.CLEARED)


def transition(of: Alert, change: Change = Change.RAISED, at_ns: int = 1_000, **fields: Any) -> Transition:
    return replace(Transition(of.id, of.rule, of.device, change, of.severity, at_ns, at_ns + 5), **fields)


def delivery(name: str, person: str = "attendants", **fields: Any) -> Delivery:
    message = Message("Odour", "Male area: 1.25 ppm\n异味", Severity.WARNING, b'{"alerts": []}')
    plain = Delivery(f"msg_{name}", person, 0, Channel.EMAIL, Cause.NEW, 1_000, (), message)
    return replace(plain, **fields)


def judged(*alerts: Alert, **fields: Any) -> Judged:
    return replace(Judged(alerts={one.id: one for one in alerts}), **fields)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "alerts" / "alerts.db"


@pytest.fixture
async def database(path: Path) -> AsyncIterator[AlertDatabase]:
    opened = AlertDatabase.open(path)
    yield opened
    await opened.close()


async def test_everything_that_was_judged_is_remembered(database: AlertDatabase, path: Path) -> None:
    one = alert(acknowledged_by="attendant", acknowledged_ns=5, acknowledged_until_ns=9, comment="seen", suspect=True)
    await database.commit(
        Judged(
            devices={"nh3-1": b"d1", "nh3-2": b"d2"},
            states={("odour", "nh3-1"): b"", ("odour", "nh3-2"): b"s"},
            windows={("mean", "nh3-1"): b"w" * 10_000},
            areas={("toilet-1", "male"): b"a", ("toilet-1", ""): b"rest"},
            figures={"clock": 2**62, "batches": -1},
            alerts={one.id: one},
        )
    )
    await database.close()
    again = AlertDatabase.open(path)
    remembered = await again.remember()
    assert remembered.devices == {"nh3-1": b"d1", "nh3-2": b"d2"}
    assert remembered.states == {("odour", "nh3-1"): b"", ("odour", "nh3-2"): b"s"}
    assert remembered.windows == {("mean", "nh3-1"): b"w" * 10_000}
    assert remembered.areas == {("toilet-1", "male"): b"a", ("toilet-1", ""): b"rest"}
    assert remembered.figures == {"clock": 2**62, "batches": -1}
    assert remembered.alerts == [one]
    await again.close()


async def test_none_forgets_and_the_rest_stays(database: AlertDatabase) -> None:
    await database.commit(
        Judged(devices={"a": b"1", "b": b"2"}, states={("r", "a"): b"1"}, areas={("s", ""): b"1"}, figures={"n": 1})
    )
    await database.commit(Judged(devices={"a": None, "c": b"3"}, states={("r", "a"): None}, areas={("s", ""): None}))
    remembered = await database.remember()
    assert remembered.devices == {"b": b"2", "c": b"3"}
    assert (remembered.states, remembered.areas, remembered.figures) == ({}, {}, {"n": 1})


async def test_transitions_are_numbered_in_the_order_of_commits(database: AlertDatabase, path: Path) -> None:
    one, other = alert("nh3-1"), alert("nh3-2")
    detailed = transition(
        other,
        Change.ACKNOWLEDGED,
        at_ns=7,
        value=float("inf"),
        threshold=-0.5,
        reading_ns=3,
        suspect=True,
        flapping=True,
        by="attendant",
        comment="on my way 🚽",
        until_ns=99,
    )
    first = await database.commit(judged(one, other, transitions=[transition(one), transition(other)]))
    second = await database.commit(judged(other, transitions=[detailed]))
    assert [each.number for each in (*first, *second)] == [1, 2, 3]
    assert second[0] == replace(detailed, number=3)
    assert await database._look(read.transitions_after, 0, 100) == [*first, *second]
    assert await database._look(read.transitions_after, 1, 1) == [first[1]]
    assert await database._look(read.transitions_after, 3, 100) == []
    await database.close()
    again = AlertDatabase.open(path)
    assert [each.number for each in await again.commit(judged(transitions=[transition(one)]))] == [4]
    await again.close()


async def test_no_number_is_given_twice_even_when_all_was_forgotten(database: AlertDatabase, path: Path) -> None:
    old = resolved(alert(), 2_000)
    await database.commit(judged(old, transitions=[transition(old), transition(old, Change.RESOLVED, 2_000)]))
    assert await database.expire(2_001) == 1
    await database.close()
    again = AlertDatabase.open(path)
    assert [each.number for each in await again.commit(judged(transitions=[transition(old)]))] == [3]
    await again.close()


async def test_a_second_active_alert_is_refused_and_nothing_of_its_batch_is_kept(database: AlertDatabase) -> None:
    first = alert(raised_ns=1_000)
    await database.commit(judged(first, devices={"nh3-1": b"1"}))
    second = alert(raised_ns=2_000)
    batch = judged(second, devices={"nh3-1": b"2"}, figures={"clock": 1}, transitions=[transition(second)])
    with pytest.raises(SecondActiveAlertError, match="odour on nh3-1"):
        await database.commit(batch)
    remembered = await database.remember()
    assert (remembered.devices, remembered.figures, remembered.alerts) == ({"nh3-1": b"1"}, {}, [first])
    assert await database._look(read.transitions_after, 0, 10) == []
    # And it goes on: the first resolved and the second raised in one batch, in whatever order they stand in it.
    numbered = await database.commit(judged(second, resolved(first, 1_500), transitions=[transition(second)]))
    assert [each.number for each in numbered] == [1]
    assert await database._look(read.active_alerts) == [second]
    found = await database._look(read.alerts_by_id, [first.id, second.id, "unknown"])
    assert {each.id: each for each in found} == {first.id: resolved(first, 1_500), second.id: second}


async def test_any_number_of_resolved_alerts_of_a_rule_and_device(database: AlertDatabase) -> None:
    many = [resolved(alert(raised_ns=at), at + 1) for at in range(1_000, 2_200)]
    await database.commit(judged(*many))
    assert len(await database._look(read.alerts_by_id, [one.id for one in many])) == 1_200
    assert await database._look(read.active_alerts) == []


async def test_an_empty_batch_is_no_transaction(database: AlertDatabase, path: Path) -> None:
    await database.commit(Judged(figures={"clock": 1}))
    before = path.with_name("alerts.db-wal").stat().st_size
    assert await database.commit(Judged()) == ()
    assert await database.commit(Judged(transitions=[], silences=[], done=[])) == ()
    assert path.with_name("alerts.db-wal").stat().st_size == before


async def test_actions_wait_oldest_first_until_they_are_done(database: AlertDatabase) -> None:
    assert await database.actions() == []
    wishes = [
        Action(0, Act.ACKNOWLEDGE, 5, "attendant", alert="a1", comment="on my way", until_ns=9),
        Action(0, Act.SILENCE, 3, "manager", comment="works", start_ns=1, until_ns=2, matchers={"site": "toilet-*"}),
        Action(0, Act.RESOLVE, 4, "attendant", alert="a2"),
    ]
    for wish in wishes:
        await database._write(put_action, wish)
    waiting = await database.actions()
    assert waiting == [replace(wish, id=number) for number, wish in enumerate(wishes, 1)]
    await database.commit(Judged(done=[(1, None), (3, "it is resolved already")]))
    assert [each.id for each in await database.actions()] == [2]
    done = await database._look(
        lambda connection: connection.execute(
            select(tables.actions.c.why_not, tables.actions.c.done_ns.is_not(None)).order_by(tables.actions.c.id)
        ).all()
    )
    assert [tuple(row) for row in done] == [(None, True), (None, False), ("it is resolved already", True)]


async def test_silences_are_kept_by_id_and_read_until_they_are_over(database: AlertDatabase) -> None:
    works = Silence("s1", {"site": "toilet-1", "severity": "warning|information"}, 100, 200, "manager", "works")
    later = Silence("s2", {"rule": "*"}, 50, 300, "manager", "test")
    await database.commit(Judged(silences=[works, later]))
    assert await database._look(read.silences, 199) == [later, works]
    assert await database._look(read.silences, 200) == [later]
    await database.commit(Judged(silences=[replace(later, end_ns=150)]))
    assert await database._look(read.silences, 120) == [replace(later, end_ns=150), works]


async def test_planned_is_kept_with_the_cursor(database: AlertDatabase, path: Path) -> None:
    assert await database._look(read.cursor) == 0
    await database.commit(Judged(figures={"clock": 1}))
    await database.plan(Planned(cursor=7, groups={"g1": b"1", "g2": b"2"}, figures={"digest": 5}))
    await database.plan(Planned(cursor=8, groups={"g1": None, "g2": b"3"}, deliveries=[delivery("1")]))
    await database.close()
    again = AlertDatabase.open(path)
    assert await again._look(read.cursor) == 8
    assert await again._look(blobs.groups.read) == {"g2": b"3"}
    assert await again._look(blobs.figures.read) == {"clock": 1, "digest": 5}
    assert await again.due(10_000, 10) == [delivery("1")]
    await again.close()


async def test_who_took_an_alert_on_first_is_known_however_late_it_is_asked(database: AlertDatabase) -> None:
    one, other, quiet = alert("nh3-1"), alert("nh3-2"), alert("nh3-3")
    await database.commit(judged(one, other, quiet, transitions=[transition(each) for each in (one, other, quiet)]))
    assert (await database.situation(0, 100, 0)).first_acknowledged == {}
    taken = [
        transition(one, Change.COMMENTED, by="attendant", comment="seen"),
        transition(one, Change.ASSIGNED, by="shift leader", to="technician"),
        transition(other, Change.ACKNOWLEDGED, by="attendant", until_ns=9),
        transition(one, Change.ACKNOWLEDGED, by="technician"),
        transition(other, Change.ACKNOWLEDGEMENT_ENDED),
        transition(other, Change.ACKNOWLEDGED, by="attendant"),
        transition(quiet, Change.COMMENTED, by="attendant", comment="seen"),
    ]
    numbered = await database.commit(judged(one, other, transitions=taken))
    first = {one.id: numbered[1].number, other.id: numbered[2].number}
    assert (await database.situation(0, 100, 0)).first_acknowledged == first
    await database.plan(Planned(cursor=numbered[4].number))
    assert (await database.situation(0, 100, 0)).first_acknowledged == {other.id: first[other.id]}


async def test_expire_forgets_what_is_old_and_nothing_else(database: AlertDatabase) -> None:
    old, newer = resolved(alert("nh3-1"), 2_000), resolved(alert("nh3-2"), 3_000)
    active = alert("nh3-3")
    many = [resolved(alert("nh3-4", raised_ns=at), at + 1) for at in range(100, 700)]
    everything = [old, newer, active, *many]
    await database.commit(judged(*everything, transitions=[transition(one) for one in everything]))
    waiting = delivery("waits", alerts=(old.id,))
    done = delivery("done", alerts=(old.id,))
    await database.plan(Planned(cursor=3, deliveries=[waiting, done]))
    await database.hand_on(done.id, delivery("later", created_ns=2_999), "no such mailbox")
    silences = [
        Silence(name, {"site": "*"}, 1, end_ns, "manager", "works") for name, end_ns in (("s1", 9), ("s2", 3_000))
    ]
    await database.commit(Judged(silences=silences))
    assert await database.expire(3_000) == 601
    assert {each.id for each in await database._look(read.alerts_by_id, [one.id for one in everything])} == {
        newer.id,
        active.id,
    }
    assert {each.alert for each in await database._look(read.transitions_after, 0, 10_000)} == {newer.id, active.id}
    assert [each.id for each in await database.due(10_000, 10)] == [waiting.id, "msg_later"]
    assert (await database.outbox()).dead == 0
    assert [each.id for each in await database._look(read.silences, 0)] == ["s2"]
    assert await database.expire(3_000) == 0


async def test_the_newest_action_is_not_forgotten_so_that_its_number_stays_taken(database: AlertDatabase) -> None:
    for _ in range(2):
        await database._write(put_action, Action(0, Act.COMMENT, 5, "attendant", alert="a", comment="x"))
    await database.commit(Judged(done=[(1, None), (2, None)]))
    await database.expire(2**62)
    await database._write(put_action, Action(0, Act.COMMENT, 5, "attendant", alert="a", comment="x"))
    assert [each.id for each in await database.actions()] == [3]


async def test_closing_twice_does_nothing(database: AlertDatabase) -> None:
    await database.close()
    await database.close()
