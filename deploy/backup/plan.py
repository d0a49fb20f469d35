"""What there is to back up, and in which order. Why in this one: see the package. Knows the files' places only."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

OUTSIDE = "outside"
"""Folder, below the data, for databases that lie elsewhere: nothing is restored to where nobody pointed."""
MOVED = "before-restore-"
"""Beginning of the folder into which a restore moves what was there."""
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


def files_of(part: Part, folders: Folders, besides: Sequence[Path], *, with_secrets: bool) -> Sequence[Path]:
    """The files of a part of kind FILES, relative to its folder, in order. `besides`: folders to leave out.

    A folder of another part that lies within this one is that part's. Of the data only keys are files.
    """
    source = part.source.resolve()
    left_out = {folder.resolve() for folder in (*folders.given, *besides)} - {source}
    if part.name is Name.DEPLOYMENT:
        left_out.add(source / "data")
        left_out |= set() if with_secrets else {source / "secrets"}
    found = []
    for path in sorted(source.rglob("*.key" if part.name is Name.KEYS else "*")):
        inside = path.relative_to(source)
        if any(above in left_out for above in path.parents) or any(word.startswith(MOVED) for word in inside.parts):
            continue
        if path.is_symlink() or not path.is_file() or (not with_secrets and is_secret(path)):
            continue
        found.append(inside)
    return found


def is_secret(path: Path) -> bool:
    """Whether the name of a file says so."""
    return path.suffix in SECRET_ENDINGS or path.name in SECRET_NAMES


def _database(name: Name, file: Path, folders: Folders) -> Part:
    inside = file.resolve().is_relative_to(folders.data.resolve())
    path = file.resolve().relative_to(folders.data.resolve()).as_posix() if inside else f"{OUTSIDE}/{file.name}"
    return Part(name, Kind.DATABASE, Root.DATA, file, path)
