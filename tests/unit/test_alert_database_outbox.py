"""Deliveries: due in fair shares, marked with what became of them, counted for the cap and for the operator."""

import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from alerts.database import read
from alerts.database.database import AlertDatabase, Outbox
from alerts.database.rows import Status
from alerts.desk import Desk
from alerts.dispatch.planned import Planned
from alerts.notice import Attempt, Cause, Channel, Delivery, Verdict
from tests.unit.test_alert_database import alert, delivery, judged


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "alerts.db"


@pytest.fixture
async def database(path: Path) -> AsyncIterator[AlertDatabase]:
    opened = AlertDatabase.open(path)
    yield opened
    await opened.close()


async def put_in(database: AlertDatabase, *deliveries: Delivery) -> None:
    await database.plan(Planned(cursor=1, deliveries=list(deliveries)))


async def due(database: AlertDatabase, now_ns: int = 10_000, limit_per_lane: int = 10) -> list[str]:
    return [one.id for one in await database.due(now_ns, limit_per_lane)]


async def test_a_delivery_is_read_as_it_was_planned(database: AlertDatabase) -> None:
    one = delivery("1", "", place=2, channel=Channel.MQTT, cause=Cause.SUMMARY, alerts=("b", "a"), attempts=3, due_ns=7)
    silent = delivery("2", message=delivery("").message.__class__("Title", "", None, b"\x00\xff"))
    await put_in(database, one, silent)
    assert {each.id: each for each in await database.due(10, 10)} == {one.id: one, silent.id: silent}


async def test_one_receiver_with_thousands_does_not_hide_the_others(database: AlertDatabase) -> None:
    await put_in(database, *(delivery(f"busy{number:04}") for number in range(3_000)))
    await put_in(
        database,
        delivery("manager", "manager"),
        delivery("second_place", place=1),
        delivery("inbox", channel=Channel.INBOX),
    )
    found = await due(database, limit_per_lane=2)
    assert sorted(found) == ["msg_busy0000", "msg_busy0001", "msg_inbox", "msg_manager", "msg_second_place"]


async def test_what_is_due_first_comes_first_and_nothing_before_its_time(database: AlertDatabase) -> None:
    await put_in(database, delivery("b", due_ns=50), delivery("a", due_ns=50), delivery("c", due_ns=40))
    assert await database.next_due_ns() == 40
    assert await due(database, 39) == []
    assert await due(database, 40) == ["msg_c"]
    assert await due(database, 50) == ["msg_c", "msg_b", "msg_a"], "of one moment: as they were put in"


@pytest.mark.parametrize("verdict", list(Verdict))
async def test_what_becomes_of_an_attempt(database: AlertDatabase, path: Path, verdict: Verdict) -> None:
    expected = {
        Verdict.DELIVERED: (Status.DELIVERED, 0, True),
        Verdict.LATER: (Status.WAITING, 500, False),
        Verdict.REFUSED: (Status.DEAD, 0, True),
    }
    await put_in(database, delivery("1"))
    before_ns = time.time_ns()
    await database.attempted("msg_1", Attempt(verdict, "what the receiver said"), 500)
    with Desk(path) as desk:
        (found,) = desk.deliveries()
    assert (found.status, found.delivery.due_ns, found.done_ns is not None) == expected[verdict]
    assert found.done_ns is None or before_ns <= found.done_ns <= time.time_ns()
    assert (found.detail, found.delivery.attempts) == ("what the receiver said", 1)
    assert await due(database, 499) == []
    assert await due(database, 500) == (["msg_1"] if verdict is Verdict.LATER else [])
    assert await database.next_due_ns() == (500 if verdict is Verdict.LATER else None)


async def test_to_try_again_at_no_time_is_a_mistake(database: AlertDatabase) -> None:
    await put_in(database, delivery("1"))
    with pytest.raises(ValueError, match="needs a time"):
        await database.attempted("msg_1", Attempt(Verdict.LATER), None)


async def test_what_was_delivered_stays_delivered(database: AlertDatabase, path: Path) -> None:
    await put_in(database, delivery("1"))
    await database.attempted("msg_1", Attempt(Verdict.DELIVERED, "250"), None)
    await database.attempted("msg_1", Attempt(Verdict.REFUSED, "late answer"), None)
    await database.hand_on("msg_1", delivery("2", place=1))
    with Desk(path) as desk:
        assert {one.delivery.id: one.status for one in desk.deliveries()} == {
            "msg_1": Status.DELIVERED,
            "msg_2": Status.WAITING,
        }


async def test_handing_on_gives_one_up_and_puts_the_next_in(database: AlertDatabase, path: Path) -> None:
    await put_in(database, delivery("1", alerts=("a",)), delivery("2"))
    await database.hand_on("msg_1", delivery("3", place=1, alerts=("a",)), "no such mailbox")
    await database.attempted("msg_2", Attempt(Verdict.REFUSED, "forbidden address"), None)
    await database.hand_on("msg_2", delivery("4", place=1))
    assert sorted(await due(database)) == ["msg_3", "msg_4"]
    with Desk(path) as desk:
        dead = desk.deliveries(status=Status.DEAD)
    assert {one.delivery.id: (one.detail, one.delivery.attempts) for one in dead} == {
        "msg_1": ("no such mailbox", 1),
        "msg_2": ("forbidden address", 1),
    }
    await database.hand_on("msg_1", delivery("3", place=1, alerts=("a",)), "no such mailbox")  # after a restart
    assert (await database.outbox()).depth == 2


async def test_a_dead_letter_that_is_tried_again_is_due_at_once(database: AlertDatabase, path: Path) -> None:
    await put_in(database, delivery("1", attempts=6), delivery("2"))
    await database.attempted("msg_1", Attempt(Verdict.REFUSED, "no such mailbox"), None)
    with Desk(path) as desk:
        assert desk.retry("msg_1")
        assert not desk.retry("msg_1"), "it waits already"
        assert not desk.retry("msg_2")
        assert not desk.retry("msg_unknown")
    again = {one.id: one for one in await database.due(time.time_ns(), 10)}
    assert sorted(again) == ["msg_1", "msg_2"]
    assert again["msg_1"].attempts == 0, "its patience begins anew"


async def test_the_outbox_says_how_much_waits_and_for_how_long(database: AlertDatabase) -> None:
    assert await database.outbox() == Outbox()
    await put_in(
        database,
        delivery("1", created_ns=30, due_ns=10**18),
        delivery("2", created_ns=20),
        delivery("3", created_ns=10, channel=Channel.WEBHOOK),
        delivery("4", created_ns=5),
        delivery("5", created_ns=40, channel=Channel.WEBHOOK),
    )
    await database.attempted("msg_3", Attempt(Verdict.REFUSED), None)
    await database.attempted("msg_4", Attempt(Verdict.DELIVERED), None)
    assert await database.outbox() == Outbox(
        depth=3,
        oldest_created_ns=20,
        dead=1,
        waiting={Channel.EMAIL: 2, Channel.WEBHOOK: 1},
        dead_by_channel={Channel.WEBHOOK: 1},
    )


async def test_what_counts_towards_a_persons_cap(database: AlertDatabase) -> None:
    await put_in(
        database,
        delivery("old", created_ns=99),
        delivery("2", created_ns=102),
        delivery("1", created_ns=100),
        delivery("manager", "manager", created_ns=101, channel=Channel.INBOX),
        delivery("escalated", created_ns=101, cause=Cause.ESCALATED),
        delivery("mqtt", "", created_ns=101, channel=Channel.MQTT),
        delivery("refused", created_ns=101),
        delivery("done", created_ns=103),
    )
    await database.attempted("msg_done", Attempt(Verdict.DELIVERED), None)
    await database.hand_on("msg_refused", delivery("handed_on", created_ns=104, place=1), "no such mailbox")
    assert await database._look(read.sent, 100) == {"attendants": [100, 102, 103, 104], "manager": [101]}


async def test_deliveries_are_found_by_what_is_asked(database: AlertDatabase, path: Path) -> None:
    one, other = alert("nh3-1"), alert("nh3-2")
    await database.commit(judged(one, other))
    await put_in(
        database,
        delivery("1", created_ns=10, alerts=(one.id, other.id)),
        delivery("2", created_ns=20, channel=Channel.INBOX, alerts=(one.id,)),
        delivery("3", "manager", created_ns=20, alerts=(other.id, other.id)),
    )
    with Desk(path) as desk:

        def ids(**asked: object) -> list[str]:
            return [found.delivery.id for found in desk.deliveries(**asked)]  # type: ignore[arg-type] # as asked

        assert ids() == ["msg_3", "msg_2", "msg_1"]
        assert ids(limit=1) == ["msg_3"]
        assert ids(alert=one.id) == ["msg_2", "msg_1"]
        assert ids(alert=other.id, person="manager") == ["msg_3"]
        assert ids(channel=Channel.INBOX) == ["msg_2"]
        assert ids(status=Status.DEAD) == []
        assert ids(person="nobody") == []
