"""Messages on their way: what is due goes to its receiver, at least once, until it is there or never can be.

    outbox -> lane -> receiver -> outbox

A lane is one receiver of one person. Lanes don't wait for each other: who can't be reached delays nobody else. Within a
lane one message follows the other, oldest first; one that fails again and again is passed by. What fails for now is
tried again, later each time, with the same id; what can never succeed is handed on to the person's next receiver, or
stays as a dead letter that people can see. What is under way when the service stops is unknown, and is sent again:
receivers tell duplicates by the id.
"""

import asyncio
import random
import time
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from typing import ParamSpec, Protocol

import structlog
from msgspec import Struct
from msgspec.structs import replace

from alerts.address import channel_of, label_of, moved
from alerts.database.trouble import DatabaseAwayError
from alerts.notice import Attempt, Channel, Delivery, Verdict
from alerts.receivers.receiver import Receiver
from telemetry.reading import NS_PER_S

log = structlog.get_logger(__name__)

P = ParamSpec("P")

LaneKey = tuple[str, int, Channel]
"""Person, place, channel."""

LANES_AT_ONCE = 32
IN_A_ROW = 10
"""Messages that a lane takes in one go."""
PATIENCE = 2
"""After so many failures of its first message a lane looks whether the next one gets through."""
BACK_OFF_FIRST_S = 1.0
BACK_OFF_MOST_S = 300.0
RETRY_AFTER_MOST_S = 3600.0
"""A receiver that asks for more time than this is asked again all the same."""
GIVE_UP_AFTER_S = 3 * 86_400.0
"""Nobody needs a message that is older. MQTT is waited for without end: the store wants all of it."""
LOOK_EVERY_S = 1.0
"""While something is due that can't be sent now: its lane is busy, or pauses, or the database is away."""
LOOK_AT_LEAST_EVERY_S = 5.0
"""The wall clock may be set, and another process may put a dead letter back."""
LAST_ATTEMPTS_S = 3.0
"""At an ordered stop: what ends within it is known, and not sent again at the next start."""
_NEED_NO_ADDRESS = (Channel.INBOX, Channel.MQTT)


class Outbox(Protocol):
    """What is needed of `AlertDatabase`. Each call is one transaction, and raises `DatabaseAwayError`."""

    async def due(self, now_ns: int, limit_per_lane: int) -> Sequence[Delivery]:
        """What is to be sent now, of each lane the oldest."""

    async def next_due_ns(self) -> int | None:
        """When the next one is due, wall clock; None: nothing waits."""

    async def attempted(self, delivery_id: str, attempt: Attempt, next_due_ns: int | None) -> None:
        """Keep what became of an attempt."""

    async def hand_on(self, delivery_id: str, replacement: Delivery, detail: str = "") -> None:
        """Make one a dead letter, and put another in its place."""


class _Trouble(Struct):
    """A lane in which something failed."""

    failures: int = 0
    """In a row."""
    failed_ns: int = 0
    """The last time."""
    until_ns: int = 0
    """It pauses until then."""
    asked: bool = False
    """By the receiver: not even a new message is tried before."""
    failed: dict[str, Delivery] = {}
    """By id: what was tried and not delivered. Goes before what is newer, due or not."""


class Deliverer:
    """Empties the outbox."""

    def __init__(
        self,
        database: Outbox,
        receivers: Mapping[Channel, Receiver],
        address_of: Callable[[Delivery], str | None],
        now_ns: Callable[[], int] = time.time_ns,
        *,
        share: Callable[[], float] = random.random,
    ) -> None:
        """`address_of` says where a delivery goes by the configuration as it is now; `now_ns` is the wall clock.

        `share` of 0..1 takes up to half off each wait, so that many that failed together don't come back together.
        """
        self._database = database
        self._receivers = receivers
        self._address_of = address_of
        self._now_ns = now_ns
        self._share = share
        self._news = asyncio.Event()
        self._stopping = False
        self._busy: set[LaneKey] = set()
        self._troubles: dict[LaneKey, _Trouble] = {}
        self.attempts: Counter[tuple[str, Verdict]] = Counter()
        """By receiver (`duty-manager/email`) and what became of them."""
        self.defects: Counter[str] = Counter()
        """Errors of ours in a receiver, by type; each was an attempt that is made again."""

    def wake(self) -> None:
        """Look now: there is something new in the outbox."""
        self._news.set()

    async def run(self) -> None:
        """Deliver until cancelled; attempts that are under way then get a moment to end."""
        under_way: set[asyncio.Task[None]] = set()
        async with asyncio.TaskGroup() as tasks:
            try:
                await self._deliver(tasks, under_way)
            except asyncio.CancelledError:
                self._stopping = True
                if under_way:
                    await asyncio.wait(under_way, timeout=LAST_ATTEMPTS_S)
                raise

    async def _deliver(self, tasks: asyncio.TaskGroup, under_way: set[asyncio.Task[None]]) -> None:
        while True:
            self._news.clear()
            wait_s = LOOK_EVERY_S
            try:
                for lane, deliveries in self._ready(await self._database.due(self._now_ns(), IN_A_ROW)):
                    self._busy.add(lane)
                    name = f"deliver {label_of(deliveries[0])}"
                    task = tasks.create_task(self._work(lane, deliveries), name=name)
                    under_way.add(task)
                    task.add_done_callback(under_way.discard)
                wait_s = self._wait_s(await self._database.next_due_ns())
            except DatabaseAwayError as error:
                log.warning("the outbox can't be read", error=str(error))
            await _wait(self._news, wait_s)

    def _ready(self, due: Sequence[Delivery]) -> Iterator[tuple[LaneKey, Sequence[Delivery]]]:
        """The lanes that may work now, those first that have waited longest; each with its messages, oldest first."""
        lanes: dict[LaneKey, dict[str, Delivery]] = {}
        for delivery in sorted(due, key=lambda one: one.due_ns):
            lanes.setdefault((delivery.person, delivery.place, delivery.channel), {})[delivery.id] = delivery
        free = LANES_AT_ONCE - len(self._busy)
        for lane, found in lanes.items():
            trouble = self._troubles.get(lane, _Trouble())
            if free > 0 and lane not in self._busy and self._may_work(trouble, found.values()):
                free -= 1
                yield lane, sorted({**found, **trouble.failed}.values(), key=lambda one: one.created_ns)

    def _may_work(self, trouble: _Trouble, due: Iterable[Delivery]) -> bool:
        """Whether its pause is over. What came since need not wait for it, unless the receiver has asked."""
        over = trouble.until_ns <= self._now_ns()
        return over or (not trouble.asked and any(one.created_ns > trouble.failed_ns for one in due))

    def _wait_s(self, next_due_ns: int | None) -> float:
        """How long nothing will be due, as far as is known; what is due already is held back by its lane."""
        if next_due_ns is None:
            return LOOK_AT_LEAST_EVERY_S
        ahead_s = (next_due_ns - self._now_ns()) / NS_PER_S
        return min(ahead_s, LOOK_AT_LEAST_EVERY_S) if ahead_s > 0 else LOOK_EVERY_S

    async def _work(self, lane: LaneKey, deliveries: Sequence[Delivery]) -> None:
        """One after the other, as long as the receiver takes them.

        Where the first one fails, one more is tried before the receiver counts as away: it may be the message.
        """
        waiting = deque(deliveries)
        takes = looked = False
        try:
            while waiting and not self._stopping:
                delivery = waiting.popleft()
                attempt = self._within_reason(delivery, await self._attempt(delivery))
                self.attempts[label_of(delivery), attempt.verdict] += 1
                if attempt.verdict is not Verdict.LATER:
                    takes = True
                    await self._done(lane, delivery, attempt)
                    continue
                trouble = await self._later(lane, delivery, attempt)
                if trouble.asked or not (takes or (delivery.attempts >= PATIENCE and not looked)):
                    return
                if not takes and waiting:
                    looked = True
                    least_tried = min(waiting, key=lambda one: one.attempts)
                    waiting.remove(least_tried)
                    waiting.appendleft(least_tried)
        finally:
            self._busy.discard(lane)
            self._news.set()

    async def _attempt(self, delivery: Delivery) -> Attempt:
        address = "" if delivery.channel in _NEED_NO_ADDRESS else self._address_of(delivery)
        receiver = self._receivers.get(delivery.channel)
        if address is None:
            return Attempt(Verdict.REFUSED, "the person has no such receiver any more")
        if receiver is None or (address and channel_of(address) is not delivery.channel):
            return Attempt(Verdict.REFUSED, f"the person is not reached by {delivery.channel} any more")
        try:
            return await receiver.send(delivery, address)
        except Exception as error:  # noqa: BLE001 - counted; one receiver's defect must not end the others
            # Its text and its traceback may hold the address: the type has to do.
            self.defects[type(error).__name__] += 1
            log.error("a defect in a receiver", receiver=label_of(delivery), error=type(error).__name__)
            return Attempt(Verdict.LATER, f"a defect: {type(error).__name__}")

    def _within_reason(self, delivery: Delivery, attempt: Attempt) -> Attempt:
        """The attempt; a refusal where it would be tried again after too long a time."""
        old = self._now_ns() - delivery.created_ns >= GIVE_UP_AFTER_S * NS_PER_S
        if attempt.verdict is not Verdict.LATER or not old or delivery.channel is Channel.MQTT:
            return attempt
        return Attempt(Verdict.REFUSED, f"given up after {GIVE_UP_AFTER_S / 86_400:g} days: {attempt.detail}")

    async def _later(self, lane: LaneKey, delivery: Delivery, attempt: Attempt) -> _Trouble:
        """The message waits, and so does its lane. What was tried early, as something newer came, waits no longer."""
        trouble = self._troubles.setdefault(lane, _Trouble())
        share, now_ns = self._share(), self._now_ns()
        early = trouble.until_ns > now_ns
        asked_ns = now_ns + int(min(attempt.retry_after_s or 0.0, RETRY_AFTER_MOST_S) * NS_PER_S)
        trouble.failures += not early
        trouble.asked = attempt.retry_after_s is not None
        trouble.failed_ns = now_ns
        until_ns = trouble.until_ns if early else now_ns + int(back_off_s(trouble.failures, share) * NS_PER_S)
        trouble.until_ns = max(until_ns, asked_ns)
        again = early and delivery.attempts > 0
        tries = delivery.attempts + (not again)
        due_ns = max(delivery.due_ns if again else now_ns + int(back_off_s(tries, share) * NS_PER_S), asked_ns)
        trouble.failed[delivery.id] = replace(delivery, attempts=tries, due_ns=due_ns)
        if delivery.attempts == 0:  # the first says it; the rest would only repeat it
            log.warning("not delivered yet", delivery=delivery.id, receiver=label_of(delivery), detail=attempt.detail)
        await _kept(self._database.attempted, delivery.id, attempt, due_ns)
        return trouble

    async def _done(self, lane: LaneKey, delivery: Delivery, attempt: Attempt) -> None:
        """Delivered or refused: the receiver is there, and the lane need not pause."""
        if lane in self._troubles:
            failed = self._troubles[lane].failed
            failed.pop(delivery.id, None)
            self._troubles[lane] = _Trouble(failed=failed)
            if not failed:
                del self._troubles[lane]
        if attempt.verdict is Verdict.REFUSED:
            await self._refused(delivery, attempt)
        else:
            await _kept(self._database.attempted, delivery.id, attempt, None)

    async def _refused(self, delivery: Delivery, attempt: Attempt) -> None:
        replacement = self._replacement(delivery)
        if replacement is None:
            log.error("a dead letter", delivery=delivery.id, receiver=label_of(delivery), detail=attempt.detail)
            await _kept(self._database.attempted, delivery.id, attempt, None)
            return
        log.warning(
            "handed on to the next receiver",
            delivery=delivery.id,
            receiver=label_of(delivery),
            next=label_of(replacement),
            detail=attempt.detail,
        )
        await _kept(self._database.hand_on, delivery.id, replacement, attempt.detail)

    def _replacement(self, delivery: Delivery) -> Delivery | None:
        """The message to the person's next receiver; to the same one, where that has become another channel."""
        if not delivery.person:
            return None
        here = self._address_of(delivery)
        changed = here is not None and channel_of(here) is not delivery.channel
        place = delivery.place if changed else delivery.place + 1
        address = self._address_of(replace(delivery, place=place))
        return None if address is None else moved(delivery, place, address, self._now_ns())


def back_off_s(failures: int, share: float) -> float:
    """Seconds to wait after so many failures (1 or more): doubling to a cap; `share` of 0..1 takes up to half off."""
    return min(BACK_OFF_MOST_S, BACK_OFF_FIRST_S * 2.0 ** min(failures - 1, 20)) * (1.0 - share / 2)


async def _wait(news: asyncio.Event, limit_s: float) -> None:
    try:
        async with asyncio.timeout(limit_s):
            await news.wait()
    except TimeoutError:
        pass


async def _kept(call: Callable[P, Awaitable[None]], *args: P.args, **kwargs: P.kwargs) -> None:
    """Keep an outcome, as soon as the database can: to forget it would be to send the message again and again."""
    while True:
        try:
            return await call(*args, **kwargs)
        except DatabaseAwayError as error:
            log.warning("the outcome of a delivery can't be kept yet", error=str(error))
            await asyncio.sleep(LOOK_EVERY_S)
