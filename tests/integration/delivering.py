"""A database full of messages, receivers that do what they are told, and a deliverer between them."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from ipaddress import ip_network

from msgspec.structs import replace

from alerts.alert import Severity
from alerts.database.database import AlertDatabase
from alerts.deliver import Deliverer
from alerts.notice import Attempt, Cause, Channel, Delivery, Message, Verdict
from alerts.receivers.inbox import InboxReceiver
from alerts.receivers.receiver import Receiver
from alerts.receivers.webhook import WebhookReceiver

S = 1_000_000_000
MESSAGE = Message("Odour", "It smells.", Severity.WARNING, b'{"type":"alert.new"}')


class FastClock:
    """A wall clock that runs a hundred times as fast: what waits for minutes need not be waited for."""

    def __init__(self) -> None:
        self._begin = time.monotonic_ns()
        self._start_ns = time.time_ns()

    def __call__(self) -> int:
        return self._start_ns + (time.monotonic_ns() - self._begin) * 100


def delivery(number: int = 1, person: str = "manager", **fields: object) -> Delivery:
    now_ns = time.time_ns()
    plain = Delivery(f"msg_{person}_{number}", person, 0, Channel.WEBHOOK, Cause.NEW, now_ns, ("a",), MESSAGE)
    return replace(plain, **{"due_ns": now_ns, **fields})


def webhooks(timeout_s: float = 5) -> Mapping[Channel, Receiver]:
    guarded = WebhookReceiver(b"k" * 32, [ip_network("127.0.0.0/8")], timeout_s=timeout_s)
    return {Channel.WEBHOOK: guarded, Channel.INBOX: InboxReceiver()}


def at(**people: str | Sequence[str]) -> Callable[[Delivery], str | None]:
    """Person to addresses, in the order of their places."""
    places = {person: [one] if isinstance(one, str) else list(one) for person, one in people.items()}

    def address_of(one: Delivery) -> str | None:
        found = places.get(one.person, [])
        return found[one.place] if one.place < len(found) else None

    return address_of


@asynccontextmanager
async def running(deliverer: Deliverer) -> AsyncIterator[Deliverer]:
    """With a hand that wakes it all the time, as the clock of some tests is faster than its alarm."""

    async def hurry() -> None:
        while True:
            await asyncio.sleep(0.005)
            deliverer.wake()

    tasks = [asyncio.create_task(deliverer.run()), asyncio.create_task(hurry())]
    try:
        yield deliverer
    finally:
        for task in tasks:
            task.cancel()
        results = await asyncio.gather(*tasks, return_exceptions=True)
        assert all(isinstance(result, asyncio.CancelledError) for result in results), results


async def emptied(database: AlertDatabase, but: int = 0) -> None:
    """Wait until nothing waits any more, `but` for so many."""
    async with asyncio.timeout(30):
        while (await database.outbox()).depth > but:  # noqa: ASYNC110 - another thread's file
            await asyncio.sleep(0.01)


class Scripted:
    """A receiver that does what it is told, and counts how many it has at once."""

    def __init__(self, act: Callable[[Delivery], Attempt]) -> None:
        self.act = act
        self.open = asyncio.Event()
        self.open.set()
        self.at_once = self.most_at_once = 0
        self.sent: list[str] = []

    async def send(self, delivery: Delivery, address: str) -> Attempt:
        assert address or delivery.channel is Channel.MQTT
        self.sent.append(delivery.id)
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            await self.open.wait()
            return self.act(delivery)
        finally:
            self.at_once -= 1


def delivered(_delivery: Delivery) -> Attempt:
    return Attempt(Verdict.DELIVERED)
