"""History: what was measured in a range of time, value by value or in windows."""

from collections.abc import AsyncIterator, Sequence
from typing import Annotated

from msgspec import Struct
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from api.access.caller import Caller
from api.problem import ForbiddenError, NotFoundError, UnprocessableError
from api.queries.aggregate import IN_PLOT, OF_KIND, OF_WINDOW, Aggregate, misfit
from api.queries.answer import time_ns_of
from api.queries.measured import Measured, asking_store, decoded
from api.queries.readers import device_of, require_reader
from api.queries.windows import AUTO, DAY_S, PATTERN, Windows, most_windows, seconds_of, sensible_s
from api.sources import Sources
from telemetry.catalogue.metric import Kind, Metric, Source
from telemetry.reading import NS_PER_MS, NS_PER_S, Quality
from telemetry.registry.models import Device
from telemetry.series import LIMIT_NS
from telemetry.stores.store import Page, StoreReader, Window

MAX_POINTS = 600_000
"""In one answer: a year of one metric at one-minute steps."""
MAX_METRICS = 20
MAX_DAYS = 3_660
"""Ten years."""
MAX_READ = 6_000_000
"""Values that are read to find out what counters have counted."""
DEFAULT_NS = DAY_S * NS_PER_S
DEFAULT_POINTS = 500
FEWEST_POINTS, MOST_POINTS = 3, 10_000


class HistoryRequest(BaseModel):
    """What is asked for."""

    model_config = ConfigDict(frozen=True)

    start: AwareDatetime | None = None
    """None: a day before the end."""
    end: AwareDatetime | None = None
    """Not included. None: now."""
    metrics: tuple[str, ...] = ()
    """Empty: those that the device is expected to measure and the caller may read."""
    window: Annotated[str, Field(pattern=PATTERN)] | None = None
    """As in `15m`, `1h` or `7d`; `auto`: so that there are at most `points`; None: value by value."""
    aggregate: Aggregate | None = None
    """None: as suits the kind of each metric."""
    points: Annotated[int, Field(ge=FEWEST_POINTS, le=MOST_POINTS)] | None = None
    """Of `auto`; None: 500."""


class Column(Struct, frozen=True):
    """One metric of an answer."""

    metric: Metric
    aggregate: Aggregate | None
    """Of its windows; None: value by value."""
    pages: AsyncIterator[Page]
    """To be read once. Raises `StoreAwayError` when the store goes away meanwhile."""


class HistoryAnswer(Struct, frozen=True):
    """A range, and what was measured in it; windows are values at the time at which they begin."""

    device: str
    start_ns: int
    end_ns: int
    window_s: int | None
    """None: value by value."""
    aggregate: Aggregate | None
    """As asked for."""
    columns: Sequence[Column]


class Series(Struct, frozen=True):
    """A metric for a plot. All sequences have one length, but `low` and `high`, which are empty value by value."""

    times_ms: Sequence[int]
    """UTC; of windows when they begin. A window without values is absent."""
    values: Sequence[float]
    """Of windows: the mean of a gauge, the sum of events, the last of all else."""
    low: Sequence[float]
    high: Sequence[float]
    suspect: frozenset[int]
    """Places of values that are suspect, of windows in which one is."""
    window_s: int | None
    """None: value by value."""


async def history(sources: Sources, caller: Caller, device_id: str, asked: HistoryRequest) -> HistoryAnswer:
    """What a device has measured.

    Raises `NotFoundError` (device, metric), `ForbiddenError` (who is no reader, what is personal),
    `UnprocessableError` (no sense, or beyond a limit) and `AwayError` (the store).
    """
    require_reader(caller)
    device = device_of(sources, caller, device_id)
    start_ns, end_ns = _range(asked, sources.clock())
    metrics = _metrics(sources, caller, device, asked.metrics)
    with asking_store():
        step_s = await _step_s(sources.store, device.id, metrics, asked, start_ns, end_ns)
        windows = Windows(step_s or DAY_S, sources.registry.sites[device.site].timezone)
        measured = Measured(sources.store, device.id, start_ns, end_ns, windows)
        columns = []
        for metric in metrics:
            aggregate = None if step_s is None else _aggregate(metric, asked.aggregate)
            pages = measured.values(metric.name)
            if aggregate is not None:
                pages = measured.aggregates(metric.name, aggregate)
            columns.append(Column(metric, aggregate, pages))
        counters = [one.metric for one in columns if one.aggregate is Aggregate.INCREASE]
        await _bound(sources.store, device.id, counters, start_ns, end_ns, MAX_READ, "")
        if columns:  # a store that is away is found out before the answer has begun
            first = columns[0]
            columns[0] = Column(first.metric, first.aggregate, await _begun(first.pages))
    return HistoryAnswer(device.id, start_ns, end_ns, step_s, asked.aggregate, columns)


async def series(
    sources: Sources, caller: Caller, device_id: str, metric: str, start_ns: int, end_ns: int, points: int
) -> Series:
    """One metric for a plot of at most so many points, 3 or more: each value where there are few, else windows.

    Raises what `history` raises; texts are no plot.
    """
    require_reader(caller)
    device = device_of(sources, caller, device_id)
    (known,) = _metrics(sources, caller, device, (metric,))
    if known.kind is Kind.TEXT:
        raise UnprocessableError(f"{metric} is a text: it has a history, but no plot")
    windows = Windows(sensible_s(points, start_ns, end_ns), sources.registry.sites[device.site].timezone)
    measured = Measured(sources.store, device.id, start_ns, end_ns, windows)
    with asking_store():
        if await sources.store.count(device.id, metric, start_ns, end_ns, points + 1) <= points:
            return await _by_value(measured.values(metric))
        found = [one async for some in measured.in_windows(metric) for one in some]
    return _by_window(found, known.kind, windows.step_s)


async def _begun(pages: AsyncIterator[Page]) -> AsyncIterator[Page]:
    """The same pages, with the first already fetched."""
    first = await anext(pages, None)

    async def all_of_them() -> AsyncIterator[Page]:
        if first is not None:
            yield first
        async for page in pages:
            yield page

    return all_of_them()


def _range(asked: HistoryRequest, now_ns: int) -> tuple[int, int]:
    end_ns = now_ns if asked.end is None else time_ns_of(asked.end)
    start_ns = end_ns - DEFAULT_NS if asked.start is None else time_ns_of(asked.start)
    if start_ns >= end_ns:
        raise UnprocessableError("the range ends before it begins: `start` has to be earlier than `end`, or than now")
    if end_ns - start_ns > MAX_DAYS * DAY_S * NS_PER_S:
        raise UnprocessableError(f"a range of more than {MAX_DAYS} days: ask for a part of it")
    return max(-LIMIT_NS, min(start_ns, LIMIT_NS)), max(-LIMIT_NS, min(end_ns, LIMIT_NS))


def _metrics(sources: Sources, caller: Caller, device: Device, asked: Sequence[str]) -> Sequence[Metric]:
    catalogue = sources.registry.metrics
    if not asked:
        own = [catalogue[name] for name in device.metrics if name in catalogue]
        return [metric for metric in own if caller.reads(metric)][:MAX_METRICS]
    wanted = list(dict.fromkeys(asked))
    if len(wanted) > MAX_METRICS:
        raise UnprocessableError(f"more than {MAX_METRICS} metrics: ask for some of them at a time")
    found = []
    for name in wanted:
        metric = catalogue.get(name)
        if metric is None:
            raise NotFoundError(f"there is no metric {name} in the catalogue")
        if not caller.reads(metric):
            raise ForbiddenError(f"{name} says where people are: it needs the role operator")
        if metric.source is Source.ALERT:
            raise UnprocessableError(f"{name} is of alerts, one beside the other: they have a history of their own")
        found.append(metric)
    return found


async def _step_s(
    store: StoreReader, device: str, metrics: Sequence[Metric], asked: HistoryRequest, start_ns: int, end_ns: int
) -> int | None:
    """How long the windows are, seconds; None: value by value. Raises `UnprocessableError` beyond the limits."""
    if asked.points is not None and asked.window != AUTO:
        raise UnprocessableError("`points` goes with window=auto, which is as short as gives at most so many")
    if asked.window is None:
        if asked.aggregate is not None:
            raise UnprocessableError("an aggregate is of windows: give a `window`, such as 1h or auto")
        await _bound(store, device, metrics, start_ns, end_ns, MAX_POINTS, ", or for windows such as window=1h")
        return None
    if asked.window == AUTO:
        points = asked.points or DEFAULT_POINTS
        few = [await store.count(device, one.name, start_ns, end_ns, points + 1) <= points for one in metrics]
        return None if asked.aggregate is None and all(few) else sensible_s(points, start_ns, end_ns)
    step_s = seconds_of(asked.window)
    if step_s is None or step_s > MAX_DAYS * DAY_S:
        raise UnprocessableError(f"a window of {asked.window}: beyond a day they are whole days, up to {MAX_DAYS}d")
    if most_windows(step_s, start_ns, end_ns) * len(metrics) > MAX_POINTS:
        raise UnprocessableError(
            f"more than {MAX_POINTS:,} windows in one answer: take longer ones, a shorter range or fewer metrics"
        )
    return step_s


def _aggregate(metric: Metric, asked: Aggregate | None) -> Aggregate:
    if asked is None:
        return OF_KIND[metric.kind]
    if (reason := misfit(metric.kind, asked)) is not None:
        raise UnprocessableError(f"{metric.name} {reason}")
    return asked


async def _bound(
    store: StoreReader, device: str, metrics: Sequence[Metric], start_ns: int, end_ns: int, most: int, mend: str
) -> None:
    """Raises `UnprocessableError` where there are more values than `most`; `mend`: what helps beside less of them."""
    left = most
    for metric in metrics:
        left -= await store.count(device, metric.name, start_ns, end_ns, left + 1)
        if left < 0:
            raise UnprocessableError(f"more than {most:,} values: ask for a shorter range or fewer metrics{mend}")


async def _by_value(pages: AsyncIterator[Page]) -> Series:
    times_ms: list[int] = []
    values: list[float] = []
    suspect: set[int] = set()
    async for page in pages:
        suspect |= {len(times_ms) + place for place, quality in page.marks if Quality.SUSPECT in quality}
        more_times_ms, more_values = decoded(page)
        times_ms += more_times_ms
        values += more_values
    return Series(times_ms, values, (), (), frozenset(suspect), None)


def _by_window(windows: Sequence[Window], kind: Kind, window_s: int) -> Series:
    value_of = OF_WINDOW[IN_PLOT[kind]]
    return Series(
        times_ms=[one.start_ns // NS_PER_MS for one in windows],
        values=[_number(value_of(one)) for one in windows],
        low=[_number(one.low) for one in windows],
        high=[_number(one.high) for one in windows],
        suspect=frozenset(place for place, one in enumerate(windows) if one.suspect),
        window_s=window_s,
    )


def _number(value: float | str | None) -> float:
    if value is None or isinstance(value, str):
        raise TypeError(f"numbers have numbers in their windows, not {value!r}")
    return float(value)
