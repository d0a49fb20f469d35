"""Serving a web application beside a service's work, without taking over its signals."""

import asyncio
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import uvicorn
from starlette.types import ASGIApp

STOP_LIMIT_S = 2.0
SITE_HEADER_BYTES = 64 * 1024
SITE_SOCKET_BYTES = 1024 * 1024
"""Of one message of a browser."""


class _Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Signals are the service's business."""
        yield


class PortInUseError(OSError):
    """The port can't be had; the message names it."""


WAITING_BYTES = 128 * 1024
"""What may wait in the kernel for a client: who does not read is noticed then, not at the kernel's megabytes."""


class Tls(NamedTuple):
    """PEM files."""

    certificate: Path
    key: Path


async def serve(app: ASGIApp, host: str, port: int, started: Callable[[int], None]) -> None:
    """A small application for machines, until cancelled; `started` is given the port, once it is open.

    Raises `PortInUseError`.
    """
    await _serve(
        uvicorn.Config(
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
        ),
        started,
    )


async def serve_site(app: ASGIApp, host: str, port: int, tls: Tls | None, started: Callable[[int], None]) -> None:
    """An application for people too: with web sockets, TLS, and any number of connections. Raises `PortInUseError`."""
    await _serve(
        uvicorn.Config(
            app,
            host=host,
            port=port,
            log_level="warning",
            access_log=False,
            lifespan="on",
            proxy_headers=False,  # whose word counts is decided by the application
            timeout_graceful_shutdown=int(STOP_LIMIT_S),
            h11_max_incomplete_event_size=SITE_HEADER_BYTES,
            ws_max_size=SITE_SOCKET_BYTES,
            server_header=False,
            ssl_certfile=None if tls is None else tls.certificate,
            ssl_keyfile=None if tls is None else tls.key,
        ),
        started,
    )


async def _serve(config: uvicorn.Config, started: Callable[[int], None]) -> None:
    config.load()
    server = _Server(config)
    server.lifespan = config.lifespan_class(config)
    try:
        await server.startup()
    except SystemExit:  # how uvicorn says that it can't bind
        where = f"{config.host}:{config.port}"
        raise PortInUseError(f"{where} can't be opened: another program uses it, or it is not ours") from None
    listening = server.servers[0].sockets[0]
    if hasattr(socket, "TCP_NOTSENT_LOWAT"):
        # Connections inherit it from the socket that accepts them.
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, WAITING_BYTES)
    started(listening.getsockname()[1])
    try:
        await server.main_loop()
    except asyncio.CancelledError:
        server.should_exit = True
        raise
    finally:
        await server.shutdown()
