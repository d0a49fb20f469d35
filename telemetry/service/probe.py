"""Serving a small web application beside a service's work, without taking over its signals."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import uvicorn
from starlette.types import ASGIApp

STOP_LIMIT_S = 2.0


class _Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Signals are the service's business."""
        yield


class PortInUseError(OSError):
    """The port can't be had; the message names it."""


async def serve(app: ASGIApp, host: str, port: int, started: Callable[[int], None]) -> None:
    """Serve until cancelled; `started` is given the port, once it is open. Raises `PortInUseError`."""
    config = uvicorn.Config(
        app,
        host=host,
        port=port,
        log_level="warning",
        access_log=False,
        lifespan="off",
        ws="none",
        timeout_graceful_shutdown=int(STOP_LIMIT_S),
        h11_max_incomplete_event_size=16_384,
        limit_concurrency=64,
        server_header=False,
    )
    config.load()
    server = _Server(config)
    server.lifespan = config.lifespan_class(config)
    try:
        await server.startup()
    except SystemExit:  # how uvicorn says that it can't bind
        raise PortInUseError(f"{host}:{port} can't be opened: another program uses it, or it is not ours") from None
    started(server.servers[0].sockets[0].getsockname()[1])
    try:
        await server.main_loop()
    except asyncio.CancelledError:
        server.should_exit = True
        raise
    finally:
        await server.shutdown()
