"""Where each thing of a deployment lies, and under which name and port each service is reached.

There are three views of the same things. `staged`: where `caretaker deploy init` writes them, below the deployment's
folder. `installed`: where they lie on the machine that runs them; only systemd copies them elsewhere. `seen`: the path
by which the service that uses them opens them; only containers see other paths than the machine.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple


class Form(StrEnum):
    """What runs the services."""

    COMPOSE = "compose"
    SYSTEMD = "systemd"
    LOCAL = "local"
    """Processes started by hand or by a test, everything below one folder and on the loopback."""


class BrokerForm(StrEnum):
    """Which Mosquitto reads the configuration: they persist in different ways."""

    V2_0 = "2.0"
    """Debian's. Writes its state every so often, and loses what came since when it crashes."""
    V2_1 = "2.1"
    """2.1.2 or newer, with the SQLite persistence: loses nothing that it has acknowledged."""


class InfluxForm(StrEnum):
    """Which InfluxDB it is: they keep different credentials."""

    V1 = "1"
    """1.8 or newer of 1.x: databases, users and passwords."""
    V2 = "2"
    """2.x: organisations, buckets and tokens."""


class Service(StrEnum):
    """Who runs; in containers also the name of its host."""

    MOSQUITTO = "mosquitto"
    INFLUXDB = "influxdb"
    GRAFANA = "grafana"
    PROMETHEUS = "prometheus"
    INGESTOR = "ingestor"
    ALERTS = "alerts"
    API = "api"
    DOCTOR = "doctor"
    """Not a service that stays: the check of a running system, which has credentials of its own."""


class Door(StrEnum):
    """What listens."""

    MQTT_DEVICES = "mqtt-devices"
    """TLS; user and password."""
    MQTT_SERVICES = "mqtt-services"
    """TLS; user and password; for our own services, not reachable from outside."""
    MQTT_CERTIFICATES = "mqtt-certificates"
    """TLS; a client certificate, whose common name is the user. Mosquitto can't do both on one listener."""
    INFLUXDB = "influxdb"
    GRAFANA = "grafana"
    PROMETHEUS = "prometheus"
    INGESTOR = "ingestor"
    ALERTS = "alerts"
    API = "api"


class Secret(StrEnum):
    """What is kept from others; the value is the name of its file."""

    CA = "ca.pem"
    """Not secret, but in the same place: what everybody needs to know the others."""
    CA_KEY = "ca.key"
    """Signs certificates. No service needs it, and it may be kept elsewhere."""
    MOSQUITTO_CERTIFICATE = "mosquitto.pem"
    MOSQUITTO_KEY = "mosquitto.key"
    INFLUXDB_CERTIFICATE = "influxdb.pem"
    INFLUXDB_KEY = "influxdb.key"
    API_CERTIFICATE = "api.pem"
    API_KEY = "api.key"
    GRAFANA_CERTIFICATE = "grafana.pem"
    GRAFANA_KEY = "grafana.key"
    MQTT_INGESTOR = "mqtt-ingestor.password"
    MQTT_ALERTS = "mqtt-alerts.password"
    MQTT_API = "mqtt-api.password"
    MQTT_DOCTOR = "mqtt-doctor.password"
    MQTT_CHECK_DEVICE = "mqtt-caretaker-check.password"
    """Of the device whose readings the doctor publishes."""
    INFLUXDB_ADMIN_PASSWORD = "influxdb-admin.password"  # noqa: S105 - a file's name, as are those below
    INFLUXDB_ADMIN_TOKEN = "influxdb-admin.token"  # noqa: S105
    INFLUXDB_CARETAKER_TOKEN = "influxdb-caretaker.token"  # noqa: S105
    """2.x: may read and write the bucket. Made by `caretaker deploy provision`, as is the next."""
    INFLUXDB_GRAFANA_TOKEN = "influxdb-grafana.token"  # noqa: S105
    """2.x: may read the bucket."""
    INFLUXDB_CARETAKER_PASSWORD = "influxdb-caretaker.password"  # noqa: S105
    """1.x: of the user `caretaker`."""
    INFLUXDB_GRAFANA_PASSWORD = "influxdb-grafana.password"  # noqa: S105
    """1.x: of the user `grafana`."""
    GRAFANA_ADMIN_PASSWORD = "grafana-admin.password"  # noqa: S105
    GRAFANA_SECRET = "grafana-secret.key"  # noqa: S105
    """Encrypts what Grafana keeps in its database."""
    INGESTOR_HTTP_TOKEN = "ingestor-http.token"  # noqa: S105
    ALERTS_HTTP_TOKEN = "alerts-http.token"  # noqa: S105
    API_METRICS = "api-metrics.key"
    """A key of the API with which Prometheus asks for its metrics."""


class Endpoint(NamedTuple):
    """Where something is reached."""

    scheme: str
    """`mqtts`, `https` or `http`."""
    host: str
    port: int

    @property
    def url(self) -> str:
        """As in `https://influxdb:8086`."""
        return f"{self.scheme}://{self.url_host}:{self.port}"

    @property
    def url_host(self) -> str:
        """The host as it stands in addresses: one of IPv6 in brackets."""
        return f"[{self.host}]" if ":" in self.host else self.host


@dataclass(frozen=True, slots=True)
class Places:
    """One view of where everything lies. Folders, but for `broker_conf`."""

    config: Path
    """caretaker.yaml, sites, devices, people, rules, routes."""
    data: Path
    """The journal, the alert database, the API's keys."""
    secrets: Mapping[Service, Path]
    """The folder in which each service finds the secrets that it reads, and only those."""
    broker_conf: Path
    broker: Path
    """passwd, acl and revoked.pem."""
    broker_data: Path
    grafana: Path
    """provisioning/ and dashboards/."""
    grafana_data: Path
    influxdb_data: Path
    prometheus: Path
    """prometheus.yaml and rules.yaml."""
    prometheus_data: Path

    @property
    def revoked(self) -> Path:
        """The list of client certificates that are no longer valid, for the broker."""
        return self.broker / "revoked.pem"

    @property
    def passwords(self) -> Path:
        """The broker's users and what their passwords hash to."""
        return self.broker / "passwd"

    @property
    def access(self) -> Path:
        """The broker's rules of who may read and write which topic."""
        return self.broker / "acl"

    def secret(self, secret: Secret, reader: Service = Service.INGESTOR) -> Path:
        """The file of a secret, as `reader` opens it."""
        return self.secrets[reader] / secret


@dataclass(frozen=True, slots=True)
class Layout:
    """A deployment on one machine. Made by `compose`, `systemd` and `local`."""

    form: Form
    folder: Path
    """The deployment's folder: what `init` made."""
    hosts: tuple[str, ...]
    """Names and addresses by which devices and browsers reach this machine; the first is the one that is shown."""
    broker: BrokerForm
    influxdb: InfluxForm
    staged: Places
    installed: Places
    seen: Places
    inner: Mapping[Door, Endpoint]
    """How the services, and the doctor, reach each other."""
    bound: Mapping[Door, str]
    """The address that each listens on: 127.0.0.1, or 0.0.0.0 for all of its host or container."""
    published: Mapping[Door, int]
    """Ports of this machine that others reach: devices and browsers. What is not here is reached from inside only."""

    def kept(self, secret: Secret) -> Path:
        """The file that `init` made, below the deployment's folder: all secrets are in one place there.

        For systemd, copies of what a service reads are staged where that service looks for them.
        """
        return self.folder / "secrets" / secret

    def outer(self, door: Door) -> Endpoint:
        """How devices and browsers reach it. Raises `KeyError` for what is not published."""
        return Endpoint(self.inner[door].scheme, self.hosts[0], self.published[door])


SCHEMES = {
    Door.MQTT_DEVICES: "mqtts",
    Door.MQTT_SERVICES: "mqtts",
    Door.MQTT_CERTIFICATES: "mqtts",
    Door.INFLUXDB: "https",
    Door.GRAFANA: "https",
    Door.PROMETHEUS: "http",
    Door.INGESTOR: "http",
    Door.ALERTS: "http",
    Door.API: "https",
}
PORTS = {
    Door.MQTT_DEVICES: 8883,
    Door.MQTT_SERVICES: 8884,
    Door.MQTT_CERTIFICATES: 8885,
    Door.INFLUXDB: 8086,
    Door.GRAFANA: 3000,
    Door.PROMETHEUS: 9090,
    Door.INGESTOR: 9464,
    Door.ALERTS: 9465,
    Door.API: 8088,
}
PUBLISHED = {Door.MQTT_DEVICES: 8883, Door.MQTT_CERTIFICATES: 8885, Door.GRAFANA: 3443, Door.API: 8443}
_BROKER_DOORS = (Door.MQTT_DEVICES, Door.MQTT_SERVICES, Door.MQTT_CERTIFICATES)
LOOPBACK, EVERYWHERE = "127.0.0.1", "0.0.0.0"  # noqa: S104 - in a container; what is published is chosen apart


def compose(folder: Path, hosts: tuple[str, ...]) -> Layout:
    """Containers: each service has a host name of its own, and sees paths of its own."""
    staged = _below(folder)
    seen = Places(
        config=Path("/etc/caretaker"),
        data=Path("/var/lib/caretaker"),
        secrets=dict.fromkeys(Service, Path("/run/secrets")),
        broker_conf=Path("/mosquitto/config/mosquitto.conf"),
        broker=Path("/mosquitto/config"),
        broker_data=Path("/mosquitto/data"),
        grafana=Path("/etc/grafana/caretaker"),
        grafana_data=Path("/var/lib/grafana"),
        influxdb_data=Path("/var/lib/influxdb2"),
        prometheus=Path("/etc/prometheus"),
        prometheus_data=Path("/prometheus"),
    )
    inner = {
        door: Endpoint(scheme, (Service.MOSQUITTO if door in _BROKER_DOORS else Service(door)).value, PORTS[door])
        for door, scheme in SCHEMES.items()
    }
    bound = dict.fromkeys(Door, EVERYWHERE)
    return Layout(
        Form.COMPOSE, folder, hosts, BrokerForm.V2_1, InfluxForm.V2, staged, staged, seen, inner, bound, PUBLISHED
    )


def systemd(folder: Path, hosts: tuple[str, ...], influxdb: InfluxForm = InfluxForm.V2) -> Layout:
    """Units: staged below `root`, from where `install` copies it to its place. Among themselves on the loopback.

    Mosquitto and InfluxDB are the distribution's, and keep the configuration that they have beside ours.
    """
    installed = _of_machine(Path("/"))
    ports = PORTS | PUBLISHED
    # InfluxDB and its configuration are the distribution's: on the loopback it is left as it is, without TLS.
    schemes = SCHEMES | {Door.INFLUXDB: "http"}
    inner = {door: Endpoint(schemes[door], LOOPBACK, ports[door]) for door in Door}
    bound = {door: EVERYWHERE if door in PUBLISHED else LOOPBACK for door in Door}
    staged = _of_machine(folder / "root")
    return Layout(
        Form.SYSTEMD, folder, hosts, BrokerForm.V2_0, influxdb, staged, installed, installed, inner, bound, PUBLISHED
    )


def local(
    folder: Path,
    ports: Mapping[Door, int],
    broker: BrokerForm = BrokerForm.V2_0,
    influxdb: InfluxForm = InfluxForm.V1,
) -> Layout:
    """Everything below `folder` and on the loopback, on the given ports; what has none has the usual one."""
    places = _below(folder)
    schemes = SCHEMES | {Door.INFLUXDB: "http"}
    inner = {door: Endpoint(schemes[door], LOOPBACK, ports.get(door, PORTS[door])) for door in Door}
    published = {door: inner[door].port for door in PUBLISHED}
    bound = dict.fromkeys(Door, LOOPBACK)
    return Layout(Form.LOCAL, folder, (LOOPBACK,), broker, influxdb, places, places, places, inner, bound, published)


def _below(folder: Path) -> Places:
    return Places(
        config=folder / "config",
        data=folder / "data" / "caretaker",
        secrets=dict.fromkeys(Service, folder / "secrets"),
        broker_conf=folder / "mosquitto" / "mosquitto.conf",
        broker=folder / "mosquitto",
        broker_data=folder / "data" / "mosquitto",
        grafana=folder / "grafana",
        grafana_data=folder / "data" / "grafana",
        influxdb_data=folder / "data" / "influxdb",
        prometheus=folder / "prometheus",
        prometheus_data=folder / "data" / "prometheus",
    )


def _of_machine(root: Path) -> Places:
    """As Debian's packages have it. Services that are not ours get copies of their secrets beside their own files."""
    ours = root / "etc/caretaker/secrets"
    broker = root / "etc/mosquitto/caretaker"
    grafana = root / "etc/grafana/caretaker"
    prometheus = root / "etc/prometheus/caretaker"
    secrets = dict.fromkeys(Service, ours) | {
        Service.MOSQUITTO: broker,
        Service.GRAFANA: grafana / "secrets",
        Service.PROMETHEUS: prometheus / "secrets",
    }
    return Places(
        config=root / "etc/caretaker",
        data=root / "var/lib/caretaker",
        secrets=secrets,
        broker_conf=root / "etc/mosquitto/conf.d/caretaker.conf",
        broker=broker,
        broker_data=root / "var/lib/mosquitto",
        grafana=grafana,
        grafana_data=root / "var/lib/grafana",
        influxdb_data=root / "var/lib/influxdb",
        prometheus=prometheus,
        prometheus_data=root / "var/lib/prometheus",
    )
