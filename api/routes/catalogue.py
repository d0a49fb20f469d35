"""The catalogue of metrics."""

from fastapi import APIRouter

from api.problem import ForbiddenError
from api.queries import catalogue
from api.queries.catalogue import MetricFacts
from api.routes.depends import CallerOf, SourcesOf, refused
from api.routes.tagged import TAGGED, TaggedRoute

tagged = APIRouter(prefix="/catalogue", tags=["catalogue"], route_class=TaggedRoute)


@tagged.get("", responses=TAGGED | refused(ForbiddenError))
async def list_metrics(sources: SourcesOf, caller: CallerOf) -> tuple[MetricFacts, ...]:
    """What can be measured: names, units, ranges, and who may see it."""
    return await catalogue.metrics(sources, caller)
