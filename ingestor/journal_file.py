"""The journal as a file: every method is one transaction, on one thread. `journal.py` puts it on the event loop."""

import fcntl
import os
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from msgspec import Struct

from ingestor import account, schema
from ingestor.account import Account
from ingestor.ballast import Ballast
from telemetry.message import Admitted, Message, Reason, Rejection
from telemetry.reading import Reading
from telemetry.stores.store import Outcome

PAYLOAD_KEPT_BYTES = 64 * 1024
"""Of a quarantined message."""


RECENT_READINGS = 20_000
"""Kept in memory beside their rows, some MB: a store that keeps up need not have them read and decoded again."""


class Batch(Struct, frozen=True):
    """The oldest readings of the journal, and the rows in which they stand."""

    rows: tuple[int, ...]
    readings: Sequence[Reading]


class NoRoomError(Exception):
    """The disk is full, or gives errors. What was to be stored is not; trying again later may help."""


class JournalFile:
    """Readings on their way, quarantine and account in one SQLite file with a lock of its own."""

    def __init__(self, path: Path, quarantine_cap_bytes: int) -> None:
        self._path = path
        self._quarantine_cap_bytes = quarantine_cap_bytes
        path.parent.mkdir(parents=True, exist_ok=True)
        self._lock = os.open(path.with_suffix(".lock"), os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(self._lock)
            raise schema.JournalUnusableError(f"{path}: another ingestor is using this journal") from None
        self._ballast = Ballast(path.with_suffix(".ballast"))
        self.trouble: str | None = None
        self.readings = 0
        self.live_bytes = 0
        self.quarantine_rows = 0
        self.quarantine_bytes = 0
        self._broken = False
        self._live_bytes_when_full = 0
        self._recent: dict[int, list[Reading]] = {}
        self._recent_readings = 0
        try:
            self._open()
        except sqlite3.Error as error:
            os.close(self._lock)
            raise schema.JournalUnusableError(
                f"{path}: can't be used as a journal: {error}. If the disk is sound and the file is not, move it away: "
                "an empty journal is made, and what only the old one held is lost"
            ) from error

    def _open(self) -> None:
        self._connection = schema.connect(self._path)
        self._path.chmod(0o600)
        query = self._connection.execute
        self.readings, self.live_bytes = query(
            "select coalesce(sum(readings), 0), coalesce(sum(length(body)), 0) from batch"
        ).fetchone()
        self.quarantine_bytes, self.quarantine_rows = query(
            "select coalesce(sum(length(payload)), 0), count(*) from quarantine"
        ).fetchone()
        self._has_reserve = self._ballast.restore()

    def append(self, admitted: Iterable[Admitted]) -> None:
        """Make readings and rejections durable. When this returns, they are on the disk. Raises `NoRoomError`."""
        readings: list[Reading] = []
        rejections: list[Rejection] = []
        for one in admitted:
            readings.extend(one.readings)
            if one.rejections:
                rejections.extend(one.rejections)
        body = schema.encode(readings) if readings else b""
        row = None
        with self._transaction(needs_reserve=True) as figures:
            if readings:
                row = self._insert(len(readings), body)
            figures[account.RECEIVED] += len(readings) + self._reject(rejections, figures)
        if row is not None:
            self.readings += len(readings)
            self.live_bytes += len(body)
            if self._recent_readings + len(readings) <= RECENT_READINGS:
                self._recent[row] = readings
                self._recent_readings += len(readings)

    def oldest(self, limit: int) -> Batch | None:
        """The oldest readings, whole rows until `limit` is reached; None when there are none."""
        rows: list[int] = []
        readings: list[Reading] = []
        try:
            for (row,) in self._connection.execute("select id from batch order by id"):
                rows.append(row)
                readings.extend(self._recent.get(row) or self._read(row))
                if len(readings) >= limit:
                    break
        except sqlite3.Error as error:
            self._broken = True
            self.trouble = f"the disk gives errors: {error}"
            raise NoRoomError(self.trouble) from error
        return Batch(tuple(rows), readings) if rows else None

    def settle(self, batch: Batch, outcome: Outcome, message_of: Callable[[Reading], Message]) -> None:
        """Take what is written or refused out of the journal; keep the rest where it stands. Raises `NoRoomError`."""
        kept = len(outcome.keep)
        if kept == len(batch.readings):
            return
        body = schema.encode(outcome.keep) if kept else b""
        rejections = [
            Rejection(message_of(refusal.reading), Reason.REFUSED_BY_STORE, 1, refusal.detail)
            for refusal in outcome.refused
        ]
        marks = ",".join("?" * len(batch.rows))
        with self._transaction(needs_reserve=False) as figures:
            # Only question marks are put into the text.
            (removed_bytes,) = self._connection.execute(
                f"select sum(length(body)) from batch where id in ({marks})",  # noqa: S608
                batch.rows,
            ).fetchone()
            self._connection.execute(f"delete from batch where id in ({marks})", batch.rows)  # noqa: S608
            if kept:  # in the place of the first row: the order to the store is the order of arrival
                self._insert(kept, body, batch.rows[0])
            figures[account.WRITTEN] += len(batch.readings) - kept - len(rejections)
            self._reject(rejections, figures)
        for row in batch.rows:
            self._recent_readings -= len(self._recent.pop(row, ()))
        self.readings -= len(batch.readings) - kept
        self.live_bytes -= removed_bytes - len(body)

    def replay(self, rows: Sequence[int], admit: Callable[[Message], Admitted]) -> Counter[str]:
        """Admit quarantined messages again, with the time of their first arrival. One transaction.

        What is admitted now goes into the journal and counts as received. A message of which nothing is refused any
        more leaves the quarantine; any other stays. Returns how many of each.
        """
        results: Counter[str] = Counter()
        readings: list[Reading] = []
        settled: list[tuple[int]] = []
        for row in rows:
            message = self.message(row)
            if message is None:
                results["not there"] += 1
                continue
            admitted = admit(message)
            readings.extend(admitted.readings)
            if admitted.rejections:
                results["still refused"] += 1
            else:
                results["replayed"] += 1
                settled.append((row,))
        body = schema.encode(readings) if readings else b""
        with self._transaction(needs_reserve=True) as figures:
            if readings:
                self._insert(len(readings), body)
                figures[account.RECEIVED] += len(readings)
            self._connection.executemany("delete from quarantine where id = ?", settled)
        if readings:
            self.readings += len(readings)
            self.live_bytes += len(body)
        self._recount_quarantine()
        return results

    def message(self, row: int) -> Message | None:
        """A quarantined message as it came, or None."""
        found = self._connection.execute(
            "select topic, payload, retained, received_ns from quarantine where id = ?", (row,)
        ).fetchone()
        if found is None:
            return None
        topic, payload, retained, received_ns = found
        return Message(topic.decode(), payload, bool(retained), received_ns)

    def account(self) -> Account:
        """The account as it stands; its `journal` counted from the rows."""
        rows: Mapping[str, int] = dict(self._connection.execute("select name, count from account"))
        (readings,) = self._connection.execute("select coalesce(sum(readings), 0) from batch").fetchone()
        return account.read(rows, readings)

    def recover(self) -> bool:
        """Put things right after a full disk or an error. Whether the journal accepts again.

        The reserve comes back when the store has taken half of what was here, or somebody else has made room. Sooner
        would be too soon: the same disk would be full again at once, and taking things out needs the reserve's space.
        """
        try:
            if self._broken:
                with suppress(sqlite3.Error):
                    self._connection.close()
                self._open()
                self._broken = False
            if not self._has_reserve and (
                self.live_bytes * 2 <= self._live_bytes_when_full or self._ballast.disk_has_twice()
            ):
                self._connection.execute("pragma wal_checkpoint(truncate)").fetchone()
                self._has_reserve = self._ballast.restore()
        except (sqlite3.Error, OSError) as error:
            self._broken = True
            self.trouble = f"the disk gives errors: {error}"
        if self._has_reserve and not self._broken:
            self.trouble = None
        return self.trouble is None

    def close(self) -> None:
        """Checkpoint, close, unlock."""
        with suppress(sqlite3.Error):
            self._connection.close()
        os.close(self._lock)

    def _read(self, row: int) -> list[Reading]:
        (body,) = self._connection.execute("select body from batch where id = ?", (row,)).fetchone()
        return schema.decode(body)

    def _insert(self, readings: int, body: bytes, row: int | None = None) -> int | None:
        statement = "insert into batch (id, readings, body) values (?, ?, ?)"
        return self._connection.execute(statement, (row, readings, body)).lastrowid

    def _reject(self, rejections: Sequence[Rejection], figures: Counter[str]) -> int:
        """Quarantine, or only count. Returns the readings that the rejections cost."""
        lost = 0
        for rejection in rejections:
            lost += rejection.readings
            figures[f"{account.REJECTS}{rejection.reason}"] += 1
            if rejection.reason.ignored:
                figures[f"{account.IGNORED}{rejection.reason}"] += rejection.readings
                continue
            message = rejection.message
            payload = message.payload[:PAYLOAD_KEPT_BYTES]
            if self.quarantine_bytes + len(payload) > self._quarantine_cap_bytes:
                figures[f"{account.IGNORED}{account.QUARANTINE_FULL}"] += rejection.readings
                figures[f"{account.REJECTS}{account.QUARANTINE_FULL}"] += 1
                continue
            self._connection.execute(
                "insert into quarantine (received_ns, topic, payload, retained, reason, readings, detail) "
                "values (?, ?, ?, ?, ?, ?, ?)",
                (
                    message.received_ns,
                    message.topic.encode(),
                    payload,
                    message.retained,
                    rejection.reason,
                    rejection.readings,
                    rejection.detail,
                ),
            )
            self.quarantine_bytes += len(payload)
            self.quarantine_rows += 1
            figures[account.QUARANTINED] += rejection.readings
        return lost

    @contextmanager
    def _transaction(self, *, needs_reserve: bool) -> Iterator[Counter[str]]:
        """All or nothing, durable when it ends; the figures given are added to the account within it."""
        if self._broken or (needs_reserve and not self._has_reserve):
            self.trouble = self.trouble or "the disk is full"
            raise NoRoomError(self.trouble)
        figures: Counter[str] = Counter()
        before = self.quarantine_bytes, self.quarantine_rows
        try:
            self._connection.execute("begin immediate")
            yield figures
            self._connection.executemany(
                "insert into account values (?, ?) on conflict (name) do update set count = count + excluded.count",
                figures.items(),
            )
            self._connection.execute("commit")
        except sqlite3.Error as error:
            self.quarantine_bytes, self.quarantine_rows = before
            with suppress(sqlite3.Error):
                self._connection.execute("rollback")
            if _is_full(error):
                if self._has_reserve:
                    self._live_bytes_when_full = self.live_bytes
                self._ballast.drop()
                self._has_reserve = False
                self.trouble = "the disk is full"
            else:
                self._broken = True
                self.trouble = f"the disk gives errors: {error}"
            raise NoRoomError(self.trouble) from error

    def _recount_quarantine(self) -> None:
        self.quarantine_bytes, self.quarantine_rows = self._connection.execute(
            "select coalesce(sum(length(payload)), 0), count(*) from quarantine"
        ).fetchone()


def _is_full(error: sqlite3.Error) -> bool:
    return getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL
