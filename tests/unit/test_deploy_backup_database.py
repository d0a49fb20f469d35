"""Copies of databases: of one state while others write, checked; and whether somebody has one open."""

import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import pytest

from deploy.backup import database
from deploy.backup.manifest import BackupError
from tests.unit.backup_ground import count, table


def test_a_copy_is_of_one_state_while_another_writes(tmp_path: Path) -> None:
    """Each transaction of the other moves a row from one table to the next: the sum is the same in each state."""
    source = tmp_path / "live.db"
    table(source, 30_000)
    with closing(sqlite3.connect(source, isolation_level=None)) as one:
        one.execute("create table u (n integer, filling blob)")
    stop, moved = threading.Event(), threading.Event()

    def move() -> None:
        with closing(sqlite3.connect(source, isolation_level=None, timeout=30)) as other:
            number = 0
            while not stop.is_set():
                other.execute("begin immediate")
                other.execute("insert into u select * from t where n = ?", (number,))
                other.execute("delete from t where n = ?", (number,))
                other.execute("commit")
                number += 1
                moved.set()

    mover = threading.Thread(target=move)
    mover.start()
    assert moved.wait(10)
    steps: list[float] = []
    try:
        database.copy(source, tmp_path / "copy.db", steps.append)
    finally:
        stop.set()
        mover.join()
    assert steps[-1] == 1.0
    assert steps == sorted(steps), "it did not begin anew"
    with closing(sqlite3.connect(tmp_path / "copy.db")) as copy:
        (left,), (gone,) = (copy.execute(f"select count(*) from {name}").fetchone() for name in "tu")  # noqa: S608
    assert left + gone == 30_000
    assert gone > 0
    assert not list(tmp_path.glob("copy.db-*")), "one file, without a log beside it"


def test_what_only_the_log_of_a_killed_program_holds_is_copied(tmp_path: Path) -> None:
    source = tmp_path / "live.db"
    table(source, 0)
    with closing(sqlite3.connect(source, isolation_level=None)) as one:
        one.execute("insert into t values (1, null)")
        for name in ("live.db", "live.db-wal"):
            (tmp_path / f"killed-{name}").write_bytes((tmp_path / name).read_bytes())
    database.copy(tmp_path / "killed-live.db", tmp_path / "copy.db")
    assert count(tmp_path / "copy.db") == 1


def test_a_damaged_database_is_found(tmp_path: Path) -> None:
    source = tmp_path / "live.db"
    table(source, 5_000)
    raw = bytearray(source.read_bytes())
    raw[40_960:45_056] = b"\xaa" * 4096
    source.write_bytes(raw)
    with pytest.raises(BackupError, match="damaged"):
        database.copy(source, tmp_path / "copy.db")


def test_no_database(tmp_path: Path) -> None:
    (tmp_path / "live.db").write_bytes(b"something else" * 100)
    with pytest.raises(BackupError, match="is no database, or damaged"):
        database.copy(tmp_path / "live.db", tmp_path / "copy.db")


def test_one_that_is_open_is_in_use_and_one_that_is_closed_is_not(tmp_path: Path) -> None:
    file = tmp_path / "live.db"
    table(file, 10)
    assert not database.in_use(file)
    with closing(sqlite3.connect(file)) as other:
        other.execute("select count(*) from t").fetchone()
        assert database.in_use(file)
        assert other.execute("select count(*) from t").fetchone() == (10,), "and the other goes on"
    assert not database.in_use(file)
    (tmp_path / "none").write_bytes(b"no database")
    assert not database.in_use(tmp_path / "none")
