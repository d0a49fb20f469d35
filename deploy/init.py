"""`caretaker deploy init`: a folder with all that a deployment needs. A second run adds what is missing."""

import os
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, RootModel

from alerts.dispatch.load import load_routing
from alerts.rules.load import load_rules
from deploy.certificates import certify
from deploy.credentials import know_services, write_rules
from deploy.files import Done, Shipped, Step, env_template, put, settings_of, shipped
from deploy.in_force import config_in_force, registry_in_force, rules_in_force, whole_paths
from deploy.layout import Door, Form, Layout, Secret
from deploy.mosquitto import configuration
from deploy.private import FOLDER_MODE, held, make_private
from deploy.probe import check_files, zone_of
from deploy.record import FILE, Record, read_record
from deploy.secrets import hand_out, make_missing
from deploy.settings_file import merged, sections, settings_text
from grafana.provisioning import files, write
from grafana.settings import GrafanaSettings, Language, PublicAddress, Settings
from grafana.sources import referred
from grafana.wanted import wanted
from telemetry.document import Document
from telemetry.registry.load import load_registry
from telemetry.registry.models import Registry
from telemetry.service.settings import FILE as SETTINGS_FILE
from telemetry.stores.settings import InfluxSettings

SERVICE_USER = 10_001
"""Whose files these are when root makes them: services never run as root."""

ENDINGS = (".yaml", ".yml", ".csv")
FOLDERS = ("metrics", "sites", "people", "devices", "rules")
NOT_COPIED = (SETTINGS_FILE, "simulation.yaml", FILE)
"""The settings are written anew, and simulated devices are no part of a deployment."""


class InitError(Exception):
    """The folder can't become a deployment, or is another one; the message says what to do."""


class _Languages(BaseModel):
    """What of Grafana's section is not this deployment's to say."""

    model_config = ConfigDict(extra="allow")

    languages: tuple[Language, ...] | None = Field(default=None, min_length=1)


class _Known(BaseModel):
    model_config = ConfigDict(extra="allow")

    grafana: _Languages | None = None


class _Sections(RootModel[_Known | None]):
    """The settings as they are written, whatever else they mean; a file of comments is empty."""


def init(folder: Path, wish: Record, config: Path, now: datetime, *, replace: bool) -> Sequence[Step]:
    """Make the deployment that `wish` says, or what it lacks; what was made and what was kept, in order.

    `config` is copied, but for what lies in the deployment's own configuration already. With `replace` the files of
    this package (compose.yaml, units, the broker's configuration) take the place of older ones.

    Raises `InitError`, `DocumentError` on a configuration with errors, `AuthorityError`, `SourceError`, `OSError`.
    """
    folder = folder.absolute()
    layout = wish.layout(folder)
    # Before anything is written: what is wrong has to be corrected there.
    config_in_force(layout)
    _check(config.absolute())
    steps = [_record(folder, wish)]
    with held(folder):
        steps += _made(layout, config.absolute(), now, replace=replace)
    return steps


def _check(config: Path) -> None:
    """All that is read from it, as it is read later."""
    with whole_paths(config):
        registry = load_registry(config)
        load_routing(config, registry, load_rules(config, registry))
    _written(config / SETTINGS_FILE)


def _made(layout: Layout, config: Path, now: datetime, *, replace: bool) -> Iterator[Step]:
    # The sites come last: where they are, an interrupted run had taken everything along.
    yield from _settings(layout, config)
    yield from _configuration(layout, config)
    registry = registry_in_force(layout)
    yield from (Step(Done.MADE, f"secrets/{secret}") for secret in make_missing(layout))
    yield from _certificates(layout, now)
    yield from _broker(layout, registry, replace=replace)
    for one in shipped(layout, _values(layout, registry)):
        yield put(one, layout.folder, replace=replace)
    yield from render_dashboards(layout, registry)
    if layout.form is not Form.SYSTEMD:
        for data in (layout.staged.broker_data, layout.staged.influxdb_data, layout.staged.grafana_data):
            make_private(data)
        make_private(layout.staged.prometheus_data)
        make_private(layout.staged.data)
    hand_out(layout)


def render_dashboards(layout: Layout, registry: Registry) -> Sequence[Step]:
    """Data sources and dashboards as files, as the registry and the rules have them now; one line for all."""
    settings = _grafana_settings(layout)
    what = wanted(settings, registry, rules_in_force(layout, registry), referred)
    seen, before = PurePosixPath(layout.seen.grafana.as_posix()), layout.staged.grafana.exists()
    make_private(layout.staged.grafana)
    changes = write(files(what, seen), layout.staged.grafana)
    _close(layout.staged.grafana)
    changed = any(change.kind.differs for change in changes)
    where = layout.staged.grafana.relative_to(layout.folder).as_posix()
    return [Step(_done(before, changed), f"{where} ({len(changes)} files)")]


def _done(before: bool, changed: bool) -> Done:  # noqa: FBT001 - two facts, in the order of time
    """Of what is derived: whether it was there, and whether it is another now."""
    if not before:
        return Done.MADE
    return Done.RENEWED if changed else Done.KEPT


def _record(folder: Path, wish: Record) -> Step:
    """The folder is new, empty, or one of ours; of the last, what it is stays."""
    if (folder / FILE).exists():
        known = read_record(folder)
        if known.form is not wish.form:
            raise InitError(f"{folder} is a deployment for {known.form}, not for {wish.form}: name another folder")
        if known == wish:
            return Step(Done.KEPT, FILE)
        wish.write(folder)
        return Step(Done.RENEWED, FILE)
    # One that a run left which was interrupted at its first file.
    if folder.exists() and any(one.name != f".{FILE}.new" for one in folder.iterdir()):
        raise InitError(f"{folder} holds other things: name a new folder")
    make_private(folder)
    folder.chmod(FOLDER_MODE)
    if os.geteuid() == 0 and wish.form is Form.COMPOSE:
        # All that is written below belongs to whom this belongs.
        os.chown(folder, SERVICE_USER, SERVICE_USER)
    wish.write(folder)
    return Step(Done.MADE, FILE)


def _configuration(layout: Layout, config: Path) -> Iterator[Step]:
    """What `config` holds, and the device for the doctor."""
    target, folder = layout.staged.config, layout.folder
    make_private(target)
    if config.resolve() != target.resolve():
        for source in configuration_files(config):
            text = source.read_text(encoding="utf-8")
            yield put(Shipped(text, target / source.relative_to(config)), folder, replace=False)
    with whole_paths(target):
        lacking = check_files(load_registry(target))
    for name, text in lacking.items():
        yield put(Shipped(text, target / name), folder, replace=False)


def configuration_files(config: Path) -> Sequence[Path]:
    """What makes up a configuration, but for its settings: not whatever else lies in that folder."""
    tops = (one for ending in ENDINGS for one in config.glob(f"*{ending}") if one.name not in NOT_COPIED)
    below = (one for name in FOLDERS for ending in ENDINGS for one in (config / name).rglob(f"*{ending}"))
    return sorted(one for one in (*tops, *below) if one.is_file())


def _settings(layout: Layout, config: Path) -> Iterator[Step]:
    """`caretaker.yaml`: theirs with our addresses in it; one that is there stays, whoever has changed it."""
    here, target = config_in_force(layout) / SETTINGS_FILE, layout.staged.config / SETTINGS_FILE
    if here.exists():
        done = Done.KEPT if _says_the_hosts(_written(here), sections(layout)) else Done.DIFFERS
        yield Step(done, _called(here, layout))
        return
    yield put(Shipped(settings_text(layout, _written(config / SETTINGS_FILE)), target), layout.folder, replace=False)


def _written(settings: Path) -> Mapping[str, Any]:
    """What stands in a `caretaker.yaml`, if there is one. Raises `DocumentError`."""
    if not settings.exists():
        return {}
    found = Document.open(settings, str(settings)).validate(_Sections).root
    return {} if found is None else found.model_dump(exclude_unset=True)


def _called(file: Path, layout: Layout) -> str:
    """As it lies in the deployment's folder, or whole."""
    return (file.relative_to(layout.folder) if file.is_relative_to(layout.folder) else file).as_posix()


def _says_the_hosts(known: Mapping[str, Any], ours: Mapping[str, Any]) -> bool:
    """Whether the settings have the names by which this machine is reached now. All else in there is theirs."""
    api, alerts = known.get("api"), known.get("alerts")
    names = api.get("names") if isinstance(api, Mapping) else None
    address = alerts.get("public_url") if isinstance(alerts, Mapping) else None
    return set(ours["api"]["names"]) <= set(names or ()) and address == ours["alerts"]["public_url"]


def _certificates(layout: Layout, now: datetime) -> Iterator[Step]:
    before = {secret for secret in Secret if layout.kept(secret).exists()}
    for secret in certify(layout, now):
        yield Step(_done(secret in before, changed=True), f"secrets/{secret}")


def _broker(layout: Layout, registry: Registry, *, replace: bool) -> Iterator[Step]:
    yield put(Shipped(configuration(layout), layout.staged.broker_conf), layout.folder, replace=replace)
    before = {file for file in (layout.staged.passwords, layout.staged.access) if file.exists()}
    for file, changed in (
        (layout.staged.passwords, know_services(layout)),
        (layout.staged.access, write_rules(layout, registry)),
    ):
        yield Step(_done(file in before, changed), file.relative_to(layout.folder).as_posix())


def _values(layout: Layout, registry: Registry) -> Mapping[str, str]:
    """Of `.env`: what somebody has set or added stays, but for the images, which belong to a version, and the host."""
    file, owner = layout.folder / ".env", layout.folder.stat()
    before = settings_of(file.read_text(encoding="utf-8")) if file.exists() else {}
    images = {name for name in settings_of(env_template()) if name.endswith("_IMAGE")}
    return {
        "CARETAKER_UID": str(owner.st_uid),
        "CARETAKER_GID": str(owner.st_gid),
        "GRAFANA_TIMEZONE": zone_of(registry),
        **{name: value for name, value in before.items() if name not in images},
        "CARETAKER_HOST": layout.hosts[0],
        "CARETAKER_URL_HOST": layout.outer(Door.API).url_host,
    }


def _grafana_settings(layout: Layout) -> Settings:
    """As the deployment decides them, in their languages. Not read as settings: the files named are the services'."""
    found = merged(_written(config_in_force(layout) / SETTINGS_FILE), sections(layout))
    store = {name: value for name, value in found["store"].items() if not name.endswith("_file") and name != "username"}
    return Settings.model_construct(
        store=InfluxSettings.model_validate(store),
        alerts=PublicAddress.model_validate({"public_url": found["alerts"]["public_url"]}),
        grafana=GrafanaSettings.model_validate(found["grafana"]),
    )


def _close(folder: Path) -> None:
    """What others have written below: for the owner alone, and the owner of the folder."""
    owner = folder.stat()
    for path in (folder, *folder.rglob("*")):
        path.chmod(FOLDER_MODE if path.is_dir() else 0o600)
        if os.geteuid() == 0:
            os.chown(path, owner.st_uid, owner.st_gid)
