"""`caretaker doctor` on a running system: sound where it is sound, and each planted fault found by its own check.

One deployment for all; each fault is planted, looked for and taken away again.
"""

import json
import re
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from msgspec import structs
from typer.testing import CliRunner, Result

from api.access import keys
from api.access.database import opened
from caretaker.__main__ import app
from deploy.authority import read_authority
from deploy.doctor import reading
from deploy.doctor.finding import Check, Remark, Verdict
from deploy.doctor.place import DeviceLogin, Ground, Lacking, Machine, Part, Room
from deploy.layout import Door, Secret
from telemetry.reading import NS_PER_S
from tests.components import wait_until
from tests.integration.api_with_a_hole import ApiWithAHole
from tests.integration.doctor_house import DoctorHouse, by, running

HOUR_NS = 3_600 * NS_PER_S
SOUND_MACHINE = Machine(clock_disciplined=lambda: True)
OF_MOSQUITTO_2_0 = {Check.VERSIONS, Check.PERSISTENCE}
"""What Debian's broker can't give is said as a warning, however it is set."""


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DoctorHouse]:
    with running(tmp_path_factory.mktemp("deployment") / "city") as house:
        yield house


def ground_of(house: DoctorHouse, machine: Machine = SOUND_MACHINE) -> Ground:
    return house.ground(machine=machine)


def remarks(house: DoctorHouse, ground: Ground, check: Check) -> list[Remark]:
    return [one.remark for one in house.examined(ground, check)]


def test_a_sound_system_is_sound(house: DoctorHouse) -> None:
    began = time.monotonic()
    found = house.examined(ground_of(house))
    assert time.monotonic() - began < 15
    assert by(found, Verdict.WRONG, Verdict.CANNOT_TELL) == set()
    assert by(found, Verdict.WARNING) == OF_MOSQUITTO_2_0
    left_out = {(one.check, one.remark.found) for one in found if one.remark.verdict is Verdict.LEFT_OUT}
    assert left_out == {
        (Check.VERSIONS, "the embedded store has no release of its own"),
        (Check.READING, "the store is SQLite, which Grafana can't read"),
    }
    assert by(found, Verdict.SOUND) == set(Check) - {Check.PERSISTENCE}
    with opened(house.data / "api" / "access.db") as connection:
        assert keys.listed(connection), "keys were made"
        assert not keys.any_good(connection, time.time_ns()), "and revoked"


# The faults. Each is planted in the running system, or at the seam where no test can put it into a machine.


class Fault(NamedTuple):
    plant: Callable[[DoctorHouse], AbstractContextManager[Ground]]
    check: Check
    mend: str
    """Part of it."""
    beside: frozenset[Check] = frozenset()
    """What can't be told while it lasts."""


@contextmanager
def edited(path: Path, change: Callable[[str], str]) -> Iterator[None]:
    text = path.read_text(encoding="utf-8")
    path.write_text(change(text), encoding="utf-8")
    try:
        yield
    finally:
        path.write_text(text, encoding="utf-8")


@contextmanager
def other_broker(house: DoctorHouse, change: Callable[[str], str]) -> Iterator[Ground]:
    text = house.broker_text
    house.restart_broker(change(text))
    try:
        yield ground_of(house)
    finally:
        house.restart_broker(text)


def anonymous_allowed(house: DoctorHouse) -> AbstractContextManager[Ground]:
    return other_broker(house, lambda text: text.replace("allow_anonymous false", "allow_anonymous true"))


def short_queue(house: DoctorHouse) -> AbstractContextManager[Ground]:
    return other_broker(house, lambda text: re.sub(r"max_queued_messages \d+", "max_queued_messages 1000", text))


def no_persistence(house: DoctorHouse) -> AbstractContextManager[Ground]:
    return other_broker(house, lambda text: text.replace("persistence true", "persistence false"))


@contextmanager
def hole_in_the_access_rules(house: DoctorHouse) -> Iterator[Ground]:
    hole = "\nuser caretaker-check\ntopic write caretaker/v1/#\n"
    with edited(house.layout.staged.access, lambda text: text + hole):
        house.restart_broker(house.broker_text)
        yield ground_of(house)
    house.restart_broker(house.broker_text)


@contextmanager
def ingestor_dead(house: DoctorHouse) -> Iterator[Ground]:
    house.ingestor.kill()
    try:
        yield ground_of(house)
    finally:
        house.start_ingestor()
        house.ingestor.wait_ready()


@contextmanager
def settings(house: DoctorHouse, **changed: object) -> Iterator[Ground]:
    house.write_settings({"store": {"kind": "sqlite"}, **changed})
    try:
        yield ground_of(house)
    finally:
        house.write_settings({"store": {"kind": "sqlite"}})


def store_elsewhere(house: DoctorHouse) -> AbstractContextManager[Ground]:
    return settings(house, store={"kind": "sqlite", "path": str(house.layout.folder / "elsewhere.db")})


def short_retention(house: DoctorHouse) -> AbstractContextManager[Ground]:
    return settings(house, store={"kind": "sqlite", "retention_days": 30})


@contextmanager
def certificate(house: DoctorHouse, host: str, days: int) -> Iterator[Ground]:
    """Of the broker. The services are connected already; new connections meet it."""
    files = {secret: house.layout.kept(secret) for secret in (Secret.MOSQUITTO_CERTIFICATE, Secret.MOSQUITTO_KEY)}
    before = {file: file.read_bytes() for file in files.values()}
    authority = read_authority(house.layout.kept(Secret.CA), house.layout.kept(Secret.CA_KEY))
    signed = authority.server("mosquitto", [host], datetime.now(UTC), days)
    files[Secret.MOSQUITTO_CERTIFICATE].write_bytes(signed.certificate)
    files[Secret.MOSQUITTO_KEY].write_bytes(signed.key)
    house.reload_broker(signed.certificate)
    try:
        yield ground_of(house)
    finally:
        for file, content in before.items():
            file.write_bytes(content)
        house.reload_broker(before[files[Secret.MOSQUITTO_CERTIFICATE]])


def certificate_of_another(house: DoctorHouse) -> AbstractContextManager[Ground]:
    return certificate(house, "mqtt.example.org", 300)


@contextmanager
def open_secret(house: DoctorHouse) -> Iterator[Ground]:
    file = house.layout.kept(Secret.MQTT_INGESTOR)
    file.chmod(0o644)
    try:
        yield ground_of(house)
    finally:
        file.chmod(0o600)


@contextmanager
def machine(house: DoctorHouse, **changed: Any) -> Iterator[Ground]:
    yield ground_of(house, replace(SOUND_MACHINE, **changed))


def clock_off(house: DoctorHouse) -> AbstractContextManager[Ground]:
    return machine(house, now_ns=lambda: time.time_ns() + HOUR_NS)


def disk_nearly_full(house: DoctorHouse) -> AbstractContextManager[Ground]:
    return machine(house, room=lambda _: Room(20 * 1024 * 1024, 1_000_000))


def network_disk(house: DoctorHouse) -> AbstractContextManager[Ground]:
    return machine(house, mounts=lambda: "server:/data / nfs4 rw 0 0\n")


@contextmanager
def role_hole(house: DoctorHouse) -> Iterator[Ground]:
    hole = ApiWithAHole(house.layout.inner[Door.API].url, house.layout.kept(Secret.CA), "/api/v1/quarantine")
    ground = ground_of(house)
    try:
        yield replace(ground, urls={**ground.urls, Part.API: hole.url})
    finally:
        hole.close()


@contextmanager
def grafana_without(house: DoctorHouse, *paths: str, **documents: object) -> Iterator[Ground]:
    for path in paths:
        del house.grafana.documents[path]
    house.grafana.documents |= {f"/api/{name}": document for name, document in documents.items()}
    try:
        yield ground_of(house)
    finally:
        house.furnish_grafana()


def no_source(house: DoctorHouse) -> AbstractContextManager[Ground]:
    return grafana_without(house, "/api/datasources/uid/caretaker-influxdb")


def no_dashboard(house: DoctorHouse) -> AbstractContextManager[Ground]:
    return grafana_without(house, "/api/dashboards/uid/caretaker-city")


def old_grafana(house: DoctorHouse) -> AbstractContextManager[Ground]:
    return grafana_without(house, health={"database": "ok", "version": "8.5.27"})


@contextmanager
def wrong_rules(house: DoctorHouse) -> Iterator[Ground]:
    (house.config / "rules.yaml").write_text("rules:\n  - {id: odour, when: {metric: nonsense_ppm}}\n")
    try:
        yield ground_of(house)
    finally:
        (house.config / "rules.yaml").unlink()


BY_BROKER = frozenset(
    {
        Check.BROKER,
        Check.VERSIONS,
        Check.QUEUE,
        Check.READING,
        Check.ANONYMOUS,
        Check.PASSWORD,
        Check.OTHER_DEVICE,
        Check.PLAIN_TEXT,
    }
)
FAULTS = {
    "the disk is nearly full": Fault(disk_nearly_full, Check.DISK, "journal.cap_mb"),
    "the clock is off": Fault(clock_off, Check.CLOCK, "timedatectl set-ntp true"),
    "a secret can be read by others": Fault(open_secret, Check.SECRETS, "chmod 600"),
    "the store keeps too little": Fault(short_retention, Check.RETENTION, "store.retention_days"),
    "the store is elsewhere": Fault(store_elsewhere, Check.STORE, "--data DIR", frozenset({Check.READING})),
    "the API has a hole": Fault(role_hole, Check.KEYS, "off the network"),
    "Grafana has no data source": Fault(no_source, Check.GRAFANA, "caretaker grafana install"),
    "the ingestor is dead": Fault(
        ingestor_dead, Check.SERVICES, "caretaker run ingestor", frozenset({Check.STORE, Check.READING, Check.PORTS})
    ),
    "anybody may come in": Fault(anonymous_allowed, Check.ANONYMOUS, "allow_anonymous false"),
    "a device may publish as another": Fault(hole_in_the_access_rules, Check.OTHER_DEVICE, "pattern write"),
}
MORE_FAULTS = {
    "the data lies on a network": Fault(network_disk, Check.DISK, "local disk"),
    "Grafana lacks a dashboard": Fault(no_dashboard, Check.GRAFANA, "caretaker grafana install"),
    "Grafana is too old": Fault(old_grafana, Check.VERSIONS, "9.3"),
    "the broker keeps 1,000 messages": Fault(short_queue, Check.QUEUE, "max_queued_messages 1"),
    "the rules can't be read": Fault(wrong_rules, Check.CONFIGURATION, "caretaker check", frozenset({Check.GRAFANA})),
    "the broker keeps nothing": Fault(no_persistence, Check.PERSISTENCE, "persistence true"),
    "the certificate is another's": Fault(certificate_of_another, Check.CERTIFICATES, "--host 127.0.0.1", BY_BROKER),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_planted_fault_is_found_by_its_check_and_by_no_other(house: DoctorHouse, name: str) -> None:
    _find(house, FAULTS[name])


@pytest.mark.long
@pytest.mark.parametrize("name", MORE_FAULTS)
def test_each_of_more_faults_is_found_by_its_check_and_by_no_other(house: DoctorHouse, name: str) -> None:
    _find(house, MORE_FAULTS[name])


def _find(house: DoctorHouse, fault: Fault) -> None:
    with fault.plant(house) as ground:
        found = house.examined(ground)
    wrong = [one for one in found if one.remark.verdict is Verdict.WRONG]
    assert {one.check for one in wrong} == {fault.check}, wrong
    assert fault.mend in " ".join(one.remark.mend for one in wrong)
    assert all(one.remark.mend for one in wrong)
    unknown = [one for one in found if one.remark.verdict is Verdict.CANNOT_TELL]
    assert {one.check for one in unknown} == fault.beside, unknown


@pytest.mark.long
def test_a_certificate_that_ends_in_a_week_is_a_warning(house: DoctorHouse) -> None:
    with certificate(house, "127.0.0.1", 7) as ground:
        found = [remark for remark in remarks(house, ground, Check.CERTIFICATES) if remark.verdict is Verdict.WARNING]
    assert len(found) == 3, "the broker's three listeners"
    assert "runs out in 6 days" in found[0].found
    assert "caretaker deploy init" in found[0].mend


@pytest.mark.long
def test_a_service_that_is_not_ready_is_quoted(house: DoctorHouse) -> None:
    """What the broker's absence does to the services is theirs to say; the broker's own fault stands beside it."""
    house.broker.stop()
    try:
        wait_until(lambda: not house.ingestor.ready()[0], "the ingestor notices")
        found = house.examined(ground_of(house))
    finally:
        house.restart_broker(house.broker_text)
    wrong = {one.check: one.remark for one in found if one.remark.verdict is Verdict.WRONG}
    assert set(wrong) == {Check.BROKER, Check.SERVICES}
    assert "is not ready" in wrong[Check.SERVICES].found
    assert "Connection refused" in wrong[Check.BROKER].found
    assert "start the broker" in wrong[Check.BROKER].mend
    refusals = {Check.ANONYMOUS, Check.PASSWORD, Check.OTHER_DEVICE, Check.PLAIN_TEXT}
    assert refusals & by(found, Verdict.SOUND) == set(), "who is away refuses nothing"


@pytest.mark.long
def test_connections_that_end_badly_spoil_no_other(house: DoctorHouse) -> None:
    """The listener for certificates ends each of ours with an alert; OpenSSL remembers that for the thread."""
    ground = ground_of(house)
    checks = (Check.ANONYMOUS, Check.PLAIN_TEXT, Check.CERTIFICATES, Check.QUEUE, Check.VERSIONS, Check.BROKER)
    for _ in range(20):
        assert by(house.examined(ground, *checks), Verdict.WRONG, Verdict.CANNOT_TELL) == set()


# The command, and another device.


def test_the_command_speaks_json_and_shows_no_secret(house: DoctorHouse) -> None:
    done = command(house, "--format", "json")
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)
    assert {row["check"] for row in found} == set(Check)
    assert set(found[0]) == {"verdict", "check", "where", "found", "mend"}
    said = done.stdout + done.stderr
    for secret in Secret:
        file = house.layout.kept(secret)
        if file.exists() and not secret.endswith((".pem", ".key")):
            assert file.read_text().strip() not in said, secret
    assert "ck_" not in said
    assert house.grafana.token not in said


def test_a_device_that_has_a_real_purpose_is_used_only_where_it_is_named(house: DoctorHouse) -> None:
    house.layout.folder.joinpath("nh3.password").write_text("wrong")
    ground = house.ground(device="nh3-1", password_file=house.layout.folder / "nh3.password")
    (remark,) = remarks(house, ground, Check.READING)
    assert remark.verdict is Verdict.WRONG
    assert "nh3-1" in remark.found
    assert "caretaker devices credentials" in remark.mend


def test_a_reading_that_does_not_arrive_is_missed_in_each_place(
    house: DoctorHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The broker takes it, and the ingestor refuses it: the registry has that device at another site."""
    monkeypatch.setattr(reading, "ARRIVES_WITHIN_S", 1.0)
    ground = ground_of(house)
    assert isinstance(ground.device, DeviceLogin)
    moved = ground.device._replace(device=structs.replace(ground.device.device, site="pier"))
    found = remarks(house, replace(ground, device=moved), Check.READING)
    assert [(one.where, one.verdict) for one in found[1:]] == [
        ("the store", Verdict.WRONG),
        ("the API", Verdict.WRONG),
        ("Grafana", Verdict.LEFT_OUT),
    ]
    assert "caretaker quarantine list" in found[1].mend


def test_without_a_device_the_reading_is_left_out_with_the_way_to_one(house: DoctorHouse) -> None:
    ground = replace(ground_of(house), device=Lacking("there is no device", "add one"))
    for check in (Check.READING, Check.OTHER_DEVICE):
        (remark,) = remarks(house, ground, check)
        assert (remark.verdict, remark.mend) == (Verdict.LEFT_OUT, "add one")


def command(house: DoctorHouse, *words: str) -> Result:
    where = ("--config", str(house.config), "--data", str(house.data), "--deployment", str(house.layout.folder))
    return CliRunner().invoke(app, ["doctor", *where, *words])
