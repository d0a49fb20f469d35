"""Devices, and what they said last."""

from typing import Annotated

from fastapi import APIRouter, Query

from api.problem import ForbiddenError, NotFoundError
from api.queries import devices, thoughts
from api.queries.devices import DeviceDetail, DeviceFilter, DeviceLatest, DevicePage
from api.queries.paging import Page
from api.queries.standing import State
from api.queries.thoughts import RuleThought
from api.routes.depends import CallerOf, SourcesOf, refused
from api.routes.tagged import TAGGED, TaggedRoute
from api.routes.words import AreaInQuery, Cursor, DeviceInPath, Id, Limit, SiteInQuery

router = APIRouter(prefix="/devices", tags=["devices"])
tagged = APIRouter(prefix="/devices", tags=["devices"], route_class=TaggedRoute)


@tagged.get("", responses=TAGGED | refused(ForbiddenError, NotFoundError))
async def list_devices(
    sources: SourcesOf,
    caller: CallerOf,
    site: SiteInQuery = None,
    area: AreaInQuery = None,
    kind: Annotated[Id | None, Query(description="Only of this kind.", examples=["toilet_odour"])] = None,
    state: Annotated[State | None, Query(description="Only those that stand so.")] = None,
    metric: Annotated[Id | None, Query(description="Only those that measure it.")] = None,
    q: Annotated[str | None, Query(max_length=100, description="Part of an id, a name or a label.")] = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> DevicePage:
    """Devices by site and id."""
    wanted = DeviceFilter(site=site, area=area, kind=kind, state=state, metric=metric, q=q)
    return await devices.devices(sources, caller, wanted, Page(limit=limit, cursor=cursor))


@router.get("/{device}", responses=refused(ForbiddenError, NotFoundError))
async def get_device(sources: SourcesOf, caller: CallerOf, device: DeviceInPath) -> DeviceDetail:
    """A device: what the registry knows, how it stands, its last values, its active alerts."""
    return await devices.device(sources, caller, device)


@router.get("/{device}/latest", responses=refused(ForbiddenError, NotFoundError))
async def get_device_latest(sources: SourcesOf, caller: CallerOf, device: DeviceInPath) -> DeviceLatest:
    """The newest value of each metric of a device; from memory."""
    return (await devices.latest(sources, caller, devices=(device,)))[0]


@router.get("/{device}/rules", responses=refused(ForbiddenError, NotFoundError))
async def explain_device(sources: SourcesOf, caller: CallerOf, device: DeviceInPath) -> tuple[RuleThought, ...]:
    """What each rule that selects the device thinks of it now, and why."""
    return await thoughts.explain(sources, caller, device)
