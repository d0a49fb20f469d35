"""The section `grafana` of `caretaker.yaml`: where Grafana is, and what it is told about our store."""

from pathlib import Path
from typing import Literal, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, HttpUrl, SecretStr, field_validator, model_validator
from pydantic_settings import SettingsConfigDict

from telemetry.document import Section
from telemetry.loopback import is_loopback
from telemetry.service.settings import ServiceSettings, read_settings
from telemetry.stores.settings import SqliteSettings, StoreSettings

BOARD_URL = "http://127.0.0.1:8088"
"""Where the API answers unless its settings say otherwise."""

Language = Literal["en", "zh-Hant"]


class Reached(Section):
    """Something that is called over HTTP."""

    # Errors must not show what stands in the fields beside the faulty one.
    model_config = ConfigDict(hide_input_in_errors=True)

    url: str | None = None
    """As in `https://example.org:8086`. Plain http only to loopback, see `insecure`."""
    ca: Path | None = None
    """File with the certificate authorities to trust, PEM. None: the system's."""
    insecure: bool = False
    """True: allow plain http to another machine. Credentials and data then cross the network in the clear."""

    @field_validator("url")
    @classmethod
    def _is_an_address(cls, url: str | None) -> str | None:
        if url is None or "@" in url:  # the latter is refused below, where the message shows no value
            return url
        try:
            parts = urlsplit(url)
            is_whole = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0
        except ValueError:  # of a bracket or a port
            is_whole = False
        if not is_whole or parts.query or parts.fragment:
            raise ValueError("an address such as https://example.org:8086")
        return url.rstrip("/")

    @model_validator(mode="after")
    def _is_safe(self) -> Self:
        if self.url is None:
            return self
        if "@" in self.url:
            raise ValueError("credentials in fields of their own, not in `url`")
        parts = urlsplit(self.url)
        if parts.scheme == "http" and not self.insecure and not is_loopback(parts.hostname or ""):
            raise ValueError(
                "https in `url`, because plain http to another machine sends credentials and data in the clear; "
                "where the network itself is protected, `insecure: true`"
            )
        return self


class InfluxSource(Reached):
    """How Grafana reaches InfluxDB, where that differs from how we do.

    What is left out is the store's own. Its credentials, which write, are taken only where a person says so.
    """

    ca: Path | None = None
    """File with the certificate authorities to trust, PEM. None: the store's where `url` is left out, else the
    system's. `render` names it as it is written here."""
    bucket: str | None = Field(default=None, min_length=1)
    """2.x: the bucket's name; 1.x: the database. None: the store's."""
    token: SecretStr | None = None
    """2.x: an API token that may read the bucket and nothing else: whoever opens a dashboard queries with it, also by
    a link that somebody else made."""
    token_file: Path | None = None
    """A file that holds nothing but the token. `render` names it as it is written here, so as Grafana sees it."""
    username: str | None = None
    """1.x: a user who may read the database and nothing else."""
    password: SecretStr | None = None
    """1.x: the user's password."""
    password_file: Path | None = None
    """A file that holds nothing but the password; for `render` as Grafana sees it."""

    @model_validator(mode="after")
    def _is_consistent(self) -> Self:
        ways = [self.token, self.token_file, self.password, self.password_file]
        if sum(way is not None for way in ways) > 1:
            raise ValueError("one of `token` and `token_file` (2.x), or one of `password` and `password_file` (1.x)")
        if (self.username is None) != (self.password is None and self.password_file is None):
            raise ValueError("`username` together with `password` or `password_file`")
        return self


class PrometheusSource(Reached):
    """The Prometheus that collects the metrics of our services."""

    url: str = Field(description="its address, such as https://prometheus.example.org:9090")


class GrafanaSettings(Reached):
    """The section `grafana`."""

    url: str | None = None
    """Where Grafana is, with the sub-path where it has one. None: `--url` says it."""
    public_url: HttpUrl | None = None
    """As browsers reach it, where that is another address: the board's links lead there. None: `url`."""
    token: SecretStr | None = None
    """A service account's token. Better from `token_file`, or from CARETAKER_GRAFANA__TOKEN."""
    token_file: Path | None = None
    """A file that holds nothing but the token."""
    influxdb: InfluxSource = InfluxSource()
    prometheus: PrometheusSource | None = None
    """None: the dashboard of the platform itself is left out."""
    board_url: str | None = None
    """Where the board is for whoever looks at a dashboard: links lead there. None: `alerts.public_url`, else this
    machine."""
    languages: tuple[Language, ...] = Field(default=("en", "zh-Hant"), min_length=1)
    """Each has a folder of its own."""

    @field_validator("board_url")
    @classmethod
    def _is_a_page(cls, url: str | None) -> str | None:
        # Checked, not kept as pydantic's own type, which adds a slash.
        return None if url is None else str(HttpUrl(url)).rstrip("/")

    @field_validator("languages")
    @classmethod
    def _once_each(cls, languages: tuple[Language, ...]) -> tuple[Language, ...]:
        return tuple(dict.fromkeys(languages))

    @model_validator(mode="after")
    def _one_token(self) -> Self:
        if self.token is not None and self.token_file is not None:
            raise ValueError("one of `token` and `token_file`, not both")
        return self


class PublicAddress(BaseModel):
    """What of the section `alerts` matters here."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    public_url: HttpUrl | None = None


class Settings(ServiceSettings):
    """What dashboards need of `caretaker.yaml`; the environment goes first, as in `CARETAKER_GRAFANA__TOKEN`."""

    model_config = SettingsConfigDict(extra="ignore")

    store: StoreSettings = SqliteSettings()
    alerts: PublicAddress = PublicAddress()
    grafana: GrafanaSettings = GrafanaSettings()

    @property
    def board_url(self) -> str:
        """Where links to the board lead; no slash at the end."""
        if self.grafana.board_url is not None:
            return self.grafana.board_url
        return BOARD_URL if self.alerts.public_url is None else str(self.alerts.public_url).rstrip("/")


def load_settings(config: Path) -> Settings:
    """The settings in `config`/caretaker.yaml. No file: the defaults.

    Sections of other services are passed over; `caretaker check` reads every service's. Raises `DocumentError`.
    """
    return read_settings(Settings, config)
