"""A deployment's rules from the files of a directory, checked against its registry.

`rules*.yaml`, or any such files in a folder `rules/`; tests of rules lie in `rules/tests/` and are none. How a rule is
written stands in `written.py`.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from fnmatch import fnmatchcase
from pathlib import Path

from alerts.labels import LABELS, match
from alerts.rules.levels import guard_of, levels_of
from alerts.rules.rule import Condition, Flapping, Happening, NoData, Pause, Rule, Rules, Selector, Window
from alerts.rules.select import selected, selects
from alerts.rules.spot import GROUP, Spot, Words
from alerts.rules.when import condition_of, event_of
from alerts.rules.written import PauseEntry, RuleEntry, RulesFile, WhereEntry
from telemetry.document import Document, DocumentError, Problem, nearest, show
from telemetry.reading import NS_PER_S
from telemetry.registry.models import Device, Registry
from telemetry.registry.place import Place, claim

TESTS = Path("rules") / "tests"
"""Where a configuration's tests of rules lie."""
MAX_LATENESS_NS = 3600 * NS_PER_S
"""Judging waits so long, and people with it."""
COMPARED = 1_000
"""With more names than these the nearest is not looked for: comparing a hundred thousand takes seconds."""
NOUNS = {
    "kinds": "kind of device",
    "site_kinds": "kind of site",
    "sites": "site",
    "areas": "area",
    "area_types": "type of area",
    "devices": "device",
}
"""What a selector's fields name."""
USUAL_FLAPPING = Flapping(5, 3600 * NS_PER_S)


def rules_files(directory: Path) -> tuple[Path, ...]:
    """The files that hold rules, in order of their names, those of the folder last."""
    patterns = ("rules*.yaml", "rules*.yml", "rules/*.yaml", "rules/*.yml")
    paths = {path for pattern in patterns for path in directory.glob(pattern) if path.is_file()}
    return tuple(sorted(paths, key=lambda path: (len(path.parts), path)))


def load_rules(directory: Path, registry: Registry) -> Rules:
    """All rules. None is fine: then nothing raises an alert.

    Raises:
        DocumentError: with all problems of all files, each with file (relative to `directory`), line, field, what was
            found and what is expected.
    """
    return read_rules(rules_files(directory), directory, registry)


def read_rules(paths: Iterable[Path], directory: Path, registry: Registry) -> Rules:
    """The rules of these files, named in problems by their path from `directory`. Raises `DocumentError`."""
    problems: list[Problem] = []
    known = Known(registry)
    rules: list[Rule] = []
    spots: dict[str, Spot] = {}
    places: dict[str, Place] = {}
    missed: dict[str, float] = {}
    for path in paths:
        try:
            document = Document.open(path, path.relative_to(directory).as_posix())
            file = document.validate(RulesFile)
        except DocumentError as error:
            problems += error.problems
            continue
        problems += _take_missed(missed, file.missed_intervals, document, known)
        for index, entry in enumerate(file.rules):
            taken = claim(places, entry.id, Place(document, index, GROUP))
            if taken is not None:
                problems.append(taken)
            spot = Spot(document, index)
            rule = _rule(entry, known, spot)
            if rule is not None and not spot.problems and taken is None:
                rules.append(rule)
                spots[rule.id] = spot
            problems += spot.problems
    # Most devices share their tuple of rules with many others: each is looked at once.
    shared = {id(some): some for some in selected(Rules(tuple(rules)), registry).values()}
    busy = {rule.id for some in shared.values() for rule in some}
    for rule in rules:
        if rule.id not in busy:
            _explain_idle(rule, registry, spots[rule.id])
            problems += spots[rule.id].problems
    if problems:
        raise DocumentError(problems)
    return Rules(tuple(rules), missed)


class Known:
    """What a registry holds that a selector may name."""

    def __init__(self, registry: Registry) -> None:
        devices, sites = registry.devices.values(), registry.sites.values()
        self.registry = registry
        self.names: Mapping[str, Collection[str]] = {
            "kinds": {device.kind for device in devices},
            "site_kinds": {site.kind for site in sites},
            "sites": registry.sites,
            "areas": {area for site in sites for area in site.areas},
            "area_types": {area.type for site in sites for area in site.areas.values()},
            "devices": registry.devices,
        }
        self.labels: Mapping[str, Collection[str]] = _label_values(devices)


def _label_values(devices: Iterable[Device]) -> Mapping[str, Collection[str]]:
    found: dict[str, set[str]] = {}
    for device in devices:
        for name, value in device.labels.items():
            found.setdefault(name, set()).add(value)
    return found


def _take_missed(
    missed: dict[str, float], written: Mapping[str, float], document: Document, known: Known
) -> Iterator[Problem]:
    for kind, number in written.items():
        path = ("missed_intervals", kind)
        if kind not in known.names["kinds"]:
            close = nearest(kind, known.names["kinds"])
            expected = f"a known kind of device{f', perhaps {close!r}' if close else ''}"
            yield document.problem(path, show(kind), expected)
        elif missed.setdefault(kind, number) != number:
            yield document.problem(path, f"{number:g}", f"{missed[kind]:g}, as another file says, or one of them only")


def _rule(entry: RuleEntry, known: Known, spot: Spot) -> Rule | None:
    metrics = known.registry.metrics
    condition = condition_of(entry.when, metrics, spot)
    where = _selector(entry.where, known, spot)
    guard = None if entry.only_while is None else guard_of(entry.only_while, metrics, spot)
    pause = None if entry.pause is None else _pause(entry.pause, known, spot)
    for name in set(entry.labels) & set(LABELS):
        spot.note(("labels", name), name, f"a name of your own ({', '.join(LABELS)} every alert has)")
    if condition is None:
        return None
    side, levels = levels_of(entry.severities, condition, metrics, spot)
    _check_fit(entry, condition, spot)
    return Rule(
        id=entry.id,
        names=entry.names,
        why=entry.why,
        where=where,
        condition=condition,
        side=side,
        levels=levels,
        hours=entry.active,
        pause=pause,
        guard=guard,
        lateness_ns=entry.lateness,
        expire_after_ns=entry.expire_after,
        flapping=_flapping(entry, condition),
        message=entry.message,
        advice=entry.do,
        labels=entry.labels,
        file=spot.file,
        line=spot.line,
    )


def _selector(entry: WhereEntry, known: Known, spot: Spot) -> Selector:
    for field, names in known.names.items():
        for i, pattern in enumerate(getattr(entry, field)):
            if pattern not in names and not any(fnmatchcase(name, pattern) for name in names):
                spot.unknown(("where", field, i), NOUNS[field], pattern, names if len(names) <= COMPARED else ())
    for name, value in entry.labels.items():
        values = known.labels.get(name)
        if values is None:
            spot.unknown(("where", "labels", name), "label of a device", name, known.labels)
        elif not any(match({name: value}, {name: one}) for one in values):
            near = values if len(values) <= COMPARED else ()
            spot.unknown(("where", "labels", name), f"value of the label {name}", value, near)
    return Selector(
        sites=entry.sites,
        site_kinds=entry.site_kinds,
        areas=entry.areas,
        area_types=entry.area_types,
        kinds=entry.kinds,
        devices=entry.devices,
        labels=entry.labels,
    )


def _pause(entry: PauseEntry, known: Known, spot: Spot) -> Pause | None:
    if event_of(entry.after, ("pause", "after"), known.registry.metrics, spot) is None:
        return None
    return Pause(entry.after, entry.for_)


def _flapping(entry: RuleEntry, condition: Condition) -> Flapping | None:
    if entry.flapping is not None:
        return Flapping(entry.flapping.raises, entry.flapping.within)
    if "flapping" in entry.model_fields_set or isinstance(condition, Happening):
        return None
    return USUAL_FLAPPING


def _check_fit(entry: RuleEntry, condition: Condition, spot: Spot) -> None:
    """Settings that mean nothing beside this condition."""
    latches = isinstance(condition, Happening)
    if entry.expire_after is not None and not latches:
        spot.note(("expire_after",), Words("expire_after"), "none: only alerts of events stay until they expire")
    if entry.flapping is not None and latches:
        spot.note(("flapping",), Words("flapping"), "none: every event is told")
    if entry.pause is not None and latches:
        spot.note(("pause",), Words("pause"), "none: every event is told")
    if entry.only_while is not None and latches:
        spot.note(("only_while",), Words("only_while"), "none: every event is told")
    if entry.only_while is not None and isinstance(condition, NoData):
        spot.note(("only_while",), Words("only_while"), "none: of a silent device nothing else is known either")
    _check_lateness(entry.lateness, condition, spot)


def _check_lateness(lateness_ns: int, condition: Condition, spot: Spot) -> None:
    found = Words(f"{lateness_ns // NS_PER_S} s")
    if lateness_ns and isinstance(condition, NoData | Happening):
        spot.note(("lateness",), found, "none: order means nothing here")
    elif isinstance(condition, Window) and lateness_ns > condition.window_ns:
        spot.note(("lateness",), found, f"not more than the window, {condition.window_ns // NS_PER_S} s")
    elif lateness_ns > MAX_LATENESS_NS:
        spot.note(("lateness",), found, "1h at most: people wait so long for every alert")


def _explain_idle(rule: Rule, registry: Registry, spot: Spot) -> None:
    """Why the rule holds for no device: that is always a mistake."""
    some = [device for device in registry.devices.values() if selects(rule.where, device, registry.sites[device.site])]
    if not some:
        spot.note(("where",), Words("a selector that selects no device"), "one that fits a device of the registry")
    elif all(device.archive for device in some):
        spot.note(("where",), Words("only devices of archives"), "devices that measure now: archives are not judged")
    elif isinstance(rule.condition, NoData):
        found = Words("devices without an interval")
        spot.note(("when", "no_data"), found, "after, as in no_data: {after: 26h}, or an interval_s at the devices")
    else:
        reads = " and ".join([*rule.metrics, *([rule.guard.metric] if rule.guard else [])])
        spot.note(("where",), Words(f"devices that don't measure {reads}"), "at least one device that does")
