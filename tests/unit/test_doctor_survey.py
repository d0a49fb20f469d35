"""What the doctor finds to examine, from configuration, deployment and what `caretaker up` leaves."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml

from caretaker.broker import BrokerPlan, Tls
from deploy.certificates import certify
from deploy.doctor.embedded import Ports, find_embedded, keep_ports
from deploy.doctor.place import DeviceLogin, GrafanaLogin, Ground, Lacking, Part, address_of
from deploy.doctor.survey import SurveyError, Wishes, _backups, survey
from deploy.layout import Door, Layout, Secret, compose, local, systemd
from deploy.private import write_private
from deploy.probe import CHECK_DEVICE, check_files
from deploy.secrets import make_missing
from telemetry.registry.load import load_registry

SITES = "sites:\n  - {id: pier, kind: toilet, names: {en: Pier}, timezone: Asia/Hong_Kong}\n"
DEVICES = """\
devices:
  - {id: nh3-1, site: pier, kind: toilet_odour, metrics: [nh3_ppm], names: {en: Odour}}
  - {id: gateway-1, site: pier, kind: gateway, metrics: [uptime_s], names: {en: Gateway}}
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    folder = tmp_path / "config"
    folder.mkdir()
    (folder / "sites.yaml").write_text(SITES)
    (folder / "devices.yaml").write_text(DEVICES)
    return folder


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    folder.mkdir()
    return folder


def add_check_device(config: Path) -> None:
    for name, text in check_files(load_registry(config)).items():
        (config / name).write_text(text)


def settings(config: Path, **sections: object) -> None:
    (config / "caretaker.yaml").write_text(yaml.safe_dump(sections))


def lacking(ground: Ground) -> Lacking:
    assert isinstance(ground.device, Lacking)
    return ground.device


def login(ground: Ground) -> DeviceLogin:
    assert isinstance(ground.device, DeviceLogin)
    return ground.device


def test_without_settings_all_is_where_the_defaults_have_it(config: Path, data: Path) -> None:
    ground = survey(config, data, Wishes())
    assert ground.urls == {
        Part.INGESTOR: "http://127.0.0.1:9464",
        Part.ALERTS: "http://127.0.0.1:9465",
        Part.API: "http://127.0.0.1:8088",
    }
    assert address_of(ground.broker) == "mqtt://127.0.0.1:1884"
    assert ground.grafana == Lacking("no address of a Grafana is known", "`grafana.url` in caretaker.yaml")
    assert ground.backups is None
    assert not ground.is_up


def test_addresses_follow_the_settings_and_the_wishes_go_first(config: Path, data: Path, tmp_path: Path) -> None:
    for name in ("server.pem", "server.key", "ingestor.token"):
        (tmp_path / name).write_text("x")
    settings(
        config,
        http={"host": "0.0.0.0", "port": 1, "token_file": str(tmp_path / "ingestor.token")},
        api={
            "host": "0.0.0.0",
            "names": ["toilets.example.org"],
            "tls": {"certificate": str(tmp_path / "server.pem"), "key": str(tmp_path / "server.key")},
        },
        grafana={"url": "http://127.0.0.1:3000/grafana", "token": "a-token"},
    )
    ground = survey(config, data, Wishes(urls={Part.ALERTS: "http://127.0.0.1:7"}))
    assert ground.urls == {
        Part.INGESTOR: "http://127.0.0.1:1",
        Part.ALERTS: "http://127.0.0.1:7",
        Part.API: "https://toilets.example.org:8088",
        Part.GRAFANA: "http://127.0.0.1:3000/grafana",
    }
    assert isinstance(ground.grafana, GrafanaLogin)
    assert ground.grafana.headers["Authorization"] == "Bearer a-token"
    assert "a-token" not in repr(ground.grafana)
    assert {tmp_path / "server.key", tmp_path / "ingestor.token"} <= set(ground.secrets)


@pytest.mark.parametrize("token", ["glsa_canary\nsecond", "glsa_canary second", "glsa_canaryé"])
def test_a_token_that_can_not_be_sent_is_not_tried_and_not_shown(config: Path, data: Path, token: str) -> None:
    settings(config, grafana={"url": "http://127.0.0.1:3000", "token": token})
    found = survey(config, data, Wishes()).grafana
    assert isinstance(found, Lacking)
    assert "one word of ASCII" in found.why
    assert "canary" not in found.why


# The device for test readings.


def test_no_device_is_made_up_and_the_way_to_one_is_told(config: Path, data: Path) -> None:
    found = lacking(survey(config, data, Wishes()))
    assert "--device ID" in found.mend
    assert CHECK_DEVICE in found.mend


def test_the_device_of_the_configuration_is_used(config: Path, data: Path) -> None:
    add_check_device(config)
    found = login(survey(config, data, Wishes()))
    assert (found.device.id, found.broker.username) == (CHECK_DEVICE, None)


def test_a_broker_with_passwords_needs_the_devices(config: Path, data: Path, tmp_path: Path) -> None:
    add_check_device(config)
    settings(config, broker={"username": "caretaker", "password": "secret"})
    assert lacking(survey(config, data, Wishes())).mend == "--password-file FILE"
    file = tmp_path / "check.password"
    file.write_text("device-secret\n")
    found = login(survey(config, data, Wishes(password_file=file))).broker
    assert (found.username, found.secret()) == (CHECK_DEVICE, "device-secret")
    found = login(survey(config, data, Wishes(username="someone", password_file=file))).broker
    assert (found.username, found.secret()) == ("someone", "device-secret")


def test_another_device_is_used_only_for_a_metric_that_harms_nobody(config: Path, data: Path) -> None:
    assert login(survey(config, data, Wishes(device="gateway-1"))).device.id == "gateway-1"
    assert "must not be made up" in lacking(survey(config, data, Wishes(device="nh3-1"))).why
    with pytest.raises(SurveyError, match="no device nobody"):
        survey(config, data, Wishes(device="nobody"))


@pytest.mark.parametrize(
    ("url", "seen"),
    [
        ("mqtts://mqtt.example.org", "mqtts://mqtt.example.org:8883"),
        ("mqtts://mqtt.example.org:1", "mqtts://mqtt.example.org:1"),
        ("mqtt://127.0.0.1", "mqtt://127.0.0.1:1883"),
    ],
)
def test_devices_may_reach_the_broker_elsewhere(config: Path, data: Path, url: str, seen: str) -> None:
    add_check_device(config)
    ground = survey(config, data, Wishes(urls={Part.BROKER: url}))
    assert address_of(login(ground).broker) == seen
    assert [address_of(door) for door in ground.doors()] == [seen, "mqtt://127.0.0.1:1884"]


def test_an_address_of_another_kind_is_refused(config: Path, data: Path) -> None:
    add_check_device(config)
    with pytest.raises(SurveyError, match="mqtts://"):
        survey(config, data, Wishes(urls={Part.BROKER: "https://mqtt.example.org"}))


# A deployment of `caretaker deploy init`.


@pytest.fixture
def layout(config: Path, tmp_path: Path) -> Layout:
    add_check_device(config)
    made = local(tmp_path / "city", {Door.MQTT_DEVICES: 11, Door.MQTT_SERVICES: 12, Door.API: 13})
    make_missing(made)
    certify(made, datetime.now(UTC))
    return made


def test_a_deployment_knows_its_doors_users_and_secrets(config: Path, data: Path, layout: Layout) -> None:
    settings(config, broker={"port": 12, "ca": str(layout.kept(Secret.CA))})
    ground = survey(config, data, Wishes(layout=layout))
    assert (ground.broker.username, ground.broker.port) == ("_ingestor", 12)
    assert (ground.doctor.username, ground.doctor.port) == ("_doctor", 12)
    device = login(ground).broker
    assert (device.username, device.port, device.encrypted) == (CHECK_DEVICE, 11, True)
    assert device.secret() == layout.kept(Secret.MQTT_CHECK_DEVICE).read_text().strip()
    assert ground.by_certificate is not None
    assert ground.by_certificate.port == 8885
    assert ground.urls[Part.API] == "https://127.0.0.1:13"
    assert ground.backups == layout.folder / "backups"
    assert isinstance(ground.grafana, GrafanaLogin)
    assert ground.grafana.headers["Authorization"].startswith("Basic ")


def test_a_deployment_that_lacks_a_secret_says_how_to_make_it(config: Path, data: Path, layout: Layout) -> None:
    layout.kept(Secret.MQTT_DOCTOR).unlink()
    with pytest.raises(SurveyError, match=r"no mqtt-doctor\.password in .*caretaker deploy init"):
        survey(config, data, Wishes(layout=layout))


def test_containers_are_reached_by_their_names(config: Path, data: Path, layout: Layout) -> None:
    settings(config, broker={"host": "mosquitto", "port": 8884, "ca": str(layout.kept(Secret.CA))})
    ground = survey(config, data, Wishes(layout=compose(layout.folder, ("toilets.example.org",))))
    assert [address_of(door) for door in ground.doors()] == ["mqtts://mosquitto:8883", "mqtts://mosquitto:8884"]
    assert ground.urls[Part.GRAFANA] == "https://grafana:3000"


def test_units_are_where_a_machine_has_them(layout: Layout) -> None:
    found = systemd(layout.folder, ("toilets.example.org",))
    assert _backups(found) == Path("/var/backups/caretaker")


# What runs under `caretaker up`.


@contextmanager
def up(data: Path, plan: BrokerPlan) -> Iterator[None]:
    write_private(data / "broker.toml", plan.toml())
    keep_ports(data, Ports(7, 8, 9))
    with (data / "up.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def test_up_goes_by_its_own_broker(config: Path, data: Path) -> None:
    settings(config, broker={"host": "mqtt.example.org", "tls": True}, http={"port": 77})
    add_check_device(config)
    with up(data, BrokerPlan(port_3=5, port_5=6)):
        ground = survey(config, data, Wishes())
    assert ground.is_up
    assert address_of(ground.broker) == "mqtt://127.0.0.1:6"
    assert ground.urls == {
        Part.INGESTOR: "http://127.0.0.1:7",
        Part.ALERTS: "http://127.0.0.1:8",
        Part.API: "http://127.0.0.1:9",
    }
    assert login(ground).broker.port == 6


def test_up_on_the_network_has_tls_and_passwords(config: Path, data: Path, layout: Layout) -> None:
    (data / "tls").mkdir()
    (data / "tls" / "ca.pem").write_bytes(layout.kept(Secret.CA).read_bytes())
    (data / "credentials.csv").write_text(f"user,password\n_ingestor,one\n{CHECK_DEVICE},two\n")
    users = {"_ingestor": "one", CHECK_DEVICE: "two"}
    with up(data, BrokerPlan("0.0.0.0", 5, 6, Tls(data / "a", data / "b"), users)):
        ground = survey(config, data, Wishes())
    assert address_of(ground.broker) == "mqtts://127.0.0.1:6"
    assert (ground.broker.username, ground.broker.secret()) == ("_ingestor", "one")
    assert login(ground).broker.secret() == "two"


def test_what_up_has_left_behind_does_not_count(data: Path) -> None:
    assert find_embedded(data) is None
    with up(data, BrokerPlan()):
        assert find_embedded(data) is not None
    assert find_embedded(data) is None
