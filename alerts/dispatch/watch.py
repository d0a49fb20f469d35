"""The routes while they are edited: read again when the file changes, the last good ones kept while it has errors."""

from collections.abc import Mapping
from pathlib import Path

from alerts.dispatch.load import load_routing, routing_files
from alerts.dispatch.routing import Routing
from alerts.rules.rule import Rules
from telemetry.document import DocumentError, Problem
from telemetry.registry.models import Registry

_State = Mapping[Path, tuple[int, int, int]]


class RoutingWatch:
    """Looks at the file; never gives back anything but whole, checked routes."""

    def __init__(self, directory: Path, registry: Registry, rules: Rules) -> None:
        """Load the routes once.

        Raises:
            DocumentError: there are no good ones to begin with.
        """
        self._directory = directory
        self._seen = (_state(directory), registry, rules)
        self.current = load_routing(directory, registry, rules)
        """The last good ones."""
        self.problems: tuple[Problem, ...] = ()
        """What is wrong with the file as it is now; empty when `current` is what it says."""
        self.reloads = 0
        """How often changed routes were taken over."""
        self.failures = 0
        """How often a change could not be taken over."""

    def poll(self, registry: Registry, rules: Rules) -> Routing | None:
        """Look once: the new routes where they changed and are good, else None. Blocks while it reads.

        Other registries and rules are a change too: a person whom a route names may be gone.
        """
        state, before, rules_before = _state(self._directory), *self._seen[1:]
        if state == self._seen[0] and registry is before and rules is rules_before:
            return None
        # Noted before reading: what changes while we read is seen as a change next time.
        self._seen = (state, registry, rules)
        try:
            routing = load_routing(self._directory, registry, rules)
        except DocumentError as error:
            self.problems = error.problems
            self.failures += 1
            return None
        self.problems = ()
        if routing == self.current:
            return None
        self.current = routing
        self.reloads += 1
        return routing


def _state(directory: Path) -> _State:
    state: dict[Path, tuple[int, int, int]] = {}
    for path in routing_files(directory):
        try:
            status = path.stat()
        except OSError:
            # Gone since it was listed: that it is missing from the state is the change.
            continue
        state[path] = (status.st_mtime_ns, status.st_size, status.st_ino)
    return state
