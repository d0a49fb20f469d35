"""Eight MiB of disk that the journal gives back when the disk is full.

On a full disk SQLite can't even delete: its log needs room too. The ballast is that room. It is put back as soon as
there is space, and nothing new is accepted before that.
"""

import os
from contextlib import suppress
from pathlib import Path

BALLAST_BYTES = 8 * 1024 * 1024


class Ballast:
    """A file of reserved space beside the journal."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @property
    def in_place(self) -> bool:
        """Whether the reserve is whole."""
        return self._path.exists() and self._path.stat().st_size == BALLAST_BYTES

    def restore(self) -> bool:
        """Reserve the space. False where the disk has not that much."""
        if self.in_place:
            return True
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            os.posix_fallocate(descriptor, 0, BALLAST_BYTES)
        except OSError:
            self.drop()
            return False
        finally:
            os.close(descriptor)
        return True

    def disk_has_twice(self) -> bool:
        """Whether there is room for the reserve and as much again."""
        found = os.statvfs(self._path.parent)
        return found.f_bavail * found.f_frsize >= 2 * BALLAST_BYTES

    def drop(self) -> None:
        """Give the space to whoever needs it now."""
        with suppress(FileNotFoundError):
            self._path.unlink()
