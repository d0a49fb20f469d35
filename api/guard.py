"""The guard: what every request and every websocket passes before anything of ours looks at it.

    who sends it, through which proxy > size of path and headers > name of this server > other pages' origins (CORS) >
    how often from there > who asks > how often by them > sent by a page of ours > may be here > size of the body

What it finds goes along as `request.state.caller` and `request.client`; what it refuses is answered as problem details.
"""

import math
from urllib.parse import quote

from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.access.access import Access
from api.access.bucket import Buckets, household
from api.access.caller import Caller, Way
from api.access.client import client_of, is_ours
from api.access.origin import SAFE, doubt, same_origin
from api.access.places import Place, is_static, place_of
from api.access.safety import safety_headers
from api.problem import (
    MEDIA_TYPE,
    ApiError,
    BadRequestError,
    ForbiddenError,
    HeadersTooLargeError,
    MisdirectedError,
    PathTooLongError,
    TooLargeError,
    TooManyError,
    UnauthorizedError,
    problem_of,
)
from api.settings import ApiSettings
from telemetry.loopback import is_loopback

BODY_BYTES = 1024 * 1024
HEADER_BYTES = 32 * 1024
PATH_BYTES = 8 * 1024
"""Path and query."""
PAGE_COSTS = 20
"""As many requests: a page of the board is kept in memory for a minute, whether somebody looks at it or not."""
_MINUTE_S = 60
_ALLOWED = ("DELETE", "GET", "HEAD", "PATCH", "POST", "PUT")
_ASKED_WITH = ("Authorization", "Content-Type", "If-None-Match", "If-Match", "Last-Event-ID")
_SHOWN = ("ETag", "Link", "Location", "Retry-After", "Content-Disposition")
_PORTS = {"http": ":80", "https": ":443"}


class UnsafeError(Exception):
    """It must not be started like this; the message says what to do."""


def guarded(app: ASGIApp, settings: ApiSettings, access: Access) -> ASGIApp:
    """The application behind the guard."""
    inner: ASGIApp = _Guard(app, settings, access)
    if settings.origins:
        inner = CORSMiddleware(
            inner,
            allow_origins=settings.origins,
            allow_methods=_ALLOWED,
            allow_headers=_ASKED_WITH,
            expose_headers=_SHOWN,
        )
    return _Door(inner, settings)


async def refuse_unsafe(settings: ApiSettings, access: Access) -> None:
    """Raises `UnsafeError` for a server that others can reach while there is no key to keep them out or let them in."""
    if not is_loopback(settings.host) and not await access.has_keys():
        raise UnsafeError(
            f"{settings.host} can be reached from other machines, and there is no key yet: make one with "
            "`caretaker keys create --name NAME --role admin`, then start again"
        )


class _Door:
    """Who sends it, whether it has a sane size, whether it is meant for us; and safe headers on every answer."""

    def __init__(self, app: ASGIApp, settings: ApiSettings) -> None:
        self._app = app
        self._settings = settings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in {"http", "websocket"}:
            await self._app(scope, receive, send)
            return
        raw: list[tuple[bytes, bytes]] = scope["headers"]
        headers = Headers(raw=raw)
        websocket = scope["type"] == "websocket"
        scheme: str = scope["scheme"].replace("ws", "http")
        peer: str = (scope["client"] or ("",))[0]
        client = client_of(peer, scheme, headers, self._settings.proxies)
        scheme = client.scheme.replace("http", "ws") if websocket else client.scheme
        # What proxies said was heard above: nobody further in has to decide again whom to believe.
        kept = [(name, value) for name, value in raw if not name.startswith(b"x-forwarded-") and name != b"forwarded"]
        scope = {**scope, "client": (client.address, 0), "scheme": scheme, "headers": kept}
        scope["state"] = {**scope.get("state", {}), "caller": None}
        host = headers.get("host", "").lower().removesuffix(_PORTS[client.scheme])
        scope["state"]["origin"] = f"{client.scheme}://{host}"
        try:
            self._check(scope, raw)
        except ApiError as error:
            await refuse(error, scope, receive, _safer(send, scope, ""))
            return
        await self._app(scope, receive, _safer(send, scope, host))

    def _check(self, scope: Scope, raw: list[tuple[bytes, bytes]]) -> None:
        """Raises `ApiError`."""
        if len(scope.get("raw_path") or scope["path"].encode()) + len(scope["query_string"]) > PATH_BYTES:
            raise PathTooLongError(f"path and query have at most {PATH_BYTES} bytes")
        if sum(len(name) + len(value) for name, value in raw) > HEADER_BYTES:
            raise HeadersTooLargeError(f"headers have at most {HEADER_BYTES} bytes in all")
        hosts = [value.decode("latin-1") for name, value in raw if name == b"host"]
        if len(hosts) != 1:
            raise BadRequestError("a request has one header `Host`")
        reached = (scope.get("server") or ("",))[0]
        if not is_ours(hosts[0], self._settings.host, reached, self._settings.names):
            raise MisdirectedError("this name is not one of ours: whoever runs this server lists it in `api.names`")


class _Guard:
    """How often, who, and whether they may be here at all. What they may in detail is for `queries/`."""

    def __init__(self, app: ASGIApp, settings: ApiSettings, access: Access) -> None:
        self._app = app
        self._access = access
        per_minute = settings.requests_per_minute
        self._addresses = Buckets(per_minute, per_minute / _MINUTE_S)
        self._callers = Buckets(per_minute, per_minute / _MINUTE_S)
        pages = max(1.0, per_minute / PAGE_COSTS)
        self._pages = Buckets(pages, pages / _MINUTE_S)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in {"http", "websocket"}:
            await self._app(scope, receive, send)
            return
        try:
            if not is_static(scope["path"]):
                away = await self._admit(scope)
                if away is not None:
                    await away(scope, receive, send)
                    return
            receive = await _bounded(scope, receive)
        except ApiError as error:
            await refuse(error, scope, receive, send)
            return
        await self._app(scope, receive, send)

    async def _admit(self, scope: Scope) -> Response | None:
        """Finds the caller. Gives where else to go, for a page that needs somebody. Raises `ApiError`."""
        headers = Headers(scope=scope)
        address: str = scope["client"][0]
        _within(self._addresses.take(household(address)))
        place = place_of(scope["path"])
        if place is Place.HEALTH:
            return None
        caller = await self._access.caller_of(headers, address)
        if caller is not None:
            name = caller.key or f"browser {caller.browser}"
            _within(self._callers.take(name))
            if place is Place.PAGE:
                _within(self._pages.take(name))
        scope["state"]["caller"] = caller
        _by_our_page(scope, headers, caller, place)
        if caller is not None or place is Place.PUBLIC or place is Place.FORM:
            return None
        if place is Place.PAGE and scope["type"] == "http" and scope["method"] in {"GET", "HEAD"}:
            query = scope["query_string"].decode("latin-1")
            there = quote(scope["path"]) + (f"?{query}" if query else "")
            return RedirectResponse(f"/sign-in?next={quote(there, safe='')}" if there != "/" else "/sign-in", 303)
        raise UnauthorizedError("send a key as `Authorization: Bearer ck_…`, or sign in at /sign-in")


def _by_our_page(scope: Scope, headers: Headers, caller: Caller | None, place: Place) -> None:
    """Raises `ForbiddenError` for what a page of somebody else had a browser send."""
    origin: str = scope["state"]["origin"]
    if scope["type"] == "websocket":
        # A browser opens one to any server and sends its cookie along; only `Origin` says for which page.
        if not same_origin(headers, origin):
            raise ForbiddenError("websockets are for pages of this server")
        return
    if place is Place.FORM and scope["method"] not in SAFE and not same_origin(headers, origin):
        raise ForbiddenError("this form is for pages of this server")
    if caller is not None and caller.way is Way.SESSION and place is not Place.FORM:
        why = doubt(scope["method"], headers, origin, api=place is Place.API)
        if why is not None:
            raise ForbiddenError(why)


def _within(wait_s: float) -> None:
    if wait_s:
        raise TooManyError("more requests than this server takes from one caller", math.ceil(wait_s))


async def _bounded(scope: Scope, receive: Receive) -> Receive:
    """A body of at most `BODY_BYTES`, read before anybody works with it. Raises `TooLargeError`."""
    headers = Headers(scope=scope)
    length = headers.get("content-length", "")
    if scope["type"] != "http" or not (length or "transfer-encoding" in headers):
        return receive
    too_large = TooLargeError(f"a body has at most {BODY_BYTES} bytes")
    if length.isdecimal() and int(length[:20]) > BODY_BYTES:
        raise too_large
    parts: list[bytes] = []
    size, more = 0, True
    while more:  # a body that comes in chunks does not say how long it is
        message = await receive()
        if message["type"] != "http.request":
            break  # gone
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        more = message.get("more_body", False)
        if size > BODY_BYTES:
            raise too_large
    first: Message | None = {"type": "http.request", "body": b"".join(parts), "more_body": False}

    async def replay() -> Message:
        nonlocal first
        if first is None:
            return await receive()
        message, first = first, None
        return message

    return replay


async def refuse(error: ApiError, scope: Scope, receive: Receive, send: Send) -> None:
    """Answer with problem details; a websocket is not opened."""
    if scope["type"] == "websocket" and "websocket.http.response" not in scope.get("extensions", {}):
        await receive()
        await send({"type": "websocket.close", "code": 1008, "reason": ""})
        return
    headers = dict(error.headers)
    if error.status == TooLargeError.status:
        headers["Connection"] = "close"  # the rest of it is not read
    content = problem_of(error).model_dump(mode="json")
    response = JSONResponse(content, error.status, headers, media_type=MEDIA_TYPE)
    await response(scope, receive, send)


def _safer(send: Send, scope: Scope, host: str) -> Send:
    """Sends with the headers that keep browsers safe."""

    async def sending(message: Message) -> None:
        if message["type"] in {"http.response.start", "websocket.http.response.start"}:
            headers = MutableHeaders(scope=message)
            for name, value in safety_headers(host, secure=scope["scheme"] in {"https", "wss"}).items():
                headers.setdefault(name, value)  # a page that needs less allows itself less
            if scope["state"]["caller"] is not None:
                # Not for caches that others share; with an ETag a browser may still ask whether its own is good.
                headers.setdefault("Cache-Control", "private, no-cache")
        await send(message)

    return sending
