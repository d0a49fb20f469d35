"""Who may read what is secret: passwords, tokens, keys of certificates."""

import grp
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path

from deploy.doctor.finding import Remark, cannot_tell, left_out, sound, wrong
from deploy.doctor.place import Ground
from deploy.layout import Secret, Service

OPEN = (".pem",)
"""Certificates are shown to everybody who connects."""
SHOWN = 10


async def look(ground: Ground) -> Sequence[Remark]:
    """Each secret file that we know of."""
    files = sorted({file for file in _files(ground) if not file.name.endswith(OPEN)})
    found = [remark for file in files if (remark := _judged(file)) is not None]
    if found:
        return found[:SHOWN]
    if not files:
        return [left_out("", "no file with a secret is known")]
    return [sound(str(files[0].parent), f"{len(files)} files with secrets, readable by those alone who need them")]


def _files(ground: Ground) -> Iterator[Path]:
    yield from (file for file in ground.secrets if file.exists())
    if ground.layout is not None:
        folders = {ground.layout.installed.secrets[service] for service in Service} | {ground.layout.folder / "secrets"}
        for folder in folders:
            yield from (file for name in Secret if (file := folder / name).exists())


def _judged(file: Path) -> Remark | None:
    """None: as it should be."""
    try:
        found = file.stat()
    except OSError as error:
        return cannot_tell(str(file), error.strerror or str(error))
    return judged(str(file), found.st_mode, found.st_uid, found.st_gid)


def judged(where: str, mode: int, owner: int, group: int) -> Remark | None:
    """By mode and owner; None: as it should be.

    A group may read what root owns: so a service gets a file that it can't change.
    """
    if mode & stat.S_IRWXO:
        return wrong(where, f"everybody on this machine may use it (mode {mode & 0o777:04o})", f"`chmod 600 {where}`")
    lent = owner == 0 and not mode & (stat.S_IWGRP | stat.S_IXGRP)
    if mode & stat.S_IRWXG and not lent:
        mend = f"`chmod 600 {where}`"
        return wrong(where, f"the group {_name(group)} may use it (mode {mode & 0o777:04o})", mend)
    return None


def _name(group: int) -> str:
    try:
        return grp.getgrgid(group).gr_name
    except KeyError:
        return str(group)
