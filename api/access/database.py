"""The file with keys, signed-in browsers and the audit log. Only its owner can read it, and no secret stands in it.

SQLite with its write-ahead log: the service and the command `caretaker keys` use the file at the same time.
"""

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Concatenate, ParamSpec, TypeVar

import structlog

from api.problem import AwayError
from telemetry.stores.thread import StoreThread

log = structlog.get_logger(__name__)

VERSION = 1
OWNER_ONLY = 0o600
FOLDER_OWNER_ONLY = 0o700
BUSY_LIMIT_MS = 2_000
"""How long one process waits for the other."""

SCHEMA = """
CREATE TABLE keys (
  id TEXT PRIMARY KEY,
  name TEXT NOT NULL,
  role INTEGER NOT NULL,
  sites TEXT,                -- JSON list; NULL: all
  hash BLOB NOT NULL,        -- SHA-256 of the secret
  created_ns INTEGER NOT NULL,
  expires_ns INTEGER,
  revoked_ns INTEGER,
  used_ns INTEGER
) STRICT;
CREATE TABLE browsers (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  hash BLOB NOT NULL UNIQUE, -- SHA-256 of the cookie
  key TEXT REFERENCES keys (id),
  token BLOB,                -- without a key: what binds it to the token it entered with
  used_ns INTEGER NOT NULL
) STRICT;
CREATE INDEX browsers_by_use ON browsers (used_ns);
CREATE TABLE audit (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  time_ns INTEGER NOT NULL,
  who TEXT NOT NULL,
  way TEXT,
  key TEXT NOT NULL,
  address TEXT NOT NULL,
  what TEXT NOT NULL,
  target TEXT NOT NULL,
  detail TEXT NOT NULL
) STRICT;
CREATE INDEX audit_by_time ON audit (time_ns);
"""

P = ParamSpec("P")
T = TypeVar("T")


class AccessUnusableError(Exception):
    """The file can't be opened, or is none of ours; the message says which and what to do."""


class AccessDatabase:
    """The file from asyncio: one connection on a thread of its own."""

    def __init__(self, path: Path) -> None:
        """Open it, or make it. Raises `AccessUnusableError`."""
        self._connection = connect(path)
        self._thread = StoreThread("access")

    async def look(self, call: Callable[Concatenate[sqlite3.Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """What `call` reads, in one statement; it waits for no writer. Raises `AwayError`, and what the call raises."""
        return await self._answer(lambda: call(self._connection, *args, **kwargs))

    async def change(
        self, call: Callable[Concatenate[sqlite3.Connection, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """What `call` gives, in one transaction: all of it or nothing. Raises as `look` does."""

        def answer() -> T:
            with transaction(self._connection):
                return call(self._connection, *args, **kwargs)

        return await self._answer(answer)

    async def _answer(self, answer: Callable[[], T]) -> T:
        try:
            return await self._thread.run(answer)
        except sqlite3.Error as error:
            log.error("access_database_away", why=str(error))
            raise AwayError("the file with the keys can't be read or written just now") from error

    async def close(self) -> None:
        """End the thread and the connection. A second call does nothing."""
        await self._thread.close(self._connection.close)


@contextmanager
def opened(path: Path) -> Iterator[sqlite3.Connection]:
    """For a command: the file, in one transaction. Raises `AccessUnusableError`."""
    with closing(connect(path)) as connection:
        try:
            with transaction(connection):
                yield connection
        except sqlite3.OperationalError as error:
            raise AccessUnusableError(f"{path}: {error}") from None


def connect(path: Path) -> sqlite3.Connection:
    """A connection; a file that is not there is made. Raises `AccessUnusableError`."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=FOLDER_OWNER_ONLY)
        # Made by us and not by SQLite: so that at no moment anybody else can open it. Its log files take its mode.
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, OWNER_ONLY))
        path.chmod(OWNER_ONLY)
        connection = sqlite3.connect(path, timeout=BUSY_LIMIT_MS / 1000, isolation_level=None, check_same_thread=False)
    except (OSError, sqlite3.Error) as error:
        raise AccessUnusableError(f"{path}: {getattr(error, 'strerror', None) or error}") from None
    try:
        _prepare(connection, path)
    except sqlite3.Error as error:
        connection.close()
        raise AccessUnusableError(f"{path}: {error}") from None
    except AccessUnusableError:
        connection.close()
        raise
    return connection


def _prepare(connection: sqlite3.Connection, path: Path) -> None:
    connection.execute("PRAGMA journal_mode = WAL")
    # A key that was revoked stays revoked after a power cut.
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA foreign_keys = ON")
    # What is deleted is overwritten.
    connection.execute("PRAGMA secure_delete = ON")
    with transaction(connection):
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        if version == 0:
            for statement in SCHEMA.split(";\n"):
                connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {VERSION}")
        elif version != VERSION:
            raise AccessUnusableError(f"{path} was written by a newer version of Caretaker: run that one")


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """All of it or nothing."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        with suppress(sqlite3.Error):  # where the disk is full SQLite has rolled back by itself
            connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")
