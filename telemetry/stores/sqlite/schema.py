"""The embedded store's file: tables, version, and how a connection to it is opened."""

import sqlite3
from contextlib import suppress
from pathlib import Path

from telemetry.stores.store import StoreUnusableError

VERSION = 2
"""Kept in `PRAGMA user_version`; a file with a higher one was made by a newer Caretaker."""

BUSY_TIMEOUT_S = 1.0
"""How long a statement waits for another process. Short: the caller is told why it waits, and tries again."""

# A series has a number so that a sample is small; samples lie in the order in which they are read.
SERIES = """
CREATE TABLE series (
    id INTEGER PRIMARY KEY,
    device TEXT NOT NULL,
    metric TEXT NOT NULL,
    site TEXT NOT NULL,
    rule TEXT NOT NULL DEFAULT '',
    UNIQUE (device, metric, site, rule)
) STRICT
"""
SAMPLE = """
CREATE TABLE sample (
    series INTEGER NOT NULL REFERENCES series (id),
    time_ns INTEGER NOT NULL,
    value ANY NOT NULL,
    quality INTEGER NOT NULL,
    PRIMARY KEY (series, time_ns)
) STRICT, WITHOUT ROWID
"""
# SQLite cannot add a column to a UNIQUE constraint, so the table is made anew. Its rows keep their numbers, so that no
# sample, of which there are many, is touched.
RULES = (
    SERIES.replace("TABLE series", "TABLE new_series"),
    "INSERT INTO new_series (id, device, metric, site) SELECT id, device, metric, site FROM series",
    "DROP TABLE series",
    "ALTER TABLE new_series RENAME TO series",
)
STEPS = {0: (SERIES, SAMPLE), 1: RULES}
"""What brings a file of each older version to `VERSION`; 0: an empty file."""


def open_for_writing(path: Path) -> sqlite3.Connection:
    """A connection with the tables made. Autocommit: transactions are written out where they are meant.

    Raises `StoreUnusableError` when the file can never serve, `sqlite3.OperationalError` when it is only busy or full.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreUnusableError(f"cannot make the folder {path.parent}: {error.strerror}") from error
    connection = sqlite3.connect(path, timeout=BUSY_TIMEOUT_S, isolation_level=None)
    try:
        # WAL: readers and writer do not wait for each other. FULL: what is reported as written survives a power cut,
        # because the journal forgets it then.
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        _make_tables(connection, path)
    except BaseException:
        connection.close()
        raise
    return connection


def _make_tables(connection: sqlite3.Connection, path: Path) -> None:
    """In one transaction: a file is of one version or of the other, whenever this ends."""
    if _known_version(connection, path) == VERSION:
        return
    connection.execute("BEGIN IMMEDIATE")
    try:
        # Asked again: two processes may start at once, and the other was first.
        for step in STEPS.get(_known_version(connection, path), ()):
            connection.execute(step)
        connection.execute(f"PRAGMA user_version = {VERSION}")
        connection.execute("COMMIT")
    except BaseException:
        with suppress(sqlite3.Error):
            connection.execute("ROLLBACK")
        raise


def _known_version(connection: sqlite3.Connection, path: Path) -> int:
    found = version_of(connection)
    if found > VERSION:
        raise StoreUnusableError(
            f"{path} has version {found}, this Caretaker knows up to {VERSION}: install the newer Caretaker again, "
            "or name another file in `store.path`"
        )
    return found


def version_of(connection: sqlite3.Connection) -> int:
    """The file's; 0: it is empty."""
    found: int = connection.execute("PRAGMA user_version").fetchone()[0]
    return found


def open_for_reading(path: Path) -> sqlite3.Connection:
    """A read-only connection to a file that exists."""
    return sqlite3.connect(
        f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=BUSY_TIMEOUT_S, isolation_level=None
    )
