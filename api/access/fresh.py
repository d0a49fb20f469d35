"""What was just read, for a short while: bounded in size and in age."""

import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")

LIFE_S = 2.0
"""So a key that another process revokes opens nothing two seconds later."""
ENTRIES_MOST = 4_096


class Fresh(Generic[K, V]):
    """Entries live for `LIFE_S` from when they were asked for; the oldest make room. For one event loop."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        """`monotonic` is in seconds."""
        self._monotonic = monotonic
        self._entries: OrderedDict[K, tuple[float, V]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, name: K) -> V | None:
        """None: it is to be asked for again."""
        entry = self._entries.get(name)
        if entry is None or self._monotonic() >= entry[0]:
            return None
        return entry[1]

    def asking(self) -> float:
        """To be called before the question, and its result given to `put`: an answer is as old as its question."""
        return self._monotonic() + LIFE_S

    def put(self, name: K, value: V, until_s: float) -> None:
        """Keep it until then."""
        self._entries[name] = (until_s, value)
        self._entries.move_to_end(name)
        if len(self._entries) > ENTRIES_MOST:
            self._entries.popitem(last=False)

    def clear(self) -> None:
        """Forget all."""
        self._entries.clear()
