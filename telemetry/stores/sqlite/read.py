"""The way out of the embedded store: a read-only connection in a thread of its own."""

import asyncio
import json
import sqlite3
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from telemetry.reading import Quality
from telemetry.stores.sqlite.aggregate import Range
from telemetry.stores.sqlite.schema import open_for_reading, version_of
from telemetry.stores.store import Page, Sample, StoreAwayError, Window
from telemetry.stores.thread import StoreThread

_Found = TypeVar("_Found")

PAGE = 5_000
"""Values fetched at a time: bounds memory, and no read transaction lasts long enough to keep the WAL from shrinking."""

# A device that moved has one series at each site, an alert's metric one for each rule; all are its history.
SERIES = "SELECT id, series.rule FROM series WHERE device = ? AND metric = ?"
LATEST = """
SELECT series.device, series.metric, series.rule, sample.time_ns, sample.value, sample.quality
FROM json_each(?) AS wanted
JOIN series ON series.device = wanted.value
JOIN sample ON sample.series = series.id
    AND sample.time_ns = (SELECT max(time_ns) FROM sample WHERE series = series.id)
ORDER BY wanted.key, series.metric, series.rule, sample.time_ns
"""
NEXT_PAGE = """
SELECT time_ns, series, value, quality FROM sample
WHERE series IN (SELECT value FROM json_each(:series))
    AND time_ns >= :from_ns AND time_ns < :end_ns AND (time_ns, series) > (:from_ns, :after_series)
ORDER BY time_ns, series LIMIT :page
"""
NO_SERIES = -1
RULE, NO_RULE = "series.rule", "''"
"""A column, and what stands for it in a file of version 1 that no writer has opened yet."""
WITH_RULES = 2
"""The version that brought them."""


class SqliteReader:
    """Reads one file. A file that is not there yet reads as empty."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._thread = StoreThread("sqlite-read")
        self._connection: sqlite3.Connection | None = None  # touched by the thread only

    async def latest(self, devices: Sequence[str]) -> Sequence[Sample]:
        """The newest value of each metric of each device, in the order asked for, then by metric, then by rule."""
        rows = await self._ask(LATEST, (json.dumps(list(dict.fromkeys(devices))),))
        newest = {(device, metric, rule): sample for device, metric, rule, *sample in rows}
        return [
            Sample(device, metric, time_ns, value, Quality(quality), rule)
            for (device, metric, rule), (time_ns, value, quality) in newest.items()
        ]

    async def history(self, device: str, metrics: Sequence[str], start_ns: int, end_ns: int) -> AsyncIterator[Sample]:
        """All values with start <= time < end, in order of time, a metric after the other."""
        for metric in metrics:
            rules: dict[int, str] = dict(await self._ask(SERIES, (device, metric)))
            series = json.dumps(list(rules))
            from_ns, after_series = start_ns, NO_SERIES
            while True:
                page = await self._ask(
                    NEXT_PAGE,
                    {
                        "series": series,
                        "from_ns": from_ns,
                        "end_ns": end_ns,
                        "after_series": after_series,
                        "page": PAGE,
                    },
                )
                for time_ns, one, value, quality in page:
                    yield Sample(device, metric, time_ns, value, Quality(quality), rules[one])
                if len(page) < PAGE:
                    break
                from_ns, after_series = page[-1][0], page[-1][1]

    async def columns(self, device: str, metric: str, start_ns: int, end_ns: int) -> AsyncIterator[Page]:
        """The same values of one metric, a page at a time; the next is read while one is being sent."""
        nothing: tuple[Page | None, int | None] = (None, None)

        def read(from_ns: int) -> asyncio.Task[tuple[Page | None, int | None]]:
            return asyncio.create_task(self._look(Range.page, nothing, device, metric, from_ns, end_ns))

        ahead = read(start_ns)
        try:
            from_ns: int | None = start_ns
            while from_ns is not None:
                page, from_ns = await ahead
                if from_ns is not None:
                    ahead = read(from_ns)
                if page is not None:
                    yield page
        finally:
            # Nobody wants it any more, and nobody wants to know what became of it.
            if not ahead.cancel() and not ahead.cancelled():
                ahead.exception()

    async def count(self, device: str, metric: str, start_ns: int, end_ns: int, most: int) -> int:
        """How many values there are with start <= time < end; `most` where there are more."""

        def up_to(of: Range) -> int:
            return of.count(most)

        return await self._look(up_to, 0, device, metric, start_ns, end_ns)

    async def windows(
        self, device: str, metric: str, start_ns: int, end_ns: int, step_ns: int, offset_ns: int = 0
    ) -> Sequence[Window]:
        """What there is with start <= time < end, by windows; see the contract."""
        nothing: Sequence[Window] = ()

        def by_windows(of: Range) -> Sequence[Window]:
            return of.windows(step_ns, offset_ns)

        return await self._look(by_windows, nothing, device, metric, start_ns, end_ns)

    async def close(self) -> None:
        """Close the file; a second call does nothing."""
        await self._thread.close(self._disconnect)

    async def _ask(self, query: str, parameters: Sequence[object] | dict[str, object]) -> list[tuple[Any, ...]]:
        def fetch(connection: sqlite3.Connection) -> list[tuple[Any, ...]]:
            # Each time: a writer may bring the file to the newer version meanwhile.
            known = query if version_of(connection) >= WITH_RULES else query.replace(RULE, NO_RULE)
            return connection.execute(known, parameters).fetchall()

        nothing: list[tuple[Any, ...]] = []
        return await self._thread.run(self._open, fetch, nothing)

    async def _look(
        self, question: Callable[[Range], _Found], nothing: _Found, device: str, metric: str, start_ns: int, end_ns: int
    ) -> _Found:
        def look(connection: sqlite3.Connection) -> _Found:
            return question(Range(connection, device, metric, start_ns, end_ns))

        return await self._thread.run(self._open, look, nothing)

    # In the thread.

    def _open(self, question: Callable[[sqlite3.Connection], _Found], nothing: _Found) -> _Found:
        """The answer to a question; `nothing` where there is no file, or no table in it."""
        if self._connection is None and not self._path.exists():
            return nothing
        try:
            if self._connection is None:
                self._connection = open_for_reading(self._path)
            return question(self._connection)
        except sqlite3.Error as error:
            self._disconnect()
            if "no such table" in str(error):  # the writer has made the file, not yet its tables
                return nothing
            raise StoreAwayError(f"the store's file cannot be read: {error}") from error

    def _disconnect(self) -> None:
        if self._connection is not None:
            connection, self._connection = self._connection, None
            connection.close()
