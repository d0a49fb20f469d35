"""What devices need from technicians: batteries that run down, gateways and what is behind them, readings that miss."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import combinations
from statistics import median

from api.access.caller import Caller
from api.queries import standing
from api.queries.active import active_alerts
from api.queries.answer import Answer, Names, moment
from api.queries.devices import brief_of
from api.queries.measured import asking_store
from api.queries.readers import device_of, require_reader
from api.queries.standing import State
from api.sources import Sources
from telemetry.reading import NS_PER_S
from telemetry.registry.models import Device
from telemetry.stores.store import Window

BATTERY = "battery_pct"
LOW_PCT = 10.0
"""A battery below it is listed."""
SOON_DAYS = 60.0
"""One that lasts no longer, too: time for a visit that is planned."""
LOOKED_AT_PCT = 40.0
"""Only below it the trend is asked for."""
LOOKED_AT = 50
DAY_NS = 86_400 * NS_PER_S
HOUR_NS = 3_600 * NS_PER_S
TREND_DAYS = 14
TREND_LEAST = 3
"""Days with values, for a trend."""
EMPTY_MOST_DAYS = 730.0
"""Further ahead nothing is said."""


class Battery(Answer):
    """One battery."""

    device: str
    site: str
    names: Names
    pct: float
    time: datetime
    days_left: float | None
    """Until it is empty, as it went in the last two weeks; null: too little is known, or it does not fall."""


class Gateway(Answer):
    """A gateway and what speaks through it."""

    device: str
    site: str
    names: Names
    state: State
    behind: int
    silent: int
    """How many of them are."""


class Hour(Answer):
    """How many readings of a device came in one hour."""

    start: datetime
    count: int


class Coverage(Answer):
    """How complete the last 24 hours are."""

    metric: str
    """That of its metrics which came most often."""
    count: int
    expected: int | None
    """Null: the device speaks when something happens."""
    hours: Sequence[Hour]
    """Those with readings."""
    battery: Battery | None


async def batteries(sources: Sources, caller: Caller, site: str | None = None) -> Sequence[Battery]:
    """Those that want changing, the lowest first. Raises `AwayError` when the store does not answer."""
    require_reader(caller)
    low = sorted(
        (value.value, one.id)
        for one in sources.registry.devices.values()
        if caller.sees(one.site) and site in {None, one.site}
        if (value := sources.now.of(one.id).get(BATTERY)) is not None
        if isinstance(value.value, float) and value.value < LOOKED_AT_PCT
    )
    devices = [sources.registry.devices[name] for _, name in low[:LOOKED_AT]]
    found = [await _battery(sources, one) for one in devices]
    return [one for one in found if one is not None and wants_changing(one.pct, one.days_left)]


def wants_changing(pct: float, days_left: float | None) -> bool:
    """Whether a battery is low, or will soon be empty."""
    return pct < LOW_PCT or (days_left is not None and days_left < SOON_DAYS)


async def gateways(sources: Sources, caller: Caller, site: str | None = None) -> Sequence[Gateway]:
    """Those with something behind them, the worst first."""
    require_reader(caller)
    children: dict[str, list[Device]] = {}
    for one in sources.registry.devices.values():
        if one.parent is not None and caller.sees(one.site) and site in {None, one.site}:
            children.setdefault(one.parent, []).append(one)
    active = await active_alerts(sources) or {}
    now_ns, metrics = sources.clock(), sources.registry.metrics
    found = []
    for parent, behind in children.items():
        gateway = sources.registry.devices.get(parent)
        if gateway is None or not caller.sees(gateway.site):
            continue
        quiet = sum(standing.silent(one, standing.spoke_ns(sources.now, metrics, one), now_ns) for one in behind)
        found.append(
            Gateway(
                device=parent,
                site=gateway.site,
                names=gateway.names,
                state=brief_of(sources, gateway, active.get(parent, ())).state,
                behind=len(behind),
                silent=quiet,
            )
        )
    order = {state: place for place, state in enumerate(State)}
    return sorted(found, key=lambda one: (order[one.state], -one.silent, one.site, one.device))


async def coverage(sources: Sources, caller: Caller, device_id: str) -> Coverage | None:
    """None: nothing came in the last 24 hours. Raises `NotFoundError`, `AwayError`."""
    require_reader(caller)
    device = device_of(sources, caller, device_id)
    now_ns = sources.clock()
    start_ns = now_ns - 24 * HOUR_NS
    best: tuple[int, str, Sequence[Window]] = (0, "", ())
    for metric in device.metrics:
        if not caller.reads(sources.registry.metrics[metric]):
            continue
        hours = await _windows(sources, device.id, metric, start_ns, now_ns, HOUR_NS)
        best = max(best, (sum(hour.count for hour in hours), metric, hours), key=lambda one: one[0])
        if device.interval_s and best[0] >= 24 * 3_600 / device.interval_s:
            break
    count, metric, hours = best
    if not count:
        return None
    return Coverage(
        metric=metric,
        count=count,
        expected=None if device.interval_s is None else round(24 * 3_600 / device.interval_s),
        hours=[Hour(start=moment(hour.start_ns), count=hour.count) for hour in hours],
        battery=await _battery(sources, device),
    )


def days_left(pct_by_day: Mapping[float, float]) -> float | None:
    """Days from the last one until 0, by Sen's slope: the median of all slopes, which one odd day does not change."""
    days = sorted(pct_by_day)
    if len(days) < TREND_LEAST:
        return None
    slope = median((pct_by_day[b] - pct_by_day[a]) / (b - a) for a, b in combinations(days, 2))
    if slope >= 0:
        return None
    left = pct_by_day[days[-1]] / -slope
    return left if left <= EMPTY_MOST_DAYS else None


async def _battery(sources: Sources, device: Device) -> Battery | None:
    value = sources.now.of(device.id).get(BATTERY)
    if value is None or isinstance(value.value, str):
        return None
    now_ns = sources.clock()
    days = await _windows(sources, device.id, BATTERY, now_ns - TREND_DAYS * DAY_NS, now_ns, DAY_NS)
    return Battery(
        device=device.id,
        site=device.site,
        names=device.names,
        pct=value.value,
        time=moment(value.time_ns),
        days_left=days_left({day.start_ns / DAY_NS: day.total / day.count for day in days if day.total is not None}),
    )


async def _windows(
    sources: Sources, device: str, metric: str, start_ns: int, end_ns: int, step_ns: int
) -> Sequence[Window]:
    with asking_store():
        return await sources.store.windows(device, metric, start_ns, end_ns, step_ns, end_ns % step_ns)
