"""The one file of a backup: a tar, gzipped, whose last member is the manifest. Without it, it is not whole."""

import fcntl
import grp
import gzip
import hashlib
import io
import os
import pwd
import re
import shutil
import tarfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, NamedTuple, Protocol

from deploy.backup.manifest import BackupError, Manifest, Stored, decode, encode
from deploy.backup.plan import Name

FILE = re.compile(r"caretaker-(\d{8}T\d{6}Z)\.tar\.gz")
STAMP = "%Y%m%dT%H%M%SZ"
PARTIAL = ".caretaker-backup.partial"
LOCK = ".caretaker-backup.lock"
MANIFEST = "manifest.json"
CHUNK_BYTES = 1024 * 1024
OWNER_ONLY = 0o600
LEVEL = 1
"""Of compression: the quickest. Databases and line protocol shrink to a fifth with it."""


class Found(NamedTuple):
    """A backup in a folder."""

    file: Path
    moment: datetime
    """UTC."""
    size: int
    """Bytes."""


class Thinned(NamedTuple):
    """What became of the older backups of a folder."""

    removed: Sequence[Path]
    spared: Sequence[Path]
    """There are newer ones enough, but not with all that these have."""


class _Hashing:
    """A file that is read, and hashed on the way."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.digest = hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        some = self._file.read(size)
        self.digest.update(some)
        return some


class Sink(Protocol):
    """Where the content of a file goes."""

    def write(self, some: bytes, /) -> object:
        """Take the next bytes."""


class ArchiveWriter:
    """Adds files to an archive, and remembers what a manifest has to say of them."""

    def __init__(self, tar: tarfile.TarFile) -> None:
        self._tar = tar

    def add(self, part: Name, path: str, file: Path, like: Path | None = None) -> Stored:
        """Add the content of `file` as `path` of a part; with mode and owner of `like`, if that is another one."""
        about = (like or file).stat()
        with file.open("rb") as content:
            hashing = _Hashing(content)
            member = tarfile.TarInfo(f"{part}/{path}")
            member.size = os.fstat(content.fileno()).st_size
            member.mode = OWNER_ONLY
            member.mtime = int(about.st_mtime)
            try:
                self._tar.addfile(member, hashing)
            except OSError as error:
                if error.errno is None:  # tarfile's own: there was less than there was a moment ago
                    raise BackupError(f"{file} was changed while it was copied: run the backup again") from None
                raise
        return Stored(
            path=path,
            size=member.size,
            sha256=hashing.digest.hexdigest(),
            mode=about.st_mode & 0o777,
            owner=_name_of(about.st_uid, lambda number: pwd.getpwuid(number).pw_name),
            group=_name_of(about.st_gid, lambda number: grp.getgrgid(number).gr_name),
        )

    def close(self, manifest: Manifest) -> None:
        """Add the manifest: now it is whole."""
        text = encode(manifest)
        member = tarfile.TarInfo(MANIFEST)
        member.size, member.mode = len(text), OWNER_ONLY
        self._tar.addfile(member, io.BytesIO(text))


@contextmanager
def written(folder: Path, moment: datetime) -> Iterator[tuple[ArchiveWriter, Path, Path]]:
    """A new archive in `folder`; beside it a folder for what is to be put into it, and the name that it will have.

    It gets its name when all is on the disk; whatever goes wrong before leaves nothing. One at a time in a folder:
    raises `BackupError`.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    target = folder / f"caretaker-{moment.strftime(STAMP)}.tar.gz"
    work = folder / PARTIAL
    lock = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, OWNER_ONLY)
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BackupError(f"another backup is being written to {folder}: wait for it") from None
        if target.exists():
            raise BackupError(f"{target} is there already: wait a second")
        shutil.rmtree(work, ignore_errors=True)  # of a run that was killed
        work.mkdir(mode=0o700)
        try:
            new = work / "archive"
            with private(new) as raw:
                with (
                    gzip.GzipFile(fileobj=raw, mode="wb", compresslevel=LEVEL, mtime=0) as packed,
                    tarfile.open(fileobj=packed, mode="w|") as tar,
                ):
                    yield ArchiveWriter(tar), work, target
                raw.flush()
                os.fsync(raw.fileno())
            new.rename(target)
            _sync(folder)
        finally:
            shutil.rmtree(work, ignore_errors=True)
    finally:
        os.close(lock)


def read(file: Path, take: Callable[[str, int], Sink | None] = lambda *_: None) -> Manifest:
    """Go through an archive, compare every checksum. `take` gets each member's name and size, and says where it goes.

    Raises `BackupError` for a file that is not whole, is damaged or of a newer version; `OSError`.
    """
    found: dict[str, tuple[int, str]] = {}
    text: bytes | None = None
    try:
        with file.open("rb") as raw, gzip.GzipFile(fileobj=raw, mode="rb") as packed:
            with tarfile.open(fileobj=packed, mode="r|") as tar:
                for member in tar:
                    content = tar.extractfile(member)
                    if content is None or text is not None:
                        raise BackupError(f"{file} holds what no backup of ours does: {member.name!r}")
                    if member.name == MANIFEST:
                        text = content.read()
                        continue
                    sink = take(member.name, member.size)
                    found[member.name] = member.size, _pour(content, sink)
            while packed.read(CHUNK_BYTES):  # to the end, where gzip's own checksum stands
                pass
    except (tarfile.TarError, EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise BackupError(f"{file} is damaged, or no backup: {error}") from None
    if text is None:
        raise BackupError(f"{file} is not whole: its manifest is missing")
    try:
        manifest = decode(text)
    except BackupError as error:
        raise BackupError(f"{file}: {error}") from None
    _compare(file, manifest, found)
    return manifest


def listed(folder: Path) -> Sequence[Found]:
    """The backups in a folder, oldest first."""
    found = []
    for file in sorted(folder.iterdir() if folder.exists() else ()):
        if (name := FILE.fullmatch(file.name)) and file.is_file():
            moment = datetime.strptime(name[1], STAMP).replace(tzinfo=UTC)
            found.append(Found(file, moment, file.stat().st_size))
    return found


def thin_out(folder: Path, keep: int, held: frozenset[Name]) -> Thinned:
    """Remove all but the newest `keep`, and nothing that is not named as ours are.

    `held`: the parts of the newest. An older one that has more, or can't be read, stays: perhaps nothing else has it.
    """
    gone, spared = [], []
    for one in listed(folder)[:-keep]:
        if _has_no_more(one.file, held):
            one.file.unlink()
            gone.append(one.file)
        else:
            spared.append(one.file)
    return Thinned(gone, spared)


def _has_no_more(file: Path, held: frozenset[Name]) -> bool:
    """Read through only where it might: large ones take their time."""
    if held.issuperset(Name):
        return True
    try:
        return read(file).held <= held
    except BackupError:
        return False


def _compare(file: Path, manifest: Manifest, found: dict[str, tuple[int, str]]) -> None:
    expected = {f"{part.name}/{one.path}": (one.size, one.sha256) for part in manifest.parts for one in part.files}
    for name in expected.keys() | found.keys():
        if name not in found or name not in expected:
            raise BackupError(f"{file} is damaged: {name} is {'missing' if name in expected else 'in no manifest'}")
        if found[name] != expected[name]:
            raise BackupError(f"{file} is damaged: the checksum of {name} is another")


def _pour(content: IO[bytes], sink: Sink | None) -> str:
    digest = hashlib.sha256()
    while some := content.read(CHUNK_BYTES):
        digest.update(some)
        if sink is not None:
            sink.write(some)
    return digest.hexdigest()


def _name_of(number: int, look: Callable[[int], str]) -> str:
    """Of a user or a group; its number where it has no name."""
    with suppress(KeyError):
        return look(number)
    return str(number)


def private(file: Path) -> IO[bytes]:
    """A new file, for its owner only from the first byte on."""
    return os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, OWNER_ONLY), "wb")


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
