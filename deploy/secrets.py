"""What is secret, who reads it, and how it is made. Nothing here has a default: each deployment makes its own."""

import secrets
from collections.abc import Mapping, Sequence

from deploy.layout import Door, Form, InfluxForm, Layout, Secret, Service
from deploy.private import make_private, write_private

TOKEN_BYTES = 32
_OURS = (Service.INGESTOR, Service.ALERTS, Service.API)
_EVERYBODY = tuple(Service)
READERS: Mapping[Secret, Sequence[Service]] = {
    Secret.CA: _EVERYBODY,
    Secret.CA_KEY: (),
    Secret.MOSQUITTO_CERTIFICATE: (Service.MOSQUITTO,),
    Secret.MOSQUITTO_KEY: (Service.MOSQUITTO,),
    Secret.INFLUXDB_CERTIFICATE: (Service.INFLUXDB,),
    Secret.INFLUXDB_KEY: (Service.INFLUXDB,),
    Secret.API_CERTIFICATE: (Service.API,),
    Secret.API_KEY: (Service.API,),
    Secret.GRAFANA_CERTIFICATE: (Service.GRAFANA,),
    Secret.GRAFANA_KEY: (Service.GRAFANA,),
    Secret.MQTT_INGESTOR: (Service.INGESTOR,),
    Secret.MQTT_ALERTS: (Service.ALERTS,),
    Secret.MQTT_API: (Service.API,),
    Secret.MQTT_DOCTOR: (Service.DOCTOR,),
    Secret.MQTT_CHECK_DEVICE: (Service.DOCTOR,),
    Secret.INFLUXDB_ADMIN_PASSWORD: (Service.INFLUXDB,),
    Secret.INFLUXDB_ADMIN_TOKEN: (Service.INFLUXDB,),
    # The alerts read the store for `rules backtest` only, but their settings name it.
    Secret.INFLUXDB_CARETAKER_TOKEN: _OURS,
    Secret.INFLUXDB_CARETAKER_PASSWORD: _OURS,
    Secret.INFLUXDB_GRAFANA_TOKEN: (Service.GRAFANA,),
    Secret.INFLUXDB_GRAFANA_PASSWORD: (Service.GRAFANA,),
    Secret.GRAFANA_ADMIN_PASSWORD: (Service.GRAFANA,),
    Secret.GRAFANA_SECRET: (Service.GRAFANA,),
    Secret.INGESTOR_HTTP_TOKEN: (Service.INGESTOR, Service.API, Service.PROMETHEUS),
    # The API asks the alert service nothing, but it reads the settings of it, which name the file.
    Secret.ALERTS_HTTP_TOKEN: (Service.ALERTS, Service.API, Service.PROMETHEUS),
    Secret.API_METRICS: (Service.PROMETHEUS,),
}
"""The doctor reads all of them, by the folder in which `init` keeps them: it is run by who owns the deployment."""

SIGNED = frozenset(
    {
        Secret.CA,
        Secret.CA_KEY,
        Secret.MOSQUITTO_CERTIFICATE,
        Secret.MOSQUITTO_KEY,
        Secret.INFLUXDB_CERTIFICATE,
        Secret.INFLUXDB_KEY,
        Secret.API_CERTIFICATE,
        Secret.API_KEY,
        Secret.GRAFANA_CERTIFICATE,
        Secret.GRAFANA_KEY,
    }
)
"""Made by the authority."""
GRANTED = frozenset({Secret.INFLUXDB_CARETAKER_TOKEN, Secret.INFLUXDB_GRAFANA_TOKEN, Secret.API_METRICS})
"""Made by who checks them: InfluxDB's tokens by `provision`, once it runs; the API's key in its database."""
_BY_INFLUXDB: Mapping[InfluxForm, frozenset[Secret]] = {
    InfluxForm.V1: frozenset({Secret.INFLUXDB_CARETAKER_PASSWORD, Secret.INFLUXDB_GRAFANA_PASSWORD}),
    InfluxForm.V2: frozenset(
        {Secret.INFLUXDB_ADMIN_TOKEN, Secret.INFLUXDB_CARETAKER_TOKEN, Secret.INFLUXDB_GRAFANA_TOKEN}
    ),
}


def needed(layout: Layout) -> Sequence[Secret]:
    """What this deployment has, in the order of the enum."""
    others = frozenset[Secret]().union(*(kinds for form, kinds in _BY_INFLUXDB.items() if form is not layout.influxdb))
    if layout.inner[Door.INFLUXDB].scheme == "http":
        others |= {Secret.INFLUXDB_CERTIFICATE, Secret.INFLUXDB_KEY}
    return [secret for secret in Secret if secret not in others]


def make_missing(layout: Layout) -> Sequence[Secret]:
    """Make what is random and not there yet; what was made. Raises `OSError`."""
    make_private(layout.folder / "secrets")
    made = [one for one in needed(layout) if one not in SIGNED | GRANTED and not layout.kept(one).exists()]
    for secret in made:
        write_private(layout.kept(secret), secrets.token_urlsafe(TOKEN_BYTES))
    return made


def hand_out(layout: Layout) -> None:
    """For systemd: stage a copy of each secret where the services look that read it. Raises `OSError`.

    Not InfluxDB's own: the machine's has no settings of ours, and the admin's credentials are read here alone.
    """
    if layout.form is not Form.SYSTEMD:
        return
    for secret in needed(layout):
        kept = layout.kept(secret)
        for folder in {layout.staged.secrets[reader] for reader in READERS[secret] if reader is not Service.INFLUXDB}:
            if kept.exists():
                make_private(folder)
                write_private(folder / secret, kept.read_bytes())
