"""`caretaker deploy backup|restore|backups`: everything into one file, while it runs, and back."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from caretaker.deployment import explained
from caretaker.options import CONFIG_DEFAULT, DATA_DEFAULT, ConfigOption, DataOption
from caretaker.output import Exit, Format, FormatOption, document, fail, note, rows, say
from caretaker.progress import progress_bar
from deploy.backup import archive
from deploy.backup.make import Made, Wish, make
from deploy.backup.manifest import BackupError, InTheWayError, Manifest
from deploy.backup.plan import Folders, Part
from deploy.backup.restore import Order, Restored, What
from deploy.backup.restore import restore as put_back
from telemetry.stores.store import StoreAwayError, StoreUnusableError

NewConfigOption = Annotated[
    Path,
    typer.Option(
        "--config",
        "-c",
        envvar="CARETAKER_CONFIG",
        metavar="DIR",
        help="Where the configuration goes.",
        show_default=False,
    ),
]
SecretsOption = Annotated[
    Path | None, typer.Option("--secrets", metavar="DIR", help="The folder with passwords, tokens and certificates.")
]
DeploymentOption = Annotated[
    Path | None, typer.Option("--deployment", metavar="DIR", help="The folder that `caretaker deploy init` made.")
]
BrokerOption = Annotated[
    Path | None, typer.Option("--broker-data", metavar="DIR", help="Mosquitto's persistence_location: its sessions.")
]
PidOption = Annotated[
    Path | None,
    typer.Option("--broker-pid", metavar="FILE", help="Pid file of a Mosquitto 2.0: backup has it save its sessions."),
]
GrafanaOption = Annotated[
    Path | None, typer.Option("--grafana-data", metavar="DIR", help="Grafana's data folder, with grafana.db.")
]
ToOption = Annotated[Path, typer.Option("--to", metavar="DIR", help="The folder for backups.")]


def backup(
    to: ToOption,
    config: ConfigOption = CONFIG_DEFAULT,
    data: DataOption = DATA_DEFAULT,
    secrets: SecretsOption = None,
    deployment: DeploymentOption = None,
    broker_data: BrokerOption = None,
    broker_pid: PidOption = None,
    grafana_data: GrafanaOption = None,
    keep: Annotated[
        int | None, typer.Option("--keep", min=1, metavar="N", help="Then remove all but the newest N of ours.")
    ] = None,
    *,
    without_secrets: Annotated[
        bool, typer.Option("--without-secrets", help="Leave out passwords, tokens, keys.")
    ] = False,
    without_store: Annotated[
        bool, typer.Option("--without-store", help="Leave out the readings: they are backed up by other means.")
    ] = False,
    format: FormatOption = Format.TABLE,  # noqa: A002 - the option's name
) -> None:
    """Back up everything into one file, while it runs.

    [bold]caretaker deploy backup --config /etc/caretaker --data /var/lib/caretaker --to /srv/backups[/bold]

    The file is as secret as what is in it: keep it so.
    """
    folders = Folders(config, data, secrets, deployment, broker_data, grafana_data)
    wish = Wish(
        folders, to, with_secrets=not without_secrets, with_store=not without_store, keep=keep, broker_pid=broker_pid
    )
    with _told(), _bar("backup") as watch:
        made = make(wish, lambda part, share: watch(_titled(part), share))
    if format is not Format.TABLE:
        _for_programs(made, format)
        return
    say(str(made.file))
    _describe(made.manifest)
    for old in made.older.removed:
        note(f"Removed: {old}")
    for old in made.older.spared:
        note(f"Not removed, because this one lacks what is in it: {old}")


def restore(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="caretaker-….tar.gz", show_default=False)],
    config: NewConfigOption = CONFIG_DEFAULT,
    data: DataOption = DATA_DEFAULT,
    secrets: SecretsOption = None,
    deployment: DeploymentOption = None,
    broker_data: BrokerOption = None,
    broker_pid: PidOption = None,
    grafana_data: GrafanaOption = None,
    only: Annotated[
        What, typer.Option("--only", help="files, or store: InfluxDB's readings, when it runs again.")
    ] = What.ALL,
    *,
    force: Annotated[bool, typer.Option("--force", help="Move aside what is in the way.")] = False,
    keep_settings: Annotated[
        bool, typer.Option("--keep-settings", help="Leave configuration, secrets and the deployment's files alone.")
    ] = False,
    check: Annotated[
        bool, typer.Option("--check", help="Only read the file, compare all checksums, say what is in it.")
    ] = False,
) -> None:
    """Put a backup back into place, with all services stopped.

    [bold]caretaker deploy restore FILE --config /etc/caretaker --data /var/lib/caretaker[/bold]

    Nothing is deleted: what is in the way is refused, or moved aside with --force.
    """
    with _told():
        if check:
            manifest = archive.read(file)
            say(f"{file}: whole, every checksum is right")
            _describe(manifest)
            return
        folders = Folders(config, data, secrets, deployment, broker_data, grafana_data)
        order = Order(file, folders, only, force=force, keep_settings=keep_settings, broker_pid=broker_pid)
        with _bar("restore") as watch:
            done = put_back(order, datetime.now(UTC), lambda share: watch("readings", share))
    _tell(done)
    if done.written is not None and done.written.refused:
        raise typer.Exit(Exit.PROBLEM)


def backups(
    to: ToOption,
    format: FormatOption = Format.TABLE,  # noqa: A002 - the option's name
) -> None:
    """List the backups in a folder, oldest first.

    [bold]caretaker deploy backups --to /srv/backups[/bold]
    """
    with _told():
        found = archive.listed(to)
    rows(("file", "moment", "bytes"), ((str(one.file), one.moment.isoformat(), one.size) for one in found), format)


def _describe(manifest: Manifest) -> None:
    rows(
        ("part", "files", "bytes"),
        ((part.name, len(part.files), sum(one.size for one in part.files)) for part in manifest.parts),
    )
    took_s = (manifest.ended - manifest.moment).total_seconds()
    note(f"Of {manifest.moment.isoformat()}, made in {took_s:.0f} s by Caretaker {manifest.caretaker}.")
    if manifest.readings is not None:
        note(f"{manifest.readings.lines:,} points with {manifest.readings.values:,} values from InfluxDB.")
    if manifest.secrets:
        note("It holds secrets: whoever has the file has them.")
    for sentence in manifest.notes:
        note(f"{sentence}.")


def _tell(done: Restored) -> None:
    for name, count in done.placed.items():
        say(f"restored: {name}, {count} files")
    if done.written is not None:
        say(f"restored: {done.written.lines:,} points into InfluxDB, {done.written.refused:,} of them refused")
        if done.written.first_refusal is not None:
            note(f"The first refusal: {done.written.first_refusal}")
    for folder in done.aside:
        note(f"What was in the way is in {folder}")
    note(f"This is the state of {done.manifest.moment.isoformat()}: what came later is missing.")
    note("API keys that were revoked after that moment are good again: revoke them again.")
    for sentence in done.notes:
        note(f"{sentence}.")


def _for_programs(made: Made, format: Format) -> None:  # noqa: A002 - the option's name
    size = made.file.stat().st_size
    if format is Format.CSV:
        rows(("file", "moment", "bytes"), [(str(made.file), made.manifest.moment.isoformat(), size)], format)
        return
    document(
        {
            "file": str(made.file),
            "moment": made.manifest.moment.isoformat(),
            "bytes": size,
            "notes": list(made.manifest.notes),
            "removed": [str(old) for old in made.older.removed],
            "spared": [str(old) for old in made.older.spared],
        }
    )


def _titled(part: Part) -> str:
    return f"copies {part.name}"


@contextmanager
def _bar(title: str) -> Iterator[Callable[[str, float], None]]:
    """A bar that hears what is done just now, and what fraction of it."""
    with progress_bar() as bar:
        task = bar.add_task(title, total=1.0)
        yield lambda what, share: bar.update(task, description=what, completed=share)


@contextmanager
def _told() -> Iterator[None]:
    """What goes wrong, in a sentence."""
    with explained():
        try:
            yield
        except InTheWayError as error:
            fail(str(error), "--force moves it aside; --keep-settings leaves configuration and secrets as they are")
        except BackupError as error:
            fail(str(error))
        except (StoreAwayError, StoreUnusableError) as error:
            fail(
                str(error),
                "a backup needs the store, or --without-store; when a restore has put the files into place already, "
                "start the store and run it again with --only store",
                Exit.UNAVAILABLE,
            )
