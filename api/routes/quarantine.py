"""The quarantine: what was refused, and why."""

from typing import Annotated

from fastapi import APIRouter, Query

from api.problem import ForbiddenError, NotFoundError, UnprocessableError
from api.queries import quarantine
from api.queries.paging import Page
from api.queries.quarantine import Quarantined, QuarantinePage, Replay, Replayed
from api.routes.depends import CallerOf, SourcesOf, refused
from api.routes.words import Cursor, Limit, MessageInPath
from telemetry.message import Reason

router = APIRouter(prefix="/quarantine", tags=["quarantine"])


@router.get("", responses=refused(ForbiddenError))
async def list_quarantine(
    sources: SourcesOf,
    caller: CallerOf,
    reason: Annotated[Reason | None, Query(description="Only for this reason.")] = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> QuarantinePage:
    """What was refused, newest first. Needs the role operator."""
    return await quarantine.quarantine(sources, caller, reason, Page(limit=limit, cursor=cursor))


@router.post("/replay", responses=refused(ForbiddenError, NotFoundError, UnprocessableError))
async def replay_quarantine(sources: SourcesOf, caller: CallerOf, body: Replay) -> Replayed:
    """Admit messages again, as at their first arrival; what is still refused stays. Needs the role admin."""
    return await quarantine.replay(sources, caller, body)


@router.get("/{message:int}", responses=refused(ForbiddenError, NotFoundError))
async def get_quarantined(sources: SourcesOf, caller: CallerOf, message: MessageInPath) -> Quarantined:
    """One message, whole. Needs the role operator."""
    return await quarantine.one(sources, caller, message)


@router.post("/{message:int}/replay", responses=refused(ForbiddenError, NotFoundError))
async def replay_quarantined(sources: SourcesOf, caller: CallerOf, message: MessageInPath) -> Replayed:
    """Admit one message again. Needs the role admin."""
    return await quarantine.replay_one(sources, caller, message)
