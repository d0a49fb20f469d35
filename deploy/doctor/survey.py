"""What there is to examine, from the configuration, the deployment's folder and what `caretaker up` has left."""

import base64
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from alerts import settings as alerts
from api import settings as api
from deploy.access import PASSWORDS, MqttUser
from deploy.doctor.asked import is_sendable
from deploy.doctor.embedded import LOOPBACK, Embedded, find_embedded
from deploy.doctor.place import (
    DeviceLogin,
    GrafanaLogin,
    Ground,
    Lacking,
    Machine,
    Part,
)
from deploy.layout import Door, Form, Layout, Secret, Service
from deploy.probe import CHECK_DEVICE, CHECK_METRIC, CHECK_SITE
from grafana import settings as grafana
from grafana.sources import SourceError, grafana_token
from ingestor import settings as ingestor
from telemetry.mqtt.settings import BrokerSettings
from telemetry.registry.load import load_registry
from telemetry.registry.models import Registry
from telemetry.stores.settings import InfluxSettings

EVERY_INTERFACE = frozenset({"0.0.0.0", "::"})  # noqa: S104 - to listen on, not to call
BACKUPS_OF_MACHINE = Path("/var/backups/caretaker")
MQTT_PORT, MQTTS_PORT = 1883, 8883
GRAFANA_ADMIN = "admin"
DOORS = {Part.INGESTOR: Door.INGESTOR, Part.ALERTS: Door.ALERTS, Part.API: Door.API, Part.GRAFANA: Door.GRAFANA}
ADD_DEVICE = (
    f"add the site {CHECK_SITE} and in it the device {CHECK_DEVICE} with `metrics: [{CHECK_METRIC}]`, as "
    "docs/doctor.md shows, or name another one: --device ID --username USER --password-file FILE"
)
ONE_WORD = "one word of ASCII, alone in its file"
CORRECT_TOKEN = "correct `grafana.token_file` in caretaker.yaml"  # noqa: S105 - a sentence


class SurveyError(Exception):
    """What was asked for can't be; the message says why."""


@dataclass(frozen=True)
class Wishes:
    """What whoever runs the check says besides."""

    layout: Layout | None = None
    device: str | None = None
    username: str | None = None
    """Of the device at the broker; None: its id."""
    password_file: Path | None = None
    key_file: Path | None = None
    backups: Path | None = None
    urls: Mapping[Part, str] = field(default_factory=dict)
    """Addresses that differ from the configuration's."""
    machine: Machine = field(default_factory=Machine)


def survey(config: Path, data: Path, wishes: Wishes) -> Ground:
    """Raises `DocumentError` where registry or settings can't be read, `SurveyError`, `OSError`."""
    registry = load_registry(config)
    settings = ingestor.load_settings(config, data)
    api_settings = api.load_settings(config, data)
    alert_settings = alerts.load_settings(config, data)
    layout, embedded = wishes.layout, find_embedded(data)
    broker = settings.broker if embedded is None else embedded.broker(MqttUser.INGESTOR)
    if layout is not None:  # where each service is told by its environment who it is
        broker = _user(layout, broker, MqttUser.INGESTOR)
    urls = _urls(settings, alert_settings, api_settings, grafana.load_settings(config), layout, embedded)
    urls = {**urls, **{part: url for part, url in wishes.urls.items() if part is not Part.BROKER}}
    ca = broker.ca
    if layout is not None:
        ca = _secret(layout, Secret.CA)
    return Ground(
        config=config,
        data=data,
        registry=registry,
        ingestor=settings,
        alerts=alert_settings,
        api=api_settings,
        urls=urls,
        broker=broker,
        by_certificate=None if layout is None else _door(layout, broker, Door.MQTT_CERTIFICATES),
        doctor=broker if layout is None else _user(layout, broker, MqttUser.DOCTOR),
        device=_device(registry, broker, wishes, embedded),
        grafana=_grafana(config, urls, layout, ca),
        layout=layout,
        ca=ca,
        is_up=embedded is not None,
        key_file=None if wishes.key_file is None else _with_a_key(wishes.key_file),
        secrets=tuple(_secrets(settings, alert_settings, api_settings, data)),
        backups=wishes.backups or (None if layout is None else _backups(layout)),
        machine=wishes.machine,
    )


def _with_a_key(file: Path) -> Path:
    """The file, if what it holds can be sent. Raises `SurveyError`."""
    try:
        key = file.read_text(encoding="ascii").strip()
    except UnicodeDecodeError:
        key = ""
    if not is_sendable(key):
        raise SurveyError(f"{file} holds no key of the API: it is {ONE_WORD}")
    return file


def _backups(layout: Layout) -> Path:
    """Where `manage backup`, or the timer, puts them."""
    return BACKUPS_OF_MACHINE if layout.form is Form.SYSTEMD else layout.folder / "backups"


def _urls(
    settings: ingestor.Settings,
    alert_settings: alerts.Settings,
    api_settings: api.Settings,
    grafana_settings: grafana.Settings,
    layout: Layout | None,
    embedded: Embedded | None,
) -> Mapping[Part, str]:
    elsewhere = grafana_settings.grafana.url
    if layout is not None:
        known = {part: layout.inner[door].url for part, door in DOORS.items()}
        return known | ({} if elsewhere is None else {Part.GRAFANA: elsewhere})
    if embedded is not None:  # which goes by its own ports, whatever the configuration says for production
        ports = {
            Part.INGESTOR: embedded.ports.ingestor,
            Part.ALERTS: embedded.ports.alerts,
            Part.API: embedded.ports.api,
        }
        return {part: _url("http", LOOPBACK, port) for part, port in ports.items()}
    http, alerts_http, serves = settings.http, alert_settings.alerts.http, api_settings.api
    scheme = "http" if serves.tls is None else "https"
    found = {
        Part.INGESTOR: _url("http", http.host, http.port),
        Part.ALERTS: _url("http", alerts_http.host, alerts_http.port),
        # A certificate names names, seldom the loopback.
        Part.API: _url(scheme, serves.names[0] if serves.tls and serves.names else serves.host, serves.port),
    }
    return found | ({} if elsewhere is None else {Part.GRAFANA: elsewhere})


def _url(scheme: str, host: str, port: int) -> str:
    host = LOOPBACK if host in EVERY_INTERFACE else host
    return f"{scheme}://{f'[{host}]' if ':' in host else host}:{port}"


def _user(layout: Layout, broker: BrokerSettings, user: MqttUser) -> BrokerSettings:
    """The same door for another user of ours. Raises `SurveyError`."""
    return _login(broker, user, _kept(layout, PASSWORDS[user]))


def _door(layout: Layout, broker: BrokerSettings, door: Door) -> BrokerSettings:
    """Another of the broker's doors, for the same user."""
    endpoint = layout.inner[door]
    new = {"host": endpoint.host, "port": endpoint.port, "tls": True, "ca": _kept(layout, Secret.CA)}
    return broker.model_copy(update=new)


def _device(
    registry: Registry, broker: BrokerSettings, wishes: Wishes, embedded: Embedded | None
) -> DeviceLogin | Lacking:
    name, layout = wishes.device or CHECK_DEVICE, wishes.layout
    device = registry.devices.get(name)
    if device is None:
        if wishes.device is not None:
            raise SurveyError(f"there is no device {name} in the configuration")
        return Lacking("there is no device for test readings in the configuration", ADD_DEVICE)
    if CHECK_METRIC not in device.metrics:
        why = f"{name} has no {CHECK_METRIC}, and other values of a real device must not be made up"
        return Lacking(why, f"add {CHECK_METRIC} to the metrics of {name}")
    door = broker if layout is None else _door(layout, broker, Door.MQTT_DEVICES)
    if Part.BROKER in wishes.urls:
        door = _at(door, wishes.urls[Part.BROKER])
    file = wishes.password_file
    if file is None and layout is not None and wishes.device is None:
        file = _secret(layout, Secret.MQTT_CHECK_DEVICE)
    if file is not None:
        return DeviceLogin(device, _login(door, wishes.username or name, file))
    if embedded is not None:
        return DeviceLogin(device, embedded.broker(name))
    if broker.username is None and broker.certificate is None:
        return DeviceLogin(device, door)
    return Lacking(f"the password of {name} at the broker is not known", "--password-file FILE")


def _at(door: BrokerSettings, url: str) -> BrokerSettings:
    parts = urlsplit(url)
    if parts.scheme not in {"mqtt", "mqtts"} or parts.hostname is None:
        raise SurveyError("the broker's address is as in mqtts://mqtt.example.org:8883")
    tls = parts.scheme == "mqtts"
    new = {
        "host": parts.hostname,
        "port": parts.port or (MQTTS_PORT if tls else MQTT_PORT),
        "tls": tls,
        "ca": door.ca if tls else None,
    }
    return door.model_copy(update=new)


def _login(door: BrokerSettings, username: str, password_file: Path) -> BrokerSettings:
    new = {
        "username": username,
        "password": None,
        "password_file": password_file,
        "certificate": None,
        "key": None,
        "tls": door.encrypted,
    }
    return door.model_copy(update=new)


def _grafana(config: Path, urls: Mapping[Part, str], layout: Layout | None, ca: Path | None) -> GrafanaLogin | Lacking:
    settings = grafana.load_settings(config).grafana
    url = urls.get(Part.GRAFANA)
    if url is None:
        return Lacking("no address of a Grafana is known", "`grafana.url` in caretaker.yaml")
    try:
        token = grafana_token(settings)
    except SourceError as error:
        return Lacking(str(error), CORRECT_TOKEN)
    if token is not None and not is_sendable(token):
        return Lacking(f"the token of Grafana can't be sent: it is {ONE_WORD}", CORRECT_TOKEN)
    if token is not None:
        return GrafanaLogin(url, f"Bearer {token}", settings.ca or ca)
    file = None if layout is None else _secret(layout, Secret.GRAFANA_ADMIN_PASSWORD)
    if file is None:
        return Lacking("no token of Grafana is known", "`grafana.token_file` in caretaker.yaml")
    pair = f"{GRAFANA_ADMIN}:{file.read_text(encoding='utf-8').strip()}"
    header = f"Basic {base64.b64encode(pair.encode()).decode('ascii')}"
    return GrafanaLogin(url, header, settings.ca or ca)


def _secret(layout: Layout, secret: Secret) -> Path | None:
    """The file as we see it: in a container, on the machine, or in the deployment's folder."""
    candidates = (
        layout.seen.secret(secret, Service.DOCTOR),
        layout.installed.secret(secret, Service.DOCTOR),
        layout.kept(secret),
    )
    return next((path for path in candidates if path.exists()), None)


def _kept(layout: Layout, secret: Secret) -> Path:
    """As `_secret`. Raises `SurveyError` where it is nowhere."""
    found = _secret(layout, secret)
    if found is None:
        raise SurveyError(f"there is no {secret} in {layout.folder}: `caretaker deploy init` makes it again")
    return found


def _secrets(
    settings: ingestor.Settings, alert_settings: alerts.Settings, api_settings: api.Settings, data: Path
) -> Iterator[Path]:
    """Named in the settings, and made by us in the data folder."""
    store, smtp, tls = settings.store, alert_settings.alerts.smtp, api_settings.api.tls
    named = [settings.broker.password_file, settings.broker.key, settings.http.token_file]
    named += [alert_settings.alerts.http.token_file, api_settings.api.ingestor.token_file]
    named += [smtp.password_file if smtp is not None else None, tls.key if tls is not None else None]
    if isinstance(store, InfluxSettings):
        named += [store.token_file, store.password_file]
    made = [api_settings.api.database, alert_settings.alerts.database]
    made += [data / name for name in ("credentials.csv", "broker.toml", "tls/server.key", "alerts/webhook.key")]
    yield from (file for file in (*named, *made) if file is not None)
