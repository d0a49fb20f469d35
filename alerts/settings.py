"""The settings of the alert service: its part of `caretaker.yaml`."""

from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, FilePath, HttpUrl, PositiveInt, SecretStr, model_validator
from pydantic_settings import SettingsConfigDict

from telemetry.loopback import is_loopback
from telemetry.mqtt.session import SessionSettings, Subscription
from telemetry.mqtt.settings import BrokerSettings
from telemetry.service.http import HttpSettings
from telemetry.service.settings import ServiceSettings, read_settings
from telemetry.stores.settings import SqliteSettings, StoreSettings
from telemetry.topics import Channel, filters


class PortSettings(HttpSettings):
    """The port for health and metrics."""

    port: int = Field(default=9465, ge=0, le=65535)


class SmtpSettings(BaseModel):
    """The mail server that takes our messages."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    host: str
    port: int = Field(default=587, ge=1, le=65535)
    sender: str
    """Address in From, such as alerts@example.org."""
    security: Literal["starttls", "tls", "none"] = "starttls"
    """How it is encrypted: by STARTTLS (587), from the start (465), or not, which only loopback may."""
    username: str | None = None
    password: SecretStr | None = None
    """Better from `password_file`."""
    password_file: FilePath | None = None
    """A file that holds nothing but the password."""
    ca: FilePath | None = None
    """PEM file of the authority that signed the server's certificate; None: the system's authorities."""

    @model_validator(mode="after")
    def _safe(self) -> Self:
        if self.security == "none" and not is_loopback(self.host):
            raise ValueError(f"{self.host} is not this machine: `security` has to be starttls or tls")
        if self.password is not None and self.password_file is not None:
            raise ValueError("one of `password` and `password_file`, not both")
        return self

    def secret(self) -> str | None:
        """The password, wherever it stands."""
        if self.password is not None:
            return self.password.get_secret_value()
        if self.password_file is not None:
            return self.password_file.read_text(encoding="utf-8").rstrip("\r\n")
        return None


class WebhookSettings(BaseModel):
    """How webhooks are signed, and where they may go."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    secret: SecretStr | None = None
    """The signing key, `whsec_` and Base64 of 24 to 64 bytes, as Standard Webhooks has it. None: one is made at the
    first start and kept in the data folder, in `alerts/webhook.key`."""
    allow: tuple[IPv4Network | IPv6Network, ...] = ()
    """Networks that are not public and may be reached all the same, such as 10.1.2.0/24. Loopback, private, link-local
    and metadata addresses are refused otherwise."""


class AlertSession(SessionSettings):
    """The session; its client id is never the ingestor's, or the two would throw each other out."""

    client_id: str = Field(default="caretaker-alerts", min_length=1, max_length=64)


class AlertSettings(BaseModel):
    """The section `alerts`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    session: AlertSession = AlertSession()
    subscriptions: tuple[Subscription, ...] = (
        *(Subscription(filter=filters(channel)) for channel in (Channel.READINGS, Channel.DERIVED)),
        Subscription(filter=filters(Channel.STATUS), retained=True),
    )
    database: Path | None = None
    """The file, on a local disk. None: `alerts/alerts.db` in the data folder."""
    http: PortSettings = PortSettings()
    smtp: SmtpSettings | None = None
    """None: people with a `mailto:` receiver can't be reached by it, and `caretaker check` says so."""
    webhook: WebhookSettings = WebhookSettings()
    public_url: HttpUrl | None = None
    """Where the API is reached from outside. With it messages carry a link to their alert, signed and expiring."""
    link_hours: PositiveInt = 48
    """How long such a link works."""
    heartbeat_url: SecretStr | None = None
    """Called (GET) every minute while readings arrive and are judged: a dead man's switch such as healthchecks has."""
    keep_days: PositiveInt = 400
    """How long resolved alerts, their history and delivered messages are kept."""


class Settings(ServiceSettings):
    """What the alert service reads of `caretaker.yaml`; the environment goes first, as in `CARETAKER_BROKER`."""

    model_config = SettingsConfigDict(extra="ignore")

    broker: BrokerSettings = BrokerSettings()
    store: StoreSettings = SqliteSettings()
    """Read by `rules backtest` only: judging needs no store."""
    alerts: AlertSettings = AlertSettings()
    max_age_days: float = Field(default=30, gt=0)
    max_future_s: float = Field(default=300, ge=0)


def load_settings(config: Path, data: Path) -> Settings:
    """The settings in `config`/caretaker.yaml, paths filled in below `data`. No file: the defaults.

    Sections of other services are passed over; `caretaker check` reads every service's. Raises `DocumentError`.
    """
    settings = read_settings(Settings, config)
    if settings.alerts.database is None:
        alerts = settings.alerts.model_copy(update={"database": data / "alerts" / "alerts.db"})
        settings = settings.model_copy(update={"alerts": alerts})
    return settings
