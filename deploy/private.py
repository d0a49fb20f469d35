"""Files that their owner alone can read, from the first byte on, and that are replaced whole or not at all."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

FILE_MODE = 0o600
FOLDER_MODE = 0o700


def write_private(file: Path, content: str | bytes, mode: int = FILE_MODE) -> None:
    """Replace `file` durably. Whoever reads it meanwhile sees the old content or the new one, never a part.

    Written by root it belongs to whom it, or else its folder, belonged to: the services that read it are not root.
    Raises `OSError`.
    """
    new = file.with_name(f".{file.name}.new")
    new.unlink(missing_ok=True)
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as out:
        if os.geteuid() == 0:
            like = (file if file.exists() else file.parent).stat()
            os.fchown(out.fileno(), like.st_uid, like.st_gid)
        # The mode at creation is cut by the umask, which may take from the owner too.
        os.fchmod(out.fileno(), mode)
        out.write(content.encode() if isinstance(content, str) else content)
        out.flush()
        os.fsync(out.fileno())
    new.replace(file)


def make_private(folder: Path) -> None:
    """Make `folder`, and those above it that are missing, for their owner alone. What is there is left as it is.

    Made by root they belong to whom the folder above belongs to. Raises `OSError`.
    """
    for missing in reversed([one for one in (folder, *folder.parents) if not one.exists()]):
        missing.mkdir(mode=FOLDER_MODE)
        missing.chmod(FOLDER_MODE)
        if os.geteuid() == 0:
            above = missing.parent.stat()
            os.chown(missing, above.st_uid, above.st_gid)


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """Nobody else who asks for it changes what is in `folder` meanwhile. Waits; raises `OSError`."""
    opened = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(opened, fcntl.LOCK_EX)
        yield
    finally:
        os.close(opened)
