"""Registry and rules as they are edited: what is in force is always whole."""

from collections.abc import Callable
from pathlib import Path

import structlog

from alerts.desk import Rules, watch_rules
from telemetry.registry.models import Registry
from telemetry.registry.watch import RegistryWatch
from telemetry.watch import keep_looking

log = structlog.get_logger(__name__)


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
        """Look until cancelled; `on_change` is called on the event loop."""

        def changed() -> None:
            log.info("reloaded", devices=len(self.registry.devices), rules=len(self.rules.rules))
            on_change()

        # In this order: rules are checked against the registry.
        await keep_looking((self._registry, self._rules), changed)
