"""The HTTP application: every operation under `/api/v1`, how each refuses, and the document that says so."""

from collections.abc import Mapping
from http import HTTPStatus
from importlib.metadata import version
from typing import Any

import structlog
from fastapi import APIRouter, FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from api import document
from api.access.access import Access
from api.problem import MEDIA_TYPE, ApiError, BadRequestError, Fault, Problem, UnprocessableError, problem_of
from api.routes import (
    alerts,
    audit,
    catalogue,
    devices,
    events,
    health,
    here,
    history,
    keys,
    link,
    live,
    people,
    quarantine,
    rules,
    sign_in,
    silences,
    sites,
)
from api.routes.missing import Missing
from api.sources import Sources

log = structlog.get_logger(__name__)

PREFIX = "/api/v1"
DOCUMENT = "/openapi.json"
OPERATIONS: tuple[APIRouter, ...] = (
    sites.tagged,
    sites.router,
    devices.tagged,
    devices.router,
    history.router,
    alerts.router,
    silences.router,
    rules.tagged,
    people.tagged,
    events.router,
    live.router,
    quarantine.router,
    catalogue.tagged,
    keys.router,
    audit.router,
    health.router,
)
"""In the order in which the document has them."""
_OURS = ("/api", "/api/{rest:path}", "/metrics")
"""What no operation takes here is not the board's either."""
FOR_BROWSERS: tuple[APIRouter, ...] = (sign_in.router, link.router, here.router)
"""Pages without the board; not in the document."""


def application(sources: Sources, access: Access) -> FastAPI:
    """All of the API. It stands behind the guard, which says who calls."""
    app = FastAPI(
        title="Caretaker",
        version=version("caretaker"),
        summary=document.SUMMARY,
        description=document.DESCRIPTION,
        openapi_tags=document.TAGS,
        servers=[{"url": "/", "description": "This server."}],
        license_info={"name": "Apache-2.0", "identifier": "Apache-2.0"},
        openapi_url=DOCUMENT,
        docs_url=None,  # its pages load their parts from elsewhere, which is not to be relied upon
        redoc_url=None,
        redirect_slashes=False,
        generate_unique_id_function=_operation_id,
        exception_handlers={
            ApiError: _refused,
            RequestValidationError: _not_understood,
            HTTPException: _by_the_framework,
            Exception: _defect,
        },
    )
    app.state.sources = sources
    app.state.access = access
    for router in OPERATIONS:
        app.include_router(router, prefix=PREFIX)
    for router in (health.figures_router, *FOR_BROWSERS):
        app.include_router(router)
    missing = Missing({PREFIX: OPERATIONS, "": (health.figures_router,)})
    app.router.routes += [Route(path, missing, include_in_schema=False) for path in _OURS]
    document.arrange(app)
    return app


def _operation_id(route: APIRoute) -> str:
    return route.name


def problem_response(problem: Problem, headers: Mapping[str, str] | None = None) -> Response:
    """As it is sent."""
    return JSONResponse(problem.model_dump(mode="json"), problem.status, headers, media_type=MEDIA_TYPE)


async def _refused(_: Request, error: Exception) -> Response:
    assert isinstance(error, ApiError)
    return problem_response(problem_of(error), error.headers)


async def _not_understood(_: Request, error: Exception) -> Response:
    """400; 422 where each part is well formed and they contradict each other.

    What was given is not told back: it may hold a secret, and is known to who sent it.
    """
    assert isinstance(error, RequestValidationError)
    faults = [Fault(where=_where(one), detail=str(one["msg"]).removeprefix("Value error, ")) for one in error.errors()]
    at_odds = all(one["type"] == "value_error" and one["loc"] == ("body",) for one in error.errors())
    kind = UnprocessableError if at_odds else BadRequestError
    problem = Problem(title=kind.title, status=kind.status, detail=_first(faults), errors=faults)
    return problem_response(problem)


async def _by_the_framework(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    title = HTTPStatus(error.status_code).phrase.capitalize()
    return problem_response(Problem(title=title, status=error.status_code, detail=str(error.detail)), error.headers)


async def _defect(request: Request, error: Exception) -> Response:
    log.error("defect", method=request.method, path=request.url.path, error=repr(error), exc_info=error)
    problem = Problem(
        title="Internal error", status=500, detail="a defect of ours; whoever runs this finds it in the log"
    )
    return problem_response(problem)


def _where(fault: Mapping[str, Any]) -> str:
    """As in `body.values.nh3_ppm`; of text that is no JSON only that it is in the body."""
    place = fault["loc"][:1] if fault["type"] == "json_invalid" else fault["loc"]
    return ".".join(str(part) for part in place)


def _first(faults: list[Fault]) -> str:
    return f"{faults[0].where}: {faults[0].detail}" if faults else "the request is not understood"
