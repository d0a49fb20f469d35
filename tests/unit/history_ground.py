"""A store with a history, and who asks for it."""

from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import cast
from zoneinfo import ZoneInfo

from api.access.caller import Caller, Role, Way
from api.sources import Sources
from telemetry.reading import NS_PER_S, Quality, Reading
from telemetry.registry.models import Registry
from telemetry.stores.sqlite.read import SqliteReader
from telemetry.stores.sqlite.write import SqliteWriter
from telemetry.stores.store import Page, StoreAwayError, Window
from tests.builders import device, registry, site

HOUR_NS = 3_600 * NS_PER_S
NOW_NS = 1_795_334_400 * NS_PER_S  # 2026-11-22 08:00 UTC
KNOWN = registry(
    device("nh3-1", "pier", metrics=("nh3_ppm", "visitors_now", "firmware", "a_metric_of_yesterday")),
    device("meter-1", "hall", metrics=("energy_import_kwh",)),
    sites=[site("pier"), site("hall", timezone=ZoneInfo("Europe/London"))],
)
VIEWER = Caller("wall", Role.VIEWER, None, Way.KEY, "")
OPERATOR = Caller("shift", Role.OPERATOR, frozenset({"pier"}), Way.KEY, "")
ADMIN = Caller("admin", Role.ADMIN, None, Way.KEY, "")


class GoingAway:
    """A store that gives one page of each metric and then does not answer; `pages` 0: nothing at all."""

    def __init__(self, pages: int = 1) -> None:
        self._pages = pages

    async def columns(self, *_: object) -> AsyncIterator[Page]:
        for number in range(self._pages):
            yield Page(b"[%d]" % number, b"[0.5]", 1)
        raise StoreAwayError("the disk gives errors")

    async def count(self, *_: object) -> int:
        if not self._pages:
            raise StoreAwayError("the disk gives errors")
        return 1

    async def windows(self, *_: object) -> Sequence[Window]:
        raise StoreAwayError("the disk gives errors")


class Ground:
    """One file, its ways in and out, and the sources of queries."""

    def __init__(self, path: Path, known: Registry = KNOWN) -> None:
        self.writer = SqliteWriter(path, lambda: known, None)
        self.reader = SqliteReader(path)
        self.known = known
        self.store: object = self.reader
        """What is asked: the file, where a test does not say otherwise."""

    def sources(self) -> Sources:
        """Only what the history needs of them."""
        made = SimpleNamespace(registry=self.known, store=self.store, clock=lambda: NOW_NS)
        return cast("Sources", made)

    async def fill(
        self,
        metric: str,
        values: dict[int, float | str],
        device: str = "nh3-1",
        doubts: dict[int, Quality] | None = None,
    ) -> None:
        """Values by time, ns."""
        given = doubts or {}
        readings = [
            Reading(device, ns, None, {metric: value}, {metric: given[ns]} if ns in given else {})
            for ns, value in values.items()
        ]
        outcome = await self.writer.write(readings)
        assert not outcome.refused
        assert not outcome.keep

    async def close(self) -> None:
        await self.writer.close()
        await self.reader.close()
