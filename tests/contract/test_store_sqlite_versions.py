"""Files of the embedded store that an older Caretaker made: read as they are, and renewed by the first writer."""

import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest

from telemetry.reading import NS_PER_S, Quality, Reading
from telemetry.stores.sqlite import schema
from telemetry.stores.sqlite.read import SqliteReader
from telemetry.stores.sqlite.schema import STEPS, VERSION, open_for_writing
from telemetry.stores.sqlite.write import SqliteWriter
from telemetry.stores.store import Outcome, Sample, StoreUnusableError
from tests.builders import device, metric, registry

T = 1_763_800_000 * NS_PER_S
KNOWN = registry(device("a", site="new"), device("b", site="new"), metrics=[metric("warmth_c")])

VERSION_1 = """
PRAGMA journal_mode = WAL;
CREATE TABLE series (
    id INTEGER PRIMARY KEY,
    device TEXT NOT NULL,
    metric TEXT NOT NULL,
    site TEXT NOT NULL,
    UNIQUE (device, metric, site)
) STRICT;
CREATE TABLE sample (
    series INTEGER NOT NULL REFERENCES series (id),
    time_ns INTEGER NOT NULL,
    value ANY NOT NULL,
    quality INTEGER NOT NULL,
    PRIMARY KEY (series, time_ns)
) STRICT, WITHOUT ROWID;
PRAGMA user_version = 1;
INSERT INTO series VALUES (3, 'a', 'warmth_c', 'old'), (7, 'a', 'warmth_c', 'new'), (9, 'b', 'firmware', 'new');
INSERT INTO sample VALUES
    (3, 1763800000000000000, 1.0, 0), (7, 1763800000000000001, 2.0, 1), (9, 1763800000000000000, '2.1', 0);
"""
WARMTH = [Sample("a", "warmth_c", T, 1.0, Quality.GOOD), Sample("a", "warmth_c", T + 1, 2.0, Quality.SUSPECT)]
LATEST = [WARMTH[1], Sample("b", "firmware", T, "2.1", Quality.GOOD)]
ALERTS = [
    Reading("a", T, number, {"alert_state": 2.0, "alert_rule": rule}, {})
    for number, rule in enumerate(["odour", "leak"])
]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A file as version 1 left it."""
    made = tmp_path / "store.db"
    with closing(sqlite3.connect(made)) as connection:
        connection.executescript(VERSION_1)
    return made


@pytest.fixture
async def writer(path: Path) -> AsyncIterator[SqliteWriter]:
    one = SqliteWriter(path, lambda: KNOWN, None)
    yield one
    await one.close()


@pytest.fixture
async def reader(path: Path) -> AsyncIterator[SqliteReader]:
    one = SqliteReader(path)
    yield one
    await one.close()


def version(path: Path) -> int:
    with closing(sqlite3.connect(path)) as connection:
        found: int = connection.execute("PRAGMA user_version").fetchone()[0]
        return found


def columns_and_keys(path: Path) -> list[object]:
    """What a file's tables hold and what is unique in them, however they came to be."""
    with closing(sqlite3.connect(path)) as connection:
        tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
        found: list[object] = [sorted(tables)]
        for table in sorted(tables):
            for (index,) in connection.execute("SELECT name FROM pragma_index_list(?)", (table,)).fetchall():
                found.append(connection.execute("SELECT name FROM pragma_index_info(?)", (index,)).fetchall())
            found.append(connection.execute("SELECT * FROM pragma_table_info(?)", (table,)).fetchall())
            found.append(connection.execute("SELECT * FROM pragma_foreign_key_list(?)", (table,)).fetchall())
        return found


async def history(reader: SqliteReader, metric: str = "warmth_c") -> list[Sample]:
    return [one async for one in reader.history("a", [metric], -(2**62), 2**62)]


async def test_a_file_of_version_1_is_read_as_it_is(path: Path, reader: SqliteReader) -> None:
    assert await history(reader) == WARMTH
    assert await reader.latest(["a", "b"]) == LATEST
    assert version(path) == 1


async def test_the_first_writer_brings_it_up_to_date(
    path: Path, tmp_path: Path, writer: SqliteWriter, reader: SqliteReader
) -> None:
    await writer.start()
    assert version(path) == VERSION
    open_for_writing(tmp_path / "fresh.db").close()
    assert columns_and_keys(path) == columns_and_keys(tmp_path / "fresh.db")
    assert await history(reader) == WARMTH
    assert await reader.latest(["a", "b"]) == LATEST
    corrected = Reading("a", T + 1, None, {"warmth_c": 3.0}, {})
    assert await writer.write([corrected, *ALERTS]) == Outcome(refused=[])
    assert [one.value for one in await history(reader)] == [1.0, 3.0]  # in the series that was there
    assert [one.rule for one in await history(reader, "alert_state")] == ["odour", "leak"]


async def test_a_reader_goes_on_while_it_is_brought_up_to_date(writer: SqliteWriter, reader: SqliteReader) -> None:
    assert await history(reader) == WARMTH
    assert await writer.write(ALERTS) == Outcome(refused=[])
    assert await history(reader) == WARMTH
    assert {one.rule for one in await reader.latest(["a"])} == {"", "odour", "leak"}


@pytest.mark.parametrize("done", range(len(STEPS[1]) + 1))
async def test_what_fails_halfway_has_not_happened(
    path: Path, writer: SqliteWriter, reader: SqliteReader, monkeypatch: pytest.MonkeyPatch, done: int
) -> None:
    before = columns_and_keys(path)
    with monkeypatch.context() as patched:
        patched.setitem(schema.STEPS, 1, (*STEPS[1][:done], "SELECT a fault"))
        with pytest.raises(StoreUnusableError, match="cannot be used"):
            await writer.start()
    assert version(path) == 1
    assert columns_and_keys(path) == before
    assert await history(reader) == WARMTH
    await writer.start()
    assert version(path) == VERSION
    assert await history(reader) == WARMTH


async def test_of_two_that_start_at_once_the_second_changes_nothing(
    path: Path, writer: SqliteWriter, reader: SqliteReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask = schema.version_of
    looks: list[int] = []

    def other_is_first(connection: sqlite3.Connection) -> int:
        looks.append(ask(connection))
        if len(looks) == 1:  # we have looked, and not yet begun
            with closing(open_for_writing(path)) as other:
                other.execute("INSERT INTO series VALUES (10, 'a', 'alert_state', 'new', 'odour')")
                other.execute("INSERT INTO sample VALUES (10, ?, 2.0, 0)", (T,))
            return looks[0]
        return looks[-1]

    monkeypatch.setattr(schema, "version_of", other_is_first)
    await writer.start()
    assert looks == [1, 1, 1, VERSION]
    assert await history(reader, "alert_state") == [Sample("a", "alert_state", T, 2.0, Quality.GOOD, "odour")]


async def test_one_that_a_newer_caretaker_took_meanwhile_is_left_alone(
    path: Path, writer: SqliteWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    versions = iter([1, VERSION + 1])
    monkeypatch.setattr(schema, "version_of", lambda _: next(versions))
    with pytest.raises(StoreUnusableError, match=f"version {VERSION + 1}"):
        await writer.start()
    assert version(path) == 1
