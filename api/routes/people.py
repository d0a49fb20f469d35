"""People who are told of alerts."""

from fastapi import APIRouter

from api.problem import ForbiddenError
from api.queries import people
from api.queries.people import PersonBrief
from api.routes.depends import CallerOf, SourcesOf, refused
from api.routes.tagged import TAGGED, TaggedRoute

tagged = APIRouter(prefix="/people", tags=["people"], route_class=TaggedRoute)


@tagged.get("", responses=TAGGED | refused(ForbiddenError))
async def list_people(sources: SourcesOf, caller: CallerOf) -> tuple[PersonBrief, ...]:
    """Whom alerts can be given to; never where they are reached. Needs the role operator."""
    return await people.people(sources, caller)
