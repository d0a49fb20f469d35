"""Registry, rules and routes as they are edited: what is in force is always whole, and of one piece."""

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path

import structlog

from alerts.dispatch.routing import Routing
from alerts.dispatch.watch import RoutingWatch
from alerts.rules.rule import Rules
from alerts.rules.watch import RulesWatch
from telemetry.document import Problem
from telemetry.registry.models import Registry
from telemetry.registry.watch import RegistryWatch

log = structlog.get_logger(__name__)

LOOK_EVERY_S = 2.0


class Configuration:
    """Keeps the last good one of each while files have errors."""

    def __init__(self, directory: Path) -> None:
        """Load all. Raises `DocumentError`: there is nothing good to begin with."""
        self._registry = RegistryWatch(directory)
        self._rules = RulesWatch(directory, lambda: self._registry.current)
        self._routing = RoutingWatch(directory, self.registry, self.rules)

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
        found = (
            self._registry.poll(),
            self._rules.poll(),
            self._routing.poll(self._registry.current, self._rules.current),
        )
        return any(one is not None for one in found)
