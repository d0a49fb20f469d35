"""Addresses below `/api` that are none, and methods that are not taken there: told as problem details."""

import re
from collections.abc import Iterable, Mapping

from fastapi import APIRouter
from fastapi.routing import APIRoute
from starlette.responses import JSONResponse
from starlette.routing import compile_path
from starlette.types import Receive, Scope, Send

from api.problem import MEDIA_TYPE, Problem


class Missing:
    """Answers what no operation has taken. An ASGI application of its own, so that it takes every method."""

    def __init__(self, routers: Mapping[str, Iterable[APIRouter]]) -> None:
        """`routers` by the prefix under which they stand."""
        self._known: list[tuple[re.Pattern[str], frozenset[str]]] = []
        for prefix, some in routers.items():
            for router in some:
                for route in router.routes:
                    if isinstance(route, APIRoute):
                        pattern, _, _ = compile_path(prefix + route.path)
                        self._known.append((pattern, frozenset(route.methods or ())))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """404, or 405 with what is allowed."""
        allowed = sorted({method for known, methods in self._known for method in methods if known.match(scope["path"])})
        if allowed:
            problem = Problem(title="Method not allowed", status=405, detail=f"here: {', '.join(allowed)}")
        else:
            problem = Problem(title="Not found", status=404, detail="no such address; /openapi.json lists them")
        headers = {"Allow": ", ".join(allowed)} if allowed else None
        response = JSONResponse(problem.model_dump(mode="json"), problem.status, headers, media_type=MEDIA_TYPE)
        await response(scope, receive, send)
