"""What `caretaker up` needs for itself before it starts anything: its directory and its ports."""

import contextlib
import errno
import fcntl
import os
import socket
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple


class ClaimedError(Exception):
    """Somebody else has it. The message says what, `mend` what to do."""

    def __init__(self, message: str, mend: str) -> None:
        super().__init__(message)
        self.mend = mend


class Port(NamedTuple):
    """A port and the option that moves it."""

    number: int
    option: str
    use: str


@contextlib.contextmanager
def directory(path: Path) -> Iterator[None]:
    """Hold `path` for this process alone. Raises `ClaimedError` where another has it, or it cannot be written."""
    try:
        path.mkdir(parents=True, exist_ok=True)
        # Opened for appending: the other's process id must survive our attempt.
        file = (path / "up.lock").open("a+", encoding="ascii")
    except OSError as error:
        raise ClaimedError(
            f"cannot write in {path}: {error.strerror}", "give a directory of your own with --data DIR."
        ) from error
    with file as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            lock.seek(0)
            other = lock.read().strip() or "unknown"
            raise ClaimedError(
                f"another `caretaker up` (process {other}) already runs on {path}",
                "stop that one first, or give this one its own directory with --data and its own ports.",
            ) from error
        lock.truncate(0)
        lock.write(f"{os.getpid()}\n")
        lock.flush()
        yield


def ports(host: str, wanted: Sequence[Port]) -> None:
    """Check that nobody listens on these ports. Raises `ClaimedError` for the first that is taken."""
    seen: dict[int, Port] = {}
    for port in wanted:
        if port.number in seen:
            raise ClaimedError(
                f"{seen[port.number].option} and {port.option} are both {port.number}",
                "give each its own port.",
            )
        seen[port.number] = port
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, port.number))
            except OSError as error:
                raise ClaimedError(_why(error, host, port), f"choose another with {port.option} NUMBER.") from error


def _why(error: OSError, host: str, port: Port) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"port {port.number} on {host}, for {port.use}, is in use by another program"
    if error.errno == errno.EACCES:
        return f"port {port.number} on {host}, for {port.use}, needs rights that this user does not have"
    return f"port {port.number} on {host}, for {port.use}, cannot be opened: {error.strerror}"
