"""A note that a broker has a session of ours: by it we know, after a stop, that the broker has lost it meanwhile.

The broker says only whether it has one. Without the note the first connection of a new installation and the one after
a broker that came back without its data would look the same.
"""

import shutil
from contextlib import suppress
from pathlib import Path
from typing import Self

FOLDER = "sessions"
"""Below a service's data."""


class Granted:
    """The note of one session, for as long as client id and broker are the same."""

    def __init__(self, path: Path, session: str) -> None:
        """`session`: what it is called, with the broker that has it."""
        self._path = path
        self._session = session

    @classmethod
    def of(cls, data: Path, client_id: str, host: str, port: int) -> Self:
        """For a service that keeps its data there."""
        return cls(data / FOLDER / client_id.replace("/", "_"), f"{client_id} at {host}:{port}\n")

    @property
    def noted(self) -> bool:
        """Whether the broker once had it."""
        try:
            return self._path.read_text(encoding="utf-8") == self._session
        except (OSError, UnicodeDecodeError):
            return False

    def note(self) -> None:
        """The broker has it now. A note that can't be written (a full disk) costs a warning some day, nothing else."""
        if not self.noted:
            with suppress(OSError):
                self._path.parent.mkdir(parents=True, exist_ok=True)
                self._path.write_text(self._session, encoding="utf-8")


def forget_sessions(data: Path) -> None:
    """For who has stopped a broker that keeps nothing, when nothing was left in it."""
    shutil.rmtree(data / FOLDER, ignore_errors=True)
