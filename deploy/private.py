"""Files that their owner alone can read, from the first byte on, and that are replaced whole or not at all."""

import os
from pathlib import Path

FILE_MODE = 0o600
FOLDER_MODE = 0o700


def write_private(file: Path, content: str | bytes, mode: int = FILE_MODE) -> None:
    """Replace `file` durably. Whoever reads it meanwhile sees the old content or the new one, never a part.

    Raises `OSError`.
    """
    new = file.with_name(f".{file.name}.new")
    new.unlink(missing_ok=True)
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as out:
        # The creation mode is cut by the umask, which may be stricter than what is wanted, as for a script to run.
        os.fchmod(out.fileno(), mode)
        out.write(content.encode() if isinstance(content, str) else content)
        out.flush()
        os.fsync(out.fileno())
    new.replace(file)


def make_private(folder: Path) -> None:
    """Make `folder`, and those above it that are missing, for their owner alone. What is there is left as it is."""
    for missing in reversed([one for one in (folder, *folder.parents) if not one.exists()]):
        missing.mkdir(mode=FOLDER_MODE)
        missing.chmod(FOLDER_MODE)
