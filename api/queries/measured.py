"""What one device has measured in a range, from the store: pages of values or of windows.

Everything here raises `StoreAwayError` when the store does not answer.
"""

from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from contextlib import contextmanager

import msgspec
import structlog

from api.problem import AwayError
from api.queries.aggregate import OF_WINDOW, Aggregate
from api.queries.counted import Counter
from api.queries.windows import DAY_S, Windows
from telemetry.reading import NS_PER_MS, NS_PER_S, Quality
from telemetry.stores.store import Page, StoreAwayError, StoreReader, Window

log = structlog.get_logger(__name__)

LOOK_BACK_NS = 31 * DAY_S * NS_PER_S
"""So far before the range the last value of a counter is looked for."""

_encode = msgspec.json.Encoder().encode
_times = msgspec.json.Decoder(list[int]).decode
_numbers = msgspec.json.Decoder(list[float]).decode
_Amount = tuple[int, float, bool]
"""Start of a window, ns; what was counted; whether a value in it is suspect."""


class Measured(msgspec.Struct, frozen=True):
    """A device and a range, ns UTC: start <= time < end."""

    store: StoreReader
    device: str
    start_ns: int
    end_ns: int
    windows: Windows

    def values(self, metric: str) -> AsyncIterator[Page]:
        """Value by value."""
        return self.store.columns(self.device, metric, self.start_ns, self.end_ns)

    async def in_windows(self, metric: str) -> AsyncIterator[Sequence[Window]]:
        """The windows that have values, many at a time."""
        for piece in self.windows.pieces(self.start_ns, self.end_ns):
            found = await self.store.windows(
                self.device, metric, piece.start_ns, piece.end_ns, piece.step_ns, piece.offset_ns
            )
            if found:
                yield found

    async def aggregates(self, metric: str, aggregate: Aggregate) -> AsyncIterator[Page]:
        """One value a window, at the time at which it begins; windows without values are absent."""
        if aggregate is Aggregate.INCREASE:
            async for amounts in self._increases(metric):
                yield _page(amounts)
            return
        value_of = OF_WINDOW[aggregate]
        async for windows in self.in_windows(metric):
            yield _page((one.start_ns, value_of(one), bool(one.suspect)) for one in windows)

    async def _increases(self, metric: str) -> AsyncIterator[Sequence[_Amount]]:
        counter = Counter(self.windows, await self._last_before(metric))
        suspect: set[int] = set()
        async for page in self.values(metric):
            times_ms = _times(page.times_ms)
            suspect |= {
                self.windows.at(times_ms[place] * NS_PER_MS)[0]
                for place, quality in page.marks
                if Quality.SUSPECT in quality
            }
            over = list(counter.add(times_ms, _numbers(page.values)))
            if over:
                yield [(start_ns, amount, start_ns in suspect) for start_ns, amount in over]
        left = list(counter.close())
        if left:
            yield [(start_ns, amount, start_ns in suspect) for start_ns, amount in left]

    async def _last_before(self, metric: str) -> float | None:
        from_ns = self.start_ns - LOOK_BACK_NS
        found = await self.store.windows(self.device, metric, from_ns, self.start_ns, LOOK_BACK_NS, from_ns)
        return float(found[-1].last) if found else None


@contextmanager
def asking_store() -> Iterator[None]:
    """Raises `AwayError` where the store does not answer. Why stands in the log only: it names addresses inside."""
    try:
        yield
    except StoreAwayError as error:
        log.warning("the store does not answer", reason=str(error))
        raise AwayError("the store does not answer just now: the past can't be read, the present goes on") from error


def decoded(page: Page) -> tuple[list[int], list[float]]:
    """Times, ms, and values of a page of numbers."""
    return _times(page.times_ms), _numbers(page.values)


def _page(amounts: Iterable[tuple[int, float | str | None, bool]]) -> Page:
    rows = list(amounts)
    return Page(
        times_ms=_encode([start_ns // NS_PER_MS for start_ns, _, _ in rows]),
        values=_encode([value for _, value, _ in rows]),
        count=len(rows),
        marks=[(place, Quality.SUSPECT) for place, (_, _, suspect) in enumerate(rows) if suspect],
    )
