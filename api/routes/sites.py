"""Sites, and what stands at them."""

from fastapi import APIRouter

from api.problem import ForbiddenError, NotFoundError
from api.queries import devices, places
from api.queries.devices import DeviceLatest
from api.queries.places import SiteDetail, SiteSummary
from api.routes.depends import CallerOf, SourcesOf, refused
from api.routes.tagged import TAGGED, TaggedRoute
from api.routes.words import SiteInPath

router = APIRouter(prefix="/sites", tags=["sites"])
tagged = APIRouter(prefix="/sites", tags=["sites"], route_class=TaggedRoute)


@tagged.get("", responses=TAGGED | refused(ForbiddenError))
async def list_sites(sources: SourcesOf, caller: CallerOf) -> tuple[SiteSummary, ...]:
    """The sites that the caller sees, each with its state."""
    return tuple(await places.sites(sources, caller))


@tagged.get("/{site}", responses=TAGGED | refused(ForbiddenError, NotFoundError))
async def get_site(sources: SourcesOf, caller: CallerOf, site: SiteInPath) -> SiteDetail:
    """A site with its areas and devices."""
    return await places.site(sources, caller, site)


@router.get("/{site}/latest", responses=refused(ForbiddenError, NotFoundError))
async def get_site_latest(sources: SourcesOf, caller: CallerOf, site: SiteInPath) -> tuple[DeviceLatest, ...]:
    """The newest value of each metric of each device at a site; from memory, so it may be asked often."""
    return tuple(await devices.latest(sources, caller, site=site))
