"""What every operation asks for: its sources, and who calls. Found by the guard, taken from the request here.

Where the guard did not run nobody is known, and nothing is answered.
"""

from typing import Annotated, Any

from fastapi import Depends, Security
from fastapi.security import APIKeyCookie, HTTPAuthorizationCredentials, HTTPBearer
from starlette.requests import HTTPConnection

from api.access.access import Access
from api.access.caller import Caller
from api.document import PROBLEM
from api.problem import MEDIA_TYPE, ApiError, AwayError, BadRequestError, TooManyError, UnauthorizedError
from api.sources import Sources

_KEY = HTTPBearer(
    scheme_name="key",
    description="A key, made with `caretaker keys create` or `POST /keys`: `Authorization: Bearer ck_…`.",
    auto_error=False,
)
_COOKIE = APIKeyCookie(
    name="caretaker",
    scheme_name="browser",
    description="A browser that has signed in at `/sign-in`. Over TLS the cookie is called `__Host-caretaker`. "
    "What changes something must come from a page of the same origin, as application/json.",
    auto_error=False,
)


def refused(*errors: type[ApiError]) -> dict[int | str, dict[str, Any]]:
    """For the document: how an operation refuses, beside what every one does. Given as `responses`."""
    every: set[type[ApiError]] = {BadRequestError, UnauthorizedError, TooManyError, AwayError}
    content = {MEDIA_TYPE: {"schema": {"$ref": PROBLEM}}}
    return {
        error.status: {"description": f"{error.title}. {(error.__doc__ or '').strip()}", "content": content}
        for error in sorted(every | {*errors}, key=lambda error: error.status)
    }


def sources_of(connection: HTTPConnection) -> Sources:
    """What the application was made with."""
    found: Sources = connection.app.state.sources
    return found


def access_of(connection: HTTPConnection) -> Access:
    """What knows callers."""
    found: Access = connection.app.state.access
    return found


async def caller_of(
    connection: HTTPConnection,
    _key: Annotated[HTTPAuthorizationCredentials | None, Security(_KEY)],
    _cookie: Annotated[str | None, Security(_COOKIE)],
) -> Caller:
    """Whoever the guard found behind the request. Raises `UnauthorizedError` for nobody."""
    found: Caller | None = getattr(connection.state, "caller", None)
    if found is None:
        raise UnauthorizedError("send a key as `Authorization: Bearer ck_…`, or sign in at /sign-in")
    return found


SourcesOf = Annotated[Sources, Depends(sources_of)]
AccessOf = Annotated[Access, Depends(access_of)]
CallerOf = Annotated[Caller, Depends(caller_of)]
