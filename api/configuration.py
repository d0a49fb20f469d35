"""Registry and rules as they are edited: what is in force is always whole."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import structlog

from alerts.desk import Rules, watch_rules
from telemetry.registry.models import Registry
from telemetry.registry.watch import RegistryWatch

log = structlog.get_logger(__name__)

LOOK_EVERY_S = 2.0


class Configuration:
    """Keeps the last good one of each while files have errors."""

    def __init__(self, directory: Path) -> None:
        """Load both. Raises `DocumentError`: there is nothing good to begin with."""
        self._registry = RegistryWatch(directory)
        self._rules = watch_rules(directory, lambda: self.registry)

    @property
    def registry(self) -> Registry:
        """In force."""
        return self._registry.current

    @property
    def rules(self) -> Rules:
        """In force."""
        return self._rules.current

    async def run(self, on_change: Callable[[], None]) -> None:
        """Look every two seconds until cancelled; reading happens in a thread, `on_change` on the event loop."""
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            if await asyncio.to_thread(self._poll):
                log.info("reloaded", devices=len(self.registry.devices), rules=len(self.rules.rules))
                on_change()

    def _poll(self) -> bool:
        # In this order: rules are checked against the registry.
        found = [self._registry.poll(), self._rules.poll()]
        return any(one is not None for one in found)
