"""What people enter by hand."""

from fastapi import APIRouter

from api.problem import ConflictError, ForbiddenError, NotFoundError, UnprocessableError
from api.queries import events
from api.queries.events import Event, Recorded
from api.routes.depends import CallerOf, SourcesOf, refused

router = APIRouter(prefix="/events", tags=["events"])


@router.post("", status_code=201, responses=refused(ForbiddenError, NotFoundError, ConflictError, UnprocessableError))
async def record_event(sources: SourcesOf, caller: CallerOf, body: Event) -> Recorded:
    """Cleaned, feedback, a call for assistance, or a meter that was read: a reading by the caller.

    It is published on MQTT like any other reading, with its author and the quality `manual`. The same once more at the
    same `time` is recorded once. Needs the role operator.
    """
    return await events.record(sources, caller, body)
