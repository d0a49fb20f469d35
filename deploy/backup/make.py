"""Making a backup: along the plan, each part copied as its kind asks for, into one file, named when it is whole."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import alerts.settings
import api.settings
import ingestor.settings
from deploy.backup import database, sessions
from deploy.backup.archive import ArchiveWriter, Thinned, thin_out, written
from deploy.backup.influxdb import Exporter
from deploy.backup.manifest import FORMAT, BackupError, Manifest, Packed, Readings, Stored, installed, utc_now
from deploy.backup.plan import SETTINGS, Databases, Folders, Kind, Name, Part, Root, files_of, plan, without_links
from telemetry.registry.load import load_registry
from telemetry.stores.open import store_file
from telemetry.stores.settings import InfluxSettings, SqliteSettings

Watch = Callable[[Part, float], None]
"""Hears of each part, at its beginning (0) and while it is copied, what fraction of it is done."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What a backup shall be."""

    folders: Folders
    to: Path
    """The folder for it."""
    with_secrets: bool = True
    with_store: bool = True
    keep: int | None = None
    """So many of the newest stay; None: all."""
    broker_pid: Path | None = None
    """The pid file of a Mosquitto that has to be told to save its sessions."""


@dataclass(frozen=True, slots=True)
class Made:
    """A backup that was made."""

    file: Path
    manifest: Manifest
    older: Thinned
    """What became of older ones."""


def databases_of(config: Path, data: Path) -> tuple[Databases, SqliteSettings | InfluxSettings]:
    """Where our databases lie, and the store's settings. Raises `DocumentError`."""
    settings = ingestor.settings.load_settings(config, data)
    journal = settings.journal.path
    alert_file = alerts.settings.load_settings(config, data).alerts.database
    access = api.settings.load_settings(config, data).api.database
    assert journal is not None, "load_settings fills it in"
    assert alert_file is not None, "likewise"
    assert access is not None, "likewise"
    store = settings.store
    file = None if isinstance(store, InfluxSettings) else store_file(store, data)
    return Databases(alerts=alert_file, journal=journal, access=access, store=file), store


def make(wish: Wish, watch: Watch = lambda *_: None) -> Made:
    """Back up, while everything runs.

    Raises `BackupError`, `DocumentError`, `StoreAwayError`, `StoreUnusableError`, `OSError`; then there is no file.
    """
    _check_folders(wish)
    databases, store = databases_of(wish.folders.config, wish.folders.data)
    folders = wish.folders if wish.with_secrets else _without_secrets(wish.folders)
    parts = plan(folders, databases, with_store=wish.with_store)
    if not any(part.source.exists() for part in parts if part.kind is Kind.DATABASE and part.root is Root.DATA):
        raise BackupError(f"no service has a database in {folders.data}, and nothing was written: name their --data")
    moment = utc_now()
    with written(wish.to, moment) as (archive, work, target):
        copying = _Copying(wish, archive, work, store, watch)
        packed = [copying.copy(part, utc_now()) for part in parts]
        manifest = Manifest(
            format=FORMAT,
            caretaker=installed(),
            moment=moment,
            ended=utc_now(),
            parts=packed,
            secrets=wish.with_secrets,
            readings=copying.readings,
            notes=[*copying.notes, *_left_out(wish)],
        )
        archive.close(manifest)
    older = Thinned([], []) if wish.keep is None else thin_out(wish.to, wish.keep, manifest.held)
    return Made(target, manifest, older)


@dataclass
class _Copying:
    """One part after the other."""

    wish: Wish
    archive: ArchiveWriter
    work: Path
    store: SqliteSettings | InfluxSettings
    watch: Watch
    readings: Readings | None = None
    notes: list[str] = field(default_factory=list)

    def copy(self, part: Part, now: datetime) -> Packed:
        """What has become of a part. Its copy is gone again when it is in the archive."""
        self.watch(part, 0.0)
        match part.kind:
            case Kind.SESSIONS:
                files = self._sessions(part)
            case Kind.DATABASE:
                files = self._database(part)
            case Kind.READINGS:
                files = self._readings(part)
            case Kind.FILES:
                files = self._files(part)
        self.watch(part, 1.0)
        return Packed(name=part.name, root=part.root, copied=now, files=files)

    def _sessions(self, part: Part) -> list[Stored]:
        name, note = sessions.copy(part.source, self.work, self.wish.broker_pid)
        if note is not None:
            self.notes.append(note)
        return [self._packed(part, name, self.work / name, part.source / name)]

    def _database(self, part: Part) -> list[Stored]:
        if not part.source.exists():
            if part.name is Name.GRAFANA:
                raise BackupError(f"there is no {part.source}: name Grafana's data folder")
            self.notes.append(f"There was no database of part {part.name} yet: {part.source}")
            return []
        copied = self.work / part.source.name
        database.copy(part.source, copied, lambda share: self.watch(part, share))
        return [self._packed(part, part.path, copied, part.source)]

    def _readings(self, part: Part) -> list[Stored]:
        assert isinstance(self.store, InfluxSettings), "the plan has said so"
        exported = self.work / part.path
        metrics = load_registry(self.wish.folders.config).metrics
        with Exporter(self.store) as exporter:
            self.readings = exporter.export(exported, metrics, lambda share: self.watch(part, share))
        return [self._packed(part, part.path, exported, exported)]

    def _files(self, part: Part) -> list[Stored]:
        found = files_of(part, self.wish.folders, [self.wish.to], with_secrets=self.wish.with_secrets)
        self.notes.extend(f"A link that leads nowhere was left out: {link}" for link in found.lost)
        if not found.files and (self.wish.with_secrets or part.name is not Name.KEYS):
            self.notes.append(f"There was no file of part {part.name}: {part.source}")
        return [self.archive.add(part.name, file.as_posix(), part.source / file) for file in found.files]

    def _packed(self, part: Part, path: str, copied: Path, like: Path) -> Stored:
        stored = self.archive.add(part.name, path, copied, like)
        copied.unlink()
        return stored


def _check_folders(wish: Wish) -> None:
    """Raises `BackupError` for one that is not there, and for one that would be copied as two things."""
    for folder in wish.folders.given:
        if not folder.is_dir():
            raise BackupError(f"there is no folder {folder}, and nothing was written: name the one that is meant")
    all_ = [without_links(folder) for folder in (*wish.folders.given, wish.to)]
    for root in SETTINGS:
        whole = wish.folders.of(root)
        if whole is not None and all_.count(without_links(whole)) > 1:
            raise BackupError(f"{whole} is named twice: the folder of {root} can be nothing else, nor hold the backups")


def _without_secrets(folders: Folders) -> Folders:
    return Folders(folders.config, folders.data, None, folders.deployment, folders.broker, folders.grafana)


def _left_out(wish: Wish) -> list[str]:
    """What is not in it though one might look for it."""
    notes = []
    if not wish.with_secrets:
        notes.append("Secrets were left out: passwords, tokens, keys. What caretaker.yaml itself says is in it")
    elif wish.folders.secrets is None:
        notes.append(
            "No folder of secrets was named: passwords and tokens are in it only where another folder has them"
        )
    if not wish.with_store:
        notes.append("The store was left out: its readings come back from a backup of its own")
    if wish.folders.deployment is None:
        notes.append(
            "The folder that `caretaker deploy init` made was left out: the broker's users, the authority that signs "
            "certificates and Grafana's key are not in it"
        )
    if wish.folders.broker is None:
        notes.append("The broker's sessions were left out: what it held for a service that was away is not in it")
    if wish.folders.grafana is None:
        notes.append("Grafana's own database was left out: `caretaker grafana install` makes our dashboards again")
    return notes
