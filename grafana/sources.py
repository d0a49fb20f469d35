"""The data sources that dashboards read, as documents for Grafana's API and for its provisioning files.

After Grafana's documentation of provisioning, "InfluxDB 2.x for InfluxQL" and "InfluxDB 1.x". A secret goes into
`secureJsonData`, which Grafana encrypts and never gives out again.
"""

from collections.abc import Callable, Mapping, Sequence
from enum import Enum, auto
from pathlib import Path
from typing import Any

from msgspec import Struct
from pydantic import SecretStr

from grafana.settings import GrafanaSettings, InfluxSource, PrometheusSource, Settings
from telemetry.secret import secret_of
from telemetry.stores.settings import InfluxSettings

INFLUXDB_UID = "caretaker-influxdb"
PROMETHEUS_UID = "caretaker-prometheus"
SERIES_MOST = 10_000
"""Grafana draws 1,000 series a query unless told otherwise; a city has more."""


class SourceError(Exception):
    """A data source cannot be described; the text says why and how to mend it."""


class Secret(Struct, frozen=True):
    """A secret, given as itself or as the file that holds it."""

    name: str
    """The setting's, for what is said about it."""
    value: SecretStr | None = None
    file: Path | None = None


class Source(Struct, frozen=True):
    """One data source."""

    uid: str
    document: Mapping[str, Any]
    """Without secrets, as Grafana's API takes and gives it."""
    secrets: Mapping[str, str]
    """`secureJsonData`."""

    @property
    def name(self) -> str:
        """How people see it in Grafana."""
        return str(self.document["name"])


class Whose(Enum):
    """With whose credentials Grafana asks InfluxDB, and so whoever opens a dashboard or follows a link to one."""

    ITS_OWN = auto()
    """Those of `grafana.influxdb`."""
    THE_STORES = auto()
    """Those with which we write: a query with them can delete."""
    NOBODYS = auto()
    """None are known: an InfluxDB that asks for none lets everybody do everything."""


Telling = Callable[[Secret], str]
"""How a secret is told: itself, or where Grafana finds it."""


def spoken(secret: Secret) -> str:
    """The secret itself, for Grafana's API. Raises `SourceError` where its file cannot be read."""
    try:
        text = (secret_of(secret.value, secret.file) or "").strip()
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is no text"
        raise SourceError(f"{secret.name}: {secret.file} can't be read: {why}") from error
    if not text:
        raise SourceError(f"{secret.name} is empty")
    return text


def referred(secret: Secret) -> str:
    """A reference that Grafana replaces by the file's content, for its provisioning files.

    Raises `SourceError` where there is no file: files for provisioning hold no secrets.
    """
    if secret.file is None:
        raise SourceError(
            f"{secret.name} stands in the settings as itself, and files for provisioning hold no secrets: "
            "put it into a file and name that, as `token_file` or `password_file`"
        )
    if "}" in str(secret.file):
        raise SourceError(f"{secret.name}: Grafana can't read a file with a }} in its name")
    return f"$__file{{{secret.file}}}"


def sources(settings: Settings, tell: Telling) -> Sequence[Source]:
    """The data sources of a deployment: InfluxDB, and Prometheus where there is one. Raises `SourceError`."""
    found = [_influxdb(settings, tell)]
    if settings.grafana.prometheus is not None:
        found.append(_prometheus(settings.grafana.prometheus, tell))
    return found


def whose_credentials(settings: Settings) -> Whose:
    """Whose credentials Grafana is given."""
    if _credentials(settings.grafana.influxdb):
        return Whose.ITS_OWN
    store = settings.store
    return Whose.THE_STORES if isinstance(store, InfluxSettings) and _credentials_of(store) else Whose.NOBODYS


def _influxdb(settings: Settings, tell: Telling) -> Source:
    asked, store = settings.grafana.influxdb, settings.store
    if isinstance(store, InfluxSettings):
        url = asked.url or store.url
        bucket = asked.bucket or store.bucket
        ca = asked.ca if asked.url or asked.ca else store.ca
        secret = _credentials(asked) or _credentials_of(store)
        username = asked.username if _credentials(asked) else store.username
    elif asked.url and asked.bucket:
        url, bucket, ca, secret, username = asked.url, asked.bucket, asked.ca, _credentials(asked), asked.username
    else:
        raise SourceError(
            "the store is SQLite, which Grafana can't read: the dashboards need `store: {kind: influxdb, url: …}`"
        )
    plain: dict[str, Any] = {"version": "InfluxQL", "dbName": _database(bucket)}
    # POST: a query that names a thousand devices is longer than the address that a proxy lets pass.
    plain |= {"httpMode": "POST", "maxSeries": SERIES_MOST}
    secrets: dict[str, str] = {}
    if secret is not None and username is None:
        plain["httpHeaderName1"] = "Authorization"
        secrets["httpHeaderValue1"] = f"Token {tell(secret)}"
    elif secret is not None:
        secrets["password"] = tell(secret)
    document = {
        "name": "Caretaker InfluxDB",
        "type": "influxdb",
        "access": "proxy",
        "url": url,
        "user": username or "",
        # 9.3 reads it here, newer versions as `dbName`.
        "database": _database(bucket),
        "basicAuth": False,
        "jsonData": plain,
    }
    return _trusting(Source(INFLUXDB_UID, document, secrets), ca, tell)


def _prometheus(asked: PrometheusSource, tell: Telling) -> Source:
    document = {
        "name": "Caretaker Prometheus",
        "type": "prometheus",
        "access": "proxy",
        "url": asked.url,
        "user": "",
        "database": "",
        "basicAuth": False,
        "jsonData": {"httpMode": "POST"},
    }
    return _trusting(Source(PROMETHEUS_UID, document, {}), asked.ca, tell)


def _trusting(source: Source, ca: Path | None, tell: Telling) -> Source:
    """The source with the authority that signed the certificate it is shown."""
    if ca is None:
        return source
    authority = {"tlsCACert": tell(Secret("ca", file=ca))}
    plain = {**source.document["jsonData"], "tlsAuthWithCACert": True}
    return Source(source.uid, {**source.document, "jsonData": plain}, {**source.secrets, **authority})


def _database(bucket: str) -> str:
    """What InfluxQL calls a bucket. A retention policy cannot be named to Grafana: it reads the database's default."""
    return bucket.partition("/")[0]


def _credentials(asked: InfluxSource | GrafanaSettings) -> Secret | None:
    if asked.token is not None or asked.token_file is not None:
        place = "grafana.token" if isinstance(asked, GrafanaSettings) else "grafana.influxdb.token"
        return Secret(place, asked.token, asked.token_file)
    if isinstance(asked, InfluxSource) and (asked.password is not None or asked.password_file is not None):
        return Secret("grafana.influxdb.password", asked.password, asked.password_file)
    return None


def _credentials_of(store: InfluxSettings) -> Secret | None:
    if store.token is not None or store.token_file is not None:
        return Secret("store.token", store.token, store.token_file)
    if store.password is not None or store.password_file is not None:
        return Secret("store.password", store.password, store.password_file)
    return None


def grafana_token(settings: GrafanaSettings) -> str | None:
    """With which we call Grafana; None: none is given. Raises `SourceError`."""
    secret = _credentials(settings)
    return None if secret is None else spoken(secret)
