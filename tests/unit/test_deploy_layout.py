"""Where everything lies, in each form; and who reads which secret."""

from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import ValidationError

from deploy.layout import Door, Endpoint, Form, InfluxForm, Layout, Secret, Service, compose, local, systemd
from deploy.mosquitto import configuration
from deploy.names import check_host
from deploy.record import FILE, Record, read_layout, read_record
from deploy.secrets import GRANTED, READERS, SIGNED, make_missing, needed
from deploy.settings_file import environment, merged, sections
from ingestor.settings import Settings
from telemetry.document import DocumentError

HOSTS = ("caretaker.example.org", "192.0.2.7")
FOLDER = Path("/srv/city")
LAYOUTS = [
    pytest.param(compose(FOLDER, HOSTS), id="compose"),
    pytest.param(systemd(FOLDER, HOSTS), id="systemd"),
    pytest.param(local(FOLDER, {Door.API: 4711}), id="local"),
]


@pytest.mark.parametrize("layout", LAYOUTS)
def test_everything_that_init_writes_lies_below_the_folder(layout: Layout) -> None:
    places = layout.staged
    written = [places.config, places.broker_conf, places.passwords, places.access, places.revoked, places.grafana]
    written += [places.prometheus, *places.secrets.values(), *(layout.kept(secret) for secret in Secret)]
    assert all(path.is_relative_to(FOLDER) for path in written)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_door_is_reached_and_bound(layout: Layout) -> None:
    assert set(layout.inner) == set(layout.bound) == set(Door)
    published = {Door.MQTT_DEVICES, Door.MQTT_CERTIFICATES, Door.GRAFANA, Door.API}
    assert set(layout.published) == published
    with pytest.raises(KeyError):
        layout.outer(Door.INFLUXDB)


def test_containers_reach_each_other_by_name() -> None:
    layout = compose(FOLDER, HOSTS)
    assert layout.inner[Door.MQTT_SERVICES] == Endpoint("mqtts", "mosquitto", 8884)
    assert layout.inner[Door.INFLUXDB].url == "https://influxdb:8086"
    assert layout.outer(Door.API).url == "https://caretaker.example.org:8443"
    assert str(layout.seen.secret(Secret.CA, Service.GRAFANA)) == "/run/secrets/ca.pem"


def test_units_reach_each_other_on_the_loopback_and_only_four_ports_are_open() -> None:
    layout = systemd(FOLDER, HOSTS)
    assert {endpoint.host for endpoint in layout.inner.values()} == {"127.0.0.1"}
    assert {door for door, bound in layout.bound.items() if bound != "127.0.0.1"} == set(layout.published)
    assert layout.installed.config == Path("/etc/caretaker")
    assert layout.staged.config == FOLDER / "root/etc/caretaker"


def test_what_others_read_lies_beside_their_own_files() -> None:
    layout = systemd(FOLDER, HOSTS)
    assert str(layout.seen.secret(Secret.MOSQUITTO_KEY, Service.MOSQUITTO)) == "/etc/mosquitto/caretaker/mosquitto.key"
    assert layout.seen.secret(Secret.MQTT_API, Service.API).parent == Path("/etc/caretaker/secrets")


def test_an_address_of_ipv6_is_written_in_brackets() -> None:
    assert Endpoint("https", "2001:db8::7", 8443).url == "https://[2001:db8::7]:8443"


def test_every_secret_has_its_readers_and_one_way_to_be_made() -> None:
    assert set(READERS) == set(Secret)
    assert not READERS[Secret.CA_KEY]
    assert not SIGNED & GRANTED


def test_nobody_but_its_owner_reads_a_key_or_a_password_for_the_broker() -> None:
    for secret in Secret:
        if secret.endswith(".key") and secret not in {Secret.GRAFANA_SECRET, Secret.API_METRICS}:
            assert len(READERS[secret]) <= 1
        if secret.startswith("mqtt-"):
            assert len(READERS[secret]) == 1


def test_which_secrets_a_deployment_has() -> None:
    two, one = needed(compose(FOLDER, HOSTS)), needed(systemd(FOLDER, HOSTS, InfluxForm.V1))
    assert Secret.INFLUXDB_ADMIN_TOKEN in two
    assert Secret.INFLUXDB_CARETAKER_PASSWORD not in two
    assert Secret.INFLUXDB_CARETAKER_PASSWORD in one
    assert not {Secret.INFLUXDB_ADMIN_TOKEN, Secret.INFLUXDB_CERTIFICATE} & set(one)


def test_two_deployments_share_no_secret(tmp_path: Path) -> None:
    contents = []
    for name in ("a", "b"):
        layout = compose(tmp_path / name, HOSTS)
        made = make_missing(layout)
        assert make_missing(layout) == []
        files = [layout.kept(secret) for secret in made]
        assert {file.stat().st_mode & 0o777 for file in files} == {0o600}
        contents += [file.read_text() for file in files]
    assert len(set(contents)) == len(contents)
    assert all(len(text) >= 40 for text in contents)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_broker_takes_nobody_without_a_name_and_speaks_tls_only(layout: Layout) -> None:
    text = configuration(layout)
    parts = text.split("\nlistener ")[1:]
    assert len(parts) == 3
    assert all("certfile " in part and "keyfile " in part and "tls_version tlsv1.2" in part for part in parts)
    settings = [line for line in text.splitlines() if line and not line.startswith("#")]
    assert "allow_anonymous false" in settings
    assert not any(line.startswith("allow_anonymous true") for line in settings)
    assert len([line for line in settings if line.startswith(("password_file", "acl_file"))]) == 2


def test_how_each_form_persists() -> None:
    containers, units, here = (configuration(one.values[0]) for one in LAYOUTS)  # type: ignore[arg-type]  # a Layout
    assert "plugin_opt_flush_period 0" in containers
    assert "plugin_opt_sync full" in containers
    assert "persistence true" not in containers, "Mosquitto refuses both"
    assert "persistence" not in units.replace("persistent", ""), "Debian's own file says it, and twice is an error"
    assert "autosave_interval 60" in units
    assert "persistence true" in here


def test_a_session_outlives_what_is_asked_for() -> None:
    asked = timedelta(seconds=Settings().session.session_expiry_s)
    assert asked < timedelta(days=14)
    assert "persistent_client_expiration 14d" in configuration(compose(FOLDER, HOSTS))


@pytest.mark.parametrize("layout", LAYOUTS)
def test_each_service_is_told_who_it_is(layout: Layout) -> None:
    users = {service: environment(layout, service) for service in (Service.INGESTOR, Service.ALERTS, Service.API)}
    assert {found["CARETAKER_BROKER__USERNAME"] for found in users.values()} == {"_ingestor", "_alerts", "_api"}
    assert all(found["CARETAKER_BROKER__PASSWORD_FILE"].endswith(".password") for found in users.values())


def test_what_theirs_says_beside_ours_stays() -> None:
    theirs = {
        "broker": {"host": "old.example.org", "insecure": True},
        "alerts": {"smtp": {"host": "smtp.example.org"}, "http": {"port": 1}},
        "max_age_days": 40,
    }
    found = merged(theirs, sections(compose(FOLDER, HOSTS)))
    assert found["max_age_days"] == 40
    assert found["alerts"]["smtp"] == {"host": "smtp.example.org"}
    assert found["alerts"]["http"]["port"] == 9465
    assert found["broker"] == {"host": "mosquitto", "port": 8884, "ca": "/run/secrets/ca.pem"}


@pytest.mark.parametrize(
    ("text", "host"),
    [
        ("Caretaker.Example.ORG", "caretaker.example.org"),
        ("caretaker.example.org.", "caretaker.example.org"),
        ("box", "box"),
        ("xn--bcher-kva.example.org", "xn--bcher-kva.example.org"),
        ("192.0.2.7", "192.0.2.7"),
        ("2001:DB8::7", "2001:db8::7"),
    ],
)
def test_names_of_machines(text: str, host: str) -> None:
    assert check_host(text) == host


@pytest.mark.parametrize(
    "text",
    [
        *("", " ", "a b", "-a.org", "a..b", "a_b", "*.example.org", "a" * 64, ".".join(["a" * 60] * 5)),
        *("https://example.org", "example.org:8443", "example.org\nEVIL=1", "$(id)"),
        *("0.0.0.0", "::", "224.0.0.1", "1.2.3.256", "fe80::1%eth0", "2001:db8::7%1"),
    ],
)
def test_what_is_no_name_of_a_machine(text: str) -> None:
    with pytest.raises(ValueError, match="a host name such as"):
        check_host(text)


def test_what_was_asked_for_is_read_back(tmp_path: Path) -> None:
    for record in (
        Record(form=Form.COMPOSE, hosts=HOSTS, retention_days=90),
        Record(form=Form.SYSTEMD, hosts=HOSTS, influxdb=InfluxForm.V1),
        Record(form=Form.LOCAL, hosts=("127.0.0.1",), ports={Door.API: 4711}),
    ):
        record.write(tmp_path)
        assert read_record(tmp_path) == record
        assert read_layout(tmp_path).form is record.form


def test_a_folder_that_is_none_of_ours_is_said(tmp_path: Path) -> None:
    with pytest.raises(DocumentError, match="made by `caretaker deploy init`"):
        read_layout(tmp_path)
    (tmp_path / FILE).write_text("form: compose\nhosts: [0.0.0.0]\n")
    with pytest.raises(DocumentError, match="a host name such as"):
        read_layout(tmp_path)
    with pytest.raises(ValidationError):
        Record.model_validate({"form": "compose", "hosts": ()})
