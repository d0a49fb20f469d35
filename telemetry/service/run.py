"""Running a service: an orderly stop on the first signal, an instant one on the second."""

import asyncio
import os
import signal
from collections.abc import Coroutine

import structlog

log = structlog.get_logger(__name__)

SECOND_SIGNAL_EXIT = 130


def run(service: Coroutine[object, object, int]) -> int:
    """Run a service on uvloop where there is one; its exit code."""
    try:
        import uvloop  # noqa: PLC0415 - not on every platform
    except ImportError:
        return asyncio.run(service)
    return uvloop.run(service)


def stop_event() -> asyncio.Event:
    """An event that SIGTERM and SIGINT set. The second of them ends the process at once: nothing durable is lost."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()

    def on_signal(name: str) -> None:
        if stop.is_set():
            log.warning("stopping at once", signal=name)
            os._exit(SECOND_SIGNAL_EXIT)
        log.info("stopping", signal=name)
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, on_signal, number.name)
    return stop
