"""Running a service: an orderly stop on the first signal, an instant one on the second."""

import asyncio
import os
import signal
from collections.abc import Callable, Coroutine

import structlog

log = structlog.get_logger(__name__)

SECOND_SIGNAL_EXIT = 130


def run(service: Coroutine[object, object, int], *explained: type[Exception]) -> int:
    """Run a service on uvloop where there is one; its exit code.

    An error of one of the `explained` types says itself what an operator needs: it is logged as a sentence, exit code
    1. Any other is a defect and is raised.
    """
    try:
        return _runner()(service)
    except explained as error:
        _say(error)
    except ExceptionGroup as group:
        found, defects = group.split(explained)
        if found is None or defects is not None:
            raise
        for one in found.exceptions:
            _say(one)
    return 1


def _runner() -> Callable[[Coroutine[object, object, int]], int]:
    try:
        import uvloop  # noqa: PLC0415 - not on every platform
    except ImportError:
        return asyncio.run
    return uvloop.run


def _say(error: Exception) -> None:
    log.critical("can't go on", reason=str(error))


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
