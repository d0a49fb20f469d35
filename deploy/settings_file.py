"""`caretaker.yaml` for a deployment: how its services reach each other. What else stands in it stays as it was."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from deploy.access import PASSWORDS, MqttUser
from deploy.layout import LOOPBACK, Door, Form, InfluxForm, Layout, Secret, Service

ORG, BUCKET, POLICY = "caretaker", "caretaker", "autogen"
READER, WRITER = "grafana", "caretaker"
"""InfluxDB 1.x: its users."""
HEADER = """\
# Settings of the services. Where each reaches the others was written by `caretaker deploy init`; the rest is yours, and
# a second run leaves this file alone. Each service's user at the broker comes from its environment.

"""
_USERS = {Service.INGESTOR: MqttUser.INGESTOR, Service.ALERTS: MqttUser.ALERTS, Service.API: MqttUser.API}
_LOCAL_NAMES = {"localhost", LOOPBACK, "::1"}


def environment(layout: Layout, service: Service) -> Mapping[str, str]:
    """What a service is told beside the file they share: who it is to the broker."""
    user = _USERS[service]
    return {
        "CARETAKER_BROKER__USERNAME": user,
        "CARETAKER_BROKER__PASSWORD_FILE": str(layout.seen.secret(PASSWORDS[user], service)),
    }


def settings_text(layout: Layout, theirs: Mapping[str, Any]) -> str:
    """The file: `theirs`, as it was parsed, with what this deployment decides in its place."""
    return HEADER + yaml.safe_dump(merged(theirs, sections(layout)), sort_keys=False, allow_unicode=True)


def sections(layout: Layout) -> Mapping[str, Any]:
    """What a deployment decides, by section."""
    broker, ingestor = layout.inner[Door.MQTT_SERVICES], layout.inner[Door.INGESTOR]
    board = layout.outer(Door.API)
    # A container is reached by its service's name too; a machine's own names are known to the API.
    names = dict.fromkeys((*layout.hosts, layout.inner[Door.API].host))
    return {
        "broker": {"host": broker.host, "port": broker.port, "ca": _path(layout, Secret.CA)},
        "store": _store(layout),
        "http": _port(layout, Door.INGESTOR, Secret.INGESTOR_HTTP_TOKEN),
        "alerts": {
            "http": _port(layout, Door.ALERTS, Secret.ALERTS_HTTP_TOKEN),
            "public_url": board.url,
        },
        "api": {
            "host": layout.bound[Door.API],
            "port": layout.inner[Door.API].port,
            "tls": {
                "certificate": _path(layout, Secret.API_CERTIFICATE, Service.API),
                "key": _path(layout, Secret.API_KEY, Service.API),
            },
            "names": [name for name in names if name not in _LOCAL_NAMES],
            "ingestor": {
                "url": ingestor.url,
                "token_file": _path(layout, Secret.INGESTOR_HTTP_TOKEN, Service.API),
            },
        },
        "grafana": _grafana(layout),
    }


def merged(theirs: Mapping[str, Any], ours: Mapping[str, Any]) -> dict[str, Any]:
    """Ours where both speak of the same. What says how something is reached is ours whole: two halves would not fit.

    Of Grafana the languages are theirs.
    """
    found = dict(theirs)
    for name, value in ours.items():
        old = found.get(name)
        found[name] = {**_kept(name, old), **value} if isinstance(old, Mapping) else value
    return found


def _kept(name: str, theirs: Mapping[str, Any]) -> Mapping[str, Any]:
    """What of a section stays."""
    match name:
        case "alerts" | "api":
            return theirs
        case "grafana":
            return {key: value for key, value in theirs.items() if key == "languages"}
        case _:
            return {}


def _store(layout: Layout) -> Mapping[str, Any]:
    where = layout.inner[Door.INFLUXDB]
    found: dict[str, Any] = {"kind": "influxdb", "url": where.url}
    if where.scheme == "https":
        found["ca"] = _path(layout, Secret.CA)
    match layout.influxdb:
        case InfluxForm.V2:
            token = _path(layout, Secret.INFLUXDB_CARETAKER_TOKEN)
            return found | {"org": ORG, "bucket": BUCKET, "token_file": token}
        case InfluxForm.V1:
            password = _path(layout, Secret.INFLUXDB_CARETAKER_PASSWORD)
            return found | {"bucket": f"{BUCKET}/{POLICY}", "username": WRITER, "password_file": password}


def _port(layout: Layout, door: Door, token: Secret) -> Mapping[str, Any]:
    return {
        "host": layout.bound[door],
        "port": layout.inner[door].port,
        "token_file": _path(layout, token, Service(door)),
    }


def _grafana(layout: Layout) -> Mapping[str, Any]:
    """Addresses and files as Grafana sees them."""
    influxdb, prometheus = layout.inner[Door.INFLUXDB], layout.inner[Door.PROMETHEUS]
    source: dict[str, Any] = {"url": influxdb.url}
    if influxdb.scheme == "https":
        source["ca"] = _path(layout, Secret.CA, Service.GRAFANA)
    match layout.influxdb:
        case InfluxForm.V2:
            source["token_file"] = _path(layout, Secret.INFLUXDB_GRAFANA_TOKEN, Service.GRAFANA)
        case InfluxForm.V1:
            source["username"] = READER
            source["password_file"] = _path(layout, Secret.INFLUXDB_GRAFANA_PASSWORD, Service.GRAFANA)
    metrics: dict[str, Any] = {"url": prometheus.url}
    if layout.form is Form.COMPOSE:
        # A network of containers that nobody else is in.
        metrics["insecure"] = True
    return {
        "url": layout.inner[Door.GRAFANA].url,
        "public_url": layout.outer(Door.GRAFANA).url,
        "ca": _path(layout, Secret.CA),
        "influxdb": source,
        "prometheus": metrics,
    }


def _path(layout: Layout, secret: Secret, reader: Service = Service.INGESTOR) -> str:
    path: Path = layout.seen.secret(secret, reader)
    return str(path)
