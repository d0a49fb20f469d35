"""What there is to back up, and in which order. Why in this one: see the package. Knows the files' places only."""

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple

OUTSIDE = "outside"
"""Folder, below the data, for databases that lie elsewhere: nothing is restored to where nobody pointed."""
MOVED = "before-restore-"
"""Beginning of the folder into which a restore moves what was there."""
NOTHING = ("lost+found",)
"""Folders that a file system has by itself."""
ASIDE = (MOVED, "..")
"""Beginnings of folders that are left out. `..` is where Kubernetes keeps what the links beside it lead to."""
SECRET_ENDINGS = (".key", ".password", ".token")
SECRET_NAMES = ("passwd",)
"""Beside the secrets' own folder, these are secret wherever they stand."""


class Root(StrEnum):
    """The folders that a restore is given."""

    DATA = "data"
    CONFIG = "config"
    SECRETS = "secrets"
    DEPLOYMENT = "deployment"
    BROKER = "broker"
    GRAFANA = "grafana"


class Kind(StrEnum):
    """How a part is copied."""

    SESSIONS = "sessions"
    """What Mosquitto keeps, in one of its two forms."""
    DATABASE = "database"
    """SQLite, by its online backup, while it is used."""
    READINGS = "readings"
    """All of InfluxDB's bucket, as line protocol."""
    FILES = "files"
    """As they are."""


class Name(StrEnum):
    """The parts."""

    SESSIONS = "sessions"
    """What the broker holds for services that are away."""
    ALERTS = "alerts"
    JOURNAL = "journal"
    """With the quarantine and the account."""
    STORE = "store"
    ACCESS = "access"
    """Who may use the API, and the audit log."""
    GRAFANA = "grafana"
    """Its users, preferences and the dashboards that people made in it."""
    KEYS = "keys"
    """That sign links, codes and webhooks."""
    CONFIG = "config"
    SECRETS = "secrets"
    DEPLOYMENT = "deployment"
    """What `caretaker deploy init` made beside configuration, secrets and data."""


SETTINGS = (Root.CONFIG, Root.SECRETS, Root.DEPLOYMENT)
"""Folders of which every file is copied: what a person writes, and may have changed since."""
ORDER = (
    Name.SESSIONS,
    Name.ALERTS,
    Name.JOURNAL,
    Name.STORE,
    Name.ACCESS,
    Name.GRAFANA,
    Name.KEYS,
    Name.CONFIG,
    Name.SECRETS,
    Name.DEPLOYMENT,
)


@dataclass(frozen=True, slots=True)
class Folders:
    """Where a deployment lies, as whoever makes the backup sees it. None: there is none, or it is left out."""

    config: Path
    data: Path
    secrets: Path | None = None
    deployment: Path | None = None
    """The folder that `caretaker deploy init` made."""
    broker: Path | None = None
    """Mosquitto's `persistence_location`."""
    grafana: Path | None = None
    """Grafana's data folder, with `grafana.db`."""

    def of(self, root: Root) -> Path | None:
        """The folder of a root."""
        return {
            Root.CONFIG: self.config,
            Root.DATA: self.data,
            Root.SECRETS: self.secrets,
            Root.DEPLOYMENT: self.deployment,
            Root.BROKER: self.broker,
            Root.GRAFANA: self.grafana,
        }[root]

    @property
    def given(self) -> Sequence[Path]:
        """All that there are."""
        return [folder for root in Root if (folder := self.of(root)) is not None]


@dataclass(frozen=True, slots=True)
class Databases:
    """Our own files of SQLite, from the settings."""

    alerts: Path
    journal: Path
    access: Path
    store: Path | None
    """None: the store is an InfluxDB."""


@dataclass(frozen=True, slots=True)
class Part:
    """One thing to copy."""

    name: Name
    kind: Kind
    root: Root
    source: Path
    """The database's file; the folder of all else."""
    path: str = ""
    """Of a database: its place below the root."""


def plan(folders: Folders, databases: Databases, *, with_store: bool = True) -> Sequence[Part]:
    """The parts, in the order in which they must be copied."""
    parts = [
        _database(Name.ALERTS, databases.alerts, folders),
        _database(Name.JOURNAL, databases.journal, folders),
        _database(Name.ACCESS, databases.access, folders),
        Part(Name.KEYS, Kind.FILES, Root.DATA, folders.data),
        Part(Name.CONFIG, Kind.FILES, Root.CONFIG, folders.config),
    ]
    if with_store and databases.store is not None:
        parts.append(_database(Name.STORE, databases.store, folders))
    elif with_store:
        parts.append(Part(Name.STORE, Kind.READINGS, Root.DATA, folders.data, "readings.lines.gz"))
    if folders.broker is not None:
        parts.append(Part(Name.SESSIONS, Kind.SESSIONS, Root.BROKER, folders.broker))
    if folders.grafana is not None:
        source = folders.grafana / "grafana.db"
        parts.append(Part(Name.GRAFANA, Kind.DATABASE, Root.GRAFANA, source, source.name))
    if folders.secrets is not None:
        parts.append(Part(Name.SECRETS, Kind.FILES, Root.SECRETS, folders.secrets))
    if folders.deployment is not None:
        parts.append(Part(Name.DEPLOYMENT, Kind.FILES, Root.DEPLOYMENT, folders.deployment))
    return sorted(parts, key=lambda part: ORDER.index(part.name))


class Found(NamedTuple):
    """The files of a part."""

    files: Sequence[Path]
    """Relative to its folder, in order."""
    lost: Sequence[Path]
    """Links that lead nowhere."""


def files_of(part: Part, folders: Folders, besides: Sequence[Path], *, with_secrets: bool) -> Found:
    """The files of a part of kind FILES. `besides`: folders to leave out. Raises `OSError`.

    A folder of another part that lies within this one is that part's; one that this part itself lies within leaves
    nothing out. Links are followed. Of the data only keys are files.
    """
    source = without_links(part.source)
    others = {without_links(folder) for folder in folders.given}
    never = [*besides]
    if part.name is Name.DEPLOYMENT:
        never += [source / "data", source / "backups"]
    if not with_secrets:
        never += [source / "secrets", *([] if folders.secrets is None else [folders.secrets])]
    nowhere = {without_links(folder) for folder in never} - {source, *source.parents}

    def left_out(found: Path) -> bool:
        return found in others or not nowhere.isdisjoint((found, *found.parents))

    files, lost = [], []
    for path in _below(source, left_out, frozenset((source, *source.parents))):
        if part.name is Name.KEYS and path.suffix != ".key":
            continue
        if not with_secrets and (is_secret(path) or is_secret(without_links(path))):
            continue
        if path.is_file():
            files.append(path.relative_to(source))
        elif path.is_symlink():
            lost.append(path)
    return Found(files, lost)


def is_secret(path: Path) -> bool:
    """Whether the name of a file says so."""
    return path.suffix in SECRET_ENDINGS or path.name in SECRET_NAMES


def without_links(path: Path) -> Path:
    """Where it really lies. Unlike `Path.resolve`, of a ring of links too."""
    return Path(os.path.realpath(path))


def _below(folder: Path, left_out: Callable[[Path], bool], above: frozenset[Path]) -> Iterator[Path]:
    """All that is no folder. A link back to a folder above leads round in a ring, and is not followed."""
    for path in sorted(folder.iterdir()):
        found = without_links(path)
        if path.name.startswith(ASIDE) or path.name in NOTHING or left_out(found):
            continue
        if not path.is_dir():
            yield path
        elif found not in above:
            yield from _below(path, left_out, above | {found})


def _database(name: Name, file: Path, folders: Folders) -> Part:
    inside = file.resolve().is_relative_to(folders.data.resolve())
    path = file.resolve().relative_to(folders.data.resolve()).as_posix() if inside else f"{OUTSIDE}/{file.name}"
    return Part(name, Kind.DATABASE, Root.DATA, file, path)
