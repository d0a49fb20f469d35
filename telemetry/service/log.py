"""Logs as events with fields: readable on a terminal, JSON elsewhere, secrets removed."""

import atexit
import logging
import os
import re
import sys
from collections.abc import MutableMapping
from contextlib import suppress
from typing import Any, TextIO, cast

import structlog

REMOVED = "[removed]"
_SECRET_NAME = re.compile(r"pass(word|wd|phrase)?$|secret|token|authorization|api_?key|credential", re.IGNORECASE)
# user:password@ in addresses, and what follows `Token ` or `Bearer ` in a header that a library puts into its error.
_SECRET_TEXT = re.compile(r"(?<=://)[^/@\s:]*:[^/@\s]+(?=@)|(?<=Token )\S+|(?<=Bearer )\S+|(?<=Basic )\S+")


class _StandardError:
    """Standard error, whatever it is at the moment.

    Goes on when a line can't be written: a full disk must not stop the service that logs it.
    """

    def write(self, text: str) -> int:
        with suppress(OSError):
            sys.stderr.write(text)
        return len(text)

    def flush(self) -> None:
        with suppress(OSError):
            sys.stderr.flush()


def _let_go_of_what_cannot_be_written() -> None:
    """Python ends with 120 when standard error can't be flushed at the end: a service that stopped well says so."""
    try:
        sys.stderr.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stderr.fileno())


def redact(text: str) -> str:
    """The text without what looks like a secret in it."""
    return _SECRET_TEXT.sub(REMOVED, text)


def _without_secrets(_: object, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    for name, value in event.items():
        if _SECRET_NAME.search(name):
            event[name] = REMOVED
        elif isinstance(value, str):
            event[name] = redact(value)
        elif isinstance(value, Exception):
            event[name] = redact(str(value))
    return event


def configure(level: str = "info") -> None:
    """Set up logging for a service: to standard error, one line an event."""
    number = logging.getLevelNamesMapping()[level.upper()]
    atexit.register(_let_go_of_what_cannot_be_written)
    terminal = sys.stderr.isatty()
    stream = cast("TextIO", _StandardError())
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        _without_secrets,
    ]
    renderer = structlog.dev.ConsoleRenderer() if terminal else structlog.processors.JSONRenderer()
    structlog.configure(
        processors=[*shared, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.PrintLoggerFactory(stream),
        cache_logger_on_first_use=True,
    )
    # Libraries log through the standard module: the same shape, and the same removal.
    handler = logging.StreamHandler(stream)
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(foreign_pre_chain=shared, processor=renderer))
    logging.basicConfig(level=max(number, logging.WARNING), handlers=[handler], force=True)
