"""A year of one metric at one-minute steps in an embedded store: what the slowest plot of the board asks for."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from telemetry.reading import NS_PER_S, Quality
from telemetry.stores.sqlite.schema import open_for_writing
from telemetry.stores.sqlite.write import INSERT_SAMPLE, INSERT_SERIES, SELECT_SERIES, Row

STEP_NS = 60 * NS_PER_S
YEAR = 365 * 24 * 60
"""Values."""
HUNDREDTHS = 5_000
SUSPECT_OF = 10_007
"""One of so many is suspect."""


def fill_year(path: Path, device: str, metric: str, site: str, end_ns: int) -> int:
    """Write a year that ends just before `end_ns`, ns UTC, to the store's file; gives the number of values.

    The file is made where there is none. Some 2 s.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with closing(open_for_writing(path)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        key = (device, metric, site, "")
        connection.execute(INSERT_SERIES, key)
        ((series,),) = connection.execute(SELECT_SERIES, key)
        connection.executemany(INSERT_SAMPLE, _rows(series, end_ns - YEAR * STEP_NS))
        connection.execute("COMMIT")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return YEAR


def _rows(series: int, start_ns: int) -> Iterator[Row]:
    """Two decimals, as displays have them; scattered, so that no two neighbours are alike."""
    for number in range(YEAR):
        quality = Quality.SUSPECT if number % SUSPECT_OF == SUSPECT_OF - 1 else Quality.GOOD
        yield series, start_ns + number * STEP_NS, (number * 7_919 % HUNDREDTHS) / 100, int(quality)
