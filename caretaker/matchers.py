"""Matchers as people type them for a silence: `rule=odour`, `site=mong-kok-market|tai-o-waterfront`. Pure."""

from collections.abc import Collection, Mapping, Sequence
from fnmatch import fnmatchcase

from alerts.alert import Severity
from alerts.labels import LABELS
from caretaker.alert_words import AlertWords
from caretaker.choice import named
from telemetry.document import nearest


class MatcherError(Exception):
    """Not a matcher that could do any good. The message says what is wrong, `mend` what to do."""

    def __init__(self, message: str, mend: str) -> None:
        super().__init__(message)
        self.mend = mend


def matchers_of(written: Sequence[str], words: AlertWords) -> Mapping[str, str]:
    """Label to pattern; at least one.

    Raises `MatcherError`, also for what matches nothing that is configured: a silence that hushes nobody misleads.
    """
    known = _known_values(words)
    found: dict[str, str] = {}
    for text in written:
        label, _, pattern = text.partition("=")
        if not label or not pattern:
            raise MatcherError(f"{text!r} is no label with a value", "write it as in rule=odour")
        if label not in known:
            raise MatcherError(f"no label {label!r}{_perhaps(label, known)}", f"labels: {', '.join(known)}")
        if label in found:
            raise MatcherError(f"{label} is given twice", f"{label}={found[label]}|{pattern} means either")
        values = known[label]
        if values and not any(fnmatchcase(value, one) for one in pattern.split("|") for value in values):
            raise MatcherError(f"no {label} is {pattern!r}{_perhaps(pattern, values)}", named(values))
        found[label] = pattern
    if not found:
        raise MatcherError("a silence without a label", "say which alerts, as in rule=odour; site=* are all of them")
    return found


def _perhaps(wrong: str, known: Collection[str]) -> str:
    close = nearest(wrong, known)
    return f"; do you mean {close!r}?" if close else ""


def _known_values(words: AlertWords) -> Mapping[str, Collection[str]]:
    """Label to the values that alerts can have, as configured."""
    registry, devices = words.registry, words.registry.devices.values()
    areas = [area for site in registry.sites.values() for area in site.areas.values()]
    own = {
        "rule": set(words.rules),
        "severity": {severity.word for severity in Severity},
        "device": set(registry.devices),
        "kind": {device.kind for device in devices},
        "site": set(registry.sites),
        "site_kind": {site.kind for site in registry.sites.values()},
        "area": {area.id for area in areas},
        "area_type": {area.type for area in areas},
        "gateway": {device.parent for device in devices if device.parent is not None},
    }
    known = {name: own[name] for name in LABELS}
    for labels in (*(device.labels for device in devices), *(rule.labels for rule in words.rules.values())):
        for name, value in labels.items():
            known.setdefault(name, set()).add(value)
    return known
