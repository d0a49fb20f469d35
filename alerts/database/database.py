"""The alert database as the engine uses it: every method one transaction, on a thread of its own.

What it is asked to keep is on the disk when it returns. Where the disk is full or gives errors, nothing of it is kept
and `DatabaseAwayError` says why; the next call opens the file again.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Concatenate, ParamSpec, TypeVar

from sqlalchemy import Connection

from alerts.alert import Transition
from alerts.database import commit, expire, outbox, read, sqlite, tables
from alerts.database.connection import Reopening
from alerts.database.migrate import migrate, refuse_newer, version_of
from alerts.database.outbox import Outbox
from alerts.database.read import Situation
from alerts.database.trouble import (
    DatabaseAwayError,
    DatabaseUnusableError,
    EngineRunningError,
    SecondActiveAlertError,
)
from alerts.dispatch.planned import Planned
from alerts.judge.judged import Action, Judged, Remembered
from alerts.notice import Attempt, Delivery

__all__ = [
    "AlertDatabase",
    "DatabaseAwayError",
    "DatabaseUnusableError",
    "EngineRunningError",
    "Outbox",
    "SecondActiveAlertError",
    "Situation",
]

P = ParamSpec("P")
T = TypeVar("T")


class AlertDatabase:
    """One file, one engine. Made by `open`."""

    def __init__(self, path: Path, lock: sqlite.EngineLock, thread: ThreadPoolExecutor) -> None:
        self._path = path
        self._lock = lock
        self._thread = thread
        self._connection = Reopening(path, self._look_after)
        self._last_transition = 0
        self._closed = False

    @classmethod
    def open(cls, path: Path) -> "AlertDatabase":
        """Make or migrate the file, and keep other engines out. Blocks for some ms; a migration takes longer.

        Raises `DatabaseUnusableError`, `EngineRunningError`.
        """
        sqlite.make_private(path)
        lock = sqlite.EngineLock(path)
        thread = ThreadPoolExecutor(1, thread_name_prefix="alert-database")
        database = cls(path, lock, thread)
        try:
            thread.submit(database._begin).result()
        except BaseException as error:
            thread.shutdown()
            lock.release()
            if isinstance(error, DatabaseAwayError):
                raise DatabaseUnusableError(f"{path}: can't be opened: {error}") from error
            raise
        return database

    async def remember(self) -> Remembered:
        """Everything that the judge goes on with."""
        return await self._look(read.remembered)

    async def commit(self, judged: Judged) -> Sequence[Transition]:
        """Keep the outcome of one batch. Returns its transitions, numbered; nothing to keep: no transaction.

        To commit the same again after `DatabaseAwayError` is safe, even where the disk had taken it after all.
        Raises `SecondActiveAlertError`; nothing is kept then.
        """
        if commit.holds_nothing(judged):
            return ()
        return await self._call(self._commit, judged)

    async def actions(self) -> Sequence[Action]:
        """What people ask for and was not done yet, oldest first."""
        return await self._look(read.waiting_actions)

    async def situation(self, now_ns: int, news_at_once: int, sent_since_ns: int) -> Situation:
        """Everything that the dispatcher needs, as it was at one moment."""
        return await self._look(read.situation, now_ns, news_at_once, sent_since_ns)

    async def plan(self, planned: Planned) -> None:
        """Keep what the dispatcher decided, and how far it has read. To plan the same again is safe."""
        await self._write(commit.keep_planned, planned)

    async def due(self, now_ns: int, limit_per_lane: int) -> Sequence[Delivery]:
        """What is to be sent now, at most so many of each receiver of each person; each lane's oldest first."""
        return await self._look(outbox.due, now_ns, limit_per_lane)

    async def attempted(self, delivery_id: str, attempt: Attempt, next_due_ns: int | None) -> None:
        """Keep what became of an attempt: delivered, due again at `next_due_ns`, or a dead letter."""
        await self._write(outbox.attempted, delivery_id, attempt, next_due_ns, time.time_ns())

    async def hand_on(self, delivery_id: str, replacement: Delivery, detail: str = "") -> None:
        """Make one a dead letter (`detail` says why, where `attempted` has not) and put another in its place."""
        await self._write(outbox.hand_on, delivery_id, replacement, detail, time.time_ns())

    async def outbox(self) -> Outbox:
        """How much waits to be delivered."""
        return await self._look(outbox.outbox)

    async def next_due_ns(self) -> int | None:
        """When the next delivery is due, wall clock; None: nothing waits."""
        return await self._look(outbox.next_due_ns)

    async def expire(self, before_ns: int) -> int:
        """Forget alerts that were resolved before then, with transitions, deliveries, actions and silences.

        A slice at a time: others get their turn between. Returns how many alerts.
        """
        forgotten = 0
        while count := await self._write(expire.forget_alerts, before_ns):
            forgotten += count
        while await self._write(expire.forget_deliveries, before_ns):
            pass
        await self._write(expire.forget_wishes, before_ns)
        return forgotten

    async def close(self) -> None:
        """End the thread and let the next engine in. A second call does nothing."""
        if self._closed:
            return
        self._closed = True
        await self._call(self._connection.close)
        self._thread.shutdown()
        self._lock.release()

    def _begin(self) -> None:
        self._connection.open()
        self._last_transition = self._connection.look(read.last_number)

    def _look_after(self, connection: Connection) -> None:
        """What every new connection needs first: our version of the tables."""
        with connection.begin():
            version = version_of(connection, self._path)
        if version == tables.VERSION:
            return
        if version is not None:
            refuse_newer(version, self._path)
        with connection.begin():
            sqlite.begin_writing(connection)
            migrate(connection)

    def _commit(self, judged: Judged) -> Sequence[Transition]:
        numbered = self._connection.write(commit.keep_judged, judged, self._last_transition, time.time_ns())
        if numbered:
            self._last_transition = numbered[-1].number
        return numbered

    async def _look(self, call: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        return await self._call(lambda: self._connection.look(call, *args, **kwargs))

    async def _write(self, call: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        return await self._call(lambda: self._connection.write(call, *args, **kwargs))

    async def _call(self, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, lambda: call(*args, **kwargs))
