"""`caretaker doctor`: whether the system that runs here works, end to end, and how to mend what does not."""

import asyncio
import sys
from collections.abc import Collection, Sequence
from itertools import groupby
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

import typer
from rich.console import Console
from rich.text import Text

from caretaker.deployment import explained
from caretaker.options import CONFIG_DEFAULT, DATA_DEFAULT, has_sites
from caretaker.output import Exit, Format, FormatOption, fail, note, rows
from deploy.doctor.configuration import problems
from deploy.doctor.examine import examine
from deploy.doctor.finding import Check, Finding, Verdict
from deploy.doctor.place import Ground, Part
from deploy.doctor.survey import SurveyError, Wishes, survey
from deploy.layout import Form, Layout
from deploy.record import FILE, read_layout
from telemetry.document import DocumentError
from telemetry.service import log as service_log

COLUMNS = ("verdict", "check", "where", "found", "mend")
COLOURS = {
    Verdict.WRONG: "bold red",
    Verdict.CANNOT_TELL: "red",
    Verdict.WARNING: "yellow",
    Verdict.LEFT_OUT: "dim",
    Verdict.SOUND: "green",
}
BAD = frozenset({Verdict.WRONG, Verdict.CANNOT_TELL})
PIPE_WIDTH = 10_000
INDENT = " " * 13


def doctor(
    config: Annotated[
        Path | None,
        typer.Option(
            "--config",
            "-c",
            envvar="CARETAKER_CONFIG",
            metavar="DIR",
            help="The configuration: sites.yaml, devices.csv and so on.",
            show_default="the deployment's, or the current directory",
        ),
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option(
            "--data",
            "-d",
            envvar="CARETAKER_DATA",
            metavar="DIR",
            help="Where the journal and the embedded store live.",
            show_default=f"the deployment's, or {DATA_DEFAULT}",
        ),
    ] = None,
    *,
    deployment: Annotated[
        Path | None,
        typer.Option(
            "--deployment",
            metavar="DIR",
            help="What `caretaker deploy init` made.",
            show_default="where we are, if it is one",
        ),
    ] = None,
    only: Annotated[
        list[Check] | None, typer.Option("--only", metavar="CHECK", help="Only this one; several times for several.")
    ] = None,
    url: Annotated[
        list[str] | None,
        typer.Option("--url", metavar="PART=ADDRESS", help=f"Where a part is, if elsewhere: one of {', '.join(Part)}."),
    ] = None,
    device: Annotated[
        str | None, typer.Option("--device", metavar="ID", help="Publish as this device, and not as caretaker-check.")
    ] = None,
    username: Annotated[
        str | None, typer.Option("--username", help="Its name at the broker.", show_default="its id")
    ] = None,
    password_file: Annotated[
        Path | None, typer.Option("--password-file", metavar="FILE", exists=True, dir_okay=False, help="Its password.")
    ] = None,
    key_file: Annotated[
        Path | None,
        typer.Option(
            "--key-file",
            metavar="FILE",
            exists=True,
            dir_okay=False,
            help="A viewer's key of the API, where none can be made here for ten minutes.",
        ),
    ] = None,
    backups: Annotated[
        Path | None,
        typer.Option("--backups", metavar="DIR", help="Where backups lie.", show_default="in the deployment"),
    ] = None,
    format: FormatOption = Format.TABLE,  # noqa: A002 - the option's name
) -> None:
    """Examine the system that runs here, end to end, and say how to mend what is wrong.

    [bold]caretaker doctor --config /etc/caretaker --data /var/lib/caretaker[/bold]

    Publishes a reading as a device and waits for it in store, API and Grafana;
    tries what must be refused; looks at clock, disk, releases, the broker's
    settings, certificates, secrets and backups. It changes nothing but that
    reading, and a key of the API that it makes and revokes. What is not there
    is left out, and said so. docs/doctor.md explains each check.

    Leaves with 0 when all is sound, with 1 when something is wrong or could not
    be told, with 2 when it can't examine anything.
    """
    service_log.configure()
    wanted = frozenset(only or Check)
    layout = _layout(deployment)
    with explained():
        try:
            wishes = Wishes(
                layout=layout,
                device=device,
                username=username,
                password_file=password_file,
                key_file=key_file,
                backups=backups,
                urls=_urls(url or ()),
            )
            ground = survey(_config(config, layout), _data(data, layout), wishes)
        except SurveyError as error:
            fail(str(error), code=Exit.USAGE)
        except DocumentError as error:
            show([Finding(Check.CONFIGURATION, remark) for remark in problems(error)], format)
            note(_before_all_else(layout))
            raise typer.Exit(Exit.PROBLEM) from None
    findings = asyncio.run(_examined(ground, wanted))
    show(findings, format)
    if any(finding.remark.verdict in BAD for finding in findings):
        raise typer.Exit(Exit.PROBLEM)


def _layout(deployment: Path | None) -> Layout | None:
    if deployment is None and Path(FILE).exists():
        deployment = Path()
    try:
        return None if deployment is None else read_layout(deployment)
    except DocumentError as error:
        fail(str(error), code=Exit.USAGE)


def _before_all_else(layout: Layout | None) -> str:
    said = "Nothing else can be examined before the configuration can be read."
    if layout is not None and layout.form is Form.COMPOSE and not layout.seen.config.exists():
        return f"{said} This deployment runs in containers, and so does its doctor: ./manage doctor"
    return said


def _config(given: Path | None, layout: Layout | None) -> Path:
    if given is None:
        given = CONFIG_DEFAULT if layout is None else layout.installed.config
    return has_sites(given)


def _data(given: Path | None, layout: Layout | None) -> Path:
    if given is None:
        return DATA_DEFAULT if layout is None else layout.installed.data
    return given


def _urls(given: Sequence[str]) -> dict[Part, str]:
    found: dict[Part, str] = {}
    for word in given:
        name, equals, address = word.partition("=")
        if not equals or name not in set(Part) or not _is_address(address):
            raise SurveyError(f"--url is PART=ADDRESS with a part of {', '.join(Part)}, as in api=https://example.org")
        found[Part(name)] = address.rstrip("/")
    return found


def _is_address(text: str) -> bool:
    try:
        parts = urlsplit(text)
        return bool(parts.scheme and parts.hostname) and parts.port != 0 and parts.username is None
    except ValueError:  # of a bracket or a port
        return False


async def _examined(ground: Ground, wanted: Collection[Check]) -> list[Finding]:
    """With a line on stderr, while somebody looks, of what is still awaited."""
    awaited = [check for check in Check if check in wanted]
    with Console(stderr=True).status("examining …") as status:

        def told(check: Check, _: Sequence[Finding]) -> None:
            awaited.remove(check)
            status.update(f"{len(wanted) - len(awaited)} of {len(wanted)} done; waiting for {', '.join(awaited[:4])}")

        return await examine(ground, wanted, told)


def show(findings: Sequence[Finding], format: Format) -> None:  # noqa: A002 - the option's name
    """For programs a row each, in the order of the checks; for people what is wrong first, with its mend."""
    if format is not Format.TABLE:
        lines = (
            (one.remark.verdict, one.check, one.remark.where, one.remark.found, one.remark.mend) for one in findings
        )
        rows(COLUMNS, lines, format)
        return
    on_screen = sys.stdout.isatty()
    console = Console(highlight=False, width=None if on_screen else PIPE_WIDTH, soft_wrap=not on_screen)
    gravest = sorted(findings, key=lambda one: one.remark.verdict.gravity)
    for verdict, some in groupby(gravest, key=lambda one: one.remark.verdict):
        for finding in some:
            console.print(_block(verdict, finding))
        console.print()
    counts = {verdict: sum(one.remark.verdict is verdict for one in findings) for verdict in Verdict}
    console.print(", ".join(f"{count} {verdict}" for verdict, count in counts.items() if count))


def _block(verdict: Verdict, finding: Finding) -> Text:
    """What was found, where, and the mend, each on a line; of what is sound one line."""
    remark = finding.remark
    text = Text.assemble((f"{verdict:<12} ", COLOURS[verdict]), (f"{finding.check:<14} ", "bold"), remark.found)
    if verdict is Verdict.SOUND:
        return text.append(f"  {remark.where}", "dim")
    if remark.where:
        text.append(f"\n{INDENT}at    {remark.where}", "dim")
    if remark.mend:
        text.append(f"\n{INDENT}mend: {remark.mend}")
    return text
