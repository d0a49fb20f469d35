"""The ingestor's own port: health, metrics, the account, and the quarantine."""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from ingestor.journal_file import NoRoomError
from ingestor.quarantine import PAGE_ROWS, Quarantine, Quarantined
from ingestor.state import State
from telemetry.message import Admitted, Message
from telemetry.service import http
from telemetry.service.http import HttpSettings, guarded, problem

REPLAY_ROWS = 500
"""In one transaction: some tens of milliseconds in which nothing is acknowledged."""


class Pages:
    """What each address answers."""

    def __init__(self, state: State, quarantine: Quarantine, admit: Callable[[Message], Admitted]) -> None:
        self._state = state
        self._quarantine = quarantine
        self._admit = admit

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
            return problem(400, "`before` and `limit` are whole numbers")
        rows = self._quarantine.newest(reason=query.get("reason"), before=before, limit=max(limit, 1))
        return JSONResponse({"counts": self._quarantine.counts(), "messages": [_row(row) for row in rows]})

    async def quarantined(self, request: Request) -> Response:
        """One message, whole."""
        row = self._quarantine.get(request.path_params["id"])
        return problem(404, "no such message in quarantine") if row is None else JSONResponse(_row(row))

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
            return problem(400, 'expected {}, {"reason": "…"} or {"ids": [1, 2]}')
        return await self._replay(ids)

    async def _replay(self, ids: Sequence[int]) -> Response:
        totals: dict[str, int] = {}
        try:
            for start in range(0, len(ids), REPLAY_ROWS):
                results = await self._state.journal.replay(ids[start : start + REPLAY_ROWS], self._admit)
                totals = {key: totals.get(key, 0) + results.get(key, 0) for key in totals | results}
        except NoRoomError as error:
            return problem(503, f"{error}; replayed so far: {totals.get('replayed', 0)}")
        return JSONResponse(totals)


def application(pages: Pages, state: State, settings: HttpSettings) -> Starlette:
    """The routes, each with what it asks for."""
    routes = [
        *http.health(state.reasons),
        http.metrics(state.exposition, settings),
        Route("/account", guarded(pages.account, settings)),
        Route("/quarantine", guarded(pages.quarantine, settings)),
        Route("/quarantine/replay", guarded(pages.replay_many, settings), methods=["POST"]),
        Route("/quarantine/{id:int}", guarded(pages.quarantined, settings)),
        Route("/quarantine/{id:int}/replay", guarded(pages.replay_one, settings), methods=["POST"]),
    ]
    return http.application(routes, settings)


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
