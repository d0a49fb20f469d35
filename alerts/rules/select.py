"""Which rules hold for which device: worked out once for a registry, so that other rules cost a reading nothing."""

from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from functools import lru_cache

from alerts.labels import match
from alerts.rules.rule import NoData, Rule, Rules, Selector
from telemetry.registry.models import Device, Registry, Site

WILD = frozenset("*?[")
"""What makes a name a pattern."""

Numbered = tuple[tuple[int, Rule], ...]
"""Rules with their places in the list."""


def selects(selector: Selector, device: Device, site: Site) -> bool:
    """Whether a device fits everything that the selector says."""
    return (
        _one_of(selector.kinds, device.kind)
        and _site_fits(selector, site)
        and _area_fits(selector, device, site)
        and _labels_fit(selector, device)
        and _one_of(selector.devices, device.id)
    )


def concerns(rule: Rule, device: Device) -> bool:
    """Whether the rule can ever say something about such a device.

    It has to measure what the rule reads. Where a rule counts missed intervals it needs an interval. And it must live
    now: the old measurements that an archive's site plays again are nothing to tell anybody of.
    """
    if device.archive:
        return False
    if isinstance(rule.condition, NoData) and rule.condition.after_ns is None and device.interval_s is None:
        return False
    measured = device.metrics
    guarded = rule.guard is None or rule.guard.metric in measured
    return guarded and all(metric in measured for metric in rule.metrics)


def selected(rules: Rules, registry: Registry) -> Mapping[str, tuple[Rule, ...]]:
    """Device id to its rules, in their order. Devices without any are not in it.

    Rules are looked at once for each sort of device, those left once for each site, those left once for each area, and
    once for each device only where they name devices by a pattern.
    """
    named, general = _apart(rules)
    names = {name for _, rule in general for name in rule.where.labels}
    by_sort: dict[object, Numbered] = {}
    by_site: dict[object, Numbered] = {}
    by_place: dict[object, tuple[Numbered, tuple[Rule, ...] | None]] = {}
    found: dict[str, tuple[Rule, ...]] = {}
    for device in registry.devices.values():
        sort = (device.kind, device.metrics, device.interval_s is None, device.archive)
        place = (sort, device.site, device.area, tuple(device.labels.get(name) for name in names))
        if place not in by_place:
            site = registry.sites[device.site]
            if sort not in by_sort:
                by_sort[sort] = tuple((i, rule) for i, rule in general if _sort_fits(rule, device))
            if place[:2] not in by_site:
                by_site[place[:2]] = tuple(
                    (i, rule) for i, rule in by_sort[sort] if _site_fits(rule.where, site)
                )  # fmt: skip
            here = tuple(
                (i, rule)
                for i, rule in by_site[place[:2]]
                if _area_fits(rule.where, device, site) and _labels_fit(rule.where, device)
            )
            # One tuple for all devices of the place, where no rule looks at their names.
            alike = None if any(rule.where.devices for _, rule in here) else _ordered(here)
            by_place[place] = here, alike
        here, alike = by_place[place]
        own = [(i, rule) for i, rule in named.get(device.id, ()) if _holds(rule, device, registry)]
        if own or alike is None:
            alike = _ordered([*own, *((i, rule) for i, rule in here if _one_of(rule.where.devices, device.id))])
        if alike:
            found[device.id] = alike
    return found


def _apart(rules: Rules) -> tuple[Mapping[str, list[tuple[int, Rule]]], Numbered]:
    """Rules for devices that they name, by the device's id, and all others."""
    named: dict[str, list[tuple[int, Rule]]] = {}
    general: list[tuple[int, Rule]] = []
    for i, rule in enumerate(rules.rules):
        ids = set(rule.where.devices)
        if ids and not any(WILD.intersection(name) for name in ids):
            for name in ids:
                named.setdefault(name, []).append((i, rule))
        else:
            general.append((i, rule))
    return named, tuple(general)


def _ordered(rules: Iterable[tuple[int, Rule]]) -> tuple[Rule, ...]:
    return tuple(rule for _, rule in sorted(rules, key=lambda numbered: numbered[0]))


def _holds(rule: Rule, device: Device, registry: Registry) -> bool:
    return concerns(rule, device) and selects(rule.where, device, registry.sites[device.site])


def _sort_fits(rule: Rule, device: Device) -> bool:
    return _one_of(rule.where.kinds, device.kind) and concerns(rule, device)


def _site_fits(selector: Selector, site: Site) -> bool:
    return _one_of(selector.sites, site.id) and _one_of(selector.site_kinds, site.kind)


def _area_fits(selector: Selector, device: Device, site: Site) -> bool:
    if not selector.areas and not selector.area_types:
        return True
    area = None if device.area is None else site.areas.get(device.area)
    kind = "" if area is None else area.type
    return _one_of(selector.areas, device.area or "") and _one_of(selector.area_types, kind)


def _labels_fit(selector: Selector, device: Device) -> bool:
    return not selector.labels or match(selector.labels, device.labels)


def _one_of(patterns: tuple[str, ...], word: str) -> bool:
    return not patterns or _fits_one(patterns, word)


@lru_cache(maxsize=65_536)
def _fits_one(patterns: tuple[str, ...], word: str) -> bool:
    """Kinds, areas and sites are few, and are asked about for each of the many places."""
    return any(fnmatchcase(word, pattern) for pattern in patterns)
