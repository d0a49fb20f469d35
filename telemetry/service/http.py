"""A service's own port: who may ask, and how it refuses."""

import secrets
from collections.abc import Awaitable, Callable, Sequence
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, FilePath, SecretStr, model_validator
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from telemetry.loopback import is_loopback
from telemetry.secret import check_secret, secret_of

BODY_BYTES = 64 * 1024

Handler = Callable[[Request], Awaitable[Response]]


class HttpSettings(BaseModel):
    """The port for health and metrics."""

    # Errors must not show what stands in the fields beside the faulty one.
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    host: str = "127.0.0.1"
    port: int = Field(default=0, ge=0, le=65535)
    """0: any that is free; it is logged."""
    token: SecretStr | None = None
    """Asked for as `Authorization: Bearer …` by everything but `/health`. None: it stands in
    `token_file`, or there is none, which is for loopback only."""
    token_file: FilePath | None = None
    """A file that holds nothing but the token."""

    def secret(self) -> str | None:
        """The token, wherever it stands."""
        return secret_of(self.token, self.token_file)

    @model_validator(mode="after")
    def _safe(self) -> Self:
        check_secret("token", self.token, self.token_file)
        if self.token is None and self.token_file is None and not is_loopback(self.host):
            raise ValueError(f"{self.host} can be reached from other machines: set `token` or `token_file`")
        return self


def guarded(handler: Handler, settings: HttpSettings) -> Handler:
    """The handler, for those who may: with the token where there is one, never for web pages, with a bounded body."""
    token = settings.secret()

    async def guard(request: Request) -> Response:
        given = request.headers.get("authorization", "").removeprefix("Bearer ")
        if token is not None and not secrets.compare_digest(given.encode(), token.encode()):
            return problem(401, "needs the header `Authorization: Bearer TOKEN`")
        # Other people's pages in a browser on this machine may send requests here, but not without an Origin.
        if request.method == "POST" and "origin" in request.headers:
            return problem(403, "not for web pages")
        if int(request.headers.get("content-length", "0")) > BODY_BYTES or "transfer-encoding" in request.headers:
            return problem(413, f"at most {BODY_BYTES} bytes, with their length")
        return await handler(request)

    return guard


def application(routes: Sequence[Route], settings: HttpSettings) -> Starlette:
    """The routes, for requests to a host that is ours."""
    # With a token the host name may be anything; without one it must be ours, or a web page could rebind its name.
    hosts = ["*"] if settings.secret() is not None else ["127.0.0.1", "localhost", "[::1]", settings.host]
    return Starlette(routes=routes, middleware=[Middleware(TrustedHostMiddleware, allowed_hosts=hosts)])


def health(reasons: Callable[[], Sequence[str]]) -> list[Route]:
    """`/health/live` and `/health/ready`; `reasons` says why the service is not ready, each in a sentence."""

    async def live(_: Request) -> Response:
        return JSONResponse({"live": True})

    async def ready(_: Request) -> Response:
        found = reasons()
        return JSONResponse({"ready": not found, "reasons": list(found)}, 503 if found else 200)

    return [Route("/health/live", live), Route("/health/ready", ready)]


def metrics(exposition: Callable[[], Awaitable[bytes]], settings: HttpSettings) -> Route:
    """`/metrics`, in Prometheus' text format."""

    async def show(_: Request) -> Response:
        return Response(await exposition(), media_type="text/plain; version=0.0.4; charset=utf-8")

    return Route("/metrics", guarded(show, settings))


def problem(status: int, detail: str) -> Response:
    """An error as RFC 9457 has it."""
    headers = {"WWW-Authenticate": "Bearer"} if status == 401 else None  # noqa: PLR2004 - HTTP's own number
    return JSONResponse({"status": status, "detail": detail}, status, headers, media_type="application/problem+json")
