"""Who is told when, from `routes.yaml`, checked against the registry and the rules.

How it is written stands in `written.py`. A branch takes over what it does not say from the branch that holds it, the
escalation too; `match`, `go_on` and `routes` are its own.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path

from alerts.alert import Severity
from alerts.dispatch.branches import covers
from alerts.dispatch.routing import Digest, QuietHours, Route, Routing, Step
from alerts.dispatch.written import HOUR_NS, RootEntry, RouteEntry, RoutesFile, Settings
from alerts.labels import LABELS
from alerts.rules.rule import Rules
from telemetry.document import Document, DocumentError, Problem, nearest, show
from telemetry.marked import Part
from telemetry.reading import NS_PER_S
from telemetry.registry.models import Registry

ROOT = "root"
COMPARED = 1_000
"""Beyond so many names no similar one is looked for: that takes seconds."""

TRUNK = Route(
    name=ROOT,
    match={},
    to=(),
    group_by=("site", "rule"),
    group_wait_ns=30 * NS_PER_S,
    group_interval_ns=300 * NS_PER_S,
    repeat_interval_ns=4 * HOUR_NS,
    escalate=(),
    quiet_hours=True,
)
"""Everything by default; nobody named: everybody who is responsible for the site."""

Path_ = tuple[Part, ...]


def routing_files(directory: Path) -> tuple[Path, ...]:
    """The files that say who is told. More than one is an error, which `load_routing` tells."""
    return tuple(sorted(path for path in (*directory.glob("routes*.yaml"), *directory.glob("routes*.yml"))))


def default_routing() -> Routing:
    """Without a file: everybody responsible for the site, by `sites` of each person; what is critical at once."""
    critical = _with(TRUNK, name=f"{ROOT}/critical", match={"severity": "critical"}, group_wait_ns=0, quiet_hours=False)
    return Routing(_with(TRUNK, routes=(critical,)))


def load_routing(directory: Path, registry: Registry, rules: Rules) -> Routing:
    """The routing of a deployment; without a file `default_routing`.

    Raises:
        DocumentError: with all problems, each with file, line, field, what was found and what is expected: unknown
            people, labels, severities and names of rules, sites or devices; a branch that nothing can reach; a second
            file.
    """
    files = routing_files(directory)
    if not files:
        return default_routing()
    if len(files) > 1:
        raise DocumentError(
            Problem(path.name, 0, "", "a second file of routes", f"one: {files[0].name}") for path in files[1:]
        )
    document = Document.open(files[0], files[0].name)
    written = document.validate(RoutesFile)
    problems = list(_Check(document, registry, rules).problems(written))
    if problems:
        raise DocumentError(problems)
    return Routing(
        root=_route(written.route, TRUNK, ROOT),
        quiet_hours=tuple(QuietHours(quiet.hours, frozenset(quiet.severities)) for quiet in written.quiet_hours),
        cap_an_hour=written.cap_an_hour,
        digest=None if written.digest is None else Digest(written.digest.at, written.digest.to),
    )


def _with(route: Route, **changes: object) -> Route:
    fields = {name: getattr(route, name) for name in route.__struct_fields__}
    return Route(**{**fields, **changes})


def _route(entry: RootEntry | RouteEntry, above: Route, name: str) -> Route:
    """The branch as written, what it leaves out taken from `above`."""
    said: dict[str, object] = {
        "to": entry.to,
        "group_by": entry.group_by,
        "group_wait_ns": entry.group_wait,
        "group_interval_ns": entry.group_interval,
        "repeat_interval_ns": entry.repeat_interval,
        "quiet_hours": entry.quiet_hours,
        "escalate": None if entry.escalate is None else tuple(Step(step.after, step.to) for step in entry.escalate),
    }
    own = _with(
        above,
        name=name,
        match=entry.match if isinstance(entry, RouteEntry) else {},
        go_on=isinstance(entry, RouteEntry) and entry.go_on,
        routes=(),
        **{key: value for key, value in said.items() if value is not None},
    )
    names = _names(name, entry.routes)
    return _with(own, routes=tuple(_route(child, own, path) for child, path in zip(entry.routes, names, strict=True)))


def _names(above: str, entries: Sequence[RouteEntry]) -> Iterator[str]:
    """Paths by what the branches match, not by their place: what is remembered of a branch outlives a new one."""
    taken: set[str] = set()
    for entry in entries:
        own = "+".join(entry.match.values()) or "*"
        name, count = f"{above}/{own}", 1
        while name in taken:
            count += 1
            name = f"{above}/{own}#{count}"
        taken.add(name)
        yield name


class _Check:
    """What only registry and rules can tell."""

    def __init__(self, document: Document, registry: Registry, rules: Rules) -> None:
        self._document = document
        self._people = registry.people
        devices, sites = registry.devices.values(), registry.sites.values()
        own = {label for device in devices for label in device.labels}
        self._labels = {*LABELS, *own, *(label for rule in rules.rules for label in rule.labels)}
        self._values: Mapping[str, set[str]] = {
            "rule": {rule.id for rule in rules.rules},
            "severity": {severity.word for severity in Severity},
            "device": set(registry.devices),
            "gateway": {device.parent for device in devices if device.parent},
            "kind": {device.kind for device in devices},
            "site": set(registry.sites),
            "site_kind": {site.kind for site in sites},
            "area": {area for site in sites for area in site.areas},
            "area_type": {area.type for site in sites for area in site.areas.values()},
        }

    def problems(self, written: RoutesFile) -> Iterator[Problem]:
        """Everything, in the order of the file's sections."""
        trunk = _route(written.route, TRUNK, ROOT)
        yield from self._settings(written.route, trunk, ("route",))
        yield from self._branches(written.route.routes, trunk.routes, ("route",))
        if written.digest is not None:
            yield from self._known_people(written.digest.to, ("digest", "to"))

    def _branches(self, entries: Sequence[RouteEntry], routes: Sequence[Route], at: Path_) -> Iterator[Problem]:
        for index, (entry, route) in enumerate(zip(entries, routes, strict=True)):
            here: Path_ = (*at, "routes", index)
            yield from self._matchers(entry.match, (*here, "match"))
            yield from self._settings(entry, route, here)
            for place, earlier in enumerate(entries[:index]):
                if not earlier.go_on and covers(earlier.match, entry.match):
                    first = self._document.problem((*at, "routes", place), "", "").line
                    found = "a branch that nothing reaches"
                    yield self._document.problem(
                        here, found, f"one before that of line {first}, which takes all of it, or `go_on: true` there"
                    )
                    break
            yield from self._branches(entry.routes, route.routes, here)

    def _settings(self, entry: Settings, route: Route, at: Path_) -> Iterator[Problem]:
        yield from self._known_people(entry.to or (), (*at, "to"))
        for index, label in enumerate(entry.group_by or ()):
            if label not in self._labels:
                yield self._unknown((*at, "group_by", index), "label", label, self._labels)
        if route.repeat_interval_ns < route.group_interval_ns:
            said = "repeat_interval" if entry.repeat_interval is not None else "group_interval"
            expected = "a `repeat_interval` that is not shorter than `group_interval`"
            yield self._document.problem((*at, said), f"{route.repeat_interval_ns // NS_PER_S}s to repeat", expected)
        before_ns = 0
        for index, step in enumerate(entry.escalate or ()):
            here: Path_ = (*at, "escalate", index)
            if step.after <= before_ns:
                found = f"{step.after // NS_PER_S}s"
                yield self._document.problem((*here, "after"), found, "a later moment than that of the step before")
            before_ns = step.after
            yield from self._known_people(step.to, (*here, "to"))

    def _matchers(self, matchers: Mapping[str, str], at: Path_) -> Iterator[Problem]:
        for label, pattern in matchers.items():
            if label not in self._labels:
                yield self._unknown((*at, label), "label", label, self._labels)
                continue
            # Without rules a route may wait for them; a name that is written wrong among some would go unnoticed.
            known = self._values.get(label)
            for piece in pattern.split("|") if known else ():
                if known and not any(fnmatchcase(value, piece) for value in known):
                    yield self._unknown((*at, label), label, piece, known)

    def _known_people(self, people: Iterable[str], at: Path_) -> Iterator[Problem]:
        for index, person in enumerate(people):
            if person not in self._people:
                yield self._unknown((*at, index), "person", person, set(self._people))

    def _unknown(self, at: Path_, what: str, word: str, known: set[str]) -> Problem:
        close = nearest(word, known) if len(known) <= COMPARED else None
        expected = f"a known {what}, perhaps {close!r}" if close else f"a known {what}"
        return self._document.problem(at, show(word), expected)
