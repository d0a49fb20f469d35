"""Tests of rules from files, each checked and made ready to run. How one is written stands in `proof_written.py`."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path

from msgspec import Struct

from alerts.alert import Change, Severity
from alerts.proof.written import ExpectEntry, ProofEntry, ProofsFile, ReadingsEntry
from alerts.rules.rule import Rule, Rules
from telemetry.catalogue.metric import Kind, Metric
from telemetry.document import Document, DocumentError, Problem, nearest, show
from telemetry.marked import Part
from telemetry.reading import NS_PER_S, Reading
from telemetry.registry.models import Area, Device, Registry, Site

MAX_READINGS = 1_000_000
CHANGES = (Change.RAISED, Change.ROSE, Change.FELL, Change.RESOLVED)
"""What a test may expect; what people do to alerts is not the rules'."""


class Expected(Struct, frozen=True):
    """A change of an alert, as a test names it."""

    at_s: float
    """Since the start of the test."""
    rule: str
    device: str
    change: Change
    severity: Severity


class Proof(Struct, frozen=True):
    """One test, ready to run."""

    name: str
    file: str
    line: int
    registry: Registry
    """Only the devices of the test, so that nobody else is silent in it."""
    rules: Rules
    start_ns: int
    end_ns: int
    arrivals: Sequence[tuple[int, Reading]]
    """When it arrives, ns UTC, and the reading; in order of arrival."""
    expected: Sequence[Expected]


def load_proofs(paths: Sequence[Path], directory: Path, registry: Registry, rules: Rules) -> list[Proof]:
    """The tests of these files; problems name a file by its path from `directory`, where it lies there.

    Raises:
        DocumentError: with all problems of all files.
    """
    proofs: list[Proof] = []
    problems: list[Problem] = []
    for path in paths:
        name = path.relative_to(directory).as_posix() if path.is_relative_to(directory) else str(path)
        try:
            document = Document.open(path, name)
            file = document.validate(ProofsFile)
        except DocumentError as error:
            problems += error.problems
            continue
        known = _with(registry, file, document, problems)
        for index, entry in enumerate(file.tests):
            maker = _Maker(entry, ("tests", index), document, known, rules)
            proofs.append(maker.proof())
            problems += maker.problems
    if problems:
        raise DocumentError(problems)
    return proofs


def _with(registry: Registry, file: ProofsFile, document: Document, problems: list[Problem]) -> Registry:
    """The registry and what the file adds to it."""
    sites = dict(registry.sites)
    for entry in file.sites:
        areas = {area.id: Area(area.id, area.type, area.names) for area in entry.areas}
        sites[entry.id] = Site(entry.id, entry.names, entry.timezone, areas, entry.kind)
    devices = dict(registry.devices)
    for index, device in enumerate(file.devices):
        if device.site not in sites:
            problems.append(_unknown(document, ("devices", index, "site"), "site", device.site, sites))
            continue
        for number, metric in enumerate(device.metrics):
            if metric not in registry.metrics:
                path = ("devices", index, "metrics", number)
                problems.append(_unknown(document, path, "metric", metric, registry.metrics))
        devices[device.id] = Device(
            id=device.id,
            site=device.site,
            kind=device.kind,
            area=device.area,
            parent=device.parent,
            interval_s=device.interval_s,
            metrics=device.metrics,
            names=device.names,
            labels=device.labels,
        )
    return Registry(registry.metrics, sites, devices, registry.people)


def _unknown(document: Document, path: tuple[Part, ...], what: str, word: str, known: Mapping[str, object]) -> Problem:
    close = nearest(word, known)
    return document.problem(path, show(word), f"a known {what}, perhaps {close!r}" if close else f"a known {what}")


class _Maker:
    """Makes one test of what is written; what is wrong with it is in `problems`."""

    def __init__(
        self, entry: ProofEntry, path: tuple[Part, ...], document: Document, registry: Registry, rules: Rules
    ) -> None:
        self.problems: list[Problem] = []
        self._entry = entry
        self._path = path
        self._document = document
        self._registry = registry
        self._rules: Mapping[str, Rule] = {rule.id: rule for rule in rules.rules}
        self._missed = rules.missed_intervals

    def proof(self) -> Proof:
        """The test, as far as it could be made."""
        entry = self._entry
        names = list(dict.fromkeys(name for row in entry.readings for name in self._devices_of(row)))
        registry = self._narrowed(names)
        rules = Rules(tuple(self._chosen()), self._missed)
        start_ns = self._start_ns(names)
        arrivals = sorted(self._arrivals(start_ns), key=lambda arrival: arrival[0])
        expected = [
            found for i, change in enumerate(entry.expect) if (found := self._expected(i, change, names)) is not None
        ]
        return Proof(
            name=entry.name,
            file=self._document.name,
            line=self._problem(("name",), "", "").line,
            registry=registry,
            rules=rules,
            start_ns=start_ns,
            end_ns=start_ns + entry.until,
            arrivals=arrivals,
            expected=expected,
        )

    def _problem(self, path: tuple[Part, ...], found: str, expected: str) -> Problem:
        return self._document.problem((*self._path, *path), found, expected)

    def _note(self, path: tuple[Part, ...], found: str, expected: str) -> None:
        self.problems.append(self._problem(path, found, expected))

    def _is_known(self, path: tuple[Part, ...], what: str, word: str, known: Mapping[str, object]) -> bool:
        if word not in known:
            self.problems.append(_unknown(self._document, (*self._path, *path), what, word, known))
        return word in known

    def _chosen(self) -> Iterator[Rule]:
        """The rules that are in force in this test: all, where none is named."""
        for index, name in enumerate(self._entry.rules):
            self._is_known(("rules", index), "rule", name, self._rules)
        wanted = set(self._entry.rules)
        yield from (rule for rule in self._rules.values() if not wanted or rule.id in wanted)

    def _devices_of(self, row: ReadingsEntry) -> tuple[str, ...]:
        return (*((row.device,) if row.device is not None else ()), *row.devices)

    def _narrowed(self, names: list[str]) -> Registry:
        """A registry of only the devices of the test, with the intervals that it says."""
        for name in self._entry.intervals:
            self._is_known(("intervals", name), "device of this test", name, dict.fromkeys(names))
        devices: dict[str, Device] = {}
        for name in names:
            device = self._registry.devices.get(name)
            if device is None:
                continue
            interval_ns = self._entry.intervals.get(name)
            devices[name] = Device(
                id=name,
                site=device.site,
                kind=device.kind,
                area=device.area,
                # A gateway that sends nothing would make its devices unknown: only one that takes part is there.
                parent=device.parent if device.parent in names else None,
                interval_s=device.interval_s if interval_ns is None else interval_ns / NS_PER_S,
                metrics=device.metrics,
                names=device.names,
                labels=device.labels,
            )
        return Registry(self._registry.metrics, self._registry.sites, devices)

    def _start_ns(self, names: list[str]) -> int:
        """A time without an offset is that of the first device's site."""
        start: datetime = self._entry.start
        first = self._registry.devices.get(names[0]) if names else None
        if first is not None and start.tzinfo is None:
            start = start.replace(tzinfo=self._registry.sites[first.site].timezone)
        return round(start.timestamp()) * NS_PER_S

    def _arrivals(self, start_ns: int) -> Iterator[tuple[int, Reading]]:
        number = 0
        for index, row in enumerate(self._entry.readings):
            path = ("readings", index)
            names = self._devices_of(row)
            if not names:
                self._note(path, "no device", "device, or devices")
            known = [name for name in names if self._is_known(path, "device", name, self._registry.devices)]
            self._check_values(path, row, known)
            spans = list(_spans(row, self._entry.until))
            number += len(known) * sum(len(span) for span, _ in spans)
            if number > MAX_READINGS:
                self._note(path, f"more than {MAX_READINGS} readings", "a shorter test, or a longer every")
                return
            for span, values in spans:
                for moment_ns in span:
                    time_ns = start_ns + moment_ns
                    yield from ((time_ns + row.late, Reading(name, time_ns, None, values, {})) for name in known)

    def _check_values(self, path: tuple[Part, ...], row: ReadingsEntry, names: list[str]) -> None:
        """Admission would not let them pass, or the device doesn't measure it: then the test would show nothing."""
        metrics = self._registry.metrics
        for values in row.values.values():
            for name, value in (values or {}).items():
                if not self._is_known((*path, "values"), "metric", name, metrics):
                    continue
                if not _is_possible(metrics[name], value):
                    low, high = metrics[name].possible_min, metrics[name].possible_max
                    self._note((*path, "values"), f"{name}: {value:g}", f"from {low:g} to {high:g}, as {name} can be")
                for device in names:
                    if name not in self._registry.devices[device].metrics:
                        self._note((*path, "values"), name, f"a metric that {device} measures")

    def _expected(self, index: int, entry: ExpectEntry, names: list[str]) -> Expected | None:
        path = ("expect", index)
        changes = [(change, word) for change in CHANGES if (word := getattr(entry, change)) is not None]
        if len(changes) != 1:
            self._note(
                path, " and ".join(change for change, _ in changes) or "no change", f"one of {', '.join(CHANGES)}"
            )
            return None
        device = entry.device or (names[0] if len(names) == 1 else None)
        if device is None:
            self._note(path, "no device", "device, as more than one takes part")
            return None
        known = self._is_known((*path, "rule"), "rule", entry.rule, self._rules)
        if not self._is_known((*path, "device"), "device of this test", device, dict.fromkeys(names)) or not known:
            return None
        change, word = changes[0]
        return Expected(entry.at / NS_PER_S, entry.rule, device, change, Severity[word.upper()])


def _spans(row: ReadingsEntry, until_ns: int) -> Iterator[tuple[range, Mapping[str, float]]]:
    """When, in ns since the start, a row sends what."""
    lines = sorted(row.values.items())
    for (time_ns, values), after in zip(lines, [*(line[0] for line in lines[1:]), until_ns + 1], strict=True):
        if values is not None and row.every is None:
            yield range(time_ns, time_ns + 1), values
        elif values is not None and row.every is not None:
            yield range(time_ns, min(after, until_ns + 1), row.every), values


def _is_possible(metric: Metric, value: float) -> bool:
    return metric.kind is not Kind.TEXT and metric.possible_min <= value <= metric.possible_max
