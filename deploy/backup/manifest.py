"""What stands at the end of a backup: what is in it, of when, made by which version, and each file's checksum."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version

import msgspec
from msgspec import Struct

from deploy.backup.plan import Name, Root

FORMAT = 1
"""Of the file. A newer one is refused."""


class BackupError(Exception):
    """A backup can't be made, or not be used; the message says why and what to do."""


class InTheWayError(BackupError):
    """Where a backup is to be restored to, something else is; nothing was changed."""


class Stored(Struct, frozen=True):
    """One file of the backup."""

    path: str
    """Below the root of its part, with `/`."""
    size: int
    """Bytes."""
    sha256: str
    mode: int
    owner: str
    group: str


class Packed(Struct, frozen=True):
    """A part, as it was copied."""

    name: Name
    root: Root
    copied: datetime
    """When its copy began, UTC."""
    files: Sequence[Stored]


class Readings(Struct, frozen=True):
    """What the export of InfluxDB holds."""

    lines: int
    """Points."""
    values: int
    """Fields of them."""
    retention_s: float | None
    """Of the bucket; None: for ever."""


class Manifest(Struct, frozen=True):
    """The backup, described."""

    format: int
    caretaker: str
    """The version that made it."""
    moment: datetime
    """When it began, UTC. All that was acknowledged before is in it."""
    ended: datetime
    parts: Sequence[Packed]
    secrets: bool
    """Whether secrets are in it."""
    readings: Readings | None
    """Of an InfluxDB; None: the store is a database, or was left out."""
    notes: Sequence[str]
    """What whoever restores it should know, in sentences."""

    @property
    def held(self) -> frozenset[Name]:
        """The parts of which something is in it."""
        return frozenset(part.name for part in self.parts if part.files)

    def part(self, name: Name) -> Packed | None:
        """A part, if it is there."""
        return next((part for part in self.parts if part.name is name), None)


class _Head(Struct):
    format: int
    caretaker: str


def encode(manifest: Manifest) -> bytes:
    """As JSON that people can read too."""
    return msgspec.json.format(msgspec.json.encode(manifest), indent=2)


def decode(text: bytes) -> Manifest:
    """Raises `BackupError` for one of a newer version, or none at all."""
    try:
        head = msgspec.json.decode(text, type=_Head)
        if head.format > FORMAT or _numbers(head.caretaker) > _numbers(installed()):
            raise BackupError(
                f"made by Caretaker {head.caretaker}, and this is {installed()}: install that version or a newer one"
            )
        return msgspec.json.decode(text, type=Manifest)
    except msgspec.MsgspecError as error:
        raise BackupError(f"its manifest can't be read: {error}") from None


def installed() -> str:
    """The version that runs."""
    return version("caretaker")


def utc_now() -> datetime:
    """Now, in UTC, in whole seconds downwards: a moment that is not too late."""
    return datetime.now(UTC).replace(microsecond=0)


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", text.partition("+")[0])[:3])
