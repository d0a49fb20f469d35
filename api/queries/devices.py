"""Devices: which there are, how each stands, what each said last."""

from collections.abc import Sequence
from datetime import datetime
from functools import cache
from itertools import islice

from pydantic import BaseModel, ConfigDict, Field

from alerts.desk import Alert
from api.access.caller import Caller
from api.now import Value
from api.queries import standing
from api.queries.active import AlertCounts, active_alerts, counts_of
from api.queries.alert_values import AlertBrief, briefs_of
from api.queries.answer import Answer, Names, moment, moment_or_none
from api.queries.paging import Page, cursor_of, place_of
from api.queries.readers import device_of, devices_at, require_reader, site_of
from api.queries.standing import State
from api.sources import Sources
from telemetry.catalogue.metric import Metric, Source
from telemetry.reading import NS_PER_S, Quality
from telemetry.registry.models import Device

TEXT_CHARS = 100


class DeviceFilter(BaseModel):
    """Which devices; what is not given does not narrow."""

    model_config = ConfigDict(frozen=True)

    site: str | None = None
    area: str | None = None
    kind: str | None = None
    state: State | None = None
    metric: str | None = None
    """Devices that measure it."""
    q: str | None = Field(default=None, max_length=TEXT_CHARS)
    """Part of an id, a name or a label."""


class DeviceBrief(Answer):
    """A device in a list."""

    id: str
    site: str
    area: str | None
    kind: str
    names: Names
    parent: str | None
    """The gateway through which it speaks."""
    unit: str | None
    """The physical unit of which it is one channel."""
    interval_s: float | None
    """Expected time between readings; null: it speaks when something happens."""
    metrics: tuple[str, ...]
    """What it is expected to measure."""
    state: State
    spoke: datetime | None
    """When it measured last."""
    alerts: AlertCounts
    """Active ones."""


class DevicePage(Answer):
    """Part of the list of devices."""

    items: tuple[DeviceBrief, ...]
    next: str | None
    """The next page's `cursor`; null: there is none."""


class Period(Answer):
    """A period in which a device is out of service."""

    start: datetime
    end: datetime | None
    """Null: until further notice."""
    reason: str


class Latest(Answer):
    """The newest value of one metric."""

    metric: str
    names: Names
    unit: str
    """UCUM; `1` for plain numbers."""
    decimals: int
    """After the point, to show it."""
    value: float | str
    time: datetime
    """Event time."""
    age_s: float
    quality: tuple[str, ...]
    """Why it deserves less trust: `suspect`, `arrival_time`; empty: it is good."""
    stale: bool
    """Older than twice its device's interval."""


class DeviceLatest(Answer):
    """What one device said last."""

    device: str
    site: str
    spoke: datetime | None
    latest: tuple[Latest, ...]


class DeviceDetail(DeviceBrief):
    """One device, whole."""

    labels: dict[str, str]
    children: tuple[str, ...]
    """Devices that speak through it."""
    out_of_service: tuple[Period, ...]
    archive: bool
    """At a site that plays old measurements."""
    latest: tuple[Latest, ...]
    active: tuple[AlertBrief, ...]
    """Alerts that are not resolved, most severe first."""
    alerts_known: bool
    """False: the alert database can't be asked just now."""


async def devices(sources: Sources, caller: Caller, wanted: DeviceFilter, page: Page) -> DevicePage:
    """Those that the caller sees, by site and id. Raises `BadCursorError`, `NotFoundError` for an unknown site."""
    require_reader(caller)
    if wanted.site is not None:
        site_of(sources, caller, wanted.site)
    after = ("", "") if page.cursor is None else tuple(place_of(page.cursor, str, str))
    places = sorted(sources.registry.sites) if wanted.site is None else [wanted.site]
    coming = (
        one
        for place in places
        if caller.sees(place)
        for one in devices_at(sources.registry, place)
        if (place, one.id) > after and _fits(one, wanted)
    )
    active = await active_alerts(sources) or {}
    briefs = (brief_of(sources, one, active.get(one.id, ())) for one in coming)
    found = list(islice((one for one in briefs if wanted.state in {None, one.state}), page.limit + 1))
    items = found[: page.limit]
    more = len(found) > page.limit
    return DevicePage(items=items, next=cursor_of(items[-1].site, items[-1].id) if more else None)


async def device(sources: Sources, caller: Caller, device_id: str) -> DeviceDetail:
    """One of them. Raises `NotFoundError`."""
    require_reader(caller)
    one = device_of(sources, caller, device_id)
    active = await active_alerts(sources, [one.id])
    alerts = (active or {}).get(one.id, ())
    return DeviceDetail(
        **dict(brief_of(sources, one, alerts)),
        labels=one.labels,
        children=sorted(child.id for child in sources.registry.devices.values() if child.parent == one.id),
        out_of_service=[
            Period(start=moment(period.start_ns), end=moment_or_none(period.end_ns), reason=period.reason)
            for period in one.out_of_service
        ],
        archive=one.archive,
        latest=latest_of(sources, caller, one),
        active=await briefs_of(sources, caller, alerts),
        alerts_known=active is not None,
    )


async def latest(
    sources: Sources, caller: Caller, *, site: str | None = None, devices: Sequence[str] = ()
) -> Sequence[DeviceLatest]:
    """What the devices of a site, or these, said last; from memory only. Raises `NotFoundError`."""
    require_reader(caller)
    wanted = [device_of(sources, caller, one) for one in devices]
    if site is not None:
        site_of(sources, caller, site)
        wanted += devices_at(sources.registry, site)
    now, metrics = sources.now, sources.registry.metrics
    return [
        DeviceLatest(
            device=one.id,
            site=one.site,
            spoke=moment_or_none(standing.spoke_ns(now, metrics, one)),
            latest=latest_of(sources, caller, one),
        )
        for one in wanted
    ]


def latest_of(sources: Sources, caller: Caller, device: Device) -> Sequence[Latest]:
    """By metric, in the order in which the device's metrics are written; alerts are in the list of alerts."""
    metrics, now_ns = sources.registry.metrics, sources.clock()
    values = sources.now.of(device.id)
    return [
        _latest(device, metric, values[name], now_ns)
        for name in (*device.metrics, *sorted(values.keys() - set(device.metrics)))
        if name in values
        and (metric := metrics.get(name)) is not None
        and metric.source is not Source.ALERT
        and caller.reads(metric)
    ]


def brief_of(sources: Sources, device: Device, alerts: Sequence[Alert]) -> DeviceBrief:
    """As in a list; `alerts` are its active ones."""
    now = sources.now
    spoke_ns = standing.spoke_ns(now, sources.registry.metrics, device)
    return DeviceBrief(
        id=device.id,
        site=device.site,
        area=device.area,
        kind=device.kind,
        names=device.names,
        parent=device.parent,
        unit=device.unit,
        interval_s=device.interval_s,
        metrics=device.metrics,
        state=standing.state_since(device, [alert.severity for alert in alerts], now, spoke_ns, sources.clock()),
        spoke=moment_or_none(spoke_ns),
        alerts=counts_of(alerts),
    )


@cache
def quality_words(quality: Quality) -> tuple[str, ...]:
    """Its flags, as the API says them. There are few, and they are asked for with each value."""
    return tuple(flag.name.lower() for flag in quality if flag.name is not None)


def _latest(device: Device, metric: Metric, value: Value, now_ns: int) -> Latest:
    return Latest(
        metric=metric.name,
        names=metric.names,
        unit=metric.unit,
        decimals=metric.decimals,
        value=value.value,
        time=moment(value.time_ns),
        age_s=max(0.0, (now_ns - value.time_ns) / NS_PER_S),
        quality=quality_words(value.quality),
        stale=standing.is_stale(device, metric, value.time_ns, now_ns),
    )


def _fits(device: Device, wanted: DeviceFilter) -> bool:
    if wanted.site not in {None, device.site} or wanted.area not in {None, device.area}:
        return False
    if wanted.kind not in {None, device.kind} or (wanted.metric is not None and wanted.metric not in device.metrics):
        return False
    if wanted.q is None:
        return True
    part = wanted.q.casefold()
    texts = (device.id, *device.names.values(), *device.labels.values())
    return any(part in text.casefold() for text in texts)
