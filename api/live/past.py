"""The recent past of the live stream: bounded, in batches, for everybody who has fallen behind or comes back."""

from bisect import bisect_right
from collections import deque
from collections.abc import Iterator, Sequence

from api.live.event import Event
from api.live.wanted import Wanted

MOST_BYTES = 16 * 1024 * 1024
"""Of events as they are sent."""
MOST_EVENTS = 50_000
"""At 1,000 readings a second the last 50 s; memory about 20 MiB."""
LOOKED_AT_MOST = 2_000
"""Events, and the rest of a batch: 2 to 5 ms, in which nobody else is served."""


class Batch:
    """What came together. Who wants the same gets the same bytes object."""

    def __init__(self, events: Sequence[Event], at_ms: int) -> None:
        """`events`: at least one, with numbers that follow each other. `at_ms`: when the last came, wall clock."""
        self.events = events
        self.at_ms = at_ms
        self.first, self.last = events[0].number, events[-1].number
        self.bytes = sum(len(event.block) for event in events)
        self._by_site: dict[str, list[Event]] = {}
        for event in events:
            self._by_site.setdefault(event.site, []).append(event)
        self._made: dict[Wanted, bytes] = {}

    def chunk(self, wanted: Wanted) -> bytes:
        """All of it that is wanted; empty: nothing."""
        made = self._made.get(wanted)
        if made is None:
            made = self._made[wanted] = _joined(self._candidates(wanted), wanted)
        return made

    def chunk_after(self, number: int, wanted: Wanted) -> bytes:
        """The same of what has a higher number; kept for nobody."""
        events = (event for event in self._candidates(wanted) if event.number > number)
        return _joined(events, wanted)

    def forget_chunks(self) -> None:
        """Most have had theirs."""
        self._made.clear()

    def _candidates(self, wanted: Wanted) -> Iterator[Event]:
        """At least all that is wanted, in order."""
        if wanted.sites is None:
            yield from self.events
            return
        touched = [self._by_site[site] for site in wanted.sites & self._by_site.keys()]
        if len(touched) == 1:
            yield from touched[0]
        else:
            yield from sorted((event for events in touched for event in events), key=lambda event: event.number)


class Past:
    """The batches that are kept, by the numbers of their events."""

    def __init__(self, most_bytes: int = MOST_BYTES, most_events: int = MOST_EVENTS) -> None:
        self._most_bytes, self._most_events = most_bytes, most_events
        self._batches: deque[Batch] = deque()
        self.last = 0
        """Number of the newest event; 0: there was none."""
        self.bytes = 0

    @property
    def first(self) -> int:
        """Number of the oldest event that is kept; the next one to come, where none is."""
        return self._batches[0].first if self._batches else self.last + 1

    @property
    def first_ms(self) -> int | None:
        """When the oldest that is kept came, at the latest; wall clock. None: none is kept."""
        return self._batches[0].at_ms if self._batches else None

    def add(self, batch: Batch) -> None:
        """The newest. The oldest make room; the newest batch is always kept."""
        if self._batches:
            self._batches[-1].forget_chunks()
        self._batches.append(batch)
        self.last = batch.last
        self.bytes += batch.bytes
        while len(self._batches) > 1 and (self.bytes > self._most_bytes or self._events > self._most_events):
            self.bytes -= self._batches.popleft().bytes

    def after(self, number: int, wanted: Wanted, most_bytes: int) -> tuple[bytes, int]:
        """What is wanted of what came after `number`, and up to which number that was.

        Whole batches, until there are `most_bytes`, `LOOKED_AT_MOST` were looked at, or there are no more; `number` is
        at least `first - 1`.
        """
        chunks: list[bytes] = []
        size, enough = 0, number + LOOKED_AT_MOST
        for batch in self._from(number):
            chunk = batch.chunk_after(number, wanted) if batch.first <= number else _chunk(batch, wanted, self.last)
            chunks.append(chunk)
            size += len(chunk)
            number = batch.last
            if size >= most_bytes or number >= enough:
                break
        return (chunks[0] if len(chunks) == 1 else b"".join(chunks)), number

    @property
    def _events(self) -> int:
        return self.last + 1 - self.first

    def _from(self, number: int) -> Iterator[Batch]:
        """The batches that hold what came after it."""
        place = bisect_right(self._batches, number, key=lambda batch: batch.last)
        for index in range(place, len(self._batches)):
            yield self._batches[index]


def _chunk(batch: Batch, wanted: Wanted, newest: int) -> bytes:
    """Of the newest batch the one that is shared; of older ones hardly anybody wants the same at the same time."""
    return batch.chunk(wanted) if batch.last == newest else batch.chunk_after(0, wanted)


def _joined(events: Iterator[Event], wanted: Wanted) -> bytes:
    return b"".join([found for event in events if (found := wanted.block(event)) is not None])
