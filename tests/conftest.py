"""Fixtures of all rooms: real components, ended even when a test fails."""

import os
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

from telemetry.stores.settings import InfluxSettings
from tests.components import (
    INFLUXDB_URL,
    MOSQUITTO_CONFIG,
    Influxd,
    Mosquitto,
    drop_database,
    influxdb_answers,
    missing,
)
from tests.influxdb2 import INFLUXDB2_TOKEN, INFLUXDB2_URL, TOKEN, Influxd2, drop_bucket, settings_of
from tests.integration.influxdb_double import InfluxdbDouble

# How long an example takes says nothing on a machine that does much else.
settings.register_profile("caretaker", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("caretaker")

_databases = count()
SERVICES = frozenset({"contract", "faults", "integration"})
"""The rooms whose tests start services: one after the other, for they look at delays, disks and memory."""


class TwoCores(LoadScopeScheduling):
    """Services in one worker; in the other the browser with its one city, and all that only computes by module."""

    def _split_scope(self, nodeid: str) -> str:
        path = nodeid.partition("::")[0]
        rooms = set(path.split("/"))
        if SERVICES & rooms:
            return "services"
        return "browser" if "browser" in rooms else path


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> TwoCores:
    """Asked by `pytest -n 2`."""
    return TwoCores(config, log)


@pytest.fixture(scope="session")
def influxdb_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A real InfluxDB, shared by all tests of the run: each uses a database of its own."""
    if (url := os.environ.get(INFLUXDB_URL)) is not None:
        if not influxdb_answers(url):
            missing(f"InfluxDB at {url}")
        yield url
        return
    influxd = Influxd(tmp_path_factory.mktemp("influxdb"))
    influxd.start()
    yield influxd.url
    influxd.stop()


@pytest.fixture
def influxdb(influxdb_url: str) -> Iterator[InfluxSettings]:
    """Settings for a fresh database of a real InfluxDB; it is dropped when the test ends."""
    database = f"test_{os.getpid()}_{next(_databases)}"
    yield InfluxSettings(kind="influxdb", url=influxdb_url, bucket=f"{database}/autogen", timeout_s=10)
    drop_database(influxdb_url, database)


@pytest.fixture(scope="session")
def influxdb2_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A real InfluxDB 2.x, likewise."""
    if (url := os.environ.get(INFLUXDB2_URL)) is not None:
        if not influxdb_answers(url):
            missing(f"InfluxDB 2.x at {url}")
        yield url
        return
    influxd2 = Influxd2(tmp_path_factory.mktemp("influxdb2"))
    influxd2.start()
    influxd2.set_up()
    yield influxd2.url
    influxd2.stop()


@pytest.fixture
def influxdb2(influxdb2_url: str) -> Iterator[InfluxSettings]:
    """Settings for a bucket that is not there yet, of a real InfluxDB 2.x; it is dropped when the test ends."""
    token = os.environ.get(INFLUXDB2_TOKEN, TOKEN)
    settings = settings_of(influxdb2_url, f"test_{os.getpid()}_{next(_databases)}", token)
    yield settings
    drop_bucket(settings)


@pytest.fixture
def influxd(tmp_path: Path) -> Iterator[Callable[..., Influxd]]:
    """Makes InfluxDBs that a test may stop, kill and pause; see `Influxd` for the arguments. Started by the test."""
    made: list[Influxd] = []

    def make(**options: str) -> Influxd:
        made.append(Influxd(tmp_path / f"influxdb{len(made)}", **options))
        return made[-1]

    yield make
    for one in made:
        one.kill()


@pytest.fixture
def influxdb_double() -> Iterator[InfluxdbDouble]:
    """A server that plays the answers that a real InfluxDB cannot be brought to give."""
    double = InfluxdbDouble()
    yield double
    double.close()


@pytest.fixture
def mosquitto(tmp_path: Path) -> Iterator[Callable[..., Mosquitto]]:
    """Makes brokers that a test may stop, kill and pause. Started by the test."""
    made: list[Mosquitto] = []

    def make(config: str = MOSQUITTO_CONFIG) -> Mosquitto:
        made.append(Mosquitto(tmp_path / f"mosquitto{len(made)}", config))
        return made[-1]

    yield make
    for one in made:
        one.kill()
