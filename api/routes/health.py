"""Whether it works: for whoever supervises it, without a key. And figures for Prometheus, with one."""

from collections.abc import Iterator
from typing import Any

from fastapi import APIRouter, Response
from prometheus_client.core import Metric
from starlette.responses import PlainTextResponse

from api.problem import ForbiddenError
from api.queries.answer import Answer
from api.queries.readers import require_reader
from api.routes.depends import CallerOf, SourcesOf, refused
from api.sources import Sources
from telemetry.service.figures import Figures, exposition

router = APIRouter(prefix="/health", tags=["health"])
figures_router = APIRouter(tags=["health"])

EXPOSITION = "text/plain; version=0.0.4; charset=utf-8"
_FIGURES = Figures("caretaker_api")
_TEXT: dict[int | str, dict[str, Any]] = {
    200: {"description": "Prometheus' text format.", "content": {"text/plain": {"schema": {"type": "string"}}}}
}


class Alive(Answer):
    """It answers."""

    live: bool


class Ready(Answer):
    """Whether it knows the present."""

    ready: bool
    reasons: tuple[str, ...]
    """Why not, each in a sentence."""


@router.get("/live", responses={503: {"description": "It does not answer.", "content": {}}})
async def get_liveness() -> Alive:
    """Whether the process answers at all. Needs no key."""
    return Alive(live=True)


@router.get("/ready", responses={503: {"model": Ready, "description": "Not ready; with the reasons."}})
async def get_readiness(sources: SourcesOf, response: Response) -> Ready:
    """Whether what it shows is the present: 503 with the reasons while not. Needs no key."""
    reasons = tuple(_reasons(sources))
    if reasons:
        response.status_code = 503
    return Ready(ready=not reasons, reasons=reasons)


@figures_router.get("/metrics", response_class=PlainTextResponse, responses=_TEXT | refused(ForbiddenError))
async def get_metrics(sources: SourcesOf, caller: CallerOf) -> Response:
    """Figures of this service for Prometheus."""
    require_reader(caller)
    return Response(exposition(_families(sources)), media_type=EXPOSITION)


def _reasons(sources: Sources) -> Iterator[str]:
    if sources.session.trouble is not None:
        yield f"nothing arrives: {sources.session.trouble}"
    if not sources.now.filled:
        yield "what came before the start is not known yet: the store has not answered"


def _families(sources: Sources) -> Iterator[Metric]:
    counts = sources.session.counts
    yield _FIGURES.gauge("ready", "Whether what it shows is the present.", not any(True for _ in _reasons(sources)))
    yield _FIGURES.counter("messages", "MQTT messages taken.", counts.received)
    yield _FIGURES.counter("connections", "Connections to the broker since the start.", counts.connections)
    yield _FIGURES.gauge("devices", "Devices in the registry.", len(sources.registry.devices))
    yield _FIGURES.gauge("alert_news", "Whether changes of alerts can be read.", sources.news.trouble is None)
    traffic = sources.publisher.traffic
    yield _FIGURES.counter("published", "Entries by hand that the broker has acknowledged.", traffic.acknowledged)
    yield _FIGURES.gauge("publishing", "Entries by hand that wait for the broker.", sources.publisher.outstanding)
    defects: dict[tuple[str, ...], float] = {(where,): float(sources.defects[where]) for where in ("page", "action")}
    yield _FIGURES.counters("defects", "Errors of our own at the board.", ("where",), defects)
    yield from sources.hub.figures()
