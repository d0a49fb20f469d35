"""A deployment's registry from the files of a directory.

`sites*.yaml`, `people*.yaml`, `devices*.yaml`, `devices*.csv` and `metrics*.yaml`, or any such files in folders
`sites/`, `people/`, `devices/` and `metrics/`. How YAML is written stands in `written.py`, how CSV in `sheet.py`.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from telemetry.catalogue.load import load_catalogue
from telemetry.catalogue.metric import Metric
from telemetry.document import Document, DocumentError, Problem
from telemetry.registry.devices import Devices
from telemetry.registry.models import Area, Person, Registry, Site
from telemetry.registry.place import Place, claim
from telemetry.registry.sheet import MAX_PROBLEMS, Row, Sheet
from telemetry.registry.written import DeviceEntry, DevicesFile, PeopleFile, PersonEntry, SiteEntry, SitesFile

_Entry = TypeVar("_Entry", SiteEntry, PersonEntry)


def registry_files(directory: Path) -> Mapping[str, tuple[Path, ...]]:
    """The files that make up the registry, by group: metrics, sites, people, devices.

    In order of their names, those of folders last: where an id is there twice, the later one is told to be wrong.
    """
    found: dict[str, tuple[Path, ...]] = {}
    for group in ("metrics", "sites", "people", "devices"):
        endings = ("yaml", "yml", "csv") if group == "devices" else ("yaml", "yml")
        patterns = [pattern for ending in endings for pattern in (f"{group}*.{ending}", f"{group}/*.{ending}")]
        paths = [path for pattern in patterns for path in directory.glob(pattern) if path.is_file()]
        found[group] = tuple(sorted(paths, key=lambda path: (len(path.parts), path)))
    return found


def load_registry(directory: Path) -> Registry:
    """Everything known about a deployment, checked.

    Raises:
        DocumentError: with all problems of all files, each with file (relative to `directory`), line, field, what was
            found and what is expected. That there is no file of sites is a problem too.
    """
    files = registry_files(directory)
    problems: list[Problem] = []
    metrics = _metrics(files["metrics"], directory, problems)
    if not files["sites"]:
        problems.append(
            Problem(str(directory), 0, "", "no sites*.yaml", "a file sites.yaml with the deployment's sites")
        )
    sites = _sites(files["sites"], directory, problems)
    # What people and devices name can only be judged where all sites and metrics are known.
    judging = not problems
    people = _people(files["people"], directory, sites if judging else None, problems)
    devices = Devices(sites, metrics, judging=judging)
    for path in files["devices"]:
        _add_devices(devices, path, _name(path, directory))
    devices.check_parents()
    problems += devices.problems
    if problems:
        raise DocumentError(problems)
    return Registry(metrics, sites, devices.by_id, people, devices.by_topic)


def _name(path: Path, directory: Path) -> str:
    return path.relative_to(directory).as_posix()


def _metrics(paths: tuple[Path, ...], directory: Path, problems: list[Problem]) -> Mapping[str, Metric]:
    try:
        return load_catalogue(paths, directory)
    except DocumentError as error:
        problems += error.problems
        return {}


def _sites(paths: tuple[Path, ...], directory: Path, problems: list[Problem]) -> Mapping[str, Site]:
    sites: dict[str, Site] = {}
    for entry, place in _entries(
        paths, directory, "sites", lambda document: document.validate(SitesFile).sites, problems
    ):
        problems += _area_problems(entry, place)
        sites[entry.id] = _site(entry)
    return sites


def _entries(
    paths: Iterable[Path],
    directory: Path,
    section: str,
    read: Callable[[Document], Sequence[_Entry]],
    problems: list[Problem],
) -> Iterator[tuple[_Entry, Place]]:
    """The entries of all files that can be read, each with its place; the first of an id, the others are problems."""
    places: dict[str, Place] = {}
    for path in paths:
        try:
            document = Document.open(path, _name(path, directory))
            entries = read(document)
        except DocumentError as error:
            problems += error.problems
            continue
        for index, entry in enumerate(entries):
            place = Place(document, index, section)
            taken = claim(places, entry.id, place)
            if taken is not None:
                problems.append(taken)
                continue
            yield entry, place


def _site(entry: SiteEntry) -> Site:
    return Site(
        id=entry.id,
        names=entry.names,
        timezone=entry.timezone,
        areas={area.id: Area(area.id, area.type, area.names) for area in entry.areas},
        kind=entry.kind,
        archive=entry.archive,
        retention_days=entry.retention_days,
    )


def _area_problems(entry: SiteEntry, place: Place) -> Iterator[Problem]:
    seen: set[str] = set()
    for area in entry.areas:
        if area.id in seen:
            yield place.problem("areas", f"the area {area.id!r} twice", "an id of its own for each area")
        seen.add(area.id)


def _people(
    paths: tuple[Path, ...], directory: Path, sites: Mapping[str, Site] | None, problems: list[Problem]
) -> Mapping[str, Person]:
    people: dict[str, Person] = {}
    for entry, place in _entries(
        paths, directory, "people", lambda document: document.validate(PeopleFile).people, problems
    ):
        if sites is not None:
            problems += [place.unknown("sites", "site", site, sites) for site in entry.sites if site not in sites]
        people[entry.id] = _person(entry)
    return people


def _person(entry: PersonEntry) -> Person:
    return Person(
        id=entry.id,
        name=entry.name,
        language=entry.language,
        receivers=tuple(receiver.get_secret_value() for receiver in entry.receivers),
        sites=entry.sites,
        hours=entry.hours,
    )


def _add_devices(devices: Devices, path: Path, name: str) -> None:
    try:
        if path.suffix == ".csv":
            _add_rows(devices, Sheet(path, name))
            return
        document = Document.open(path, name)
        entries = document.validate(DevicesFile).devices
    except DocumentError as error:
        devices.problems += error.problems
        return
    for index, entry in enumerate(entries):
        devices.add(_row(entry), Place(document, index, "devices"))


def _add_rows(devices: Devices, sheet: Sheet) -> None:
    for row in sheet:
        devices.add(row, Place(sheet, row.line, ""))
        if len(devices.problems) >= MAX_PROBLEMS:
            break
    devices.problems += sheet.problems


def _row(entry: DeviceEntry) -> Row:
    return Row(
        # Only a sheet's rows are known by their line.
        line=0,
        id=entry.id,
        site=entry.site,
        kind=entry.kind,
        area=entry.area,
        parent=entry.parent,
        unit=entry.unit,
        interval_s=entry.interval_s,
        metrics=entry.metrics,
        names=entry.names,
        labels=entry.labels,
        out_of_service=tuple((outage.start, outage.end, outage.reason) for outage in entry.out_of_service),
    )
