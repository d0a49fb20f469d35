"""Take the embedded store away for a while, really: hold its write lock, as another program could."""

import asyncio
import sqlite3
import threading
from pathlib import Path

LOCK_LIMIT_S = 10.0
"""How long to wait for a moment at which nobody writes."""


class StoreOutage:
    """One outage at a time."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._give_back = threading.Event()
        self._held = False

    @property
    def held(self) -> bool:
        """Whether the store is away now."""
        return self._held

    async def hold(self, seconds: float) -> bool:
        """Take the store away and give it back; False where it is away already or could not be had."""
        if self._held or not self._path.exists():
            return False
        self._held = True
        self._give_back.clear()
        try:
            return await asyncio.to_thread(self._lock, seconds)
        finally:
            self._held = False

    def end(self) -> None:
        """Give it back now."""
        self._give_back.set()

    def _lock(self, seconds: float) -> bool:
        connection = sqlite3.connect(self._path, timeout=LOCK_LIMIT_S, isolation_level=None)
        try:
            connection.execute("BEGIN EXCLUSIVE")
            self._give_back.wait(seconds)
            connection.execute("ROLLBACK")
        except sqlite3.OperationalError:
            return False
        finally:
            connection.close()
        return True
