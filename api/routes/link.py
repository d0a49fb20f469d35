"""`/a/…`: links in messages. Looking changes nothing; what is done is done by POST, and nobody signs in.

Not a part of the API's document: it is for people, and no client can make such a link.
"""

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from alerts.desk import AlertWords
from api.board.words import Words, language_of, words_of
from api.dashboards import Episode
from api.plain.form import form_of, sent_by_our_page
from api.plain.link_page import Note, alert_page, done_text, shut_page
from api.plain.page import answer, onward, words_for
from api.problem import ApiError, AwayError, ConflictError, UnprocessableError
from api.queries.link import Address, Deed, Linked, Presses, Shut, ShutError, opened, press
from api.routes.depends import sources_of
from api.sources import Sources
from telemetry.registry.models import Person

router = APIRouter()

FORM_BYTES_MOST = 32_768
"""A comment in Chinese, written in percents, is nine bytes a character."""
STATUSES = {
    Shut.MALFORMED: 400,
    Shut.FORGED: 403,
    Shut.EXPIRED: 410,
    Shut.NO_PERSON: 403,
    Shut.NO_ALERT: 404,
    Shut.AWAY: 503,
}


async def show(request: Request) -> Response:
    """The alert, for whoever has a good link."""
    try:
        linked = await opened(sources_of(request), _address(request))
    except ShutError as error:
        return _shut(request, error)
    return _page(request, linked)


async def act(request: Request) -> Response:
    """Do what was pressed; then the page, by a redirect, so that loading it again presses nothing."""
    sources = sources_of(request)
    try:
        linked = await opened(sources, _address(request))
    except ShutError as error:
        return _shut(request, error)
    asked = await _asked(request) if sent_by_our_page(request) else None
    if asked is None:
        return _page(request, linked, Note.NOT_POSSIBLE, 403)
    deed, comment = asked
    if deed is Deed.COMMENT and not comment:
        return _page(request, linked, Note.COMMENT_MISSING, 422)
    if deed is Deed.DONE:
        comment = done_text(_words(linked.person), comment)
    try:
        recorded = await press(sources, _presses(request), linked, deed, comment, address=_from(request))
    except ApiError as error:
        return _page(request, linked, _note(error, linked), error.status)
    if not recorded:
        return _page(request, linked, Note.WAITING, 202)
    return onward(f"?{request.url.query}")


router.add_route("/a/{alert}", show, methods=["GET"], include_in_schema=False)
router.add_route("/a/{alert}", act, methods=["POST"], include_in_schema=False)


def _address(request: Request) -> Address:
    query = request.query_params
    return Address(
        request.path_params["alert"],
        query.get("person", ""),
        query.get("expires", ""),
        query.get("signature", ""),
    )


async def _asked(request: Request) -> tuple[Deed, str] | None:
    """What the form says; None: it is not our form."""
    form = await form_of(request, FORM_BYTES_MOST) or {}
    try:
        return Deed(form["deed"]), form.get("comment", "").replace("\r\n", "\n").strip()
    except (ValueError, KeyError):
        return None


def _note(error: ApiError, linked: Linked) -> Note:
    match error:
        case UnprocessableError():
            return Note.COMMENT_UNFIT
        case AwayError():
            return Note.AWAY
        case ConflictError() if not linked.alert.active or "resolved" in str(error):
            return Note.RESOLVED_ALREADY
        case _:
            return Note.NOT_POSSIBLE


def _page(request: Request, linked: Linked, note: Note | None = None, status: int = 200) -> Response:
    sources, words = sources_of(request), _words(linked.person)
    rules = {} if linked.rule is None else {linked.rule.id: linked.rule}
    told, now_ns = AlertWords(sources.registry, rules, linked.person.language), sources.clock()
    return answer(alert_page(linked, told, words, now_ns, note, _drawn(sources, linked, words, now_ns)), words, status)


def _drawn(sources: Sources, linked: Linked, words: Words, now_ns: int) -> str | None:
    """Where Grafana draws what the rule looks at; None: nowhere."""
    if sources.dashboards is None:
        return None
    alert, metrics = linked.alert, () if linked.rule is None else linked.rule.metrics
    episode = Episode(alert.device, next(iter(metrics), None), alert.raised_ns, alert.resolved_ns)
    return sources.dashboards.alert(episode, sources.registry, words.language, now_ns)


def _shut(request: Request, error: ShutError) -> Response:
    words = words_for(request) if error.person is None else _words(error.person)
    again = {"Retry-After": "30"} if error.why is Shut.AWAY else {}
    return answer(shut_page(error.why, words), words, STATUSES[error.why], again)


def _words(person: Person) -> Words:
    return words_of(language_of(None, person.language))


def _presses(request: Request) -> Presses:
    """The application's; made with the first press."""
    state = request.app.state
    if not hasattr(state, "presses"):
        state.presses = Presses()
    presses: Presses = state.presses
    return presses


def _from(request: Request) -> str:
    """Found by the guard."""
    return "" if request.client is None else request.client.host
