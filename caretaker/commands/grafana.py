"""`caretaker grafana install|render`: the dashboards, into a running Grafana or as files for one."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Annotated

import typer
from pydantic import SecretStr, ValidationError

from alerts.rules.load import load_rules
from caretaker.commands.quarantine import printable
from caretaker.deployment import explained
from caretaker.options import CONFIG_DEFAULT, ConfigOption
from caretaker.output import Cell, Exit, Format, FormatOption, fail, note, report, rows
from grafana import install as installing
from grafana.change import Change
from grafana.client import OLDEST, GrafanaClient, GrafanaError, Trouble, too_old
from grafana.deployment import MOST_NAMED
from grafana.provisioning import files, write
from grafana.settings import GrafanaSettings, Settings, load_settings
from grafana.sources import SourceError, Telling, Whose, grafana_token, referred, spoken, whose_credentials
from grafana.wanted import Wanted, wanted
from telemetry.registry.load import load_registry

COLUMNS = ("what", "name", "kind", "title", "differences", "reason", "edited_by")
SOURCE_MEND = "its address, token and authority are meant as Grafana sees them: grafana.influxdb, grafana.prometheus"
HARM = "whoever opens a dashboard, or follows a link that somebody made for that, can delete readings"
READER_MEND = (
    "give it credentials that only read, as grafana.influxdb in caretaker.yaml (docs/dashboards.md shows how to make "
    "them); where you want it as it is, --with-writing-credentials"
)
WHAT_IT_MEANS = {
    Whose.THE_STORES: f"Grafana queries with the credentials with which we write: {HARM}.",
    Whose.NOBODYS: f"Grafana queries without credentials. Where InfluxDB asks for none, {HARM}.",
}
UNREACHABLE = {Trouble.AWAY, Trouble.UNTRUSTED, Trouble.NOT_GRAFANA, Trouble.BROKEN}

WritingOption = Annotated[
    bool,
    typer.Option(
        "--with-writing-credentials", help="Let Grafana query with the store's own credentials, which can delete."
    ),
]

app = typer.Typer(epilog="After a change of sites, devices or rules run it again: names and thresholds stand in there.")


@app.command()
def install(
    config: ConfigOption = CONFIG_DEFAULT,
    url: Annotated[
        str | None, typer.Option("--url", metavar="URL", help="Grafana's start page. Else: grafana.url.")
    ] = None,
    token: Annotated[
        str | None,
        typer.Option("--token", metavar="TOKEN", help="Of a service account with the role Admin. Others see it in ps."),
    ] = None,
    token_file: Annotated[
        Path | None, typer.Option("--token-file", metavar="FILE", help="The file that holds it.", dir_okay=False)
    ] = None,
    *,
    check: Annotated[bool, typer.Option("--check", help="Only compare; exit with 1 when something differs.")] = False,
    prune: Annotated[
        bool, typer.Option("--prune", help="Remove dashboards of ours that are no longer wanted.")
    ] = False,
    with_writing_credentials: WritingOption = False,
    format: FormatOption = Format.TABLE,  # noqa: A002 - the option's name
) -> None:
    """Put the dashboards and their data sources into a Grafana, and say what that changed.

    [bold]caretaker grafana install --url https://grafana.example.org --token-file grafana.token[/bold]

    A second run changes nothing. Dashboards that somebody edited in Grafana become
    ours again; their version history keeps the edit.
    """
    with _said():
        settings = _with(load_settings(config), url, token, token_file)
        asked = settings.grafana
        if asked.url is None:
            fail("which Grafana?", "--url https://grafana.example.org, or grafana.url in caretaker.yaml", Exit.USAGE)
        key = grafana_token(asked)
        if key is None:
            fail(
                "Grafana needs to know who is asking",
                "make a service account with the role Admin in Grafana, and give its token: --token-file FILE",
                Exit.USAGE,
            )
        whose = whose_credentials(settings)
        if not check:
            _refuse_to_share(whose, is_meant=with_writing_credentials)
        what = _wanted(config, settings, spoken)
        with GrafanaClient(asked.url, key, asked.ca) as client:
            if too_old(version := client.version()):
                note(f"This Grafana is {version}: the dashboards are made for {'.'.join(map(str, OLDEST))} and newer.")
            if check:
                _finish(installing.compared(client, what, prune=prune), format, is_check=True)
                return
            _finish(installing.install(client, what, prune=prune), format, is_check=False)
            if whose in WHAT_IT_MEANS:
                note(WHAT_IT_MEANS[whose])
            _report_health(client, what)


@app.command()
def render(
    to: Annotated[Path, typer.Option("--to", metavar="DIR", help="Where the files go.", file_okay=False)],
    config: ConfigOption = CONFIG_DEFAULT,
    seen_as: Annotated[
        str | None, typer.Option("--as", metavar="PATH", help="Where Grafana sees DIR, when that is elsewhere.")
    ] = None,
    *,
    with_writing_credentials: WritingOption = False,
    format: FormatOption = Format.TABLE,  # noqa: A002 - the option's name
) -> None:
    """Write the dashboards and their data sources as files, from which a Grafana takes them at its start.

    [bold]caretaker grafana render --to /etc/grafana/caretaker[/bold]

    The files hold no secrets: they name the files that do, as the settings name
    them. Other files in the folder are left alone.
    """
    with _said():
        settings = load_settings(config)
        whose = whose_credentials(settings)
        _refuse_to_share(whose, is_meant=with_writing_credentials)
        what = _wanted(config, settings, referred)
        changes = write(files(what, PurePosixPath(seen_as or to.absolute().as_posix())), to)
        _finish([*changes, *what.left_out], format, is_check=False)
        if whose in WHAT_IT_MEANS:
            note(WHAT_IT_MEANS[whose])


def _refuse_to_share(whose: Whose, *, is_meant: bool) -> None:
    """Leave where Grafana would get the credentials with which we write, and nobody has said that this is meant."""
    if whose is Whose.THE_STORES and not is_meant:
        fail(f"Grafana would query with the credentials with which we write: {HARM}", READER_MEND, Exit.USAGE)


def _wanted(config: Path, settings: Settings, tell: Telling) -> Wanted:
    registry = load_registry(config)
    if len(registry.devices) > MOST_NAMED:
        note(f"Panels that show more than {MOST_NAMED:,} devices call them by their ids.")
    return wanted(settings, registry, load_rules(config, registry), tell)


def _with(settings: Settings, url: str | None, token: str | None, token_file: Path | None) -> Settings:
    """The settings, with what the command's options say instead."""
    given: dict[str, object] = {name: getattr(settings.grafana, name) for name in settings.grafana.model_fields_set}
    if url is not None:
        given["url"] = url
    if token is not None or token_file is not None:
        given |= {"token": None if token is None else SecretStr(token), "token_file": token_file}
    try:
        section = GrafanaSettings.model_validate(given)
    except ValidationError as error:
        # Said without what was given, which may be a secret.
        sentence = error.errors(include_url=False, include_input=False)[0]["msg"].removeprefix("Value error, ")
        fail(f"it takes {sentence}", "--url https://grafana.example.org --token-file FILE", Exit.USAGE)
    return settings.model_copy(update={"grafana": section})


def _finish(changes: Sequence[Change], format: Format, *, is_check: bool) -> None:  # noqa: A002 - as above
    """Print what changed; after a comparison, leave with 1 where something is amiss."""
    if format is Format.TABLE:
        rows(COLUMNS[:-2], [_for_people(change, is_check=is_check) for change in changes])
    else:
        rows(COLUMNS, [_for_programs(change) for change in changes], format)
    amiss = sum(change.is_amiss for change in changes)
    if not is_check:
        changed = sum(change.kind.differs for change in changes)
        note(f"{changed} changed." if changed else "Nothing changed.")
    elif amiss:
        report(f"{amiss} not as wanted", "caretaker grafana install, without --check")
        raise typer.Exit(Exit.PROBLEM)
    else:
        note("All as wanted.")


def _for_people(change: Change, *, is_check: bool) -> tuple[Cell, ...]:
    kind = f"would be {change.kind}" if is_check and change.kind.differs else str(change.kind)
    edit = f"{change.reason} ({change.edited_by})" if change.edited_by else change.reason
    said = "; ".join([*map(printable, change.differences), *([edit] if edit else [])])
    return change.thing, printable(change.name), kind, printable(change.title), said


def _for_programs(change: Change) -> tuple[Cell, ...]:
    return (
        change.thing,
        change.name,
        change.kind,
        change.title,
        "; ".join(change.differences),
        None if change.reason is None else change.reason.name.lower(),
        change.edited_by,
    )


def _report_health(client: GrafanaClient, what: Wanted) -> None:
    """Say whether Grafana reaches its data sources; leave with 1 where it does not."""
    found = installing.health(client, what.sources)
    for one in found:
        if one.is_good:
            note(f"{one.uid}: {printable(one.message)}")
        else:
            report(f"Grafana does not reach {one.uid}: {printable(one.message)}", SOURCE_MEND)
    if not all(one.is_good for one in found):
        raise typer.Exit(Exit.PROBLEM)


@contextmanager
def _said() -> Iterator[None]:
    """What a user can mend, in a sentence."""
    with explained():
        try:
            yield
        except SourceError as error:
            fail(str(error), "docs/dashboards.md shows the settings", Exit.USAGE)
        except GrafanaError as error:
            code = Exit.UNAVAILABLE if error.trouble in UNREACHABLE else Exit.PROBLEM
            fail(printable(str(error)), error.mend, code)
