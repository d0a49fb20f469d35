"""The way back: files into empty folders, then the readings into InfluxDB. Nothing that is there is deleted."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from pathlib import Path

from deploy.backup import archive, influxdb
from deploy.backup.influxdb import Written
from deploy.backup.manifest import BackupError, InTheWayError, Manifest, Packed
from deploy.backup.place import in_the_way, move_aside, put, unpacked
from deploy.backup.plan import OUTSIDE, SETTINGS, Folders, Name, Root
from deploy.backup.used import runs, users_of
from ingestor.settings import load_settings
from telemetry.registry.load import load_registry
from telemetry.stores.settings import InfluxSettings

LINES_FILE = "readings.lines.gz"


class What(StrEnum):
    """What to restore: InfluxDB's readings need an InfluxDB that runs, and that may need the restored files first."""

    ALL = "all"
    FILES = "files"
    STORE = "store"


@dataclass(frozen=True, slots=True)
class Order:
    """What a restore shall do."""

    file: Path
    folders: Folders
    """Where to. What of the backup has no folder here is not restored, and that is said."""
    what: What = What.ALL
    force: bool = False
    """Move aside what is in the way."""
    keep_settings: bool = False
    """Leave configuration, secrets and the deployment's files as they are."""
    broker_pid: Path | None = None
    """The pid file of the Mosquitto that must not run."""


@dataclass(frozen=True, slots=True)
class Restored:
    """What was done."""

    manifest: Manifest
    placed: dict[Name, int]
    """Files put into place, by part."""
    aside: Sequence[Path]
    """Folders into which something was moved."""
    written: Written | None
    """What became of InfluxDB's readings; None: there were none to write."""
    notes: Sequence[str]


@dataclass
class _Doing:
    placed: dict[Name, int] = field(default_factory=dict)
    aside: list[Path] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def restore(order: Order, now: datetime, progress: Callable[[float], None] = lambda _: None) -> Restored:
    """Check everything first, then put it into place. `now`: UTC, for the name of what is moved aside.

    Before the first change: raises `BackupError` for a file that is not whole, damaged or of a newer version, while
    something runs, and where something is in the way. Then: `OSError`; `DocumentError`, `StoreAwayError` and
    `StoreUnusableError` when the files are in place and the store can't be written: it may be tried again alone.
    """
    manifest = archive.read(order.file)
    _refuse_while_used(order)
    doing = _Doing(notes=[*manifest.notes])
    if order.what is not What.STORE:
        _files(order, manifest, now, doing)
    written = None
    if order.what is not What.FILES and manifest.readings is not None:
        written = _readings(order, manifest, progress)
    elif order.what is What.STORE:
        raise BackupError(f"{order.file} holds no readings of an InfluxDB: a store in a file comes back with the files")
    return Restored(manifest, doing.placed, doing.aside, written, doing.notes)


def _refuse_while_used(order: Order) -> None:
    folders = (order.folders.data, order.folders.broker, order.folders.grafana)
    found = [sentence for folder in folders if folder is not None for sentence in users_of(folder)]
    if order.broker_pid is not None and order.what is not What.STORE and runs(order.broker_pid):
        found.append("Mosquitto runs: when it stops it writes its own state over the restored one")
    if found:
        raise BackupError("; ".join(found) + ": stop the services first")


def _files(order: Order, manifest: Manifest, now: datetime, doing: _Doing) -> None:
    parts = [part for part in manifest.parts if _wanted(part, order, doing)]
    roots = list(dict.fromkeys(part.root for part in parts))
    in_way = {root: found for root in roots if (found := in_the_way(root, order.folders, parts))}
    if in_way and not order.force:
        names = [str(path) for found in in_way.values() for path in found]
        more = f" and {len(names) - 5} more" if len(names) > 5 else ""  # noqa: PLR2004 - as many as fit a line
        raise InTheWayError(f"something is in the way, and nothing was changed: {', '.join(names[:5])}{more}")
    with unpacked(order.file, manifest, parts, order.folders) as files:
        for root, found in in_way.items():
            doing.aside.append(move_aside(_folder(order, root), found, now.strftime(archive.STAMP)))
        for part in parts:
            folder = _folder(order, part.root)
            placed = [put(folder, one, files[part.name, one.path]) for one in part.files]
            doing.placed[part.name] = sum(placed)


def _wanted(part: Packed, order: Order, doing: _Doing) -> bool:
    """Whether its files are to be put into place; if somebody would miss them, that is said."""
    if not part.files or _is_readings(part):
        return False
    if order.keep_settings and part.root in SETTINGS:
        return False
    if order.folders.of(part.root) is None:
        doing.notes.append(f"Not restored, because no folder was given for it: {part.name}")
        return False
    doing.notes.extend(
        f"The database of part {part.name} lay outside the data folder. It is in {order.folders.data / one.path}: move "
        "it to where caretaker.yaml says"
        for one in part.files
        if one.path.startswith(f"{OUTSIDE}/")
    )
    return True


def _is_readings(part: Packed) -> bool:
    return part.name is Name.STORE and any(one.path == LINES_FILE for one in part.files)


def _readings(order: Order, manifest: Manifest, progress: Callable[[float], None]) -> Written:
    settings = load_settings(order.folders.config, order.folders.data).store
    part = manifest.part(Name.STORE)
    assert part is not None, "a manifest with readings has them"
    assert manifest.readings is not None, "the caller has looked"
    if not isinstance(settings, InfluxSettings):
        raise BackupError("the readings are an InfluxDB's, and `store` in caretaker.yaml is none")
    metrics = load_registry(order.folders.config).metrics
    order.folders.data.mkdir(mode=0o700, parents=True, exist_ok=True)
    with unpacked(order.file, manifest, [part], order.folders) as files:
        (lines,) = files.values()
        return influxdb.write(lines, settings, metrics, manifest.readings.lines, progress)


def _folder(order: Order, root: Root) -> Path:
    folder = order.folders.of(root)
    assert folder is not None, "parts without a folder are left out"
    return folder
