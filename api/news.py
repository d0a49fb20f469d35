"""News: changes of alerts, from their database to the live stream, within a quarter of a second."""

import asyncio
from collections.abc import Callable

import structlog

from alerts.desk import Desk, Transition
from api.alert_desk import AlertDesk
from api.live import Hub
from api.problem import AwayError
from telemetry.registry.models import Registry

log = structlog.get_logger(__name__)

LOOK_EVERY_S = 0.25
MOST = 1_000
"""At a time."""


class News:
    """Begins at the present: what was before is the alerts' own history."""

    def __init__(self, alerts: AlertDesk, hub: Hub, registry: Callable[[], Registry]) -> None:
        """`registry` gives the one in force."""
        self._alerts = alerts
        self._hub = hub
        self._registry = registry
        self._now = self._before = registry()
        self._number: int | None = None
        self.changes = 0
        """Grows with each change of an alert: two equal figures mean that nothing has come between."""
        self.trouble: str | None = None
        """Why there are none just now."""

    async def run(self) -> None:
        """Look four times a second until cancelled. While the database is away, go on looking."""
        while True:
            try:
                more = await self.look()
            except AwayError as error:
                more = False
                if self.trouble is None:
                    log.warning("no news of alerts", reason=str(error))
                self.trouble = str(error)
            else:
                if self.trouble is not None:
                    log.info("news of alerts again")
                self.trouble = None
            if not more:
                await asyncio.sleep(LOOK_EVERY_S)

    async def look(self) -> bool:
        """Pass on what is new; whether there may be more at once. Raises `AwayError`."""
        if self._number is None or self.trouble is not None:
            last = await self._alerts.ask(Desk.last_number)
            # A database that knows less than we have seen is another one.
            if self._number is None or last < self._number:
                self._number = last
        found = await self._alerts.ask(Desk.news, self._number, MOST)
        for transition in found:
            self._hub.alert(transition, self._site_of(transition))
            self._number = transition.number
            self.changes += 1
        return len(found) == MOST

    def _site_of(self, transition: Transition) -> str:
        """Of a device that was just taken out too: its alerts end then. Empty: not known."""
        registry = self._registry()
        if registry is not self._now:
            self._now, self._before = registry, self._now
        for one in (self._now, self._before):
            device = one.devices.get(transition.device)
            if device is not None:
                return device.site
        return ""
