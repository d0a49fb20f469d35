"""Delivery from a real alert database to real receivers: at least once, with one id, and nobody delays the others."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest
import structlog

from alerts.database.database import AlertDatabase
from alerts.deliver import Deliverer
from alerts.dispatch.planned import Planned
from alerts.notice import Verdict
from tests.integration.delivering import FastClock, S, at, delivery, emptied, running, webhooks
from tests.integration.http_receiver import Answers, HttpReceiver, Posted
from tests.integration.listener import eventually

START_NS = time.time_ns()


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[AlertDatabase]:
    opened = AlertDatabase.open(tmp_path / "alerts.db")
    yield opened
    await opened.close()


@pytest.fixture
def server() -> Iterator[HttpReceiver]:
    with HttpReceiver() as made:
        yield made


async def test_each_is_delivered_with_one_id_whatever_happens_on_the_way(
    database: AlertDatabase, server: HttpReceiver
) -> None:
    """R13: 500, 429 with Retry-After, reset, timeout, then 200; and the same again for the next message."""
    asked_at: list[int] = []
    clock = FastClock()
    course: list[Callable[[Answers], None]] = [
        lambda answer: answer.status(500),
        lambda answer: answer.status(429, retry_after="30"),
        Answers.reset,
        Answers.silence,
        lambda answer: answer.status(200),
    ]
    seen: Counter[str] = Counter()

    def behave(posted: Posted, answer: Answers) -> None:
        asked_at.append(clock())
        seen[posted.id] += 1
        course[seen[posted.id] - 1](answer)

    server.behave = behave
    one = delivery()
    await database.plan(Planned(1, deliveries=[one]))
    async with running(Deliverer(database, webhooks(1), at(manager=server.url("/hook")), clock)) as deliverer:
        await emptied(database)
    assert server.ids("/hook") == [one.id] * len(course)
    assert asked_at[2] - asked_at[1] >= 30 * S, "Retry-After is heeded"
    assert deliverer.attempts == {("manager/webhook", Verdict.LATER): 4, ("manager/webhook", Verdict.DELIVERED): 1}
    assert (await database.outbox()).dead == 0


async def test_a_permanent_refusal_is_handed_on_to_the_next_receiver(
    database: AlertDatabase, server: HttpReceiver
) -> None:
    server.behave = lambda posted, answer: answer.status(404 if posted.path == "/first" else 200)
    one = delivery()
    await database.plan(Planned(1, deliveries=[one]))
    addresses = at(manager=[server.url("/first"), "http://10.0.0.1/", server.url("/third")])
    async with running(Deliverer(database, webhooks(), addresses)):
        await emptied(database)
    assert server.ids("/first") == [one.id]
    assert len(server.ids("/third")) == 1
    assert server.ids("/third")[0] != one.id
    assert (await database.outbox()).dead == 2


async def test_with_nobody_to_hand_it_on_to_it_is_a_dead_letter(database: AlertDatabase, server: HttpReceiver) -> None:
    server.behave = lambda _, answer: answer.status(410, b"gone for good")
    await database.plan(Planned(1, deliveries=[delivery()]))
    with structlog.testing.capture_logs() as logs:
        async with running(Deliverer(database, webhooks(), at(manager=server.url("/hook")))):
            await emptied(database)
    assert (await database.outbox()).dead == 1
    assert len(server.ids("/hook")) == 1, "never tried again"
    (line,) = [line for line in logs if line["event"] == "a dead letter"]
    assert (line["receiver"], line["detail"]) == ("manager/webhook", "410 gone for good")


async def test_one_dead_receiver_does_not_delay_the_others(
    database: AlertDatabase, server: HttpReceiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All that goes to the quick one is there while the first attempt to the dead one still hangs."""
    monkeypatch.setattr("alerts.deliver.LAST_ATTEMPTS_S", 0.05)
    server.behave = lambda posted, answer: answer.silence() if posted.path == "/dead" else answer.status(200)
    quick = [delivery(number, "quick") for number in range(25)]
    await database.plan(Planned(1, deliveries=[*(delivery(number, "dead") for number in range(25)), *quick]))
    addresses = at(quick=server.url("/quick"), dead=server.url("/dead"))
    deliverer = Deliverer(database, webhooks(timeout_s=60), addresses)
    async with running(deliverer):
        await eventually(lambda: len(server.ids("/quick")) == len(quick))
        assert server.ids("/dead") == [delivery(0, "dead").id], "one attempt is under way, and no second beside it"
        assert not any(receiver == "dead/webhook" for receiver, _ in deliverer.attempts)
    assert server.ids("/quick") == [one.id for one in quick], "in order"


async def test_messages_of_a_lane_follow_one_another_through_an_outage(
    database: AlertDatabase, server: HttpReceiver
) -> None:
    def behave(_posted: Posted, answer: Answers) -> None:
        time.sleep(0.002)
        answer.status(503 if len(server.posted) <= 4 else 200)

    server.behave = behave
    many = [delivery(number, created_ns=START_NS + number) for number in range(30)]
    await database.plan(Planned(1, deliveries=many))
    async with running(Deliverer(database, webhooks(5), at(manager=server.url("/hook")), FastClock())):
        await emptied(database)
    assert server.ids("/hook")[-30:] == [one.id for one in many]
    assert server.busiest["/hook"] == 1


async def test_messages_that_always_fail_do_not_hold_up_their_lane(
    database: AlertDatabase, server: HttpReceiver
) -> None:
    many = [delivery(number) for number in range(8)]
    bad = {many[0].id, many[1].id}
    server.behave = lambda posted, answer: answer.status(500 if posted.id in bad else 200)
    await database.plan(Planned(1, deliveries=many))
    async with running(Deliverer(database, webhooks(), at(manager=server.url("/hook")), FastClock())):
        await eventually(lambda: {one.id for one in many} <= set(server.ids("/hook")))
    assert (await database.outbox()).depth == len(bad)


async def test_a_new_message_need_not_wait_for_the_pause_of_an_old_one(
    database: AlertDatabase, server: HttpReceiver
) -> None:
    """The clock stands still: no pause ends, and what comes is tried all the same, after what is older."""
    now_ns = time.time_ns() + S
    server.behave = lambda _, answer: answer.status(500 if len(server.posted) == 1 else 200)
    old, new = delivery(1), delivery(2, created_ns=now_ns + 1)
    await database.plan(Planned(1, deliveries=[old]))
    async with running(Deliverer(database, webhooks(), at(manager=server.url("/hook")), lambda: now_ns)):
        await eventually(lambda: len(server.posted) == 1)
        await asyncio.sleep(0.05)
        assert server.ids("/hook") == [old.id]
        await database.plan(Planned(2, deliveries=[new]))
        await emptied(database)
    assert server.ids("/hook") == [old.id, old.id, new.id]


async def test_a_receiver_that_asks_for_a_pause_gets_it(database: AlertDatabase, server: HttpReceiver) -> None:
    now_ns = time.time_ns() + S
    server.behave = lambda _, answer: answer.status(429, retry_after="60")
    await database.plan(Planned(1, deliveries=[delivery(1)]))
    async with running(Deliverer(database, webhooks(), at(manager=server.url("/hook")), lambda: now_ns)):
        await eventually(lambda: len(server.posted) == 1)
        await database.plan(Planned(2, deliveries=[delivery(2, created_ns=now_ns + 1)]))
        await asyncio.sleep(0.1)
    assert len(server.posted) == 1


async def test_what_waits_already_is_not_new(database: AlertDatabase, server: HttpReceiver) -> None:
    """A receiver that is away is asked twice, not once for every message that waits for it."""
    now_ns = time.time_ns() + S
    server.behave = lambda _, answer: answer.status(503)
    await database.plan(Planned(1, deliveries=[delivery(number) for number in range(30)]))
    async with running(Deliverer(database, webhooks(), at(manager=server.url("/hook")), lambda: now_ns)):
        await eventually(lambda: len(server.posted) >= 1)
        await asyncio.sleep(0.1)
    assert len(server.posted) == 1
