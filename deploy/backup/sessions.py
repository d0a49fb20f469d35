"""What Mosquitto keeps for those who are away: sessions, queued and retained messages.

With the SQLite persistence of 2.1 that is a database like others. Without it, one file that Mosquitto writes when it
is told to, every so often, and when it stops; and puts into place in one step, so that a copy is always of one state.
"""

import os
import shutil
import signal
import time
from datetime import UTC, datetime
from pathlib import Path

from deploy.backup import database
from deploy.backup.manifest import BackupError

DATABASE = "mosquitto.sqlite3"
SAVED = "mosquitto.db"
SAVE_LIMIT_S = 30.0
LOOK_EVERY_S = 0.02


def copy(folder: Path, target: Path, pid_file: Path | None) -> tuple[str, str | None]:
    """Copy what is there into the folder `target`; the file's name, and what to know about it.

    `pid_file`: of a Mosquitto that writes its state when it gets SIGUSR1. Raises `BackupError` when there is nothing,
    or Mosquitto doesn't write.
    """
    if (folder / DATABASE).exists():
        database.copy(folder / DATABASE, target / DATABASE)
        return DATABASE, None
    saved = folder / SAVED
    if pid_file is not None:
        _save(saved, pid_file)
    if not saved.exists():
        raise BackupError(
            f"{folder} holds neither {DATABASE} nor {SAVED}: name Mosquitto's `persistence_location`; where it has "
            "saved nothing yet, name its pid file too, so that it can be told to"
        )
    shutil.copyfile(saved, target / SAVED)
    if pid_file is not None:
        return SAVED, None
    at = datetime.fromtimestamp(saved.stat().st_mtime, UTC).replace(microsecond=0)
    return SAVED, (
        f"The broker's sessions are as it last saved them, at {at.isoformat()}: what it took later and had not handed "
        "on when the backup began is not in it. Give its pid file, and it is told to save them first"
    )


def _save(saved: Path, pid_file: Path) -> None:
    """Have it written anew, and wait until it is."""
    before = _state(saved)
    try:
        os.kill(int(pid_file.read_text(encoding="ascii")), signal.SIGUSR1)
    except ValueError:
        raise BackupError(f"{pid_file} holds no process id") from None
    except ProcessLookupError:
        return  # it has stopped, and has saved what it had
    except PermissionError:
        raise BackupError(
            f"Mosquitto can't be told to save its sessions: run this as root, or as its user ({pid_file})"
        ) from None
    end_s = time.monotonic() + SAVE_LIMIT_S
    while _state(saved) == before:
        if time.monotonic() > end_s:
            raise BackupError(f"Mosquitto was told to save its sessions and did not within {SAVE_LIMIT_S:g} s: {saved}")
        time.sleep(LOOK_EVERY_S)


def _state(file: Path) -> tuple[int, int] | None:
    """Changes when the file is replaced."""
    try:
        found = file.stat()
    except FileNotFoundError:
        return None
    return found.st_ino, found.st_mtime_ns
