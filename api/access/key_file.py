"""A key of ours in a file that only its owner can read; made when it is first needed."""

import base64
import binascii
import os
import secrets
from contextlib import suppress
from pathlib import Path

from api.access.database import FOLDER_OWNER_ONLY, OWNER_ONLY, AccessUnusableError

KEY_BYTES = 32


def load_or_make_key(path: Path) -> bytes:
    """The key in a file. Of two processes that start at once, one makes it and both use it.

    Raises `AccessUnusableError`, whose message never shows what the file holds.
    """
    try:
        if not path.exists():
            _make(path)
        key = base64.b64decode(path.read_text(encoding="ascii").strip(), validate=True)
    except OSError as error:
        raise AccessUnusableError(f"{path}: {error.strerror}") from None
    except (binascii.Error, ValueError):
        key = b""
    if len(key) != KEY_BYTES:
        # Not made anew by us: every printed code would silently stop working.
        raise AccessUnusableError(f"{path}: no key in it. Put it back, or delete it and print the codes again")
    return key


def _make(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=FOLDER_OWNER_ONLY)
    part = path.with_name(f"{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    file = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, OWNER_ONLY)
    try:
        with os.fdopen(file, "w", encoding="ascii") as target:
            target.write(base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode() + "\n")
            target.flush()
            os.fsync(target.fileno())
        with suppress(FileExistsError):  # another process was first: its key holds
            path.hardlink_to(part)
    finally:
        part.unlink()
