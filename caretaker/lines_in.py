"""Lines that somebody types, or that a parent process sends, without a thread that could not be ended."""

import asyncio
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

STDIN = 0
MOST_BYTES = 4096


@contextmanager
def lines_from_stdin(take: Callable[[str], None]) -> Iterator[None]:
    """Give `take` each line of stdin that is not empty while the block runs. An end of input ends nothing."""
    if sys.stdin is None:  # closed at the start: the number may belong to a file of ours by now
        yield
        return
    loop = asyncio.get_running_loop()
    rest = b""

    def read() -> bool:
        """Whether more may come."""
        nonlocal rest
        try:
            found = os.read(STDIN, MOST_BYTES)
        except BlockingIOError:
            return True
        except OSError:
            found = b""
        *lines, rest = (rest + (found or b"\n")).split(b"\n")
        for line in lines:
            if text := line.decode("utf-8", "replace").strip():
                take(text)
        return bool(found)

    def ready() -> None:
        if not read():
            loop.remove_reader(STDIN)

    try:
        loop.add_reader(STDIN, ready)
    except OSError:  # a file, or none at all: there is nothing to wait for
        while read():
            pass
        yield
        return
    try:
        yield
    finally:
        loop.remove_reader(STDIN)
