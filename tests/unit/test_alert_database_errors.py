"""A disk that is full or gives errors: nothing is kept by half, the reason is said, and the next commit works."""

import sqlite3
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, ClassVar

import pytest

from alerts.database import blobs, read, sqlite
from alerts.database.database import AlertDatabase, DatabaseAwayError
from alerts.dispatch.planned import Planned
from alerts.judge.judged import Judged
from tests.unit.test_alert_database import alert, delivery, judged, transition


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[AlertDatabase]:
    opened = AlertDatabase.open(tmp_path / "alerts.db")
    yield opened
    await opened.close()


class FailingConnection(sqlite3.Connection):
    """Stands in for a disk that fails: real disks do not fail on demand at a given commit."""

    fail: ClassVar[Callable[["FailingConnection"], None] | None] = None

    def commit(self) -> None:
        fail = type(self).fail
        if fail is not None and self.in_transaction:
            fail(self)
        super().commit()


def error(code: int) -> sqlite3.OperationalError:
    made = sqlite3.OperationalError("disk I/O error")
    made.sqlite_errorcode = code
    return made


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> type[FailingConnection]:
    connect = sqlite3.connect

    def connect_failing(*args: Any, **kwargs: Any) -> sqlite3.Connection:
        return connect(*args, **kwargs, factory=FailingConnection)

    monkeypatch.setattr(sqlite3, "connect", connect_failing)
    monkeypatch.setattr(FailingConnection, "fail", None)
    return FailingConnection


async def test_a_full_disk_keeps_nothing_and_the_next_commit_works(database: AlertDatabase) -> None:
    await database.commit(judged(alert(), devices={"nh3-1": b"1"}, transitions=[transition(alert())]))

    def fill() -> None:
        connection = database._connection._opened()
        with connection.begin():  # real: SQLite itself says that there is no room. Forgotten with the connection.
            pages = connection.exec_driver_sql("pragma page_count").scalar()
            connection.exec_driver_sql(f"pragma max_page_count = {pages}")

    await database._call(fill)
    large = judged(
        alert("nh3-2"),
        devices={"nh3-1": b"2", **{f"d{number}": b"x" * 1_000 for number in range(100)}},
        figures={"clock": 5},
        transitions=[transition(alert("nh3-2"))],
    )
    with pytest.raises(DatabaseAwayError, match="the disk is full"):
        await database.commit(large)
    remembered = await database.remember()
    assert (remembered.devices, remembered.figures, remembered.alerts) == ({"nh3-1": b"1"}, {}, [alert()])
    assert [each.number for each in await database.commit(large)] == [2]
    assert len((await database.remember()).devices) == 101


@pytest.mark.parametrize("code", [sqlite3.SQLITE_IOERR_FSYNC, sqlite3.SQLITE_IOERR_WRITE, sqlite3.SQLITE_CORRUPT])
async def test_after_an_error_of_the_disk_the_file_is_opened_again(
    tmp_path: Path, disk: type[FailingConnection], code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = AlertDatabase.open(tmp_path / "alerts.db")

    def fail(_: FailingConnection) -> None:
        raise error(code)

    before = await database._call(database._connection._opened)
    monkeypatch.setattr(disk, "fail", fail)
    batch = judged(alert(), transitions=[transition(alert())])
    for _ in range(2):
        with pytest.raises(DatabaseAwayError, match="the disk gives errors: disk I/O error"):
            await database.commit(batch)
        with pytest.raises(DatabaseAwayError):
            await database.plan(Planned(cursor=1, deliveries=[delivery("1")]))
    monkeypatch.setattr(disk, "fail", None)
    assert [each.number for each in await database.commit(batch)] == [1]
    assert [each.number for each in await database._look(read.transitions_after, 0, 10)] == [1]
    assert (await database.outbox()).depth == 0
    assert await database._call(database._connection._opened) is not before
    await database.close()


async def test_what_the_disk_had_taken_after_all_is_not_there_twice(
    tmp_path: Path, disk: type[FailingConnection], monkeypatch: pytest.MonkeyPatch
) -> None:
    database = AlertDatabase.open(tmp_path / "alerts.db")
    one, other = alert("nh3-1"), alert("nh3-2")
    await database.commit(judged(one, transitions=[transition(one)]))

    def fail_late(connection: FailingConnection) -> None:
        sqlite3.Connection.commit(connection)
        raise error(sqlite3.SQLITE_IOERR_FSYNC)

    monkeypatch.setattr(disk, "fail", fail_late)
    batch = judged(other, transitions=[transition(other), transition(other, at_ns=2_000)])
    with pytest.raises(DatabaseAwayError):
        await database.commit(batch)
    planned = Planned(cursor=1, deliveries=[delivery("1", alerts=("a", "b"))])
    with pytest.raises(DatabaseAwayError):
        await database.plan(planned)
    monkeypatch.setattr(disk, "fail", None)
    assert [each.number for each in await database.commit(batch)] == [2, 3]
    await database.plan(planned)
    assert [each.number for each in await database.commit(judged(one, transitions=[transition(one)]))] == [4]
    assert [each.alert for each in await database._look(read.transitions_after, 0, 10)] == [
        one.id,
        other.id,
        other.id,
        one.id,
    ]
    assert (await database.outbox()).depth == 1
    await database.close()


async def test_another_batch_after_one_that_was_kept_after_all_gets_the_next_numbers(
    tmp_path: Path, disk: type[FailingConnection], monkeypatch: pytest.MonkeyPatch
) -> None:
    database = AlertDatabase.open(tmp_path / "alerts.db")
    one, other = alert("nh3-1"), alert("nh3-2")

    def fail_late(connection: FailingConnection) -> None:
        sqlite3.Connection.commit(connection)
        raise error(sqlite3.SQLITE_IOERR_FSYNC)

    monkeypatch.setattr(disk, "fail", fail_late)
    with pytest.raises(DatabaseAwayError):
        await database.commit(judged(one, transitions=[transition(one)]))
    monkeypatch.setattr(disk, "fail", None)
    assert [each.number for each in await database.commit(judged(other, transitions=[transition(other)]))] == [2]
    assert [each.alert for each in await database._look(read.transitions_after, 0, 10)] == [one.id, other.id]
    await database.close()


async def test_who_holds_the_file_too_long_is_waited_for_and_then_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite, "BUSY_TIMEOUT_S", 0.05)
    path = tmp_path / "alerts.db"
    database = AlertDatabase.open(path)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("begin immediate")
    with pytest.raises(DatabaseAwayError, match="another program holds the database"):
        await database.commit(Judged(figures={"clock": 1}))
    assert await database._look(blobs.figures.read) == {}, "looking waits for nobody"
    other.execute("rollback")
    other.close()
    await database.commit(Judged(figures={"clock": 1}))
    await database.close()


async def test_a_mistake_of_ours_is_not_taken_for_the_disk(database: AlertDatabase) -> None:
    class MistakeError(Exception):
        pass

    def mistake(_: object) -> None:
        raise MistakeError

    with pytest.raises(MistakeError):
        await database._write(mistake)
    await database.commit(Judged(figures={"clock": 1}))
    with pytest.raises(OverflowError):
        await database.commit(Judged(devices={"nh3-1": b"1"}, figures={"clock": 2**64}))
    assert (await database.remember()).devices == {}
