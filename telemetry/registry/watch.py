"""The registry while it is edited: read again when a file changes, the last good one kept while it has errors."""

import asyncio
from collections.abc import Callable, Mapping
from pathlib import Path

import structlog

from telemetry.document import DocumentError, Problem
from telemetry.registry.load import load_registry, registry_files
from telemetry.registry.models import Registry

_log = structlog.get_logger(__name__)

_State = Mapping[Path, tuple[int, int, int]]


class RegistryWatch:
    """Looks at the files of a directory; never gives back anything but a whole, checked registry.

    A file that is caught half written gives problems, or an old state; the next look finds it changed again.
    """

    def __init__(self, directory: Path, *, interval_s: float = 2.0) -> None:
        """Load the registry once.

        Raises:
            DocumentError: there is no good one to begin with.
        """
        self._directory = directory
        self._interval_s = interval_s
        self._seen = _state(directory)
        self.current = load_registry(directory)
        """The last good one."""
        self.problems: tuple[Problem, ...] = ()
        """What is wrong with the files as they are now; empty when `current` is what they say."""
        self.reloads = 0
        """How often a changed registry was taken over."""
        self.failures = 0
        """How often a change could not be taken over."""

    def poll(self) -> Registry | None:
        """Look once: the new registry where the files changed and are good, else None. Blocks while it reads."""
        state = _state(self._directory)
        if state == self._seen:
            return None
        # Noted before reading: what changes while we read is seen as a change next time.
        self._seen = state
        try:
            registry = load_registry(self._directory)
        except DocumentError as error:
            self.problems = error.problems
            self.failures += 1
            return None
        self.current, self.problems = registry, ()
        self.reloads += 1
        return registry

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


def _state(directory: Path) -> _State:
    state: dict[Path, tuple[int, int, int]] = {}
    for path in (path for group in registry_files(directory).values() for path in group):
        try:
            status = path.stat()
        except OSError:
            # Gone since it was listed: that it is missing from the state is the change.
            continue
        state[path] = (status.st_mtime_ns, status.st_size, status.st_ino)
    return state
