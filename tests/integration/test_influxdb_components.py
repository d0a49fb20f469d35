"""The components that the other tests stand on: they start, stop, stand still and come back with their data."""

from collections.abc import Callable

from telemetry.stores.settings import InfluxSettings
from tests.components import Influxd, Mosquitto, influxdb_answers, wait_until


def test_influxd_keeps_its_port_over_a_crash(influxd: Callable[..., Influxd]) -> None:
    server = influxd()
    server.start()
    url = server.url
    server.kill()
    assert not influxdb_answers(url)
    server.start()
    assert server.url == url
    assert influxdb_answers(url)


def test_influxd_stands_still_and_goes_on(influxd: Callable[..., Influxd]) -> None:
    server = influxd()
    server.start()
    server.pause()
    assert not influxdb_answers(server.url)
    server.resume()
    wait_until(lambda: influxdb_answers(server.url), "InfluxDB answers again")


def test_each_test_has_a_database_of_its_own(influxdb: InfluxSettings) -> None:
    assert influxdb_answers(influxdb.url)
    assert influxdb.bucket.endswith("/autogen")


def test_mosquitto_starts_again_on_its_port(mosquitto: Callable[..., Mosquitto]) -> None:
    broker = mosquitto()
    broker.start()
    assert broker.answers()
    broker.stop()
    assert not broker.answers()
    broker.start()
    assert broker.answers()
