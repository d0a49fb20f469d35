"""Lines that somebody types, or that a parent process sends, without a thread that could not be ended."""

import asyncio
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

MOST_BYTES = 4096


@contextmanager
def lines_from_stdin(take: Callable[[str], None]) -> Iterator[None]:
    """Give `take` each line of stdin that is not empty while the block runs. An end of input ends nothing."""
    if sys.__stdin__ is None:  # closed at the start: its number may belong to a file of ours by now
        yield
        return
    with lines_from(0, take):
        yield


@contextmanager
def lines_from(descriptor: int, take: Callable[[str], None]) -> Iterator[None]:
    """The same for any file descriptor."""
    loop = asyncio.get_running_loop()
    source = _Source(descriptor, take)

    def ready() -> None:
        if not source.read():
            loop.remove_reader(descriptor)

    try:
        loop.add_reader(descriptor, ready)
    except OSError:  # a plain file, or nothing at all: there is nothing to wait for
        while source.read():
            pass
    try:
        yield
    finally:
        loop.remove_reader(descriptor)


class _Source:
    def __init__(self, descriptor: int, take: Callable[[str], None]) -> None:
        self._descriptor = descriptor
        self._take = take
        self._rest = b""

    def read(self) -> bool:
        """Hand over what is there; whether more may come. A last line without an end is a line."""
        try:
            found = os.read(self._descriptor, MOST_BYTES)
        except BlockingIOError:
            return True
        except OSError:
            found = b""
        *lines, self._rest = (self._rest + (found or b"\n")).split(b"\n")
        for line in lines:
            if text := line.decode("utf-8", "replace").strip():
                self._take(text)
        return bool(found)
