"""What the embedded store holds, read from its file with plain SQL."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from itertools import groupby
from pathlib import Path

from bench.judge import Row
from bench.load import METRICS, device_id
from telemetry.reading import NS_PER_MS

SAMPLES = """
SELECT series.device, sample.time_ns, series.metric, sample.value
FROM sample JOIN series ON series.id = sample.series ORDER BY series.device, sample.time_ns
"""
PROBES = """
SELECT series.device, sample.time_ns / 1000000
FROM series JOIN sample ON sample.series = series.id AND sample.time_ns > ?
WHERE series.metric = ? AND series.device < ?
"""


def rows(path: Path) -> Iterator[Row]:
    """Every stored reading, read back in full."""
    with closing(connect(path)) as connection:
        for (device, time_ns), samples in groupby(connection.execute(SAMPLES), key=lambda row: (row[0], row[1])):
            found = {metric: value for _, _, metric, value in samples}
            yield device, time_ns // NS_PER_MS, tuple(found.get(name) for name in METRICS)


def probed(connection: sqlite3.Connection, devices: int, since_ms: int) -> Iterator[tuple[str, int]]:
    """Device and time, ms, of the newest readings of the first `devices`. Empty while there are no tables."""
    yield from connection.execute(PROBES, (since_ms * NS_PER_MS, METRICS[0], device_id(devices)))


def connect(path: Path) -> sqlite3.Connection:
    """Read-only."""
    return sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True, isolation_level=None)
