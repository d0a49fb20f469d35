"""Registers of meters: what was counted between two moments, exact across resets. Pure, but for the reading itself.

Between two readings that are not too far apart a register is taken to rise evenly; over a gap what was counted is
known at its ends only.
"""

from bisect import bisect_right
from collections.abc import Sequence

from msgspec import Struct

from api.queries.counted import passed_over
from api.queries.measured import asking_store, decoded
from api.sources import Sources
from telemetry.reading import NS_PER_MS

GAP_MS = 3_600_000
"""Two readings further apart say nothing of the time between them."""
PERCENT = 100.0


class Register(Struct, frozen=True):
    """What a meter has counted since the first of its readings, by time; both sequences rise and have one length."""

    times_ms: Sequence[int] = ()
    counts: Sequence[float] = ()

    def at(self, ms: int) -> float | None:
        """The count at a moment; None before the first reading, after the last one, and within a gap."""
        after = bisect_right(self.times_ms, ms)
        if after == 0:
            return None
        before_ms, before = self.times_ms[after - 1], self.counts[after - 1]
        if before_ms == ms:
            return before
        if after == len(self.times_ms) or self.times_ms[after] - before_ms > GAP_MS:
            return None
        share = (ms - before_ms) / (self.times_ms[after] - before_ms)
        return before + share * (self.counts[after] - before)

    def counted(self, start_ms: int, end_ms: int) -> float | None:
        """Between two moments; None where the count at one of them is not known."""
        first, last = self.at(start_ms), self.at(end_ms)
        return None if first is None or last is None else last - first


def unwrapped(times_ms: Sequence[int], values: Sequence[float]) -> Register:
    """A register as read, without its falls: `counted` says what each of them hides, and which zeros are none."""
    times: list[int] = []
    counts: list[float] = []
    held, total = None, 0.0
    for ms, value in zip(times_ms, values, strict=True):
        if held is not None:
            if value == 0.0 and held > 0.0:
                continue  # what it means is known when the next value comes
            fell = float(passed_over(held, value)) if value < held else 0.0
            total += value - held + fell
        held = value
        times.append(ms)
        counts.append(total)
    return Register(times, counts)


async def register_of(sources: Sources, device: str, metric: str, start_ms: int, end_ms: int) -> Register:
    """From `start_ms` until before `end_ms`. Raises `AwayError` when the store does not answer."""
    times: list[int] = []
    values: list[float] = []
    with asking_store():
        async for page in sources.store.columns(device, metric, start_ms * NS_PER_MS, end_ms * NS_PER_MS):
            some_times, some_values = decoded(page)
            times += some_times
            values += some_values
    return unwrapped(times, values)


def imbalance_pct(phases: Sequence[float]) -> float:
    """The largest deviation from the mean, in percent of the mean (NEMA MG 1-14.36); 0 where there is no load."""
    mean = sum(phases) / len(phases)
    return max(abs(phase - mean) for phase in phases) / mean * PERCENT if mean > 0 else 0.0
