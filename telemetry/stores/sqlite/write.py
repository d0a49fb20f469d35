"""The way into the embedded store.

One thread does all work with the file, so that a slow disk never stops the event loop; one transaction a write.
"""

import sqlite3
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from telemetry.reading import NS_PER_S, Reading
from telemetry.registry.models import Registry
from telemetry.series import Point, split
from telemetry.stores.sqlite.schema import open_for_writing
from telemetry.stores.store import Outcome, Refusal, StoreUnusableError
from telemetry.stores.thread import StoreThread

S_PER_DAY = 86_400
EXPIRE_SLICE = 5_000
"""Values deleted in one transaction: some 10 ms, so that a write never waits long."""

BUSY = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
# What passes by itself or when somebody makes room. Anything else needs a person, and is an alarm.
PASSING = {
    sqlite3.SQLITE_BUSY: "another process holds the store's file",
    sqlite3.SQLITE_LOCKED: "another process holds the store's file",
    sqlite3.SQLITE_FULL: "the disk with the store's file is full",
    sqlite3.SQLITE_IOERR: "the disk with the store's file gives errors",
    sqlite3.SQLITE_CANTOPEN: "the store's file cannot be opened",
}

INSERT_SAMPLE = "INSERT OR REPLACE INTO sample (series, time_ns, value, quality) VALUES (?, ?, ?, ?)"
INSERT_SERIES = "INSERT INTO series (device, metric, site, rule) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING"
SELECT_SERIES = "SELECT id FROM series WHERE device = ? AND metric = ? AND site = ? AND rule = ?"
DELETE_SLICE = """
DELETE FROM sample WHERE series = :series AND time_ns IN (
    SELECT time_ns FROM sample WHERE series = :series AND time_ns < :before_ns ORDER BY time_ns LIMIT :slice
)
"""

Row = tuple[int, int, float | str, int]
SeriesKey = tuple[str, str, str, str]
"""Device, metric, site, rule."""


class SqliteWriter:
    """Writes readings to one file. Several processes may, each with its own writer."""

    def __init__(self, path: Path, registry: Callable[[], Registry], retention_days: float | None) -> None:
        """`registry` gives the one in force now; `retention_days` None: kept for ever."""
        self._path = path
        self._registry = registry
        self._retention_days = retention_days
        self._thread = StoreThread("sqlite-write")
        # Both are touched by the thread only.
        self._connection: sqlite3.Connection | None = None
        self._series: dict[SeriesKey, int] = {}

    async def start(self) -> None:
        """Make file and tables. A file that is only busy is no error: the first write tries again."""
        await self._thread.run(self._start)

    async def write(self, readings: Sequence[Reading]) -> Outcome:
        """Store; see the contract."""
        return await self._thread.run(self._write, readings)

    async def retention_s(self) -> float | None:
        """As configured for the deployment; a site may have its own."""
        return None if self._retention_days is None else self._retention_days * S_PER_DAY

    async def expire(self, now_ns: int) -> int:
        """Delete in slices, between which writes go on. Stops quietly when the file is busy: the next hour comes."""
        deleted = 0
        with suppress(sqlite3.Error, StoreUnusableError):
            for series, before_ns in await self._thread.run(self._expiring, now_ns):
                count = EXPIRE_SLICE
                while count == EXPIRE_SLICE:
                    count = await self._thread.run(self._delete_slice, series, before_ns)
                    deleted += count
        return deleted

    async def close(self) -> None:
        """Close the file; a second call does nothing."""
        await self._thread.close(self._disconnect)

    # Everything below runs in the thread.

    def _start(self) -> None:
        try:
            self._connect()
        except sqlite3.Error as error:
            if _primary(error) not in BUSY:
                raise StoreUnusableError(
                    f"{self._path} cannot be used as the store's file ({error}): make it writable, or name another "
                    "file in `store.path`"
                ) from error

    def _connect(self) -> sqlite3.Connection:
        if self._connection is None:
            self._connection = open_for_writing(self._path)
            self._series.clear()
        return self._connection

    def _disconnect(self) -> None:
        if self._connection is not None:
            connection, self._connection = self._connection, None
            with suppress(sqlite3.Error):
                connection.close()

    def _write(self, readings: Sequence[Reading]) -> Outcome:
        registry = self._registry()
        points: list[Point] = []
        refused: list[Refusal] = []
        for reading in readings:
            parts = split(reading, registry)
            points.extend(parts.points)
            if parts.faults:
                refused.append(Refusal(reading, "; ".join(parts.faults)))
        try:
            self._store(points)
        except (sqlite3.Error, StoreUnusableError) as error:
            # A connection that met an I/O error may give wrong answers afterwards; opening costs a millisecond.
            self._disconnect()
            passing = PASSING.get(_primary(error))
            return Outcome(
                keep=readings, trouble=f"{passing or 'the store cannot be used'} ({error})", alarm=not passing
            )
        return Outcome(refused=refused)

    def _store(self, points: Sequence[Point]) -> None:
        if not points:
            return
        connection = self._connect()
        connection.execute("BEGIN IMMEDIATE")
        made: list[SeriesKey] = []
        try:
            connection.executemany(INSERT_SAMPLE, self._rows(connection, points, made))
            connection.execute("COMMIT")
        except BaseException:
            for key in made:
                self._series.pop(key, None)
            with suppress(sqlite3.Error):
                connection.execute("ROLLBACK")
            raise

    def _rows(self, connection: sqlite3.Connection, points: Sequence[Point], made: list[SeriesKey]) -> list[Row]:
        rows: list[Row] = []
        for point in points:
            device, site, rule = point.device, point.site, point.rule
            for metric, value in point.values.items():
                key = (device, metric, site, rule)
                series = self._series.get(key)
                if series is None:
                    series = _series_id(connection, key)
                    self._series[key] = series
                    made.append(key)
                rows.append((series, point.time_ns, value, int(point.quality.get(metric, 0))))
        return rows

    def _expiring(self, now_ns: int) -> list[tuple[int, int]]:
        """Each series that can expire, and the moment before which it does, ns."""
        sites = self._registry().sites
        found = []
        for series, site_id in self._connect().execute("SELECT id, site FROM series").fetchall():
            site = sites.get(site_id)
            days = self._retention_days
            if site is not None and (site.archive or site.retention_days is not None):
                days = site.retention_days
            if days is not None:
                found.append((series, now_ns - int(days * S_PER_DAY * NS_PER_S)))
        return found

    def _delete_slice(self, series: int, before_ns: int) -> int:
        parameters = {"series": series, "before_ns": before_ns, "slice": EXPIRE_SLICE}
        return self._connect().execute(DELETE_SLICE, parameters).rowcount


def _series_id(connection: sqlite3.Connection, key: SeriesKey) -> int:
    connection.execute(INSERT_SERIES, key)
    found: int = connection.execute(SELECT_SERIES, key).fetchone()[0]
    return found


def _primary(error: Exception) -> int:
    """SQLite's primary result code; 0 where the error has none."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF
