"""Files of a backup on their way into folders: what is in the way, where that goes, and putting things into place."""

import grp
import hashlib
import os
import pwd
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path, PurePosixPath

from deploy.backup import archive
from deploy.backup.manifest import BackupError, Manifest, Packed, Stored
from deploy.backup.plan import MOVED, NOTHING, SETTINGS, Folders, Name, Root

INCOMING = f"{MOVED}incoming"
"""Below each folder: what is unpacked lies here until all of it is there."""
Unpacked = tuple[Name, str]
"""Part and path of a file."""


def in_the_way(root: Root, folders: Folders, parts: Iterable[Packed]) -> Sequence[Path]:
    """What would be overwritten: of data everything that is there, of settings each file that is not the same or empty.

    What the backup does not have of settings stays.
    """
    folder = folders.of(root)
    if folder is None or not folder.exists():
        return []
    if root in SETTINGS:
        files = ((folder / one.path, one) for part in parts if part.root is root for one in part.files)
        return [path for path, one in files if path.exists() and not (_is_empty(path) or _is_same(path, one))]
    others = [other.resolve() for other in folders.given if other.resolve() != folder.resolve()]
    return [
        path
        for path in sorted(folder.iterdir())
        if not path.name.startswith(MOVED)
        and path.name not in NOTHING
        and not any(other.is_relative_to(path.resolve()) for other in others)
    ]


def move_aside(folder: Path, paths: Sequence[Path], stamp: str) -> Path:
    """Move what is in the way into a folder below; within one file system, so at once and without a copy."""
    aside = folder / f"{MOVED}{stamp}"
    for path in paths:
        target = aside / path.relative_to(folder)
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.rename(target)
    return aside


@contextmanager
def unpacked(
    file: Path, manifest: Manifest, parts: Sequence[Packed], folders: Folders
) -> Iterator[Mapping[Unpacked, Path]]:
    """The files of some parts, each by part and path; below the folder to which they go, until this ends."""
    kept: dict[str, tuple[Unpacked, Path]] = {}
    rooms = set()
    for part in parts:
        folder = folders.of(part.root)
        assert folder is not None, "a part is unpacked where there is a place for it"
        rooms.add(folder / INCOMING)
        for one in part.files:
            kept[f"{part.name}/{one.path}"] = (part.name, one.path), folder / INCOMING / part.name / _safe(one.path)
    try:
        with ExitStack() as stack:

            def take(name: str, _size: int) -> archive.Sink | None:
                stack.close()  # the one before
                if name not in kept:
                    return None
                path = kept[name][1]
                path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                return stack.enter_context(archive.private(path))

            if archive.read(file, take) != manifest:
                raise BackupError(f"{file} was changed meanwhile")
        yield dict(kept.values())
    finally:
        for room in rooms:
            shutil.rmtree(room, ignore_errors=True)


def put(folder: Path, one: Stored, unpacked_file: Path) -> bool:
    """Move a file to its place, with mode, and owner where we may; False: the same one is there."""
    target = folder / _safe(one.path)
    if target.exists() and _is_same(target, one):
        return False
    missing = [above for above in (target.parent, *target.parent.parents) if not above.exists()]
    for above in reversed(missing):
        # Who may read the file may pass through.
        above.mkdir(mode=one.mode | 0o300 | (one.mode & 0o444) >> 2)
        _own(above, one)
    unpacked_file.chmod(one.mode)
    _own(unpacked_file, one)
    with unpacked_file.open("rb") as content:
        os.fsync(content.fileno())
    unpacked_file.rename(target)
    return True


def _is_empty(path: Path) -> bool:
    return path.is_file() and path.stat().st_size == 0


def _is_same(path: Path, one: Stored) -> bool:
    if not path.is_file() or path.stat().st_size != one.size:
        return False
    with path.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest() == one.sha256


def _own(path: Path, one: Stored) -> None:
    """As root: give it to whom it belonged, where such a user is known here."""
    if os.geteuid() == 0:
        user = _number_of(one.owner, lambda name: pwd.getpwnam(name).pw_uid)
        group = _number_of(one.group, lambda name: grp.getgrnam(name).gr_gid)
        os.chown(path, user, group)


def _number_of(name: str, look: Callable[[str], int]) -> int:
    """Of a user or group; -1, which changes nothing, where the name is unknown here."""
    try:
        return int(name) if name.isdecimal() else look(name)
    except KeyError:
        return -1


def _safe(path: str) -> Path:
    """Below where it is put, whatever the archive says."""
    parts = PurePosixPath(path).parts
    if not parts or path.startswith("/") or ".." in parts:
        raise BackupError(f"the backup names a place outside its folder: {path!r}")
    return Path(*parts)
