"""Delivery in trouble: old messages, defects, stops, full disks, changed people, secrets."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from pathlib import Path

import pytest
import structlog

from alerts.database.database import AlertDatabase, DatabaseAwayError
from alerts.deliver import BACK_OFF_MOST_S, LANES_AT_ONCE, Deliverer, back_off_s
from alerts.dispatch.planned import Planned
from alerts.notice import Attempt, Channel, Delivery, Verdict
from tests.integration.delivering import FastClock, S, Scripted, at, delivered, delivery, emptied, running, webhooks
from tests.integration.http_receiver import HttpReceiver
from tests.integration.listener import eventually

SECRET = "T0KEN-canary-44be"


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[AlertDatabase]:
    opened = AlertDatabase.open(tmp_path / "alerts.db")
    yield opened
    await opened.close()


@pytest.fixture
def server() -> Iterator[HttpReceiver]:
    with HttpReceiver() as made:
        yield made


async def test_so_many_lanes_work_at_once(database: AlertDatabase) -> None:
    receiver = Scripted(delivered)
    receiver.open.clear()
    people = {f"person-{number}": "https://hooks.example.org/" for number in range(LANES_AT_ONCE + 8)}
    await database.plan(Planned(1, deliveries=[delivery(1, person) for person in people]))
    async with running(Deliverer(database, {Channel.WEBHOOK: receiver}, at(**people))):
        await eventually(lambda: receiver.at_once == LANES_AT_ONCE)
        await asyncio.sleep(0.05)
        receiver.open.set()
        await emptied(database)
    assert receiver.most_at_once == LANES_AT_ONCE
    assert len(receiver.sent) == len(set(receiver.sent)) == len(people)


async def test_after_three_days_a_message_is_given_up_but_on_mqtt(database: AlertDatabase) -> None:
    old_ns = time.time_ns() - 3 * 86_400 * S
    receiver = Scripted(lambda _: Attempt(Verdict.LATER, "503"))
    old = [
        delivery(1, created_ns=old_ns),
        delivery(2, "", channel=Channel.MQTT, created_ns=old_ns),
        delivery(3, "other", created_ns=old_ns + 3600 * S),
    ]
    await database.plan(Planned(1, deliveries=old))
    addresses = at(manager="https://hooks.example.org/", other="https://hooks.example.org/")
    receivers = {Channel.WEBHOOK: receiver, Channel.MQTT: receiver}
    async with running(Deliverer(database, receivers, addresses)) as deliverer:
        await eventually(lambda: sum(deliverer.attempts.values()) >= 3)
    outbox = await database.outbox()
    assert (outbox.dead_by_channel, outbox.depth) == ({Channel.WEBHOOK: 1}, 2)
    assert deliverer.attempts["manager/webhook", Verdict.REFUSED] == 1


async def test_a_defect_is_counted_and_its_text_is_told_to_nobody(database: AlertDatabase) -> None:
    tries = iter([True, False])

    def act(_delivery: Delivery) -> Attempt:
        if next(tries):
            raise ValueError(SECRET)
        return Attempt(Verdict.DELIVERED)

    await database.plan(Planned(1, deliveries=[delivery()]))
    deliverer = Deliverer(database, {Channel.WEBHOOK: Scripted(act)}, at(manager="https://x.example/"), FastClock())
    with structlog.testing.capture_logs() as logs:
        async with running(deliverer):
            await emptied(database)
    assert deliverer.defects == {"ValueError": 1}
    assert any(line["event"] == "a defect in a receiver" for line in logs)
    assert SECRET not in str(logs)


async def test_an_attempt_that_a_stop_cut_short_is_made_again(
    database: AlertDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("alerts.deliver.LAST_ATTEMPTS_S", 0.05)
    receiver = Scripted(delivered)
    receiver.open.clear()
    one = delivery()
    await database.plan(Planned(1, deliveries=[one]))
    addresses = at(manager="https://hooks.example.org/")
    async with running(Deliverer(database, {Channel.WEBHOOK: receiver}, addresses)):
        await eventually(lambda: bool(receiver.sent))
    receiver.open.set()
    async with running(Deliverer(database, {Channel.WEBHOOK: receiver}, addresses)):
        await emptied(database)
    assert receiver.sent == [one.id, one.id]


async def test_an_ordered_stop_lets_the_attempt_under_way_end_and_begins_no_other(database: AlertDatabase) -> None:
    receiver = Scripted(delivered)
    receiver.open.clear()
    first, second = delivery(1), delivery(2)
    await database.plan(Planned(1, deliveries=[first, second]))
    deliverer = Deliverer(database, {Channel.WEBHOOK: receiver}, at(manager="https://hooks.example.org/"))
    task = asyncio.create_task(deliverer.run())
    await eventually(lambda: bool(receiver.sent))
    task.cancel()
    await asyncio.sleep(0.01)
    receiver.open.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert receiver.sent == [first.id]
    assert (await database.outbox()).depth == 1, "the outcome is kept"


class Failing:
    """A database whose disk is full for a while."""

    def __init__(self, database: AlertDatabase) -> None:
        self._database = database
        self.failures = 3

    def _fail(self) -> None:
        if self.failures:
            self.failures -= 1
            raise DatabaseAwayError("the disk is full")

    async def due(self, now_ns: int, limit_per_lane: int) -> Sequence[Delivery]:
        return await self._database.due(now_ns, limit_per_lane)

    async def next_due_ns(self) -> int | None:
        return await self._database.next_due_ns()

    async def attempted(self, delivery_id: str, attempt: Attempt, next_due_ns: int | None) -> None:
        self._fail()
        await self._database.attempted(delivery_id, attempt, next_due_ns)

    async def hand_on(self, delivery_id: str, replacement: Delivery, detail: str = "") -> None:
        self._fail()
        await self._database.hand_on(delivery_id, replacement, detail)


async def test_while_the_disk_is_full_nothing_is_sent_twice(
    database: AlertDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("alerts.deliver.LOOK_EVERY_S", 0.02)
    receiver = Scripted(delivered)
    await database.plan(Planned(1, deliveries=[delivery()]))
    failing = Failing(database)
    async with running(Deliverer(failing, {Channel.WEBHOOK: receiver}, at(manager="https://x.example/"))):
        await emptied(database)
    assert failing.failures == 0
    assert len(receiver.sent) == 1


@pytest.mark.parametrize(
    ("addresses", "paths", "dead"),
    [
        (at(), [], 1),
        (at(manager=[]), [], 1),
        (at(manager=["inbox"]), [], 1),
        (at(manager=["mailto:a@example.org", "inbox"]), [], 2),
    ],
    ids=["the person is gone", "no receivers", "another channel at the same place", "a channel that nobody takes"],
)
async def test_people_may_change_while_messages_wait(
    database: AlertDatabase,
    server: HttpReceiver,
    addresses: Callable[[Delivery], str | None],
    paths: Sequence[str],
    dead: int,
) -> None:
    await database.plan(Planned(1, deliveries=[delivery()]))
    async with running(Deliverer(database, webhooks(), addresses)):
        await emptied(database)
    assert [posted.path for posted in server.posted] == paths
    assert (await database.outbox()).dead == dead


async def test_secrets_of_addresses_are_in_no_log_and_no_file(
    tmp_path: Path, server: HttpReceiver, capfd: pytest.CaptureFixture[str]
) -> None:
    """Servers that send back what they got, forbidden places, people who are gone: logs, counters and the database."""
    server.behave = lambda posted, answer: answer.status(int(posted.path[1:4]), f"no {posted.path}".encode())
    database = AlertDatabase.open(tmp_path / "alerts.db")
    people = {
        "a": server.url(f"/500/{SECRET}"),
        "b": server.url(f"/404?token={SECRET}"),
        "c": f"https://user:{SECRET}@hooks.example.org/",
        "d": f"https://10.0.0.1/{SECRET}",
    }
    await database.plan(Planned(1, deliveries=[delivery(1, person) for person in people]))
    with structlog.testing.capture_logs() as logs:
        async with running(Deliverer(database, webhooks(), at(**people))) as deliverer:
            await eventually(lambda: len({receiver for receiver, _ in deliverer.attempts}) == len(people))
            await emptied(database, but=1)
    await database.close()
    assert SECRET not in f"{logs}{deliverer.attempts}{capfd.readouterr()}"
    kept = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert b"404 no" in kept
    assert SECRET.encode() not in kept


def test_back_off_doubles_to_a_cap_and_spreads() -> None:
    assert [back_off_s(failures, 0.0) for failures in (1, 2, 3, 9, 10, 1000)] == [1, 2, 4, 256, 300, 300]
    assert back_off_s(1000, 1.0) == BACK_OFF_MOST_S / 2


async def test_a_receiver_may_not_ask_for_ever(database: AlertDatabase) -> None:
    receiver = Scripted(lambda _: Attempt(Verdict.LATER, "429", retry_after_s=1e9))
    await database.plan(Planned(1, deliveries=[delivery()]))
    now_ns = time.time_ns()
    deliverer = Deliverer(database, {Channel.WEBHOOK: receiver}, at(manager="https://x.example/"), lambda: now_ns)
    async with running(deliverer):
        await eventually(lambda: bool(deliverer.attempts))
        await asyncio.sleep(0.05)
    assert await database.next_due_ns() == now_ns + 3600 * S
