"""Silences."""

from fastapi import APIRouter, Response

from api.problem import ConflictError, ForbiddenError, NotFoundError, UnprocessableError
from api.queries import silences
from api.queries.silences import NewSilence, SilenceFacts
from api.routes.depends import CallerOf, SourcesOf, refused
from api.routes.words import SilenceInPath

router = APIRouter(prefix="/silences", tags=["silences"])


@router.get("", responses=refused(ForbiddenError))
async def list_silences(sources: SourcesOf, caller: CallerOf) -> tuple[SilenceFacts, ...]:
    """Silences that are not over, begun or not."""
    return await silences.silences(sources, caller)


@router.post(
    "",
    status_code=201,
    responses={
        202: {"model": SilenceFacts, "description": "It is kept and will hold; the alert service has not got to it."},
        **refused(ForbiddenError, ConflictError, UnprocessableError),
    },
)
async def make_silence(sources: SourcesOf, caller: CallerOf, response: Response, body: NewSilence) -> SilenceFacts:
    """Tell nobody of alerts with these labels for a while. Needs the role operator."""
    made = await silences.make(sources, caller, body)
    if not made.id:
        response.status_code = 202
    return made


@router.delete(
    "/{silence}",
    status_code=204,
    responses={
        202: {"description": "It is kept and will be done; the alert service has not got to it.", "content": {}},
        **refused(ForbiddenError, NotFoundError, ConflictError),
    },
)
async def end_silence(sources: SourcesOf, caller: CallerOf, silence: SilenceInPath) -> Response:
    """End a silence now. Needs the role operator."""
    return Response(status_code=204 if await silences.end(sources, caller, silence) else 202)
