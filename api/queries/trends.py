"""The small lines on the first screen, and what a register showed at midnight: asked for rarely, kept for a while."""

import asyncio
from collections.abc import Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from msgspec import Struct

from api.problem import AwayError
from api.queries.register import register_of
from api.sources import Sources
from telemetry.reading import NS_PER_MS, NS_PER_S
from telemetry.stores.store import StoreAwayError

HOURS = 24
POINTS = 48
STEP_NS = HOURS * 3_600 * NS_PER_S // POINTS
KEPT_NS = 120 * NS_PER_S
ENTRIES_MOST = 2_000
WAIT_S = 2.0
"""For the store, each time; what has not come by then comes with the next look."""
_DAY_NS = 86_400 * NS_PER_S

Trend = Sequence[float | None]


class _Kept(Struct, frozen=True):
    asked_ns: int
    trend: Trend
    first: float | None


class Trends:
    """Asks the store once in two minutes for each line, whoever looks. For one event loop; not for personal metrics."""

    def __init__(self, sources: Sources) -> None:
        self._sources = sources
        self._kept: dict[tuple[str, str, int], _Kept] = {}
        self._counted: dict[tuple[str, str], tuple[int, float | None]] = {}
        self._asking = asyncio.Lock()

    async def lines(self, wanted: Sequence[tuple[str, str]]) -> Sequence[Trend]:
        """Of each device and metric the means of the last 24 h by half hours, None where there was nothing.

        Empty where the store is away, or slow.
        """
        now_ns = self._sources.clock()
        end_ns = (now_ns // STEP_NS + 1) * STEP_NS
        start_ns = end_ns - POINTS * STEP_NS
        await self._ask([(device, metric, 0) for device, metric in wanted], start_ns, end_ns, now_ns)
        found = (self._kept.get((device, metric, 0)) for device, metric in wanted)
        return [() if one is None else one.trend for one in found]

    async def first_since(self, device: str, metric: str, start_ns: int) -> float | None:
        """The first value from a moment on; None: there is none, or the store is away."""
        now_ns = self._sources.clock()
        name = (device, metric, start_ns)
        kept = self._kept.get(name)
        if kept is None or kept.first is None:
            await self._ask([name], start_ns, now_ns, now_ns)
            kept = self._kept.get(name)
        return None if kept is None else kept.first

    async def counted_since(self, device: str, metric: str, start_ns: int) -> float | None:
        """What a register has counted since, its falls made good; asked for where it has fallen. None: not known."""
        now_ns = self._sources.clock()
        name = (device, metric)
        kept = self._counted.get(name)
        if kept is None or now_ns - kept[0] > KEPT_NS:
            try:
                async with asyncio.timeout(WAIT_S):
                    start_ms, end_ms = start_ns // NS_PER_MS, now_ns // NS_PER_MS
                    found = await register_of(self._sources, device, metric, start_ms, end_ms)
                    kept = (now_ns, found.counts[-1] - found.counts[0] if found.counts else None)
            except (TimeoutError, AwayError):
                kept = (now_ns, None)
            self._counted[name] = kept
        return kept[1]

    async def _ask(self, names: Sequence[tuple[str, str, int]], start_ns: int, end_ns: int, now_ns: int) -> None:
        async with self._asking:  # ten screens on one page ask once
            due = [one for one in names if now_ns - self._asked_ns(one) > KEPT_NS]
            try:
                async with asyncio.timeout(WAIT_S):
                    for name in due:
                        self._kept[name] = await self._of(name, start_ns, end_ns, now_ns)
            except (TimeoutError, StoreAwayError):
                for name in due:
                    before = self._kept.get(name)
                    self._kept[name] = _Kept(now_ns, () if before is None else before.trend, None)
            while len(self._kept) > ENTRIES_MOST:
                del self._kept[next(iter(self._kept))]

    def _asked_ns(self, name: tuple[str, str, int]) -> int:
        kept = self._kept.get(name)
        return 0 if kept is None else kept.asked_ns

    async def _of(self, name: tuple[str, str, int], start_ns: int, end_ns: int, now_ns: int) -> _Kept:
        device, metric, since_ns = name
        step_ns = _DAY_NS if since_ns else STEP_NS
        windows = await self._sources.store.windows(device, metric, start_ns, max(start_ns + 1, end_ns), step_ns)
        means: list[float | None] = [None] * POINTS
        for window in windows:
            place = (window.start_ns - start_ns) // STEP_NS
            if not since_ns and 0 <= place < POINTS and window.total is not None:
                means[place] = window.total / window.count
        return _Kept(now_ns, means, windows[0].first if windows else None)


def midnight_ns(now_ns: int, zone: ZoneInfo) -> int:
    """When today began by the clocks of `zone`."""
    local = datetime.fromtimestamp(now_ns / NS_PER_S, zone)
    return int(local.replace(hour=0, minute=0, second=0, microsecond=0).timestamp()) * NS_PER_S
