"""Rules while they are edited: read again when a file or the registry changes, the last good ones kept meanwhile."""

import asyncio
from collections.abc import Callable, Mapping
from pathlib import Path

import structlog

from alerts.rules.load import load_rules, rules_files
from alerts.rules.rule import Rules
from telemetry.document import DocumentError, Problem
from telemetry.registry.models import Registry

_log = structlog.get_logger(__name__)

_Files = Mapping[Path, tuple[int, int, int]]


class RulesWatch:
    """Looks at the files of a directory; never gives back anything but whole, checked rules.

    The same rules may be right for one registry and wrong for the next, so a new registry is a change too.
    """

    def __init__(self, directory: Path, registry: Callable[[], Registry], *, interval_s: float = 2.0) -> None:
        """Load the rules once. `registry` gives the one that holds now.

        Raises:
            DocumentError: there are no good ones to begin with.
        """
        self._directory = directory
        self._registry = registry
        self._interval_s = interval_s
        self._seen = _files(directory)
        self._judged_by = registry()
        self.current = load_rules(directory, self._judged_by)
        """The last good ones."""
        self.problems: tuple[Problem, ...] = ()
        """What is wrong with the files as they are now; empty when `current` is what they say."""
        self.reloads = 0
        """How often changed rules were taken over."""
        self.failures = 0
        """How often a change could not be taken over."""

    def poll(self) -> Rules | None:
        """Look once: the new rules where they changed and are good, else None. Blocks while it reads."""
        files, registry = _files(self._directory), self._registry()
        if files == self._seen and registry is self._judged_by:
            return None
        # Noted before reading: what changes while we read is seen as a change next time.
        self._seen, self._judged_by = files, registry
        try:
            rules = load_rules(self._directory, registry)
        except DocumentError as error:
            self.problems = error.problems
            self.failures += 1
            return None
        self.problems = ()
        if rules == self.current:
            return None
        self.current = rules
        self.reloads += 1
        return rules

    async def run(self, on_change: Callable[[Rules], None]) -> None:
        """Look every interval until cancelled; reading happens in a thread, `on_change` on the event loop."""
        while True:
            await asyncio.sleep(self._interval_s)
            failures = self.failures
            rules = await asyncio.to_thread(self.poll)
            if rules is not None:
                _log.info("the rules were reloaded", rules=len(rules.rules))
                on_change(rules)
            elif self.failures > failures:
                _log.warning(
                    "the rules have problems; the last good ones stay in force",
                    problems=len(self.problems),
                    first=str(self.problems[0]),
                )


def _files(directory: Path) -> _Files:
    files: dict[Path, tuple[int, int, int]] = {}
    for path in rules_files(directory):
        try:
            status = path.stat()
        except OSError:
            # Gone since it was listed: that it is missing is the change.
            continue
        files[path] = (status.st_mtime_ns, status.st_size, status.st_ino)
    return files
