"""`caretaker check DIR`: everything that a configuration says, read as the services read it."""

from collections import Counter
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from alerts import settings as alert_settings
from alerts.address import channel_of
from alerts.dispatch.load import load_routing
from alerts.dispatch.routing import Route
from alerts.notice import Channel
from alerts.rules.load import load_rules
from api import settings as api_settings
from caretaker.options import DATA_DEFAULT
from caretaker.output import Cell, Exit, Format, FormatOption, note, rows, say
from grafana import settings as grafana_settings
from ingestor import settings as ingestor_settings
from simulators.settings import load_simulation
from telemetry.document import DocumentError, Problem
from telemetry.registry.load import load_registry, registry_files
from telemetry.registry.models import Registry

Loaded = TypeVar("Loaded")
Line = tuple[Cell, ...]
Loader = Callable[[Path, Registry | None], Iterable[Line]]
"""Reads a part of the configuration, beside its registry where that is good; gives lines for the table."""


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
    counted = [line for loader in LOADERS for line in _loaded(partial(loader, directory, registry), problems) or ()]
    # What several services read, each of them finds wrong.
    problems = list(dict.fromkeys(problems))
    if problems:
        _show_problems(problems, format)
        raise typer.Exit(Exit.PROBLEM)
    if registry is not None:
        rows(("what", "kind", "number"), [*_summary(registry), *counted], format)


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


def _summary(registry: Registry) -> list[Line]:
    return [
        *_counted("sites", (site.kind for site in registry.sites.values())),
        *_counted("devices", (device.kind for device in registry.devices.values())),
        ("metrics", None, len(registry.metrics)),
        ("people", None, len(registry.people)),
    ]


def _counted(what: str, kinds: Iterable[str]) -> list[Line]:
    return [(what, kind, count) for kind, count in sorted(Counter(kinds).items())]


def _settings(directory: Path, registry: Registry | None) -> Iterable[Line]:
    del registry
    ingestor_settings.load_settings(directory, DATA_DEFAULT)
    return ()


def _alert_settings(directory: Path, registry: Registry | None) -> Iterable[Line]:
    del registry
    alert_settings.load_settings(directory, DATA_DEFAULT)
    return ()


def _api_settings(directory: Path, registry: Registry | None) -> Iterable[Line]:
    del registry
    api_settings.load_settings(directory, DATA_DEFAULT)
    return ()


def _grafana_settings(directory: Path, registry: Registry | None) -> Iterable[Line]:
    del registry
    grafana_settings.load_settings(directory)
    return ()


def _simulation(directory: Path, registry: Registry | None) -> Iterable[Line]:
    load_simulation(directory, registry)
    return ()


def _rules(directory: Path, registry: Registry | None) -> Iterable[Line]:
    """Rules mean something only beside the devices that they are about."""
    return () if registry is None else [("rules", None, len(load_rules(directory, registry).rules))]


def _routes(directory: Path, registry: Registry | None) -> Iterable[Line]:
    """Routes mean something only beside good rules, whose problems are shown already."""
    if registry is None:
        return ()
    try:
        rules = load_rules(directory, registry)
    except DocumentError:
        return ()
    return [("routes", None, _count(load_routing(directory, registry, rules).root))]


def _count(route: Route) -> int:
    return 1 + sum(_count(branch) for branch in route.routes)


def _receivers(directory: Path, registry: Registry | None) -> Iterable[Line]:
    """Addresses that can never be reached. They may hold tokens, so none is shown."""
    # Here, not above: Apprise is slow to import, and most configurations need nothing of it.
    from alerts.receivers.apprise import problem_of  # noqa: PLC0415

    if registry is None:
        return ()
    smtp = alert_settings.load_settings(directory, DATA_DEFAULT).alerts.smtp
    files = ", ".join(path.name for path in registry_files(directory)["people"])
    problems = []
    for person in registry.people.values():
        for place, address in enumerate(person.receivers):
            field, channel = f"{person.id}.receivers[{place}]", channel_of(address)
            if channel is Channel.EMAIL and smtp is None:
                wanted = "a mail server in caretaker.yaml, as `alerts: {smtp: {host: …, sender: …}}`"
                problems.append(Problem(files, 0, field, "a mail address", wanted))
            elif channel is Channel.APPRISE and (why := problem_of(address)) is not None:
                problems.append(Problem(files, 0, field, "an address that can't be used (not shown)", why))
    if problems:
        raise DocumentError(problems)
    return ()


LOADERS: tuple[Loader, ...] = (
    _settings,
    _alert_settings,
    _api_settings,
    _grafana_settings,
    _simulation,
    _rules,
    _routes,
    _receivers,
)
"""Everything beside the registry, in the order in which problems are shown."""
