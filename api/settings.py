"""The settings of the API and the board: their part of `caretaker.yaml`."""

from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Literal, Self
from urllib.parse import urlsplit

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    FilePath,
    HttpUrl,
    PositiveInt,
    SecretStr,
    field_validator,
    model_validator,
)
from pydantic_settings import SettingsConfigDict

from telemetry.loopback import is_loopback
from telemetry.mqtt.session import SessionSettings, Subscription
from telemetry.mqtt.settings import BrokerSettings
from telemetry.secret import check_secret, secret_of
from telemetry.service.settings import ServiceSettings, read_settings
from telemetry.stores.settings import SqliteSettings, StoreSettings
from telemetry.topics import Channel, filters


class TlsFiles(BaseModel):
    """What a server needs to speak TLS."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    certificate: FilePath
    """PEM file, with the authorities between it and the root."""
    key: FilePath


class ApiSession(SessionSettings):
    """The session with the broker; its client id is nobody else's. Short: what was missed is history."""

    client_id: str = Field(default="caretaker-api", min_length=1, max_length=64)
    session_expiry_s: int = Field(default=60, ge=60)


class IngestorPort(BaseModel):
    """Where the ingestor answers: it has the quarantine."""

    # Errors must not show what stands in the fields beside the faulty one.
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    url: HttpUrl = HttpUrl("http://127.0.0.1:9464")
    token: SecretStr | None = None
    """The ingestor's `http.token`, if it has one."""
    token_file: FilePath | None = None
    """A file that holds nothing but the token."""

    def secret(self) -> str | None:
        """The token, wherever it stands."""
        return secret_of(self.token, self.token_file)

    @model_validator(mode="after")
    def _has_one(self) -> Self:
        check_secret("token", self.token, self.token_file)
        return self


class ApiSettings(BaseModel):
    """The section `api`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    host: str = "127.0.0.1"
    port: int = Field(default=8088, ge=0, le=65535)
    """0: any that is free; it is logged."""
    tls: TlsFiles | None = None
    """Needed for anything but loopback, unless a proxy does it."""
    proxies: tuple[IPv4Network | IPv6Network, ...] = ()
    """Reverse proxies that end TLS for us: their `X-Forwarded-For` and `-Proto` are believed, nobody else's."""
    names: tuple[str, ...] = ()
    """Host names under which it is reached, such as caretaker.example.org. Requests to any other name are refused."""
    origins: tuple[str, ...] = ()
    """Origins of other web pages that may use the API with a key of their own, as in https://example.org."""
    session: ApiSession = ApiSession()
    subscriptions: tuple[Subscription, ...] = (
        *(Subscription(filter=filters(channel)) for channel in (Channel.READINGS, Channel.DERIVED, Channel.ALERTS)),
        Subscription(filter=filters(Channel.STATUS), retained=True),
    )
    ingestor: IngestorPort = IngestorPort()
    database: Path | None = None
    """Keys, signed-in browsers, the audit log. None: `api/access.db` in the data folder."""
    sign_in: SecretStr | None = Field(default=None, min_length=16)
    """Whoever opens `/enter?token=…` with it is signed in as admin: `caretaker up` makes one at each start. Only for
    loopback."""
    signed_in_days: PositiveInt = 14
    """How long a browser stays signed in after it was last used."""
    requests_per_minute: PositiveInt = 1_200
    """For each key and for each address; beyond it 429. A twentieth of it pages of the board."""

    @model_validator(mode="after")
    def _safe(self) -> Self:
        if is_loopback(self.host):
            return self
        if self.sign_in is not None:
            raise ValueError(f"`sign_in` is for loopback only, and {self.host} can be reached from other machines")
        if self.tls is None and not self.proxies:
            raise ValueError(
                f"{self.host} can be reached from other machines: set `tls`, or `proxies` where one ends TLS for us"
            )
        return self


class GrafanaAddress(BaseModel):
    """What of the section `grafana` matters here: where the board's links to dashboards lead."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    url: str | None = None
    """Where Grafana is, with the sub-path where it has one. None: the board has no such links."""
    public_url: str | None = None
    """As browsers reach it, where that is another address than ours. None: `url`."""
    languages: tuple[Literal["en", "zh-Hant"], ...] = Field(default=("en", "zh-Hant"), min_length=1)
    """Those that have dashboards."""

    @property
    def shown_url(self) -> str | None:
        """Where the links lead."""
        return self.public_url or self.url

    @field_validator("url", "public_url")
    @classmethod
    def _is_an_address(cls, url: str | None) -> str | None:
        if url is None or "@" in url:  # the latter is refused below, where the message shows no value
            return url
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.fragment:
            raise ValueError("an address such as https://grafana.example.org")
        return url.rstrip("/")

    @model_validator(mode="after")
    def _shows_no_secret(self) -> Self:
        if "@" in (self.url or "") or "@" in (self.public_url or ""):
            raise ValueError("no user or password in `url` and `public_url`: everybody who opens the board is shown it")
        return self


class Settings(ServiceSettings):
    """What the API reads of `caretaker.yaml`; the environment goes first, as in `CARETAKER_API__PORT`."""

    model_config = SettingsConfigDict(extra="ignore")

    broker: BrokerSettings = BrokerSettings()
    store: StoreSettings = SqliteSettings()
    api: ApiSettings = ApiSettings()
    grafana: GrafanaAddress = GrafanaAddress()
    max_age_days: float = Field(default=30, gt=0)
    max_future_s: float = Field(default=300, ge=0)


def load_settings(config: Path, data: Path) -> Settings:
    """The settings in `config`/caretaker.yaml, paths filled in below `data`. No file: the defaults.

    Sections of other services are passed over; `caretaker check` reads every service's. Raises `DocumentError`.
    """
    settings = read_settings(Settings, config)
    if settings.api.database is None:
        api = settings.api.model_copy(update={"database": data / "api" / "access.db"})
        settings = settings.model_copy(update={"api": api})
    return settings
