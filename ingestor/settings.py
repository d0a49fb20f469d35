"""What a person writes about the ingestor in `caretaker.yaml`. Everything has a default that is safe."""

from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, PositiveInt, model_validator

from telemetry.mqtt.session import SessionSettings, Subscription
from telemetry.mqtt.settings import BrokerSettings
from telemetry.service.http import HttpSettings
from telemetry.service.settings import ServiceSettings, read_settings
from telemetry.stores.settings import SqliteSettings, StoreSettings
from telemetry.topics import Channel, filters

DAY_S = 86_400


class JournalSettings(BaseModel):
    """Where readings are durable before they are acknowledged."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    path: Path | None = None
    """The file, on a local disk. None: `journal/journal.db` in the data folder."""
    cap_mb: PositiveInt = 2_048
    """How much may wait for the store, MiB. About 20 million readings of 6 values: at 100 a second, two days of outage.
    A full journal stops acknowledging; the broker holds what comes then."""
    quarantine_cap_mb: PositiveInt = 256
    """How much of refused messages is kept, MiB. Beyond it they are only counted, and that is alarmed."""


class PortSettings(HttpSettings):
    """The port for health, metrics and the quarantine."""

    port: int = Field(default=9464, ge=0, le=65535)


def _all_channels() -> tuple[Subscription, ...]:
    return (
        *(Subscription(filter=filters(channel)) for channel in (Channel.READINGS, Channel.DERIVED, Channel.ALERTS)),
        Subscription(filter=filters(Channel.STATUS), retained=True),
    )


class Settings(ServiceSettings):
    """The ingestor. Each field may also come from the environment, as `CARETAKER_BROKER__HOST`, which goes first."""

    broker: BrokerSettings = BrokerSettings()
    session: SessionSettings = SessionSettings()
    subscriptions: tuple[Subscription, ...] = Field(default_factory=_all_channels, min_length=1)
    """What is asked of the broker. For several ingestors: `$share/GROUP/FILTER`, or filters by site."""
    store: StoreSettings = SqliteSettings()
    journal: JournalSettings = JournalSettings()
    http: PortSettings = PortSettings()
    alerts: object = None
    """The alert service's section; it is checked there."""
    api: object = None
    """The API's; likewise."""
    grafana: object = None
    """What the dashboards are told; likewise."""
    max_age_days: float = Field(default=30, gt=0)
    """Older readings are refused, but for sites with `archive: true`. Longer than the broker keeps our session."""
    max_future_s: float = Field(default=300, ge=0)
    """Readings further ahead of their arrival are refused."""

    @model_validator(mode="after")
    def _nothing_too_old_on_its_way(self) -> Self:
        if self.max_age_days * DAY_S <= self.session.session_expiry_s:
            raise ValueError(
                f"`max_age_days` ({self.max_age_days:g}) must be longer than the broker keeps our session "
                f"({self.session.session_expiry_s / DAY_S:g} days), or what it held would be refused as too old"
            )
        return self


def load_settings(config: Path, data: Path) -> Settings:
    """The settings in `config`/caretaker.yaml, paths filled in below `data`. No file: the defaults.

    Raises `DocumentError` with every problem, by file and line.
    """
    settings = read_settings(Settings, config)
    if settings.journal.path is None:
        journal = settings.journal.model_copy(update={"path": data / "journal" / "journal.db"})
        settings = settings.model_copy(update={"journal": journal})
    return settings
