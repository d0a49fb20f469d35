"""What is due when, by the alert clock. Pure."""

import heapq
from collections.abc import Iterator
from enum import IntEnum
from typing import NamedTuple


class What(IntEnum):
    """What is to be looked at."""

    LANE = 0
    """Readings that could be overtaken, and can no longer."""
    SILENCE = 1
    RULE = 2


class Entry(NamedTuple):
    """One thing to look at."""

    what: What
    device: str
    rule: str


class Schedule:
    """Each thing is there at most once, at the earliest moment that was asked for.

    What is due at the same moment lies together: the steps of a window end at the same time on all devices.
    """

    def __init__(self) -> None:
        self._moments: list[int] = []
        self._at: dict[int, list[Entry]] = {}
        self._when: dict[Entry, int] = {}

    def put(self, entry: Entry, when_ns: int) -> None:
        """Look at it at `when_ns`, unless that is to happen earlier anyway."""
        known = self._when.get(entry)
        if known is None or when_ns < known:
            self._when[entry] = when_ns
            there = self._at.get(when_ns)
            if there is None:
                self._at[when_ns] = [entry]
                heapq.heappush(self._moments, when_ns)
            else:
                there.append(entry)

    def due(self, now_ns: int) -> Iterator[Entry]:
        """All that is due by now, each taken out as it is given. What is put in meanwhile comes too, if it is due."""
        while self._moments and self._moments[0] <= now_ns:
            when_ns = heapq.heappop(self._moments)
            for entry in sorted(self._at.pop(when_ns)):
                if self._when.get(entry) == when_ns:
                    del self._when[entry]
                    yield entry

    def clear(self) -> None:
        """Nothing is due any more."""
        self._moments.clear()
        self._at.clear()
        self._when.clear()
