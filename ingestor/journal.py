"""The journal: what stands between an acknowledgement and the store. Every call is one transaction.

It waits where waiting is right: `append` returns when the readings are on the disk, however long the disk or the cap
takes, and so the broker gets no acknowledgement, and holds its messages. `trouble` says why, while it waits.
"""

import asyncio
import random
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import ParamSpec, TypeVar

import structlog

from ingestor.account import Account
from ingestor.journal_file import Batch, JournalFile, NoRoomError
from telemetry.message import Admitted, Message
from telemetry.reading import Reading
from telemetry.stores.store import Outcome

log = structlog.get_logger(__name__)

P = ParamSpec("P")
T = TypeVar("T")

RETRY_S = 0.5


class Journal:
    """`JournalFile` on a thread of its own, with a cap on what waits for the store."""

    def __init__(self, file: JournalFile, cap_bytes: int, message_of: Callable[[Reading], Message]) -> None:
        self._file = file
        self._cap_bytes = cap_bytes
        self._message_of = message_of
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="journal")
        self._filled = asyncio.Event()
        self._settled = asyncio.Event()
        self._filled.set()  # what an earlier run has left is to be written too
        self._full = False
        self._unwritable: str | None = None
        self._appending = False
        self.commits = 0

    @classmethod
    def open(
        cls, path: Path, cap_bytes: int, quarantine_cap_bytes: int, message_of: Callable[[Reading], Message]
    ) -> "Journal":
        """Open or make the file. Raises `JournalUnusableError`, `sqlite3.Error`, `OSError`."""
        return cls(JournalFile(path, quarantine_cap_bytes), cap_bytes, message_of)

    @property
    def trouble(self) -> str | None:
        """Why nothing is accepted just now, in a sentence; None when it is."""
        # What the disk said last holds until it has taken something: to open the file again is no proof.
        disk = self._file.trouble or self._unwritable
        if disk is not None:
            return f"journal: {disk}"
        if self._full:
            return f"journal: full, {self._file.live_bytes} of {self._cap_bytes} bytes wait for the store"
        return None

    @property
    def readings(self) -> int:
        """How many wait for the store."""
        return self._file.readings

    @property
    def live_bytes(self) -> int:
        """What they take."""
        return self._file.live_bytes

    @property
    def quarantine_rows(self) -> int:
        """How many messages are in quarantine."""
        return self._file.quarantine_rows

    async def append(self, admitted: Sequence[Admitted]) -> None:
        """Make durable. Waits, and tries again, until it is: on a full journal, a full disk, a disk with errors."""
        while self._file.live_bytes >= self._cap_bytes:
            if not self._full:
                log.error("the journal is full", consequence="nothing is acknowledged until the store takes some of it")
            self._full = True
            await self._wait_for_settle(None)
        self._full = False
        if not await self._attempt(self._file.append, admitted):
            await self._append_patiently(admitted)
        self.commits += 1
        self._filled.set()

    async def _append_patiently(self, admitted: Sequence[Admitted]) -> None:
        """After a failure: the first try comes at once, for one error may be the last; each further one waits."""
        self._appending = True
        recovered = await self._call(self._file.recover)
        while not (recovered and await self._attempt(self._file.append, admitted)):
            await self._wait_for_settle(RETRY_S * random.uniform(0.5, 1.0))  # noqa: S311 - jitter
            recovered = await self._call(self._file.recover)
        self._appending = False

    async def oldest(self, limit: int) -> Batch | None:
        """The oldest readings, about `limit` of them; None when all are written."""
        while True:
            try:
                return await self._call(self._file.oldest, limit)
            except NoRoomError:
                await asyncio.sleep(RETRY_S)
                await self._call(self._file.recover)

    async def filled(self) -> None:
        """Wait until there may be something for `oldest`; look after the disk while nothing arrives."""
        while self.trouble is not None and not self._filled.is_set():
            with suppress(TimeoutError):
                await asyncio.wait_for(self._filled.wait(), RETRY_S)
            if not self._appending and await self._call(self._file.recover):
                self._writable_again()
        await self._filled.wait()
        self._filled.clear()

    async def settle(self, batch: Batch, outcome: Outcome) -> None:
        """Take out what the store has taken or refused. What it keeps away stays first in line."""
        while not await self._attempt(self._file.settle, batch, outcome, self._message_of):
            # The failed attempt has given the reserve away: the next one has room, unless others took it.
            await asyncio.sleep(RETRY_S * random.uniform(0.5, 1.0))  # noqa: S311 - jitter
            await self._call(self._file.recover)
        if self._file.trouble is not None:
            await self._call(self._file.recover)
        self._settled.set()

    async def emptied(self) -> None:
        """Wait until nothing waits for the store."""
        while self._file.readings:
            await self._wait_for_settle(None)

    async def replay(self, rows: Sequence[int], admit: Callable[[Message], Admitted]) -> dict[str, int]:
        """Admit quarantined messages again; how many were replayed, still refused, not there.

        Raises `NoRoomError` where the disk has no room; nothing has changed then.
        """
        results = await self._call(self._file.replay, rows, admit)
        self._filled.set()
        return dict(results)

    async def account(self) -> Account:
        """The account, as of now."""
        return await self._call(self._file.account)

    async def close(self) -> None:
        """End the thread and close the file."""
        await self._call(self._file.close)
        self._thread.shutdown()

    async def _attempt(self, function: Callable[P, None], *args: P.args, **kwargs: P.kwargs) -> bool:
        """Whether the disk took it."""
        try:
            await self._call(function, *args, **kwargs)
        except NoRoomError as error:
            if self._unwritable is None:
                log.error("the journal can't be written", reason=str(error), consequence="nothing is acknowledged")
            self._unwritable = str(error)
            return False
        if self._file.trouble is None:
            self._writable_again()
        return True

    def _writable_again(self) -> None:
        if self._unwritable is not None:
            self._unwritable = None
            log.info("the journal is writable again")

    async def _wait_for_settle(self, limit_s: float | None) -> None:
        self._settled.clear()
        with suppress(TimeoutError):
            await asyncio.wait_for(self._settled.wait(), limit_s)

    async def _call(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, lambda: function(*args, **kwargs))
