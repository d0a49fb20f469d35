"""Why a rule does not look at a device: every part of it that does not fit. Pure.

`select.selects` and `select.concerns` decide; this says the same in single reasons.
"""

from collections.abc import Iterator, Sequence
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import NamedTuple

from alerts.labels import match
from alerts.rules.rule import NoData, Rule
from telemetry.registry.models import Device, Site


class Part(StrEnum):
    """What of a rule does not fit a device."""

    ARCHIVE = "archive"
    KIND = "kind"
    SITE = "site"
    SITE_KIND = "site_kind"
    AREA = "area"
    AREA_TYPE = "area_type"
    DEVICE = "device"
    LABEL = "label"
    METRIC = "metric"
    GUARD = "guard"
    INTERVAL = "interval"


class Misfit(NamedTuple):
    """One reason for which a rule does not look at a device."""

    part: Part
    wanted: str
    found: str
    """Empty: it has none."""


def misfits(rule: Rule, device: Device, site: Site) -> Sequence[Misfit]:
    """All of them; none: the rule selects the device."""
    return list(_misfits(rule, device, site))


def _misfits(rule: Rule, device: Device, site: Site) -> Iterator[Misfit]:
    where = rule.where
    area = None if device.area is None else site.areas.get(device.area)
    if device.archive:
        yield Misfit(Part.ARCHIVE, "a site that measures now", site.id)
    for part, patterns, word in (
        (Part.KIND, where.kinds, device.kind),
        (Part.SITE, where.sites, site.id),
        (Part.SITE_KIND, where.site_kinds, site.kind),
        (Part.AREA, where.areas, device.area or ""),
        (Part.AREA_TYPE, where.area_types, "" if area is None else area.type),
        (Part.DEVICE, where.devices, device.id),
    ):
        if patterns and not any(fnmatchcase(word, pattern) for pattern in patterns):
            yield Misfit(part, ", ".join(patterns), word)
    for name, pattern in where.labels.items():
        if not match({name: pattern}, device.labels):
            label = device.labels.get(name)
            yield Misfit(Part.LABEL, f"{name}={pattern}", "" if label is None else f"{name}={label}")
    for metric in rule.metrics:
        if metric not in device.metrics:
            yield Misfit(Part.METRIC, metric, ", ".join(device.metrics))
    if rule.guard is not None and rule.guard.metric not in device.metrics:
        yield Misfit(Part.GUARD, rule.guard.metric, ", ".join(device.metrics))
    condition = rule.condition
    if isinstance(condition, NoData) and condition.after_ns is None and device.interval_s is None:
        yield Misfit(Part.INTERVAL, "an interval_s, to count what is missed", "")
