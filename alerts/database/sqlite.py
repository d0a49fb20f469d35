"""Everything about the alert database that only SQLite has: its file, its pragmas, its upsert, its errors, the lock."""

import fcntl
import os
import sqlite3
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

import msgspec
from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Delete,
    Engine,
    Insert,
    Integer,
    NullPool,
    Table,
    create_engine,
    func,
    select,
)
from sqlalchemy.dialects.sqlite import dialect, insert
from sqlalchemy.exc import DBAPIError, IntegrityError

from alerts.database.trouble import DatabaseUnusableError, EngineRunningError

BUSY_TIMEOUT_S = 5.0
"""How long a statement waits for another process."""

PAGE_BYTES = 1024
"""A batch changes small rows all over the tables, and each takes its whole page to the disk: a quarter of the default
size writes a third of the bytes."""
CHECKPOINT_PAGES = 32_000
"""32 MB. The same devices are written again and again: what waits longer in the log is written fewer times."""

RowNumber = BigInteger().with_variant(Integer(), "sqlite")
"""A primary key that counts. SQLite's INTEGER has 64 bits, and no other type of it counts by itself."""

_dialect = dialect()
_AWAY = {
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_CORRUPT,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_NOMEM,
    sqlite3.SQLITE_NOTADB,
    sqlite3.SQLITE_PERM,
    sqlite3.SQLITE_PROTOCOL,
    sqlite3.SQLITE_READONLY,
}


class EngineLock:
    """Held by the one engine that judges with this database. The kernel lets go of it when the process ends."""

    def __init__(self, path: Path) -> None:
        """Raises `EngineRunningError`, `DatabaseUnusableError`."""
        place = path.with_name(f"{path.name}.lock")
        try:
            self._file = os.open(place, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise DatabaseUnusableError(f"{place}: can't be made or written: {error.strerror}") from error
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(self._file)
            raise EngineRunningError(
                f"{path}: another alert engine uses this database. One at a time: end that one, or name another file "
                "in `alerts.database`"
            ) from None
        except OSError as error:
            os.close(self._file)
            raise DatabaseUnusableError(f"{place}: can't be locked: {error.strerror}. Use a local disk") from error

    def release(self) -> None:
        """Let the next one in."""
        os.close(self._file)


def make_private(path: Path) -> None:
    """The file and its folder, where they are not there yet; nobody else may read it, for messages hold links.

    Raises `DatabaseUnusableError`.
    """
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        path.chmod(0o600)  # the log beside it is given the same mode by SQLite
    except OSError as error:
        raise DatabaseUnusableError(
            f"{path}: can't be made or written: {error.strerror}. Give the user that runs the alerts the folder, or "
            "name another file in `alerts.database`"
        ) from error


def engine(path: Path) -> Engine:
    """How connections to a file that exists are opened. A commit is on the disk when it returns."""

    def connect() -> sqlite3.Connection:
        # Autocommit: transactions are begun where they are meant. Never two threads at a time: the callers see to it.
        connection = sqlite3.connect(
            f"{path.absolute().as_uri()}?mode=rw",
            uri=True,
            timeout=BUSY_TIMEOUT_S,
            isolation_level=None,
            check_same_thread=False,
        )
        try:
            connection.execute(f"pragma page_size = {PAGE_BYTES}")  # only of a file that is empty
            connection.execute("pragma journal_mode = wal")
            connection.execute("pragma synchronous = full")
            connection.execute(f"pragma wal_autocheckpoint = {CHECKPOINT_PAGES}")
        except BaseException:
            connection.close()
            raise
        return connection

    return create_engine("sqlite+pysqlite://", creator=connect, poolclass=NullPool)


def begin_writing(connection: Connection) -> None:
    """Take the writer's place at once: a reader that becomes a writer later may be refused."""
    connection.exec_driver_sql("begin immediate")


def upsert(table: Table) -> Insert:
    """Insert, or replace what stands under the same primary key."""
    statement = insert(table)
    keys = [column.name for column in table.primary_key]
    replaced: dict[str, Any] = {
        column.name: statement.excluded[column.name] for column in table.columns if column.name not in keys
    }
    return statement.on_conflict_do_update(index_elements=keys, set_=replaced)


class Rows:
    """A statement for many rows of texts, bytes and integers, given as tuples in the order of its columns.

    Prepared once and handed to the driver as it is: what SQLAlchemy does for each value costs more than SQLite itself.
    """

    def __init__(self, statement: Insert | Delete) -> None:
        self._text = str(statement.compile(dialect=_dialect))

    def execute(self, connection: Connection, rows: Sequence[tuple[str | bytes | int, ...]]) -> None:
        """Of no rows: does nothing."""
        if rows:
            connection.exec_driver_sql(self._text, list(rows))


def insert_new(table: Table) -> Insert:
    """Insert, or leave what is there."""
    return insert(table).on_conflict_do_nothing()


def is_one_of(column: ColumnElement[str], texts: Collection[str]) -> ColumnElement[bool]:
    """Whether it is one of any number of texts: as one value, for a statement may name only so many."""
    each = func.json_each(msgspec.json.encode(list(texts)).decode()).table_valued("value")
    return column.in_(select(each.c.value))


def why_away(error: DBAPIError) -> str | None:
    """Why the file can't be read or written just now; None: the error is of another sort, a mistake of ours."""
    code = getattr(error.orig, "sqlite_errorcode", None)
    if code is None or code & 0xFF not in _AWAY:
        return None
    if code == sqlite3.SQLITE_FULL:
        return "the disk is full"
    if code & 0xFF in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}:
        return f"another program holds the database: {error.orig}"
    return f"the disk gives errors: {error.orig}"


def is_no_database(error: DBAPIError) -> bool:
    """Whether the file is something else, or damaged."""
    code = getattr(error.orig, "sqlite_errorcode", 0)
    return code & 0xFF in {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}


def is_second_active(error: IntegrityError) -> bool:
    """Whether it is the unique key that allows one active alert for each rule and device."""
    return "alerts.rule, alerts.device, alerts.active" in str(error.orig)
