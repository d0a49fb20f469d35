"""`caretaker deploy init|provision`: the system for real on one machine; `backup` and `restore` stand beside."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from shlex import quote
from typing import Annotated

import typer
from pydantic import ValidationError

import caretaker
from caretaker.commands import deploy_backup
from caretaker.deployment import explained
from caretaker.output import Exit, fail, note, rows, say
from deploy.authority import AuthorityError
from deploy.files import Done
from deploy.in_force import has_sites
from deploy.init import InitError
from deploy.init import init as make
from deploy.layout import Form, InfluxForm
from deploy.names import check_host
from deploy.passwords import PasswordFileError
from deploy.private import held
from deploy.provision import ProvisionError, Trouble
from deploy.provision import provision as make_bucket
from deploy.record import FILE, RETENTION_DAYS, Record, read_record
from grafana.sources import SourceError

STARTER = Path(caretaker.__file__).parent / "starter"
NEXT = {
    Form.COMPOSE: (
        "cd {folder} && ./manage up",
        "caretaker devices credentials DEVICE --deployment {folder}",
        "./manage doctor",
    ),
    Form.SYSTEMD: (
        "sudo {folder}/install",
        "sudo caretaker devices credentials DEVICE --deployment {folder}",
        "sudo caretaker doctor --deployment {folder}",
    ),
}

app = typer.Typer(
    epilog="It begins with [bold]caretaker deploy init my-city --for compose --host caretaker.example.org[/bold]."
)


class For(StrEnum):
    """What runs the services."""

    COMPOSE = "compose"
    SYSTEMD = "systemd"


@app.command()
def init(
    directory: Annotated[Path, typer.Argument(metavar="DIR", file_okay=False, show_default=False)],
    form: Annotated[
        For | None, typer.Option("--for", help="compose: containers. systemd: units of this machine.")
    ] = None,
    hosts: Annotated[
        list[str] | None,
        typer.Option(
            "--host", metavar="NAME", help="Name or address by which this machine is reached; the first is shown."
        ),
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option(
            "--config", "-c", metavar="DIR", help="The configuration to take along. Without: a small one to start from."
        ),
    ] = None,
    influxdb: Annotated[
        InfluxForm | None,
        typer.Option("--influxdb", help="For systemd: which InfluxDB the machine has, 1 (1.8 and newer) or 2."),
    ] = None,
    keep_days: Annotated[
        int | None,
        typer.Option(
            "--keep-days",
            min=31,
            help=f"How long InfluxDB keeps readings; {RETENTION_DAYS}. `deploy provision` tells it.",
            show_default=False,
        ),
    ] = None,
    *,
    replace: Annotated[
        bool,
        typer.Option(
            "--replace",
            help="Take compose.yaml, units and the broker's configuration as this version has them; old: NAME.old.",
        ),
    ] = False,
) -> None:
    """Make a folder with all that a deployment needs: settings, certificates, passwords, dashboards.

    [bold]caretaker deploy init city --for compose --host caretaker.example.org --config my-city[/bold]

    Nothing has a default password, and no secret is shown: they are files in
    DIR/secrets. A second run (DIR alone is enough) adds what is missing, renews
    certificates that run out within 30 days or lack a host, takes over changed
    sites, devices and rules for access rules and dashboards, and leaves all else
    alone. With units it reads those in /etc/caretaker, once installed: by sudo.
    """
    with _told():
        wish = _wish(directory, form, hosts, influxdb, keep_days)
        steps = make(directory, wish, config or _known(directory) or STARTER, datetime.now(UTC), replace=replace)
    if changed := [(step.done, step.what) for step in steps if step.done is not Done.KEPT]:
        rows(("what", "file"), changed)
    kept = sum(step.done is Done.KEPT for step in steps)
    if kept:
        note(f"{kept} kept as they are.")
    if any(step.done is Done.DIFFERS for step in steps):
        note(
            "Files that differ were changed by somebody, or come from another version: --replace takes this version's."
        )
    say(f"Secrets are in {directory / 'secrets'}, for their owner alone. Next:")
    say("")
    for line in NEXT[wish.form]:
        say(f"  {line.format(folder=quote(str(directory.absolute())))}")


@app.command()
def provision(
    directory: Annotated[Path, typer.Argument(metavar="DIR", file_okay=False, exists=True, show_default=False)],
    *,
    shorten: Annotated[
        bool, typer.Option("--shorten", help="Keep readings for a shorter time than now, and remove older ones.")
    ] = False,
) -> None:
    """Give the running InfluxDB its bucket, and the services and Grafana rights to that alone.

    [bold]caretaker deploy provision city[/bold]

    With the admin's credentials in DIR/secrets; an InfluxDB that was never set up is
    set up with them. A second run makes only what is missing or not accepted. Where
    `deploy init --keep-days` asks for a longer time than readings are kept now, it
    is taken over; a shorter one with --shorten.
    """
    with _told():
        record = read_record(directory)
        with held(directory):
            for made in make_bucket(record.layout(directory.absolute()), record, shorten=shorten):
                say(f"{'made' if made.is_new else 'kept'}  {made.what}")


# These stand in a module of their own.
app.command()(deploy_backup.backup)
app.command()(deploy_backup.restore)
app.command()(deploy_backup.backups)


def _wish(
    directory: Path, form: For | None, hosts: list[str] | None, influxdb: InfluxForm | None, keep_days: int | None
) -> Record:
    """What is asked for now; what is not said is as it was."""
    known = read_record(directory) if (directory / FILE).exists() else None
    if form is None and known is None:
        fail("run by what?", "--for compose, or --for systemd", Exit.USAGE)
    if not hosts and known is None:
        fail("by which name do devices and browsers reach this machine?", "--host caretaker.example.org", Exit.USAGE)
    given: dict[str, object] = {} if known is None else known.model_dump()
    if form is not None:
        given["form"] = form.value
    if hosts:
        given["hosts"] = tuple(dict.fromkeys(_host(host) for host in hosts))
    if influxdb is not None:
        given["influxdb"] = influxdb
    if keep_days is not None:
        given["retention_days"] = keep_days
    if given["form"] == For.COMPOSE and given.get("influxdb", InfluxForm.V2) is not InfluxForm.V2:
        fail("containers come with InfluxDB 2", "leave --influxdb out, or --for systemd", Exit.USAGE)
    try:
        return Record.model_validate(given)
    except ValidationError as error:
        fail(error.errors(include_url=False, include_input=False)[0]["msg"], code=Exit.USAGE)


def _host(text: str) -> str:
    try:
        return check_host(text)
    except ValueError as error:
        fail(f"{text!r} can't be a host: it takes {error}", "--host caretaker.example.org", Exit.USAGE)


def _known(directory: Path) -> Path | None:
    """The configuration of a deployment that is there already: nothing is copied over it."""
    if not (directory / FILE).exists():
        return None
    config = read_record(directory).layout(directory.absolute()).staged.config
    if not has_sites(config):
        fail(
            f"an earlier run was interrupted before it had taken a configuration along to {config}",
            f"name it again by --config; the small one to start from is {STARTER}",
            Exit.USAGE,
        )
    return config


@contextmanager
def _told() -> Iterator[None]:
    """What a user can mend, in a sentence."""
    with explained():
        try:
            yield
        except InitError as error:
            fail(str(error), code=Exit.USAGE)
        except (AuthorityError, PasswordFileError, SourceError) as error:
            fail(str(error))
        except ProvisionError as error:
            away = error.trouble in {Trouble.AWAY, Trouble.UNTRUSTED}
            fail(str(error), error.mend, Exit.UNAVAILABLE if away else Exit.PROBLEM)
