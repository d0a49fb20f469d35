"""The labels of an alert: what routes, groups, silences and filters go by."""

from collections.abc import Mapping
from fnmatch import fnmatchcase

from alerts.alert import Alert
from alerts.rules.rule import Rule
from telemetry.registry.models import Device, Site

LABELS = ("rule", "severity", "device", "kind", "site", "site_kind", "area", "area_type", "gateway")
"""Those that every alert has; a rule's and a device's own come beside them and never replace them."""


def labels_of(alert: Alert, rule: Rule | None, device: Device | None, site: Site | None) -> Mapping[str, str]:
    """All labels. What is no longer configured leaves its labels empty."""
    area = None if site is None or device is None or device.area is None else site.areas.get(device.area)
    own = {
        "rule": alert.rule,
        "severity": alert.severity.word,
        "device": alert.device,
        "kind": "" if device is None else device.kind,
        "site": "" if device is None else device.site,
        "site_kind": "" if site is None else site.kind,
        "area": "" if device is None else device.area or "",
        "area_type": "" if area is None else area.type,
        "gateway": "" if device is None else device.parent or "",
    }
    return {**({} if device is None else device.labels), **({} if rule is None else rule.labels), **own}


def match(matchers: Mapping[str, str], labels: Mapping[str, str]) -> bool:
    """Whether all labels that are asked for are there; `*` stands for anything, `a|b` for either."""
    return all(
        any(fnmatchcase(labels.get(name, ""), one) for one in pattern.split("|")) for name, pattern in matchers.items()
    )
