"""Rules, as they are in force. They are written in files."""

from fastapi import APIRouter

from api.problem import ForbiddenError, NotFoundError
from api.queries import rules
from api.queries.rules import RuleBrief, RuleDetail
from api.routes.depends import CallerOf, SourcesOf, refused
from api.routes.tagged import TAGGED, TaggedRoute
from api.routes.words import RuleInPath

tagged = APIRouter(prefix="/rules", tags=["rules"], route_class=TaggedRoute)


@tagged.get("", responses=TAGGED | refused(ForbiddenError))
async def list_rules(sources: SourcesOf, caller: CallerOf) -> tuple[RuleBrief, ...]:
    """All rules, in the order in which they are written."""
    return await rules.rules(sources, caller)


@tagged.get("/{rule}", responses=TAGGED | refused(ForbiddenError, NotFoundError))
async def get_rule(sources: SourcesOf, caller: CallerOf, rule: RuleInPath) -> RuleDetail:
    """A rule, whole."""
    return await rules.rule(sources, caller, rule)
