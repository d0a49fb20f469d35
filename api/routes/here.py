"""`/here/…`: the page behind the printed code of an area. Looking changes nothing; what is said is said by POST.

Not a part of the API's document: it is for people who stand there. The signature in the address is the proof; whoever
is signed in as operator needs none. Nobody is given a cookie.
"""

import math
import secrets
from urllib.parse import urlencode

import structlog
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from api.board.words import LANGUAGES, Words
from api.plain.form import form_of, sent_by_our_page
from api.plain.here_page import Note, Sheet, ask_page, closed_page, here_page, thanks_page
from api.plain.page import answer, onward, words_for
from api.problem import ApiError, AwayError, UnprocessableError
from api.queries.events import What
from api.queries.here import AskError, Entries, Entry, Here, Shut, ShutError, enter, meter_of, opened
from api.routes.depends import access_of, sources_of

log = structlog.get_logger(__name__)

router = APIRouter()

FORM_BYTES_MOST = 4_096
"""The longest form of ours has about 300."""
ONCE_MOST = 32
STATUSES = {Shut.INCOMPLETE: 404, Shut.FORGED: 403, Shut.GONE: 404}


async def show(request: Request) -> Response:
    """What can be said there; or what just was, under `said` in the address."""
    try:
        here = await _opened(request)
    except ShutError as error:
        return _closed(request, error)
    said = _entries(request).said(here, request.query_params.get("said", ""))
    if said is None:
        return _page(request, here)
    return _html(request, thanks_page(here, said, meter_of(here, said.entry), _sheet(request), _again(request)))


async def say(request: Request) -> Response:
    """Record it; then the page, by a redirect, so that loading it again records nothing."""
    sources = sources_of(request)
    try:
        here = await _opened(request)
    except ShutError as error:
        return _closed(request, error)
    if not sent_by_our_page(request):
        return _page(request, here, Note.NOT_POSSIBLE, 403)
    try:
        entry = await _asked(request)
    except ValueError:
        return _page(request, here, Note.NO_NUMBER, 422)
    if entry is None:
        return _page(request, here, Note.NOT_POSSIBLE, 400)
    try:
        said = await enter(sources, _entries(request), here, entry)
    except AskError as error:
        return _html(request, ask_page(here, error, entry, _sheet(request), _again(request)))
    except ApiError as error:
        return _page(request, here, _note(error), error.status)
    return onward(_again(request, said=said.id))


router.add_route("/here/{site}/{area}", show, methods=["GET"], include_in_schema=False)
router.add_route("/here/{site}/{area}", say, methods=["POST"], include_in_schema=False)


async def _opened(request: Request) -> Here:
    place = (request.path_params["site"], request.path_params["area"])
    signature = request.query_params.get("signature", "")
    return await opened(sources_of(request), access_of(request).codes, place, signature, request.state.caller)


async def _asked(request: Request) -> Entry | None:
    """What the form says; None: it is not our form. Raises `ValueError` for a number that is none."""
    form = await form_of(request, FORM_BYTES_MOST) or {}
    try:
        what, once = What(form["what"]), form["once"]
    except (ValueError, KeyError):
        return None
    if len(once) > ONCE_MOST:
        return None
    value = float(form.get("value", "1" if what in {What.CLEANED, What.ASSISTANCE} else ""))
    if not math.isfinite(value):
        raise ValueError(value)
    return Entry(once, what, value, form.get("device", ""), form.get("metric", ""), form.get("sure") == "yes")


def _note(error: ApiError) -> Note:
    match error:
        case UnprocessableError():
            return Note.UNLIKELY
        case AwayError():
            return Note.AWAY
        case _:
            return Note.NOT_POSSIBLE


def _page(request: Request, here: Here, note: Note | None = None, status: int = 200) -> Response:
    once = secrets.token_urlsafe(12)
    return _html(request, here_page(here, once, sources_of(request).clock(), _sheet(request), note), status)


def _closed(request: Request, error: ShutError) -> Response:
    log.info("code refused", reason=error.why.value)
    return _html(request, closed_page(error.why, _sheet(request)), STATUSES[error.why])


def _html(request: Request, text: str, status: int = 200) -> Response:
    return answer(text, _words(request), status)


def _sheet(request: Request) -> Sheet:
    words = _words(request)
    others = {name: (title, _again(request, language=name)) for name, title in LANGUAGES.items()}
    del others[words.language]
    return Sheet(words, others)


def _words(request: Request) -> Words:
    """As chosen on the page; in its address, so that nothing is kept of visitors."""
    return words_for(request, request.query_params.get("language"))


def _again(request: Request, **more: str) -> str:
    """The address of this page, as it was opened."""
    kept = {name: value for name in ("signature", "language") if (value := request.query_params.get(name))}
    return f"?{urlencode({**kept, **more})}"


def _entries(request: Request) -> Entries:
    """The application's; made with the first request."""
    state = request.app.state
    if not hasattr(state, "entries"):
        state.entries = Entries()
    entries: Entries = state.entries
    return entries
