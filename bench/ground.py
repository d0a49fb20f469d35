"""Fresh components for one measurement: a broker without sessions, an InfluxDB without data."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench import influx
from bench.pipelines import DATABASE
from tests.components import Influxd, Mosquitto

WORK = Path("build")
"""On the disk of the checkout: a folder in memory would make every commit free."""

MOSQUITTO = """
listener {port} 127.0.0.1
allow_anonymous true
persistence false
max_queued_messages 0
max_inflight_messages 5000
connection_messages false
log_type error
log_type warning
"""
"""The queue is the load, so the broker keeps it in memory. In flight: as much as our Receive Maximum, for all peers."""


@contextmanager
def folder() -> Iterator[Path]:
    """A folder that is gone afterwards."""
    WORK.mkdir(exist_ok=True)
    path = Path(tempfile.mkdtemp(prefix="bench-", dir=WORK)).resolve()
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


@contextmanager
def mosquitto(path: Path) -> Iterator[Mosquitto]:
    """A broker; whoever paused it need not resume it."""
    broker = Mosquitto(path / "mosquitto", MOSQUITTO)
    broker.start()
    try:
        yield broker
    finally:
        broker.stop()


@contextmanager
def influxd(path: Path) -> Iterator[Influxd]:
    """A store with one empty database."""
    store = Influxd(path / "influxd")
    store.start()
    try:
        influx.make_database(store.url, DATABASE)
        yield store
    finally:
        store.stop()
