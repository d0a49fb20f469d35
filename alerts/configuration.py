"""Registry, rules and routes as they are edited: what is in force is always whole, and of one piece."""

import asyncio
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
from telemetry.watch import FilesWatch

log = structlog.get_logger(__name__)

LOOK_EVERY_S = 2.0


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
        """Look every two seconds until cancelled; reading happens in a thread, `on_change` on the event loop."""
        shown: Sequence[Problem] = ()
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            if await asyncio.to_thread(self._poll):
                log.info("reloaded", devices=len(self.registry.devices), rules=len(self.rules.rules))
                on_change()
            if self.problems and self.problems != shown:
                first = str(self.problems[0])
                log.warning("what was good before stays in force", problems=len(self.problems), first=first)
            shown = self.problems

    def _poll(self) -> bool:
        # In this order: rules are checked against the registry, routes against both.
        found = [watch.poll() for watch in (self._registry, self._rules, self._routing)]
        return any(one is not None for one in found)


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
