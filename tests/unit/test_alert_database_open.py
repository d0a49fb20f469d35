"""Opening the alert database: one engine, private files, migrations, and what a killed engine leaves behind."""

import errno
import fcntl
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from alerts.alert import Change
from alerts.database import blobs, migrate, read, tables
from alerts.database.database import AlertDatabase, DatabaseUnusableError, EngineRunningError
from alerts.desk import Desk
from alerts.judge.judged import Judged
from tests.unit.test_alert_database import alert, judged, transition

ENGINE = """
import asyncio, itertools, sys
from pathlib import Path
from alerts.database.database import AlertDatabase
from alerts.judge.judged import Judged
from tests.unit.test_alert_database import alert, transition

async def judge():
    database = AlertDatabase.open(Path(sys.argv[1]))
    start = (await database.remember()).figures.get("clock", 0)
    for clock in itertools.count(start + 1):
        state = str(clock).encode()
        one = alert("d", raised_ns=1, changed_ns=clock)
        (numbered,) = await database.commit(
            Judged(
                devices={f"d{number}": state for number in range(50)},
                states={("odour", f"d{number}"): state for number in range(50)},
                figures={"clock": clock},
                alerts={one.id: one},
                transitions=[transition(one, at_ns=clock)],
            )
        )
        print(numbered.number, flush=True)

asyncio.run(judge())
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "alerts" / "alerts.db"


@pytest.fixture
async def database(path: Path) -> AsyncIterator[AlertDatabase]:
    opened = AlertDatabase.open(path)
    yield opened
    await opened.close()


def mode_of(path: Path) -> int:
    return path.stat().st_mode & 0o777


async def test_nobody_else_may_read_it(database: AlertDatabase, path: Path) -> None:
    await database.commit(Judged(figures={"clock": 1}))
    assert mode_of(path.parent) == 0o700
    files = sorted(path.parent.iterdir())
    assert [file.name for file in files] == ["alerts.db", "alerts.db-shm", "alerts.db-wal", "alerts.db.lock"]
    assert {mode_of(file) for file in files} == {0o600}


async def test_a_file_that_was_open_to_others_is_closed_to_them(path: Path) -> None:
    path.parent.mkdir()
    path.touch(mode=0o644)
    await AlertDatabase.open(path).close()
    assert mode_of(path) == 0o600


async def test_a_commit_is_on_the_disk_when_it_returns(database: AlertDatabase) -> None:
    def pragmas() -> list[object]:
        connection = database._connection._opened()
        with connection.begin():
            return [connection.exec_driver_sql(f"pragma {name}").scalar() for name in ("journal_mode", "synchronous")]

    assert await database._call(pragmas) == ["wal", 2]


async def test_a_second_engine_is_kept_out_until_the_first_has_ended(database: AlertDatabase, path: Path) -> None:
    with pytest.raises(EngineRunningError, match=r"alerts\.db: another alert engine"):
        AlertDatabase.open(path)
    await database.commit(Judged(figures={"clock": 1}))
    await database.close()
    second = AlertDatabase.open(path)
    assert await second._look(blobs.figures.read) == {"clock": 1}
    await second.close()


async def test_engines_of_two_files_do_not_mind_each_other(database: AlertDatabase, path: Path) -> None:
    del database
    await AlertDatabase.open(path.with_name("other.db")).close()


def judge_until_killed(path: Path, commits: int) -> list[int]:
    """The numbers that it had promised when it was killed, some time after so many commits."""
    with subprocess.Popen(
        [sys.executable, "-c", ENGINE, str(path)], stdout=subprocess.PIPE, cwd=Path(__file__).parents[2], text=True
    ) as engine:
        assert engine.stdout is not None
        acknowledged = [int(engine.stdout.readline()) for _ in range(commits)]
        engine.kill()
        acknowledged += [int(line) for line in engine.stdout if line.endswith("\n")]
    assert engine.returncode == -signal.SIGKILL
    return acknowledged


async def test_a_killed_engine_leaves_whole_commits_and_no_lock(path: Path) -> None:
    last = 0
    for more in (3, 40, 11):
        acknowledged = judge_until_killed(path, more)
        assert acknowledged == list(range(last + 1, acknowledged[-1] + 1))
        database = AlertDatabase.open(path)
        remembered = await database.remember()
        last = remembered.figures["clock"]
        assert acknowledged[-1] <= last <= acknowledged[-1] + 1, "nothing that was promised is missing"
        state = str(last).encode()
        assert remembered.devices == {f"d{number}": state for number in range(50)}, "no commit is there by half"
        assert remembered.states == {("odour", f"d{number}"): state for number in range(50)}
        assert [one.changed_ns for one in remembered.alerts] == [last]
        assert [(each.number, each.at_ns) for each in await database._look(read.transitions_after, 0, 10**6)] == [
            (number, number) for number in range(1, last + 1)
        ]
        await database.close()


async def test_the_migrations_make_the_tables_that_the_code_knows(database: AlertDatabase) -> None:
    def differences() -> list[object]:
        connection = database._connection._opened()
        with connection.begin():
            return list(compare_metadata(MigrationContext.configure(connection), tables.metadata))

    assert await database._call(differences) == []


def test_the_version_is_that_of_the_last_migration() -> None:
    config = Config()
    config.set_main_option("script_location", migrate.SCRIPTS)
    scripts = ScriptDirectory.from_config(config)
    assert scripts.get_current_head() == tables.VERSION
    versions = [script.revision for script in scripts.walk_revisions()]
    assert versions == sorted(versions, reverse=True), "versions are compared as texts"


NEXT = """
from alembic import op
import sqlalchemy as sa

revision = "0090"
down_revision = "{before}"


def upgrade():
    op.add_column("alerts", sa.Column("place", sa.Text))
    op.execute("update alerts set place = device")
    {then}
"""


def next_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, then: str = "") -> None:
    """As if the program were a version ahead."""
    scripts = tmp_path / "migrations"
    shutil.copytree(Path(migrate.__file__).parent / "migrations", scripts)
    (scripts / "versions" / "0090_place.py").write_text(NEXT.format(then=then, before=tables.VERSION))
    monkeypatch.setattr(migrate, "SCRIPTS", str(scripts))
    monkeypatch.setattr(tables, "VERSION", "0090")


async def test_an_older_version_is_brought_up_to_date_with_what_it_holds(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    older = AlertDatabase.open(path)
    await older.commit(judged(alert(), devices={"nh3-1": b"1"}, transitions=[transition(alert())]))
    await older.close()
    next_version(tmp_path, monkeypatch)
    newer = AlertDatabase.open(path)
    remembered = await newer.remember()
    assert (remembered.alerts, remembered.devices) == ([alert()], {"nh3-1": b"1"})
    assert len(await newer._look(read.transitions_after, 0, 10)) == 1
    await newer.close()
    with sqlite3.connect(path) as looking:
        assert looking.execute("select place from alerts").fetchall() == [("nh3-1",)]
    looking.close()


async def test_a_file_of_the_first_version_goes_on(path: Path) -> None:
    """As it was before alerts could be given to somebody."""
    newest = AlertDatabase.open(path)
    await newest.commit(judged(alert(), transitions=[transition(alert())]))
    await newest.close()
    with sqlite3.connect(path) as older:
        for table in ("actions", "transitions"):
            older.execute(f'alter table {table} drop column "to"')
        older.execute("update alembic_version set version_num = '0001'")
    older.close()
    with pytest.raises(DatabaseUnusableError, match="start its alert service"):
        Desk(path)
    newer = AlertDatabase.open(path)
    given = transition(alert(), Change.ASSIGNED, by="shift leader", to="technician")
    await newer.commit(judged(transitions=[given]))
    await newer.close()
    with Desk(path) as desk:
        desk.assign(alert().id, "technician", "shift leader")
        assert [(one.change, one.to) for one in desk.news(0)] == [
            (Change.RAISED, None),
            (Change.ASSIGNED, "technician"),
        ]


async def test_a_migration_that_fails_changes_nothing(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    older = AlertDatabase.open(path)
    await older.commit(judged(alert()))
    await older.close()
    with monkeypatch.context() as patched:
        next_version(tmp_path, patched, then="raise ValueError('out of luck')")
        with pytest.raises(ValueError, match="out of luck"):
            AlertDatabase.open(path)
    again = AlertDatabase.open(path)
    assert await again._look(read.active_alerts) == [alert()]
    await again.close()
    with sqlite3.connect(path) as looking:
        assert "place" not in [row[1] for row in looking.execute("pragma table_info(alerts)")]
    looking.close()


async def test_a_newer_version_is_refused_with_the_mend(path: Path) -> None:
    await AlertDatabase.open(path).close()
    with sqlite3.connect(path) as other:
        other.execute("update alembic_version set version_num = '0099'")
    other.close()
    with pytest.raises(DatabaseUnusableError, match=rf"has version 0099, .* up to {tables.VERSION}: install the newer"):
        AlertDatabase.open(path)


def test_a_file_that_is_no_database_is_refused_and_left_alone(path: Path) -> None:
    path.parent.mkdir()
    content = b"not a database, but long enough to be read as one" * 100
    path.write_bytes(content)
    with pytest.raises(DatabaseUnusableError, match="move it away"):
        AlertDatabase.open(path)
    assert path.read_bytes() == content


def test_a_database_of_something_else_is_refused_and_left_alone(path: Path) -> None:
    path.parent.mkdir()
    with sqlite3.connect(path) as other:
        other.execute("create table series (id integer)")
    other.close()
    with pytest.raises(DatabaseUnusableError, match="something else than alerts: tables series"):
        AlertDatabase.open(path)
    with sqlite3.connect(path) as other:
        assert other.execute("select name from sqlite_master").fetchall() == [("series",)]
    other.close()


def test_a_place_where_nothing_can_be_made_is_refused_with_the_mend(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(DatabaseUnusableError, match="name another file"):
        AlertDatabase.open(tmp_path / "file" / "alerts.db")
    with pytest.raises(DatabaseUnusableError, match="name another file"):
        AlertDatabase.open(tmp_path)


def test_a_lock_that_can_not_be_taken_is_no_second_engine(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_locks(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    with monkeypatch.context() as patched:
        patched.setattr(fcntl, "flock", no_locks)
        with pytest.raises(DatabaseUnusableError, match=r"No locks available\. Use a local disk"):
            AlertDatabase.open(path)
    path.with_name("alerts.db.lock").unlink()
    path.with_name("alerts.db.lock").mkdir()
    with pytest.raises(DatabaseUnusableError, match="can't be made or written"):
        AlertDatabase.open(path)


async def test_what_was_refused_can_be_opened_once_it_is_mended(path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(b"not a database, but long enough to be read as one" * 100)
    with pytest.raises(DatabaseUnusableError):
        AlertDatabase.open(path)
    path.unlink()
    await AlertDatabase.open(path).close()
