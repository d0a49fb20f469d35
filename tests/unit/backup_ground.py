"""A small deployment for the tests of backups: files, and databases with something in them."""

import asyncio
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml

from deploy.backup.plan import Folders
from ingestor.journal_file import JournalFile
from telemetry.message import Admitted, Message, Reason, Rejection
from telemetry.reading import NS_PER_S, Reading
from telemetry.registry.load import load_registry
from telemetry.stores.sqlite.read import SqliteReader
from telemetry.stores.sqlite.write import SqliteWriter
from telemetry.stores.store import Outcome

NOW = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)
AT_NS = 1_763_800_000 * NS_PER_S
READING = Reading("nh3-1", AT_NS, None, {"nh3_ppm": 2.5}, {})
REFUSED = Message("caretaker/v1/s/x/readings", b"poison", retained=False, received_ns=AT_NS)


def folders_of(root: Path, **more: Path) -> Folders:
    return Folders(root / "config", root / "data", **more)


def city(folder: Path, settings: dict[str, Any] | None = None) -> None:
    """A configuration with one site and one device."""
    folder.mkdir(parents=True)
    site = {"id": "s", "kind": "test", "names": {"en": "S"}, "timezone": "UTC", "areas": []}
    (folder / "sites.yaml").write_text(yaml.safe_dump({"sites": [site]}))
    (folder / "devices.csv").write_text("id,site,kind,metrics\nnh3-1,s,test,nh3_ppm\n")
    (folder / "caretaker.yaml").write_text(yaml.safe_dump(settings or {"max_age_days": 30}))


def journal_of(folders: Folders) -> JournalFile:
    """Opened, and locked, as the ingestor has it."""
    return JournalFile(folders.data / "journal" / "journal.db", 1_000_000)


def fill(journal: JournalFile, readings: Sequence[Reading] = (READING,)) -> None:
    """Readings that wait, and a message in quarantine."""
    journal.append([Admitted(readings, []), Admitted([], [Rejection(REFUSED, Reason.NOT_JSON, 1, "no JSON")])])


def drain(folders: Folders, journal: JournalFile) -> None:
    """What the ingestor does all the time: from the journal to the store."""
    known = load_registry(folders.config)

    async def write() -> None:
        writer = SqliteWriter(folders.data / "store.db", lambda: known, None)
        await writer.start()
        batch = journal.oldest(1000)
        if batch is not None:
            outcome = await writer.write(batch.readings)
            assert not outcome.refused
            assert not outcome.keep
            journal.settle(batch, Outcome(), lambda _: REFUSED)
        await writer.close()

    asyncio.run(write())


def stored(folders: Folders) -> list[float | str]:
    """What the store has of the device."""

    async def read() -> list[float | str]:
        reader = SqliteReader(folders.data / "store.db")
        found = [one.value async for one in reader.history("nh3-1", ["nh3_ppm"], AT_NS - NS_PER_S, AT_NS + NS_PER_S)]
        await reader.close()
        return found

    return asyncio.run(read())


def table(file: Path, rows: int) -> None:
    """A database in its log mode, with a table of so many rows."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(file, isolation_level=None)) as connection:
        connection.execute("pragma journal_mode = wal")
        connection.execute("create table t (n integer, filling blob)")
        connection.execute("begin")
        connection.executemany("insert into t values (?, zeroblob(500))", ((n,) for n in range(rows)))
        connection.execute("commit")


def count(file: Path) -> int:
    """Rows of such a table."""
    with closing(sqlite3.connect(file)) as connection:
        found: int = connection.execute("select count(*) from t").fetchone()[0]
        return found
