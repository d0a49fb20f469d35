"""`caretaker check DIR`: everything that a configuration says, read as the services read it."""

from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from caretaker.options import DATA_DEFAULT
from caretaker.output import Cell, Exit, Format, FormatOption, note, rows, say
from ingestor.settings import load_settings
from simulators.settings import load_simulation
from telemetry.document import DocumentError, Problem
from telemetry.registry.load import load_registry
from telemetry.registry.models import Registry

Loaded = TypeVar("Loaded")


def check(
    directory: Annotated[
        Path, typer.Argument(metavar="DIR", exists=True, file_okay=False, envvar="CARETAKER_CONFIG")
    ] = Path(),
    format: FormatOption = Format.TABLE,  # noqa: A002 - the option's name
) -> None:
    """Check a configuration; say what is wrong, in which file and line.

    [bold]caretaker check my-city && systemctl reload caretaker[/bold]

    Nothing is started and nothing is written. All problems are shown at once;
    the exit code is 1 if there is one.
    """
    problems: list[Problem] = []
    registry = _loaded(lambda: load_registry(directory), problems)
    _loaded(lambda: load_settings(directory, DATA_DEFAULT), problems)
    _loaded(lambda: load_simulation(directory, registry), problems)
    if problems:
        _show_problems(problems, format)
        raise typer.Exit(Exit.PROBLEM)
    if registry is not None:
        rows(("what", "kind", "number"), _summary(registry), format)


def _loaded(load: Callable[[], Loaded], problems: list[Problem]) -> Loaded | None:
    try:
        return load()
    except DocumentError as error:
        problems += error.problems
        return None


def _show_problems(problems: list[Problem], format: Format) -> None:  # noqa: A002 - as above
    if format is not Format.TABLE:
        rows(Problem._fields, problems, format)
        return
    for problem in problems:
        say(str(problem))
    note(f"{len(problems)} to mend.")


def _summary(registry: Registry) -> list[tuple[Cell, ...]]:
    return [
        *_counted("sites", (site.kind for site in registry.sites.values())),
        *_counted("devices", (device.kind for device in registry.devices.values())),
        ("metrics", None, len(registry.metrics)),
        ("people", None, len(registry.people)),
    ]


def _counted(what: str, kinds: Iterable[str]) -> list[tuple[Cell, ...]]:
    return [(what, kind, count) for kind, count in sorted(Counter(kinds).items())]
