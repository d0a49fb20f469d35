"""The ingestor's own port: health, metrics, the account, and the quarantine."""

import json
import secrets
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from ingestor.journal_file import NoRoomError
from ingestor.quarantine import PAGE_ROWS, Quarantine, Quarantined
from ingestor.settings import HttpSettings
from ingestor.state import State
from telemetry.message import Admitted, Message

REPLAY_ROWS = 500
"""In one transaction: some tens of milliseconds in which nothing is acknowledged."""
BODY_BYTES = 64 * 1024

Handler = Callable[[Request], Awaitable[Response]]


class Pages:
    """What each address answers."""

    def __init__(self, state: State, quarantine: Quarantine, admit: Callable[[Message], Admitted]) -> None:
        self._state = state
        self._quarantine = quarantine
        self._admit = admit

    async def live(self, _: Request) -> Response:
        """The process answers."""
        return JSONResponse({"live": True})

    async def ready(self, _: Request) -> Response:
        """Readings are accepted, or why not."""
        reasons = self._state.reasons()
        return JSONResponse({"ready": not reasons, "reasons": list(reasons)}, 503 if reasons else 200)

    async def metrics(self, _: Request) -> Response:
        """Prometheus' text format."""
        return Response(await self._state.exposition(), media_type="text/plain; version=0.0.4; charset=utf-8")

    async def account(self, _: Request) -> Response:
        """The account, and why the store takes nothing if so."""
        account = await self._state.journal.account()
        body = asdict(account) | {
            "balanced": account.balanced,
            "trouble": self._state.drain.trouble,
            "unacknowledged": self._state.session.unacknowledged,
            "messages": self._state.session.counts.received,
        }
        return JSONResponse(body)

    async def quarantine(self, request: Request) -> Response:
        """A page of it, newest first; `reason`, `before` (an id) and `limit` narrow it."""
        query = request.query_params
        try:
            before = int(query["before"]) if "before" in query else None
            limit = min(int(query.get("limit", PAGE_ROWS)), 1_000)
        except ValueError:
            return _problem(400, "`before` and `limit` are whole numbers")
        rows = self._quarantine.newest(reason=query.get("reason"), before=before, limit=max(limit, 1))
        return JSONResponse({"counts": self._quarantine.counts(), "messages": [_row(row) for row in rows]})

    async def quarantined(self, request: Request) -> Response:
        """One message, whole."""
        row = self._quarantine.get(request.path_params["id"])
        return _problem(404, "no such message in quarantine") if row is None else JSONResponse(_row(row))

    async def replay_one(self, request: Request) -> Response:
        """Admit one message again."""
        return await self._replay([request.path_params["id"]])

    async def replay_many(self, request: Request) -> Response:
        """Admit all, or those of `{"reason": …}` or `{"ids": […]}`, again."""
        body = await request.body()
        try:
            wanted = json.loads(body or b"{}")
            ids = [int(one) for one in wanted["ids"]] if "ids" in wanted else self._quarantine.ids(wanted.get("reason"))
        except (ValueError, TypeError, AttributeError):
            return _problem(400, 'expected {}, {"reason": "…"} or {"ids": [1, 2]}')
        return await self._replay(ids)

    async def _replay(self, ids: Sequence[int]) -> Response:
        totals: dict[str, int] = {}
        try:
            for start in range(0, len(ids), REPLAY_ROWS):
                results = await self._state.journal.replay(ids[start : start + REPLAY_ROWS], self._admit)
                totals = {key: totals.get(key, 0) + results.get(key, 0) for key in totals | results}
        except NoRoomError as error:
            return _problem(503, f"{error}; replayed so far: {totals.get('replayed', 0)}")
        return JSONResponse(totals)


def application(pages: Pages, settings: HttpSettings) -> Starlette:
    """The routes, each with what it asks for."""
    token = None if settings.token is None else settings.token.get_secret_value()

    def guarded(handler: Handler) -> Handler:
        async def guard(request: Request) -> Response:
            given = request.headers.get("authorization", "").removeprefix("Bearer ")
            if token is not None and not secrets.compare_digest(given.encode(), token.encode()):
                return _problem(401, "needs the header `Authorization: Bearer TOKEN`")
            # Other people's pages in a browser on this machine may send requests here, but not without an Origin.
            if request.method == "POST" and "origin" in request.headers:
                return _problem(403, "not for web pages")
            if int(request.headers.get("content-length", "0")) > BODY_BYTES or "transfer-encoding" in request.headers:
                return _problem(413, f"at most {BODY_BYTES} bytes, with their length")
            return await handler(request)

        return guard

    routes = [
        Route("/health/live", pages.live),
        Route("/health/ready", pages.ready),
        Route("/metrics", guarded(pages.metrics)),
        Route("/account", guarded(pages.account)),
        Route("/quarantine", guarded(pages.quarantine)),
        Route("/quarantine/replay", guarded(pages.replay_many), methods=["POST"]),
        Route("/quarantine/{id:int}", guarded(pages.quarantined)),
        Route("/quarantine/{id:int}/replay", guarded(pages.replay_one), methods=["POST"]),
    ]
    # With a token the host name may be anything; without one it must be ours, or a web page could rebind its name.
    hosts = ["*"] if token is not None else ["127.0.0.1", "localhost", "[::1]", settings.host]
    return Starlette(routes=routes, middleware=[Middleware(TrustedHostMiddleware, allowed_hosts=hosts)])


def _row(row: Quarantined) -> dict[str, object]:
    return {
        "id": row.id,
        "received_ns": row.received_ns,
        "topic": row.topic,
        "payload": row.payload.decode(errors="backslashreplace"),
        "retained": row.retained,
        "reason": row.reason,
        "readings": row.readings,
        "detail": row.detail,
    }


def _problem(status: int, detail: str) -> Response:
    headers = {"WWW-Authenticate": "Bearer"} if status == 401 else None  # noqa: PLR2004 - HTTP's own number
    return JSONResponse({"status": status, "detail": detail}, status, headers, media_type="application/problem+json")
