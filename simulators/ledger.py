"""The ledger: what was really sent, and what of it the broker has acknowledged. For whoever judges the platform.

A row is one reading of one publish; a poisoned message is one row. A publish without PUBACK is unknown, not lost.
Writing happens on a thread of its own, twice a second in one transaction; after a crash of the simulators the last half
second may be missing, and what stands there as unknown may have been acknowledged: errors are on the safe side.
Rows older than `keep_hours` go; the totals stay.
"""

import asyncio
import contextlib
import fcntl
import json
import sqlite3
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from enum import IntFlag
from pathlib import Path
from types import TracebackType
from typing import IO, NamedTuple, Self

import structlog
from msgspec import Struct

from simulators.encode import Sample

FLUSH_S = 0.5
PRUNE_ROWS = 5_000
NS_PER_HOUR = 3_600_000_000_000

SCHEMA = """
CREATE TABLE IF NOT EXISTS sent (
    id INTEGER PRIMARY KEY,      -- in the order of sending
    device TEXT NOT NULL,
    time_ms INTEGER,             -- event time; NULL: the payload has none
    seq INTEGER,
    metrics TEXT NOT NULL,       -- JSON object, as sent; for poison {}
    flags INTEGER NOT NULL,
    reasons TEXT NOT NULL,       -- for poison: why it must be refused, any of these words
    sent_ns INTEGER NOT NULL,
    acked_ns INTEGER,            -- NULL: unknown
    ack INTEGER                  -- in the order of acknowledgement: what readers page by
);
CREATE UNIQUE INDEX IF NOT EXISTS sent_ack ON sent (ack) WHERE ack IS NOT NULL;
CREATE TABLE IF NOT EXISTS totals (name TEXT PRIMARY KEY, value INTEGER NOT NULL);
"""
log = structlog.get_logger()

INSERT = "INSERT INTO sent VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"


class Flag(IntFlag):
    """What is special about a row."""

    PLAIN = 0
    DUPLICATE = 1
    POISON = 2
    STATUS = 4
    """Published on the device's status topic."""


class Totals(Struct, frozen=True):
    """Since the ledger was made. A publish counts in `messages`, each of its readings in `readings`."""

    messages: int = 0
    messages_acknowledged: int = 0
    readings: int = 0
    """Without poison; duplicates included."""
    readings_acknowledged: int = 0
    duplicates: int = 0
    """Readings that were sent once more, acknowledged."""
    poison: int = 0
    """Messages, acknowledged."""


class Row(Struct, frozen=True):
    """One acknowledged reading or poisoned message."""

    ack: int
    """Grows with each acknowledgement: give it back to `acknowledged` to go on."""
    device: str
    time_ms: int | None
    seq: int | None
    values: Mapping[str, float | bool | str]
    flags: Flag
    reasons: tuple[str, ...]
    sent_ns: int
    acked_ns: int


class Ticket(NamedTuple):
    """The rows of one publish, to be given back at its acknowledgement."""

    first: int
    rows: int


class _Entry(Struct, gc=False):
    fields: tuple[str, int | None, int | None, str, int, str, int]
    acked_ns: int | None = None
    ack: int | None = None


class LedgerInUseError(Exception):
    """Two writers would give the same numbers twice."""


class Ledger:
    """The writing side, for one event loop. `async with` opens and closes the file."""

    def __init__(self, path: Path, keep_hours: float = 6.0) -> None:
        self.path = path
        self._keep_ns = int(keep_hours * NS_PER_HOUR)
        self._new: dict[int, _Entry] = {}
        self._acks: list[tuple[int, int, int]] = []  # acked_ns, ack, id: of rows that are in the file
        self._deltas: dict[str, int] = {}
        self._thread = ThreadPoolExecutor(1, "ledger")
        self._task: asyncio.Task[None] | None = None
        self._connection: sqlite3.Connection | None = None
        self._lock: IO[str] | None = None
        self._next_id = 1
        self._next_ack = 1

    async def __aenter__(self) -> Self:
        """Open or make the file. Raises `LedgerInUseError`, `sqlite3.Error` or `OSError`."""
        await asyncio.get_running_loop().run_in_executor(self._thread, self._open)
        self._task = asyncio.create_task(self._flush_on_and_on(), name="ledger")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Write what is still in memory."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        await self.flush()
        await asyncio.get_running_loop().run_in_executor(self._thread, self._close)
        self._thread.shutdown()

    def sent(
        self, device: str, samples: Sequence[Sample], flags: Flag = Flag.PLAIN, reasons: Sequence[str] = ()
    ) -> Ticket:
        """Note a publish that is being handed to the connection; without samples it is poison."""
        now_ns = time.time_ns()
        ticket = Ticket(self._next_id, max(1, len(samples)))
        self._next_id += ticket.rows
        if samples:
            for number, sample in enumerate(samples, ticket.first):
                metrics = _compact(sample.values)
                self._new[number] = _Entry((device, sample.time_ms, sample.seq, metrics, int(flags), "", now_ns))
            self._count("readings", ticket.rows)
        else:
            self._new[ticket.first] = _Entry((device, None, None, "{}", int(flags), " ".join(reasons), now_ns))
        self._count("messages")
        return ticket

    def acknowledged(self, ticket: Ticket, flags: Flag = Flag.PLAIN) -> None:
        """Note the PUBACK of a publish; `flags` as they were given to `sent`."""
        now_ns = time.time_ns()
        for number in range(ticket.first, ticket.first + ticket.rows):
            entry = self._new.get(number)
            if entry is None:
                self._acks.append((now_ns, self._next_ack, number))
            else:
                entry.acked_ns, entry.ack = now_ns, self._next_ack
            self._next_ack += 1
        self._count("messages_acknowledged")
        if flags & Flag.POISON:
            self._count("poison")
            return
        self._count("readings_acknowledged", ticket.rows)
        if flags & Flag.DUPLICATE:
            self._count("duplicates", ticket.rows)

    async def flush(self) -> None:
        """Write everything noted so far. Where that fails it is logged, and tried again next time."""
        new, self._new = self._new, {}
        acks, self._acks = self._acks, []
        deltas, self._deltas = self._deltas, {}
        try:
            await asyncio.get_running_loop().run_in_executor(self._thread, self._write, new, acks, deltas)
        except sqlite3.Error as error:
            log.warning("the ledger is not written", path=str(self.path), rows=len(new), error=str(error))
            self._new = new | self._new
            self._acks = acks + self._acks
            for name, number in deltas.items():
                self._count(name, number)

    def _count(self, name: str, number: int = 1) -> None:
        self._deltas[name] = self._deltas.get(name, 0) + number

    async def _flush_on_and_on(self) -> None:
        while True:
            await asyncio.sleep(FLUSH_S)
            await self.flush()

    def _open(self) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._lock = self.path.with_name(f"{self.path.name}.lock").open("w", encoding="ascii")
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            self._lock.close()
            raise LedgerInUseError(f"{self.path} is being written by another simulation") from None
        connection = sqlite3.connect(self.path, isolation_level=None, check_same_thread=False)
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=NORMAL")
        connection.executescript(SCHEMA)
        last_id, last_ack = connection.execute(
            "SELECT coalesce(max(id), 0), coalesce(max(ack), 0) FROM sent"
        ).fetchone()
        numbers = dict(connection.execute("SELECT name, value FROM totals"))
        self._next_id = max(last_id, numbers.get("last_id", 0)) + 1
        self._next_ack = max(last_ack, numbers.get("last_ack", 0)) + 1
        self._connection = connection

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()
        if self._lock is not None:
            self._lock.close()

    def _write(self, new: dict[int, _Entry], acks: list[tuple[int, int, int]], deltas: dict[str, int]) -> None:
        connection = self._connection
        if connection is None or not (new or acks or deltas):
            return
        rows = [(number, *entry.fields, entry.acked_ns, entry.ack) for number, entry in new.items()]
        connection.execute("BEGIN IMMEDIATE")
        with connection:  # commits, or rolls back
            connection.executemany(INSERT, rows)
            connection.executemany("UPDATE sent SET acked_ns = ?, ack = ? WHERE id = ?", acks)
            connection.executemany(
                "INSERT INTO totals VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = value + excluded.value",
                deltas.items(),
            )
            self._prune(connection)

    def _prune(self, connection: sqlite3.Connection) -> None:
        """Let go of the oldest rows, some at each flush: faster than they can come, without a long transaction."""
        oldest_ns = time.time_ns() - self._keep_ns
        first = connection.execute("SELECT sent_ns FROM sent ORDER BY id LIMIT 1").fetchone()
        if first is None or first[0] >= oldest_ns:
            return
        # The last numbers stay known, so that they are never given twice, even when every row has gone.
        last = [("last_id", self._next_id - 1), ("last_ack", self._next_ack - 1)]
        connection.executemany("INSERT OR REPLACE INTO totals VALUES (?, ?)", last)
        connection.execute(
            "DELETE FROM sent WHERE id IN (SELECT id FROM sent ORDER BY id LIMIT ?) AND sent_ns < ?",
            (PRUNE_ROWS, oldest_ns),
        )


class LedgerReader:
    """The reading side: any process, while the simulators write. For one thread."""

    def __init__(self, path: Path) -> None:
        """Raises `sqlite3.OperationalError` where there is no ledger yet."""
        self._connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True, isolation_level=None)

    def acknowledged(self, after: int, limit: int) -> Sequence[Row]:
        """Rows acknowledged after `Row.ack` = `after`, in the order of acknowledgement."""
        found = self._connection.execute(
            "SELECT ack, device, time_ms, seq, metrics, flags, reasons, sent_ns, acked_ns "
            "FROM sent WHERE ack > ? ORDER BY ack LIMIT ?",
            (after, limit),
        )
        return [
            Row(ack, device, time_ms, seq, json.loads(metrics), Flag(flags), tuple(reasons.split()), sent_ns, acked_ns)
            for ack, device, time_ms, seq, metrics, flags, reasons, sent_ns, acked_ns in found
        ]

    def last_ack(self) -> int:
        """The last `Row.ack`; 0 in an empty ledger."""
        rows: int = self._connection.execute("SELECT coalesce(max(ack), 0) FROM sent").fetchone()[0]
        pruned = self._connection.execute("SELECT value FROM totals WHERE name = 'last_ack'").fetchone()
        return max(rows, 0 if pruned is None else int(pruned[0]))

    def unknown(self) -> int:
        """Rows sent and not acknowledged so far."""
        found: int = self._connection.execute("SELECT count(*) FROM sent WHERE ack IS NULL").fetchone()[0]
        return found

    def totals(self) -> Totals:
        """Since the ledger was made."""
        numbers = dict(self._connection.execute("SELECT name, value FROM totals"))
        return Totals(**{name: numbers.get(name, 0) for name in Totals.__struct_fields__})

    def close(self) -> None:
        """Let go of the file."""
        self._connection.close()


_compact = json.JSONEncoder(separators=(",", ":")).encode
