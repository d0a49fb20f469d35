"""I/O errors at chosen calls, by a double of SQLite's connection: the real disk cannot be made to fail at one call."""

import asyncio
import sqlite3
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

from ingestor import schema
from ingestor.journal import Journal
from ingestor.journal_file import JournalFile, NoRoomError
from telemetry.message import Admitted
from telemetry.reading import Reading
from telemetry.stores.store import Outcome

MIB = 1024 * 1024


class Disk:
    """Says which statements fail, by their first word, and how often they were tried."""

    def __init__(self) -> None:
        self.failing: set[str] = set()
        self.failures = 0
        self.opened = 0

    def check(self, statement: str) -> None:
        if statement.split(maxsplit=1)[0] in self.failing:
            self.failures += 1
            error = sqlite3.OperationalError("disk I/O error")
            error.sqlite_errorcode = sqlite3.SQLITE_IOERR
            raise error


class FlakyConnection:
    """A real connection on a disk that fails when it is told to."""

    def __init__(self, real: sqlite3.Connection, disk: Disk) -> None:
        self._real = real
        self._disk = disk

    def execute(self, statement: str, parameters: Iterable[Any] = ()) -> sqlite3.Cursor:
        self._disk.check(statement)
        return self._real.execute(statement, tuple(parameters))

    def executemany(self, statement: str, parameters: Iterable[Any]) -> sqlite3.Cursor:
        self._disk.check(statement)
        return self._real.executemany(statement, parameters)

    def close(self) -> None:
        self._real.close()


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Disk:
    disk = Disk()
    connect = schema.connect

    def flaky(path: Path) -> FlakyConnection:
        disk.opened += 1
        return FlakyConnection(connect(path), disk)

    monkeypatch.setattr(schema, "connect", flaky)
    return disk


def _admitted(seq: int) -> Admitted:
    return Admitted([Reading("nh3-1", seq * 1_000_000, seq, {"nh3_ppm": 1.0}, {})], ())


def _open(path: Path) -> Journal:
    return Journal.open(path / "journal.db", 64 * MIB, 64 * MIB, lambda _: pytest.fail("nothing is refused"))


@pytest.mark.parametrize("statement", ["begin", "insert", "commit"])
def test_what_was_not_committed_is_not_there_after_it_is_opened_again(
    disk: Disk, tmp_path: Path, statement: str
) -> None:
    file = JournalFile(tmp_path / "journal.db", MIB)
    file.append([_admitted(1)])
    disk.failing = {statement}
    with pytest.raises(NoRoomError, match="I/O"):
        file.append([_admitted(2)])
    with pytest.raises(NoRoomError):  # not even tried before the file is opened again
        file.append([_admitted(2)])
    assert disk.failures == 1
    disk.failing = set()
    assert file.recover()
    assert disk.opened == 2
    file.append([_admitted(2)])
    batch = file.oldest(10)
    assert batch is not None
    assert [reading.seq for reading in batch.readings] == [1, 2]
    assert file.account().balanced
    file.close()


async def _until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not holds():  # noqa: ASYNC110 - what is waited for happens on the journal's thread
            await asyncio.sleep(0.01)


def _trouble(journal: Journal) -> str | None:
    return journal.trouble  # a call, so that mypy does not take the last answer for the next


async def test_the_same_batch_is_appended_again_until_the_disk_takes_it(disk: Disk, tmp_path: Path) -> None:
    journal = _open(tmp_path)
    disk.failing = {"insert"}
    append = asyncio.create_task(journal.append([_admitted(1)]))
    await _until(lambda: disk.failures == 3)
    assert not append.done()
    assert _trouble(journal) == "journal: the disk gives errors: disk I/O error"
    disk.failing = set()
    await asyncio.wait_for(append, 5)
    assert _trouble(journal) is None
    assert (await journal.account()).received == 1
    await journal.close()


async def test_a_disk_that_keeps_failing_is_left_alone_between_attempts(disk: Disk, tmp_path: Path) -> None:
    journal = _open(tmp_path)
    disk.failing = {"insert"}
    append = asyncio.create_task(journal.append([_admitted(1)]))
    await _until(lambda: disk.failures == 2)
    seen = disk.failures
    for _ in range(15):
        await asyncio.sleep(0.01)
        assert _trouble(journal) is not None  # steady, also where the file could just be opened again
    assert disk.failures <= seen + 3
    disk.failing = set()
    await asyncio.wait_for(append, 5)
    await journal.close()


async def test_what_the_store_has_taken_stays_in_line_while_it_can_not_be_removed(disk: Disk, tmp_path: Path) -> None:
    journal = _open(tmp_path)
    await journal.append([_admitted(1)])
    batch = await journal.oldest(10)
    assert batch is not None
    disk.failing = {"delete"}
    settle = asyncio.create_task(journal.settle(batch, Outcome()))
    await _until(lambda: disk.failures > 0)
    assert journal.readings == 1
    disk.failing = set()
    await asyncio.wait_for(settle, 5)
    assert (await journal.account()).written == 1
    assert _trouble(journal) is None
    await journal.close()


async def test_it_gets_ready_again_while_nothing_arrives(disk: Disk, tmp_path: Path) -> None:
    journal = _open(tmp_path)
    await journal.append([_admitted(1)])
    await journal.filled()
    disk.failing = {"select"}
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(journal.oldest(10), 1)
    assert _trouble(journal) is not None
    disk.failing = set()
    idle = asyncio.create_task(journal.filled())
    await _until(lambda: journal.trouble is None)
    idle.cancel()
    assert (await journal.account()).journal == 1
    await journal.close()
