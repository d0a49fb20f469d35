"""Whether something still works with the files that a restore is about to put into place."""

import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from deploy.backup import database
from deploy.backup.plan import MOVED


def users_of(folder: Path) -> Iterator[str]:
    """A sentence for each file below `folder` that a running program holds: by its lock, or as an open database."""
    for pattern in ("*.lock", "*.db", "*.sqlite3"):
        for file in sorted(folder.rglob(pattern)):
            if any(word.startswith(MOVED) for word in file.relative_to(folder).parts) or not file.is_file():
                continue
            if _is_locked(file) if pattern == "*.lock" else database.in_use(file):
                yield f"{file} is in use by a running program"


def runs(pid_file: Path) -> bool:
    """Whether the process named in a pid file is there."""
    try:
        os.kill(int(pid_file.read_text(encoding="ascii")), 0)
    except (FileNotFoundError, ValueError, ProcessLookupError):
        return False
    except PermissionError:
        return True
    return True


def _is_locked(file: Path) -> bool:
    descriptor = os.open(file, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False
