"""Files while they are edited: read again when one changes, the last good state kept while they have errors."""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Generic, TypeVar

import structlog

from telemetry.document import DocumentError, Problem

log = structlog.get_logger(__name__)

LOOK_EVERY_S = 2.0

Loaded = TypeVar("Loaded")

_State = Mapping[Path, tuple[int, int, int]]


def _nothing() -> tuple[object, ...]:
    return ()


class FilesWatch(Generic[Loaded]):
    """Looks at files; never gives back anything but what was read from them whole and checked.

    A file that is caught half written gives problems, or an old state; the next look finds it changed again.
    """

    def __init__(
        self,
        files: Callable[[], Iterable[Path]],
        load: Callable[[], Loaded],
        beside: Callable[[], tuple[object, ...]] = _nothing,
    ) -> None:
        """Load once. `beside` gives what the files are checked against: another one is a change too.

        Raises:
            DocumentError: there is no good state to begin with.
        """
        self._files, self._load, self._beside = files, load, beside
        self._seen = _state(files())
        self._against = beside()
        self.current = load()
        """The last good one."""
        self.problems: tuple[Problem, ...] = ()
        """What is wrong with the files as they are now; empty when `current` is what they say."""
        self.reloads = 0
        """How often a change was taken over."""
        self.failures = 0
        """How often a change could not be taken over."""

    def poll(self) -> Loaded | None:
        """Look once: the new state where it is another one and good, else None. Blocks while it reads."""
        seen, against = _state(self._files()), self._beside()
        if seen == self._seen and all(one is before for one, before in zip(against, self._against, strict=True)):
            return None
        # Noted before reading: what changes while we read is seen as a change next time.
        self._seen, self._against = seen, against
        try:
            loaded = self._load()
        except DocumentError as error:
            self.problems = error.problems
            self.failures += 1
            return None
        self.problems = ()
        if loaded == self.current:
            return None
        self.current = loaded
        self.reloads += 1
        return loaded


async def keep_looking(
    watches: Sequence[FilesWatch[Any]], on_change: Callable[[], None], every_s: float = LOOK_EVERY_S
) -> None:
    """Look at all, in this order, until cancelled. Files are read in a thread; `on_change` runs on the event loop."""
    shown: Sequence[Problem] = ()
    while True:
        await asyncio.sleep(every_s)
        if await asyncio.to_thread(_poll, watches):
            on_change()
        problems = [problem for watch in watches for problem in watch.problems]
        if problems and problems != shown:
            log.warning("what was good before stays in force", problems=len(problems), first=str(problems[0]))
        shown = problems


def _poll(watches: Sequence[FilesWatch[Any]]) -> bool:
    found = [watch.poll() for watch in watches]
    return any(one is not None for one in found)


def _state(paths: Iterable[Path]) -> _State:
    state: dict[Path, tuple[int, int, int]] = {}
    for path in paths:
        try:
            status = path.stat()
        except OSError:
            # Gone since it was listed: that it is missing from the state is the change.
            continue
        state[path] = (status.st_mtime_ns, status.st_size, status.st_ino)
    return state
