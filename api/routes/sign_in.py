"""`/sign-in`, `/sign-out`, `/enter`: for browsers. Whoever has a key or a token gets a session.

Not a part of the API's document: it is for people; programs send a key. That a form was sent by a page of ours the
guard has seen to.
"""

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from api.access.caller import Caller, Way
from api.access.origin import local_path
from api.plain.form import form_of
from api.plain.page import answer, onward, words_for
from api.plain.sign_in_page import Wrong, sign_in_page
from api.problem import ApiError, AwayError, TooManyError, UnauthorizedError
from api.routes.depends import access_of

router = APIRouter()

FORM_BYTES_MOST = 32_768
"""A path in percents may be long."""


async def show(request: Request) -> Response:
    """The form; for whoever has signed in already, where they wanted to go."""
    there = local_path(request.query_params.get("next", "/"))
    if _session(request) is not None:
        return onward(there)
    words = words_for(request)
    return answer(sign_in_page(words, there), words)


async def sign_in(request: Request) -> Response:
    """Take the key of the form, and go where they wanted to."""
    form = await form_of(request, FORM_BYTES_MOST) or {}
    there = local_path(form.get("next", "/"))
    access = access_of(request)
    try:
        cookie = await access.sign_in(form.get("key", ""), _address(request))
    except ApiError as error:
        return _refused(request, there, error, Wrong.KEY)
    return onward(there, {"Set-Cookie": access.cookie.given(cookie)})


async def sign_out(request: Request) -> Response:
    """End the browser's session, whether it was good or not."""
    access = access_of(request)
    caller = _session(request)
    if caller is not None:
        await access.sign_out(caller)
    return onward("/sign-in", {"Set-Cookie": access.cookie.taken()})


async def enter(request: Request) -> Response:
    """Sign in by the address that `caretaker up` prints; the redirect takes the token out of the address bar."""
    access = access_of(request)
    try:
        cookie = await access.enter(request.query_params.get("token", ""), _address(request))
    except ApiError as error:
        return _refused(request, "/", error, Wrong.TOKEN)
    return onward("/", {"Set-Cookie": access.cookie.given(cookie)})


router.add_route("/sign-in", show, methods=["GET"], include_in_schema=False)
router.add_route("/sign-in", sign_in, methods=["POST"], include_in_schema=False)
router.add_route("/sign-out", sign_out, methods=["POST"], include_in_schema=False)
router.add_route("/enter", enter, methods=["GET"], include_in_schema=False)


def _refused(request: Request, there: str, error: ApiError, unknown: Wrong) -> Response:
    wrong = {UnauthorizedError: unknown, TooManyError: Wrong.TOO_MANY, AwayError: Wrong.AWAY}[type(error)]
    words = words_for(request)
    return answer(sign_in_page(words, there, wrong), words, error.status, error.headers)


def _session(request: Request) -> Caller | None:
    caller: Caller | None = request.state.caller
    return caller if caller is not None and caller.way is Way.SESSION else None


def _address(request: Request) -> str:
    return request.client.host if request.client else ""
