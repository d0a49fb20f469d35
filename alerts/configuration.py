"""Registry, rules and routes as they are edited: what is in force is always whole, and of one piece."""

from collections.abc import Callable, Sequence
from pathlib import Path

import structlog

from alerts.dispatch.load import load_routing, routing_files
from alerts.dispatch.routing import Routing
from alerts.rules.load import load_rules, rules_files
from alerts.rules.rule import Rules
from telemetry.document import Problem
from telemetry.registry.models import Registry
from telemetry.registry.watch import RegistryWatch
from telemetry.watch import FilesWatch, keep_looking

log = structlog.get_logger(__name__)


class Configuration:
    """Keeps the last good one of each while files have errors."""

    def __init__(self, directory: Path) -> None:
        """Load all. Raises `DocumentError`: there is nothing good to begin with."""
        self._registry = RegistryWatch(directory)
        self._rules = watch_rules(directory, lambda: self.registry)
        self._routing = watch_routing(directory, lambda: self.registry, lambda: self.rules)

    @property
    def registry(self) -> Registry:
        """In force."""
        return self._registry.current

    @property
    def rules(self) -> Rules:
        """In force."""
        return self._rules.current

    @property
    def routing(self) -> Routing:
        """In force."""
        return self._routing.current

    @property
    def problems(self) -> Sequence[Problem]:
        """What is wrong with the files as they are now."""
        return (*self._registry.problems, *self._rules.problems, *self._routing.problems)

    async def run(self, on_change: Callable[[], None]) -> None:
        """Look until cancelled; `on_change` is called on the event loop."""

        def changed() -> None:
            log.info("reloaded", devices=len(self.registry.devices), rules=len(self.rules.rules))
            on_change()

        # In this order: rules are checked against the registry, routes against both.
        await keep_looking((self._registry, self._rules, self._routing), changed)


def watch_rules(directory: Path, registry: Callable[[], Registry]) -> FilesWatch[Rules]:
    """The rules of a directory. Raises `DocumentError`: there are no good ones to begin with."""
    return FilesWatch(lambda: rules_files(directory), lambda: load_rules(directory, registry()), lambda: (registry(),))


def watch_routing(directory: Path, registry: Callable[[], Registry], rules: Callable[[], Rules]) -> FilesWatch[Routing]:
    """The routes of a directory. Raises `DocumentError`: there are no good ones to begin with."""
    return FilesWatch(
        lambda: routing_files(directory),
        lambda: load_routing(directory, registry(), rules()),
        lambda: (registry(), rules()),
    )
