"""`caretaker doctor` where the store is a real InfluxDB that asks for a password, and Grafana reads it."""

import base64
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from deploy.doctor.finding import Check, Verdict
from deploy.doctor.place import Ground, Machine
from tests.components import Influxd
from tests.integration.doctor_house import DoctorHouse, by, running

pytestmark = pytest.mark.long

USER, PASSWORD = "caretaker", "a-password-of-tests"
SOUND_MACHINE = Machine(clock_disciplined=lambda: True)


def ask(influxd: Influxd, query: str, method: str = "GET") -> bytes:
    """A query string, as the user."""
    pair = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
    request = urllib.request.Request(  # noqa: S310 - http on the loopback
        f"{influxd.url}/query?{query}", headers={"Authorization": f"Basic {pair}"}, method=method
    )
    with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310 - as above
        found: bytes = answer.read()
    return found


def change(influxd: Influxd, statement: str) -> None:
    ask(influxd, urllib.parse.urlencode({"q": statement}), "POST")


@pytest.fixture(scope="module")
def influxd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Influxd]:
    made = Influxd(tmp_path_factory.mktemp("influxdb"), http="  auth-enabled = true")
    made.start()
    change(made, f"CREATE USER {USER} WITH PASSWORD '{PASSWORD}' WITH ALL PRIVILEGES")
    yield made
    made.stop()


def store(influxd: Influxd, password: str = PASSWORD) -> dict[str, object]:
    return {
        "kind": "influxdb",
        "url": influxd.url,
        "bucket": "caretaker/autogen",
        "username": USER,
        "password": password,
    }


@pytest.fixture(scope="module")
def house(influxd: Influxd, tmp_path_factory: pytest.TempPathFactory) -> Iterator[DoctorHouse]:
    with running(tmp_path_factory.mktemp("deployment") / "city", store(influxd)) as house:
        house.grafana.influxdb = lambda query: ask(influxd, query)
        yield house


def ground_of(house: DoctorHouse) -> Ground:
    return house.ground(machine=SOUND_MACHINE)


def test_a_reading_is_found_in_store_api_and_grafana(house: DoctorHouse) -> None:
    began = time.monotonic()
    found = house.examined(ground_of(house))
    assert time.monotonic() - began < 15
    assert by(found, Verdict.WRONG, Verdict.CANNOT_TELL) == set()
    # One that somebody built by hand does not say which it is.
    assert by(found, Verdict.LEFT_OUT) <= {Check.VERSIONS}
    places = [one.remark for one in found if one.check is Check.READING]
    assert [one.where for one in places[1:]] == ["the store", "the API", "Grafana"]
    assert all(" ms after it was sent" in one.found for one in places)


def test_a_wrong_password_is_the_stores_finding(house: DoctorHouse, influxd: Influxd) -> None:
    house.write_settings({"store": store(influxd, "another")})
    found = house.examined(ground_of(house))
    house.write_settings({"store": store(influxd)})
    (wrong,) = [one for one in found if one.remark.verdict is Verdict.WRONG]
    assert wrong.check is Check.STORE
    assert "does not accept the services' credentials" in wrong.remark.found
    assert "store.password" in wrong.remark.mend
    assert "another" not in wrong.remark.found
    assert by(found, Verdict.CANNOT_TELL) == {Check.RETENTION, Check.READING}


def test_a_retention_as_long_as_readings_may_be_old_is_too_short(house: DoctorHouse, influxd: Influxd) -> None:
    change(influxd, "ALTER RETENTION POLICY autogen ON caretaker DURATION 30d SHARD DURATION 1d")
    found = house.examined(ground_of(house))
    change(influxd, "ALTER RETENTION POLICY autogen ON caretaker DURATION INF")
    (wrong,) = [one for one in found if one.remark.verdict is Verdict.WRONG]
    assert wrong.check is Check.RETENTION
    assert "kept for 30 days, and taken up to 30 days old" in wrong.remark.found
    assert "ALTER RETENTION POLICY" in wrong.remark.mend


@contextmanager
def away(influxd: Influxd) -> Iterator[None]:
    influxd.stop()
    try:
        yield
    finally:
        influxd.start()


def test_a_store_that_is_away_is_one_fault(house: DoctorHouse, influxd: Influxd) -> None:
    house.grafana.influxdb = None
    with away(influxd):
        found = house.examined(ground_of(house))
    wrong = [one for one in found if one.remark.verdict is Verdict.WRONG]
    assert {one.check for one in wrong} == {Check.STORE}
    assert "start InfluxDB" in wrong[0].remark.mend
    assert by(found, Verdict.CANNOT_TELL) == {Check.CLOCK, Check.VERSIONS, Check.RETENTION, Check.READING}
