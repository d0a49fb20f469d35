"""Where answers come from: what queries are given beside their caller."""

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from alerts.desk import Rules
from api.access.audit import Audit
from api.alert_desk import AlertDesk
from api.configuration import Configuration
from api.dashboards import Dashboards
from api.live import Hub
from api.news import News
from api.now import Now
from api.settings import Settings
from telemetry.mqtt.publish import Publisher
from telemetry.mqtt.session import Session
from telemetry.registry.models import Registry
from telemetry.stores.store import StoreReader


@dataclass(frozen=True, slots=True)
class Sources:
    """Everything that can be asked. One for the whole process."""

    settings: Settings
    configuration: Configuration
    now: Now
    hub: Hub
    news: News
    store: StoreReader
    alerts: AlertDesk
    publisher: Publisher
    """For what is entered by hand: it takes the same way in as everything else."""
    audit: Audit
    session: Session
    """Its `trouble` says why nothing arrives."""
    data: Path
    """The data folder."""
    clock: Callable[[], int] = time.time_ns
    """Wall clock, ns UTC."""
    public_url: str | None = None
    """Where we are reached from outside; None: nobody has said."""
    dashboards: Dashboards | None = None
    """None: there is no Grafana that we know of."""
    defects: Counter[str] = field(default_factory=Counter)
    """Errors of our own that somebody at the board was spared, by what failed: `page` or `action`."""

    @property
    def registry(self) -> Registry:
        """In force now."""
        return self.configuration.registry

    @property
    def rules(self) -> Rules:
        """In force now."""
        return self.configuration.rules
