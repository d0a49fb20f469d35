"""SQLite files, copied while others write to them."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from deploy.backup.manifest import BackupError

BUSY_S = 30.0
"""How long to wait for another program to let us read."""
PAGES_AT_ONCE = 4_096


def copy(source: Path, target: Path, progress: Callable[[float], None] = lambda _: None) -> None:
    """One state of the database, as of now, checked. Writers are not held up: their log grows until the copy is done.

    `progress` hears fractions. Raises `BackupError` for what is no database or is damaged, and `sqlite3.Error`.
    """
    try:
        with (
            closing(_open(source, "rw")) as origin,
            closing(sqlite3.connect(target, isolation_level=None)) as copied,
        ):
            # Within a transaction the copy is of one state: without, it would start anew with each write of others.
            origin.execute("begin")
            origin.execute("select count(*) from sqlite_master").fetchone()
            origin.backup(
                copied, pages=PAGES_AT_ONCE, progress=lambda _, rest, total: progress(1 - rest / max(total, 1))
            )
            # One file that needs no log beside it; whoever opens it for use says what it wants.
            copied.execute("pragma journal_mode = delete").fetchone()
        check(target)
    except sqlite3.DatabaseError as error:
        if isinstance(error, sqlite3.OperationalError):
            raise BackupError(f"{source} can't be copied: {error}") from None
        raise BackupError(f"{source} is no database, or damaged: {error}") from None


def check(file: Path) -> None:
    """Raises `BackupError` where SQLite finds the file damaged."""
    with closing(_open(file, "ro")) as connection:
        found = [str(row[0]) for row in connection.execute("pragma quick_check(5)")]
    if found != ["ok"]:
        raise BackupError(f"{file.name} is damaged: {'; '.join(found)}")


def in_use(file: Path) -> bool:
    """Whether another program has the database open in its log mode, or is at work in it.

    Where nobody is, a log that a killed program has left is taken into the file, as at every start.
    """
    with closing(_open(file, "rw", 0.0)) as connection:
        try:
            connection.execute("pragma locking_mode = exclusive").fetchone()
            connection.execute("begin exclusive")
            connection.execute("rollback")
        except sqlite3.OperationalError:
            return True
        except sqlite3.DatabaseError:  # none at all: then nobody uses it as one
            return False
    return False


def _open(file: Path, mode: str, timeout_s: float = BUSY_S) -> sqlite3.Connection:
    return sqlite3.connect(f"{file.absolute().as_uri()}?mode={mode}", uri=True, timeout=timeout_s, isolation_level=None)
