"""The registry while it is edited: read again when a file changes, the last good one kept while it has errors."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import structlog

from telemetry.registry.load import load_registry, registry_files
from telemetry.registry.models import Registry
from telemetry.watch import FilesWatch

_log = structlog.get_logger(__name__)


class RegistryWatch(FilesWatch[Registry]):
    """The registry of a directory."""

    def __init__(self, directory: Path, *, interval_s: float = 2.0) -> None:
        """Load the registry once.

        Raises:
            DocumentError: there is no good one to begin with.
        """
        super().__init__(
            lambda: (path for group in registry_files(directory).values() for path in group),
            lambda: load_registry(directory),
        )
        self._interval_s = interval_s

    async def run(self, on_change: Callable[[Registry], None]) -> None:
        """Look every interval until cancelled; reading happens in a thread, `on_change` on the event loop."""
        while True:
            await asyncio.sleep(self._interval_s)
            failures = self.failures
            registry = await asyncio.to_thread(self.poll)
            if registry is not None:
                _log.info("the registry was reloaded", sites=len(registry.sites), devices=len(registry.devices))
                on_change(registry)
            elif self.failures > failures:
                _log.warning(
                    "the registry has problems; the last good one stays in force",
                    problems=len(self.problems),
                    first=str(self.problems[0]),
                )
