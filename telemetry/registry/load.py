"""A deployment's registry from the files of a directory.

`sites*.yaml`, `people*.yaml`, `devices*.yaml`, `devices*.csv` and `metrics*.yaml`, or the same in folders `sites/`,
`people/`, `devices/` and `metrics/`. How YAML is written stands in `written.py`, how CSV in `sheet.py`.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple
from zoneinfo import ZoneInfo

from telemetry.catalogue.load import load_catalogue
from telemetry.catalogue.metric import Metric
from telemetry.document import Document, DocumentError, Problem, nearest, show
from telemetry.reading import NS_PER_S
from telemetry.registry.models import Area, Device, Outage, Person, Registry, Site
from telemetry.registry.sheet import Period, Row, Sheet
from telemetry.registry.written import DeviceEntry, DevicesFile, PeopleFile, SiteEntry, SitesFile
from telemetry.topics import topic

MAX_PROBLEMS = 1_000
"""After so many, a sheet is not read on: one wrong column would give a hundred thousand."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Place(NamedTuple):
    """Where something is written."""

    source: Document | Sheet
    at: int
    """A row's line in a sheet; an index into the list in a document."""
    group: str
    """The document's list: sites, people, devices; empty for a sheet."""

    def problem(self, name: str, found: str, expected: str) -> Problem:
        """A problem with one field of it."""
        if isinstance(self.source, Document):
            return self.source.problem((self.group, self.at, *name.split(".")), found, expected)
        return Problem(self.source.name, self.at, name, found, expected)

    def __str__(self) -> str:
        line = self.problem("id", "", "").line
        return f"{self.source.name}:{line}"


@dataclass(slots=True)
class _Loading:
    """What has been read so far, and what was wrong with it."""

    metrics: Mapping[str, Metric] = field(default_factory=dict)
    sites: dict[str, Site] = field(default_factory=dict)
    people: dict[str, Person] = field(default_factory=dict)
    devices: dict[str, Device] = field(default_factory=dict)
    by_topic: dict[str, Device] = field(default_factory=dict)
    site_places: dict[str, Place] = field(default_factory=dict)
    people_places: dict[str, Place] = field(default_factory=dict)
    places: dict[str, Place] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    checked_metrics: dict[tuple[str, ...], tuple[str, ...]] = field(default_factory=dict)
    """Lists of metrics that are known to be good, each kept once for all devices that have it."""
    words: dict[str, str] = field(default_factory=dict)
    judging: bool = True
    """False where sites or metrics could not be read: then what a device names may well exist."""


def registry_files(directory: Path) -> Mapping[str, tuple[Path, ...]]:
    """The files that make up the registry, by group (metrics, sites, people, devices), in order of their names."""
    found: dict[str, tuple[Path, ...]] = {}
    for group in ("metrics", "sites", "people", "devices"):
        endings = ("yaml", "yml", "csv") if group == "devices" else ("yaml", "yml")
        patterns = [f"{group}*.{ending}" for ending in endings] + [f"{group}/*.{ending}" for ending in endings]
        found[group] = tuple(sorted(path for pattern in patterns for path in directory.glob(pattern) if path.is_file()))
    return found


def load_registry(directory: Path) -> Registry:
    """Everything known about a deployment, checked.

    Raises:
        DocumentError: with all problems of all files, each with file (relative to `directory`), line, field, what was
            found and what is expected. A directory without a site is a problem too.
    """
    files = registry_files(directory)
    loading = _Loading()
    _load_metrics(loading, files["metrics"])
    if not files["sites"]:
        loading.problems.append(Problem(str(directory), 0, "", "no sites*.yaml", "at least one site in sites.yaml"))
    for path in files["sites"]:
        _load_sites(loading, path, _relative(path, directory))
    loading.judging = not loading.problems
    for path in files["people"]:
        _load_people(loading, path, _relative(path, directory))
    for path in files["devices"]:
        _load_devices(loading, path, _relative(path, directory))
    if loading.judging:
        loading.problems += _parent_problems(loading)
    if loading.problems:
        raise DocumentError(loading.problems)
    return Registry(loading.metrics, loading.sites, loading.devices, loading.people, loading.by_topic)


def _relative(path: Path, directory: Path) -> str:
    return path.relative_to(directory).as_posix()


def _load_metrics(loading: _Loading, paths: tuple[Path, ...]) -> None:
    try:
        loading.metrics = load_catalogue(paths)
    except DocumentError as error:
        loading.problems += error.problems


def _load_sites(loading: _Loading, path: Path, name: str) -> None:
    try:
        document = Document.open(path, name)
        written = document.validate(SitesFile)
    except DocumentError as error:
        loading.problems += error.problems
        return
    for index, entry in enumerate(written.sites):
        place = Place(document, index, "sites")
        if not _new(loading, loading.site_places, entry.id, place):
            continue
        loading.problems += _area_problems(entry, place)
        loading.sites[entry.id] = Site(
            id=entry.id,
            names=entry.names,
            timezone=entry.timezone,
            areas={area.id: Area(area.id, area.type, area.names) for area in entry.areas},
            kind=entry.kind,
            archive=entry.archive,
            retention_days=entry.retention_days,
        )


def _load_people(loading: _Loading, path: Path, name: str) -> None:
    try:
        document = Document.open(path, name)
        written = document.validate(PeopleFile)
    except DocumentError as error:
        loading.problems += error.problems
        return
    for index, entry in enumerate(written.people):
        place = Place(document, index, "people")
        if not _new(loading, loading.people_places, entry.id, place):
            continue
        for site in entry.sites:
            if site not in loading.sites and loading.judging:
                loading.problems.append(place.problem("sites", show(site), _known("site", site, loading.sites)))
        loading.people[entry.id] = Person(
            id=entry.id,
            name=entry.name,
            language=entry.language,
            receivers=tuple(receiver.get_secret_value() for receiver in entry.receivers),
            sites=entry.sites,
            hours=entry.hours,
        )


def _load_devices(loading: _Loading, path: Path, name: str) -> None:
    try:
        if path.suffix == ".csv":
            sheet = Sheet(path, name)
            loading.problems += _add_rows(loading, sheet)
            return
        document = Document.open(path, name)
        entries = document.validate(DevicesFile).devices
    except DocumentError as error:
        loading.problems += error.problems
        return
    for index, entry in enumerate(entries):
        _add(loading, _row(index, entry), Place(document, index, "devices"))


def _add_rows(loading: _Loading, sheet: Sheet) -> list[Problem]:
    for row in sheet:
        _add(loading, row, Place(sheet, row.line, ""))
        if len(loading.problems) + len(sheet.problems) >= MAX_PROBLEMS:
            break
    return sheet.problems


def _row(index: int, entry: DeviceEntry) -> Row:
    return Row(
        index,
        entry.id,
        entry.site,
        entry.kind,
        entry.area,
        entry.parent,
        entry.unit,
        entry.interval_s,
        entry.metrics,
        entry.names,
        entry.labels,
        tuple((outage.start, outage.end, outage.reason) for outage in entry.out_of_service),
    )


def _new(loading: _Loading, places: dict[str, Place], name: str, place: Place) -> bool:
    if name in places:
        problem = place.problem("id", show(name), f"an id of its own ({places[name]} has this one)")
        loading.problems.append(problem)
        return False
    places[name] = place
    return True


def _add(loading: _Loading, row: Row, place: Place) -> None:
    """Check what a device names and take it in."""
    if not _new(loading, loading.places, row.id, place) or not loading.judging:
        return
    site = loading.sites.get(row.site)
    if site is None:
        loading.problems.append(place.problem("site", show(row.site), _known("site", row.site, loading.sites)))
        return
    if row.area is not None and row.area not in site.areas:
        expected = _known(f"area of {site.id}", row.area, site.areas)
        loading.problems.append(place.problem("area", show(row.area), expected))
    outages: list[Outage] = []
    for period in row.out_of_service:
        outage = _outage(period, site.timezone)
        if outage.end_ns is not None and outage.end_ns <= outage.start_ns:
            found = f"an end at {period[1]:%Y-%m-%dT%H:%M}"
            loading.problems.append(place.problem("out_of_service", found, f"one after {period[0]:%Y-%m-%dT%H:%M}"))
        outages.append(outage)
    kept = loading.words.setdefault
    device = Device(
        id=row.id,
        site=site.id,
        kind=kept(row.kind, row.kind),
        area=None if row.area is None else kept(row.area, row.area),
        parent=None if row.parent is None else kept(row.parent, row.parent),
        unit=row.unit,
        interval_s=row.interval_s,
        metrics=_metrics(loading, row, place),
        names=row.names,
        labels=row.labels,
        out_of_service=tuple(outages),
        archive=site.archive,
    )
    loading.devices[device.id] = device
    loading.by_topic[topic(site.id, device.id)] = device


def _metrics(loading: _Loading, row: Row, place: Place) -> tuple[str, ...]:
    good = loading.checked_metrics.get(row.metrics)
    if good is not None:
        return good
    problems = [
        place.problem("metrics", show(name), _known("metric", name, loading.metrics))
        for name in row.metrics
        if name not in loading.metrics
    ]
    if len(set(row.metrics)) < len(row.metrics):
        problems.append(place.problem("metrics", "a metric twice", "each metric once"))
    if not row.metrics:
        problems.append(place.problem("metrics", "nothing", "at least one metric"))
    if not problems:
        loading.checked_metrics[row.metrics] = row.metrics
    loading.problems += problems
    return row.metrics


def _outage(period: Period, timezone: ZoneInfo) -> Outage:
    start, end, reason = period
    return Outage(_ns(start, timezone), None if end is None else _ns(end, timezone), reason)


def _ns(moment: datetime, timezone: ZoneInfo) -> int:
    aware = moment if moment.tzinfo is not None else moment.replace(tzinfo=timezone)
    since = aware - _EPOCH
    return (since.days * 86_400 + since.seconds) * NS_PER_S + since.microseconds * 1_000


def _area_problems(entry: SiteEntry, place: Place) -> Iterator[Problem]:
    seen: set[str] = set()
    for area in entry.areas:
        if area.id in seen:
            yield place.problem("areas", f"the area {area.id!r} twice", "an id of its own for each area")
        seen.add(area.id)


def _parent_problems(loading: _Loading) -> Iterator[Problem]:
    """Parents that don't exist, and circles; each circle once."""
    settled: set[str] = set()
    for device in loading.devices.values():
        trail: list[str] = []
        here: Device | None = device
        while here is not None and here.id not in settled:
            settled.add(here.id)
            trail.append(here.id)
            if here.parent is None:
                break
            if here.parent in trail:
                circle = " > ".join([*trail[trail.index(here.parent) :], here.parent])
                yield loading.places[here.id].problem("parent", f"the circle {circle}", "a gateway above it")
            elif here.parent not in loading.places:
                expected = _known("device", here.parent, _gateways(loading))
                yield loading.places[here.id].problem("parent", show(here.parent), expected)
            here = loading.devices.get(here.parent)


def _gateways(loading: _Loading) -> list[str]:
    """What may have been meant as a parent: gateways, or else any of the first devices (comparing all is slow)."""
    return [name for name, device in loading.devices.items() if "gateway" in device.kind] or list(loading.devices)[
        :1000
    ]


def _known(what: str, word: str, known: Iterable[str]) -> str:
    close = nearest(word, list(known))
    return f"a known {what}, perhaps {close!r}" if close else f"a known {what}"
