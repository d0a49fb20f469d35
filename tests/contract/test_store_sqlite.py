"""What only the embedded store promises: its file, its locks, its retention."""

import asyncio
import sqlite3
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from telemetry.reading import NS_PER_S, Reading
from telemetry.stores.open import FILE_NAME, open_reader, open_writer
from telemetry.stores.settings import SqliteSettings
from telemetry.stores.sqlite import schema
from telemetry.stores.sqlite import write as sqlite_write
from telemetry.stores.sqlite.read import SqliteReader
from telemetry.stores.sqlite.schema import BUSY_TIMEOUT_S, VERSION, open_for_writing
from telemetry.stores.sqlite.write import EXPIRE_SLICE, SqliteWriter
from telemetry.stores.store import Outcome, Sample, StoreAwayError, StoreUnusableError
from tests.builders import device, metric, registry, site

T = 1_763_800_000 * NS_PER_S
DAY_NS = 86_400 * NS_PER_S
KNOWN = registry(
    device("d", site="live"),
    device("brief", site="brief"),
    device("old", site="archive"),
    device("fading", site="fading-archive"),
    sites=[
        site("live"),
        site("brief", retention_days=2),
        site("archive", archive=True),
        site("fading-archive", archive=True, retention_days=50),
    ],
    metrics=[metric("warmth_c")],
)
WRITTEN = Outcome(refused=[])


@pytest.fixture(autouse=True)
def _short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schema, "BUSY_TIMEOUT_S", 0.2)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "store.db"


@pytest.fixture
async def writer(path: Path) -> AsyncIterator[SqliteWriter]:
    one = SqliteWriter(path, lambda: KNOWN, retention_days=10)
    yield one
    await one.close()


@pytest.fixture
async def reader(path: Path) -> AsyncIterator[SqliteReader]:
    one = SqliteReader(path)
    yield one
    await one.close()


def reading(device: str = "d", time_ns: int = T, value: float = 1.0) -> Reading:
    return Reading(device, time_ns, None, {"warmth_c": value}, {})


async def history(reader: SqliteReader, device: str = "d") -> list[Sample]:
    return [one async for one in reader.history(device, ["warmth_c"], -(2**62), 2**62)]


HOLD = """
import sqlite3, sys
held = sqlite3.connect(sys.argv[1], isolation_level=None)
held.execute("BEGIN EXCLUSIVE")
print("held", flush=True)
sys.stdin.read()
"""


@contextmanager
def held_by_another_process(path: Path) -> Iterator[None]:
    """The file is locked from the moment this begins until it ends."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"held\n"
        yield
        assert other.stdin is not None
        other.stdin.close()
        other.wait(10)


async def test_a_lock_is_an_outcome_and_no_stop(path: Path, writer: SqliteWriter, reader: SqliteReader) -> None:
    await writer.start()
    assert await writer.write([reading()]) == WRITTEN
    with held_by_another_process(path):
        before = time.perf_counter()
        task = asyncio.create_task(writer.write([reading(value=2.0)]))
        await asyncio.sleep(0)
        assert time.perf_counter() - before < BUSY_TIMEOUT_S  # the event loop goes on
        outcome = await task
        assert list(outcome.keep) == [reading(value=2.0)]
        assert outcome.trouble is not None
        assert "another process holds" in outcome.trouble
        assert not outcome.alarm
        assert await writer.expire(T) == 0
        assert [one.value for one in await history(reader)] == [1.0]
    assert await writer.write([reading(value=2.0)]) == WRITTEN
    assert [one.value for one in await history(reader)] == [2.0]


async def test_a_lock_at_the_start_is_no_error(path: Path, writer: SqliteWriter, reader: SqliteReader) -> None:
    with held_by_another_process(path):
        await writer.start()
        assert list((await writer.write([reading()])).keep) == [reading()]
    assert await writer.write([reading()]) == WRITTEN
    assert len(await history(reader)) == 1


async def test_two_writers_share_a_file(path: Path, writer: SqliteWriter, reader: SqliteReader) -> None:
    other = SqliteWriter(path, lambda: KNOWN, None)
    await asyncio.gather(writer.start(), other.start())
    batches = [[reading(time_ns=T + 1000 * k + j) for j in range(200)] for k in range(20)]
    outcomes = await asyncio.gather(
        *(one.write(batch) for k, batch in enumerate(batches) for one in [(writer, other)[k % 2]])
    )
    assert all(outcome == WRITTEN for outcome in outcomes)
    assert len(await history(reader)) == 4000
    await other.close()


async def test_a_full_disk_keeps_everything(
    path: Path, writer: SqliteWriter, reader: SqliteReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    await writer.start()
    assert await writer.write([reading()]) == WRITTEN

    def open_small(path: Path) -> sqlite3.Connection:
        connection = open_for_writing(path)
        connection.execute("PRAGMA max_page_count = 8")  # SQLite's own way to a full disk
        return connection

    batch = [reading(time_ns=T + k, value=float(k)) for k in range(10_000)]
    await writer.close()
    small = SqliteWriter(path, lambda: KNOWN, None)
    with monkeypatch.context() as patched:
        patched.setattr(sqlite_write, "open_for_writing", open_small)
        outcome = await small.write(batch)
        assert list(outcome.keep) == batch
        assert outcome.trouble is not None
        assert "disk with the store's file is full" in outcome.trouble
        assert not outcome.alarm
        assert len(await history(reader)) == 1
    assert await small.write(batch) == WRITTEN
    assert len(await history(reader)) == 10_000
    await small.close()


async def test_series_of_a_write_that_failed_are_made_again(
    path: Path, writer: SqliteWriter, reader: SqliteReader
) -> None:
    await writer.start()
    with held_by_another_process(path):
        assert (await writer.write([reading("brief")])).keep
    assert await writer.write([reading("brief"), reading("d")]) == WRITTEN
    assert len(await history(reader, "brief")) == len(await history(reader, "d")) == 1


async def test_what_was_written_survives_the_writer_without_a_close(path: Path, reader: SqliteReader) -> None:
    program = f"""
import asyncio, os, sys
sys.path.insert(0, {str(Path.cwd())!r})
from pathlib import Path
from tests.contract.test_store_sqlite import KNOWN, SqliteWriter, reading
async def main():
    writer = SqliteWriter(Path({str(path)!r}), lambda: KNOWN, None)
    await writer.start()
    assert not (await writer.write([reading()])).keep
    os.kill(os.getpid(), 9)
asyncio.run(main())
"""
    ended = await asyncio.to_thread(subprocess.run, [sys.executable, "-c", program], check=False, timeout=60)
    assert ended.returncode == -9
    assert len(await history(reader)) == 1


async def test_retention_is_the_sites_own_or_the_deployments(writer: SqliteWriter, reader: SqliteReader) -> None:
    await writer.start()
    ages_days = [1, 5, 20, 100]
    now_ns = T + 200 * DAY_NS
    devices = ["d", "brief", "old", "fading"]
    batch = [reading(name, now_ns - age * DAY_NS, float(age)) for name in devices for age in ages_days]
    assert await writer.write(batch) == WRITTEN
    assert await writer.expire(now_ns) == 2 + 3 + 0 + 1
    left = {name: [one.value for one in await history(reader, name)] for name in devices}
    assert left == {"d": [5, 1], "brief": [1], "old": [100, 20, 5, 1], "fading": [20, 5, 1]}
    assert await writer.expire(now_ns) == 0
    assert await writer.retention_s() == 10 * 86_400


async def test_the_boundary_of_retention_is_kept(writer: SqliteWriter, reader: SqliteReader) -> None:
    assert await writer.write([reading(time_ns=T), reading(time_ns=T - 1)]) == WRITTEN
    assert await writer.expire(T + 10 * DAY_NS) == 1
    assert [one.time_ns for one in await history(reader)] == [T]


async def test_writes_go_on_between_the_slices_of_a_long_expiry(writer: SqliteWriter, reader: SqliteReader) -> None:
    count = 4 * EXPIRE_SLICE + 1
    assert await writer.write([reading(time_ns=T + k) for k in range(count)]) == WRITTEN
    expiry = asyncio.create_task(writer.expire(T + 30 * DAY_NS))
    written_during = 0
    while not expiry.done():
        assert await writer.write([reading(time_ns=T + 30 * DAY_NS + written_during)]) == WRITTEN
        written_during += 1
    assert expiry.result() == count
    assert written_during > 1
    assert len(await history(reader)) == written_during


async def test_no_retention_keeps_everything(path: Path) -> None:
    writer = SqliteWriter(path, lambda: KNOWN, None)
    assert await writer.write([reading(time_ns=0)]) == WRITTEN
    assert await writer.expire(T) == 0
    assert await writer.retention_s() is None
    await writer.close()


async def test_files_that_can_never_serve(tmp_path: Path) -> None:
    text = tmp_path / "text.db"
    text.write_text("not a database, " * 100)
    newer = tmp_path / "newer.db"
    made = sqlite3.connect(newer)
    made.execute(f"PRAGMA user_version = {VERSION + 1}")
    made.close()
    (tmp_path / "file").touch()
    for path, words in {
        text: "file is not a database",
        newer: f"version {VERSION + 1}",
        tmp_path: "store.path",
        tmp_path / "file" / "store.db": "cannot make the folder",
    }.items():
        writer = SqliteWriter(path, lambda: KNOWN, None)
        with pytest.raises(StoreUnusableError, match=words):
            await writer.start()
        outcome = await writer.write([reading()])
        assert list(outcome.keep) == [reading()]
        assert outcome.trouble is not None
        await writer.close()
    assert newer.read_bytes()


async def test_a_file_that_cannot_be_read_says_so(path: Path, reader: SqliteReader) -> None:
    path.write_text("not a database, " * 100)
    with pytest.raises(StoreAwayError, match="not a database"):
        await reader.latest(["d"])


async def test_a_reader_waits_for_a_file_and_its_tables(path: Path, writer: SqliteWriter, reader: SqliteReader) -> None:
    assert await reader.latest(["d"]) == []
    sqlite3.connect(path).close()
    path.touch()
    assert await reader.latest(["d"]) == []
    assert await writer.write([reading()]) == WRITTEN
    assert len(await reader.latest(["d"])) == 1


async def test_the_file_lies_in_the_data_folder_where_nothing_is_said(tmp_path: Path) -> None:
    writer = open_writer(SqliteSettings(), lambda: KNOWN, data_dir=tmp_path)
    assert await writer.write([reading()]) == WRITTEN
    assert (tmp_path / FILE_NAME).exists()
    await writer.close()
    with pytest.raises(StoreUnusableError, match=r"store\.path"):
        open_reader(SqliteSettings(), lambda: KNOWN)
