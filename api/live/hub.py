"""The hub: takes what arrives, and hands it to everybody who listens.

    reading, alert -> encoded once -> batch (0.1 to 0.3 s, or 64 KiB) -> bounded past -> listeners, each from its number

A listener has no queue: it has a number, up to which it was given everything. So a slow one takes no memory and holds
nobody up; when what it has not got leaves the past, or a write takes too long, it is dropped, and told why.
"""

import asyncio
import secrets
import time
from collections import Counter
from collections.abc import Callable, Iterable
from enum import StrEnum

from prometheus_client.core import Metric

from alerts.desk import Transition
from api.access.caller import Caller
from api.live.event import Event, EventKind, of_alert, of_reading
from api.live.past import Batch, Past
from api.live.wanted import Wanted
from api.problem import AwayError, TooManyError
from telemetry.reading import NS_PER_MS, Reading
from telemetry.service.figures import Figures

TICK_S, TICK_MORE_S = 0.1, 0.0001
"""Between batches, and longer by so much for each listener: a write takes about 50 us, however little is in it."""
BATCH_BYTES = 64 * 1024
"""At most about so much is under way to a listener besides the 64 KiB at which its connection asks to wait."""
LOOK_EVERY_S = 1.0
STUCK_S = 10.0
"""A write that takes so long goes to somebody who does not read."""
LINGER_S = 30.0
"""So long it may then still take what was written, and learn why."""
KEEP_ALIVE_S = 15.0
"""Where nothing came for so long, a comment is sent: whatever is between us and the listener keeps the line open."""
MOST_LISTENERS = 2_000
MOST_OF_ONE = 100
"""Of one key, or one person."""
RETRY_AFTER_S = 30
SHAPES_MOST = 10_000
"""Sets of metrics that come together in a reading. Devices of one kind have one or two."""

_FIGURES = Figures("caretaker_api_live")


class Dropped(StrEnum):
    """Why the hub ends a stream."""

    TOO_SLOW = "too_slow"
    """It did not read what was sent."""
    ACCESS_ENDED = "access_ended"
    """Its key was revoked, or its sign-in is over."""
    CHANGED = "changed"
    """What it may see is something else now: coming back gives it that."""
    STOPPING = "stopping"
    """The service stops."""


class Listener:
    """Somebody who listens. Made by `Hub.join`."""

    def __init__(self, caller: Caller, wanted: Wanted, number: int) -> None:
        self.caller = caller
        self.wanted = wanted
        self.number = number
        """All that is wanted was given up to this one."""
        self.dropped: Dropped | None = None
        self.since = time.monotonic()
        """When it began to wait for events, or to write what it was given; seconds of the monotonic clock."""
        self.limit: asyncio.Timeout | None = None
        """Ends what is under way."""
        self._waits: asyncio.Future[bytes] | None = None

    @property
    def who(self) -> tuple[str, str]:
        """Whose it is, for the limit."""
        return self.caller.way, str(self.caller.key or self.caller.browser or self.caller.name)

    @property
    def waits(self) -> bool:
        """Whether it has everything, and is to be given what comes."""
        return self._waits is not None

    async def wait(self) -> bytes:
        """What comes next; empty: it was woken to look around."""
        self.since = time.monotonic()
        self._waits = asyncio.get_running_loop().create_future()
        try:
            return await self._waits
        finally:
            self._waits = None

    def give(self, chunk: bytes, number: int) -> None:
        """To who waits: its part of the next batch, up to `number`."""
        self.number = number
        if chunk:
            self._wake(chunk)

    def wake(self) -> None:
        """Let it look around."""
        self._wake(b"")

    def give_up(self) -> None:
        """What is under way will come to nothing."""
        if self.limit is not None:
            self.limit.reschedule(asyncio.get_running_loop().time())

    def _wake(self, chunk: bytes) -> None:
        if self._waits is not None:
            if not self._waits.done():
                self._waits.set_result(chunk)
            self._waits = None
            self.since = time.monotonic()


class Hub:
    """For one event loop. What is called for everything that arrives takes microseconds and never waits."""

    def __init__(self, past: Past | None = None, clock: Callable[[], int] = time.time_ns) -> None:
        """`clock`: wall clock, ns UTC."""
        self.run_id = secrets.token_hex(4)
        """Of this process: in the id of every event, so that one of a run before is known as such."""
        self.past = Past() if past is None else past
        self.events: Counter[EventKind] = Counter()
        self.dropped: Counter[Dropped] = Counter()
        self.missed = 0
        """Times that a listener was told that it has missed something."""
        self.bytes = 0
        """Given to listeners."""
        self._clock = clock
        self._number = 0
        self._fresh: list[Event] = []
        self._fresh_bytes = 0
        self._shapes: dict[tuple[str, ...], frozenset[str]] = {}
        self._groups: dict[Wanted, set[Listener]] = {}
        """Who wants the same."""
        self._of_one: Counter[tuple[str, str]] = Counter()
        self._stopping = False

    def reading(self, reading: Reading, site: str) -> None:
        """A reading that has just arrived, of a device at this site."""
        self._number += 1
        self._add(of_reading(self.run_id, self._number, reading, site, self._names(reading)))

    def alert(self, transition: Transition, site: str) -> None:
        """A change of an alert that has just been committed. `site` empty: not known, so for who sees all sites."""
        self._number += 1
        self._add(of_alert(self.run_id, self._number, transition, site))

    @property
    def listeners(self) -> int:
        """How many there are."""
        return self._of_one.total()

    def join(self, caller: Caller, wanted: Wanted, after: int | None) -> Listener:
        """A new listener: from `after` on (at least `past.first - 1`), or from now on.

        Raises `AwayError` where there are too many listeners, `TooManyError` where too many are this caller's.
        """
        self.flush()
        listener = Listener(caller, wanted, self.past.last if after is None else after)
        if self._stopping or self.listeners >= MOST_LISTENERS:
            why = "it is about to stop" if self._stopping else f"{MOST_LISTENERS} listen already"
            raise AwayError(f"the live stream takes nobody more: {why}", RETRY_AFTER_S)
        if self._of_one[listener.who] >= MOST_OF_ONE:
            raise TooManyError(f"{caller.name} has {MOST_OF_ONE} live streams open: close some", RETRY_AFTER_S)
        self._of_one[listener.who] += 1
        self._groups.setdefault(wanted, set()).add(listener)
        return listener

    def leave(self, listener: Listener) -> None:
        """It listens no more."""
        group = self._groups.get(listener.wanted, set())
        if listener not in group:
            return
        group.remove(listener)
        if not group:
            del self._groups[listener.wanted]
        self._of_one[listener.who] -= 1
        if not self._of_one[listener.who]:
            del self._of_one[listener.who]

    def drop(self, listener: Listener, why: Dropped) -> None:
        """End it: its stream says why, if that can still be sent, and then closes."""
        if listener.dropped is None:
            listener.dropped = why
            self.dropped[why] += 1
        listener.wake()

    def more(self, listener: Listener, most_bytes: int) -> bytes:
        """What it has not got yet of what there is, up to about `most_bytes`; empty: nothing of what was looked at.

        Not everything is looked at in one go: `behind` says whether there is more. Drops it where something that it
        has not got is no longer there.
        """
        if listener.number < self.past.first - 1:
            self.drop(listener, Dropped.TOO_SLOW)
            return b""
        chunk, listener.number = self.past.after(listener.number, listener.wanted, most_bytes)
        return chunk

    def behind(self, listener: Listener) -> bool:
        """Whether there is something at which was not looked for it yet."""
        return listener.number < self.past.last

    def flush(self) -> None:
        """Make a batch of what has come, and give it to all who wait."""
        if not self._fresh:
            return
        batch = Batch(self._fresh, self._clock() // NS_PER_MS)
        self._fresh, self._fresh_bytes = [], 0
        self.past.add(batch)
        for wanted, group in self._groups.items():
            chunk = batch.chunk(wanted)
            for listener in group:
                if listener.waits:
                    listener.give(chunk, batch.last)

    async def run(self) -> None:
        """Until cancelled: several times a second what has come, every second a look at who does not read."""
        looked = time.monotonic()
        while True:
            await asyncio.sleep(TICK_S + TICK_MORE_S * self.listeners)
            self.flush()
            if time.monotonic() - looked >= LOOK_EVERY_S:
                looked = time.monotonic()
                self._look_around(looked)

    def close(self) -> None:
        """The service stops: end all streams, and take no more."""
        self._stopping = True
        for listener in self._all():
            self.drop(listener, Dropped.STOPPING)

    def figures(self) -> Iterable[Metric]:
        """For Prometheus."""
        yield _FIGURES.gauge("listeners", "Live streams that are open.", self.listeners)
        yield _FIGURES.counters(
            "events",
            "Given to the live stream, by what they tell of.",
            ("kind",),
            {(one,): self.events[one] for one in EventKind},
        )
        yield _FIGURES.counters(
            "dropped", "Streams that were ended, by why.", ("reason",), {(one,): self.dropped[one] for one in Dropped}
        )
        yield _FIGURES.counter("missed", "Times that a listener came back too late, and was told so.", self.missed)
        yield _FIGURES.counter("bytes", "Given to listeners.", self.bytes)
        yield _FIGURES.gauge("kept_bytes", "The past that is kept for who comes back.", self.past.bytes)

    def _names(self, reading: Reading) -> frozenset[str]:
        metrics = tuple(reading.values)
        names = self._shapes.get(metrics)
        if names is None:
            if len(self._shapes) >= SHAPES_MOST:
                self._shapes.clear()
            names = self._shapes[metrics] = frozenset(metrics)
        return names

    def _add(self, event: Event) -> None:
        self.events[event.kind] += 1
        self._fresh.append(event)
        self._fresh_bytes += len(event.block)
        if self._fresh_bytes >= BATCH_BYTES:
            self.flush()

    def _look_around(self, now: float) -> None:
        for listener in self._all():
            took_s = now - listener.since
            if listener.waits:
                if took_s >= KEEP_ALIVE_S:
                    listener.wake()
            elif took_s > STUCK_S:
                self.drop(listener, Dropped.TOO_SLOW)
                if took_s > STUCK_S + LINGER_S:
                    listener.give_up()

    def _all(self) -> list[Listener]:
        return [listener for group in self._groups.values() for listener in group]
