"""Sites and their areas: how each stands, worst device first in its state."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime

from alerts.desk import Alert
from api.access.caller import Caller
from api.queries import standing
from api.queries.active import AlertCounts, active_alerts, counts_of
from api.queries.answer import Answer, Names, moment_or_none
from api.queries.devices import DeviceBrief, brief_of
from api.queries.readers import devices_at, require_reader, site_of
from api.queries.standing import State
from api.sources import Sources
from telemetry.registry.models import Area, Device, Site


class SiteSummary(Answer):
    """A site in a list."""

    id: str
    kind: str
    """toilet, building, air or whatever the deployment says."""
    names: Names
    timezone: str
    """IANA name, as in Asia/Hong_Kong."""
    archive: bool
    """It plays old measurements."""
    state: State
    alerts: AlertCounts
    """Active ones."""
    alerts_known: bool
    """False: the alert database can't be asked just now; states then go by silence alone."""
    devices: int
    silent: int
    """Devices in service that have missed too many readings."""
    out_of_service: int
    spoke: datetime | None
    """When one of its devices measured last."""


class AreaSummary(Answer):
    """A part of a site."""

    id: str
    type: str
    """male, female, accessible, family, floor, roof."""
    names: Names
    state: State
    devices: int
    alerts: AlertCounts


class SiteDetail(SiteSummary):
    """A site with its parts."""

    areas: tuple[AreaSummary, ...]
    parts: tuple[DeviceBrief, ...]
    """Its devices."""


async def sites(sources: Sources, caller: Caller) -> Sequence[SiteSummary]:
    """Those that the caller sees, by id."""
    require_reader(caller)
    active = await active_alerts(sources)
    registry, found = sources.registry, []
    for _, place in sorted(registry.sites.items()):
        if caller.sees(place.id):
            found.append(_summary(sources, place, devices_at(registry, place.id), active))
            await asyncio.sleep(0)  # of many thousand devices it takes a while, and readings come meanwhile
    return found


async def site(sources: Sources, caller: Caller, site_id: str) -> SiteDetail:
    """One of them. Raises `NotFoundError`."""
    require_reader(caller)
    place = site_of(sources, caller, site_id)
    parts = devices_at(sources.registry, site_id)
    active = await active_alerts(sources, [one.id for one in parts])
    briefs = [brief_of(sources, one, (active or {}).get(one.id, ())) for one in parts]
    states = {one.id: one.state for one in briefs}
    return SiteDetail(
        **dict(_summary(sources, place, parts, active)),
        areas=[_area(area, parts, states, active) for area in place.areas.values()],
        parts=briefs,
    )


def _summary(
    sources: Sources, place: Site, parts: Sequence[Device], active: Mapping[str, Sequence[Alert]] | None
) -> SiteSummary:
    now, metrics, now_ns = sources.now, sources.registry.metrics, sources.clock()
    found = active or {}
    spoke = {one.id: standing.spoke_ns(now, metrics, one) for one in parts}
    resting = {one.id for one in parts if standing.out_of_service(one, now_ns)}
    return SiteSummary(
        id=place.id,
        kind=place.kind,
        names=place.names,
        timezone=place.timezone.key,
        archive=place.archive,
        state=standing.state_of_all(
            standing.state_since(one, [alert.severity for alert in found.get(one.id, ())], now, spoke[one.id], now_ns)
            for one in parts
        ),
        alerts=counts_of([alert for one in parts for alert in found.get(one.id, ())]),
        alerts_known=active is not None,
        devices=len(parts),
        silent=sum(
            standing.silent(one, spoke[one.id], now_ns, now.listening_ns)
            for one in parts
            if one.id not in resting and not one.archive
        ),
        out_of_service=len(resting),
        spoke=moment_or_none(max((ns for ns in spoke.values() if ns is not None), default=None)),
    )


def _area(
    area: Area,
    parts: Sequence[Device],
    states: Mapping[str, State],
    active: Mapping[str, Sequence[Alert]] | None,
) -> AreaSummary:
    inside = [one.id for one in parts if one.area == area.id]
    return AreaSummary(
        id=area.id,
        type=area.type,
        names=area.names,
        state=standing.state_of_all(states[one] for one in inside),
        devices=len(inside),
        alerts=counts_of([alert for one in inside for alert in (active or {}).get(one, ())]),
    )
