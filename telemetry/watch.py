"""Files while they are edited: read again when one changes, the last good state kept while they have errors."""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Generic, TypeVar

from telemetry.document import DocumentError, Problem

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
