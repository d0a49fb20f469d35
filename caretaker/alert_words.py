"""Alerts in the words of the registry and the rules: what, where, how much, who has it. Pure.

What is no longer configured is called by its id: an old alert outlives its rule and its device.
"""

from collections.abc import Mapping
from datetime import UTC, tzinfo

from alerts.alert import Alert, Change, Ending, Severity, Transition, begun_by
from alerts.labels import labels_of
from alerts.message.subject import subject_of
from alerts.message.words import words_for
from alerts.rules.rule import Rule
from caretaker.moments import age_text
from caretaker.output import Coloured
from caretaker.values import name_text
from telemetry.reading import NS_PER_S
from telemetry.registry.models import Device, Registry, Site

COLOURS: Mapping[Severity, str] = {
    Severity.INFORMATION: "cyan",
    Severity.WARNING: "yellow",
    Severity.CRITICAL: "bold red",
}
ENDINGS: Mapping[Ending, str] = {
    Ending.CLEARED: "it is over",
    Ending.OUTSIDE_HOURS: "the rule's hours are over",
    Ending.BY_HAND: "by hand",
    Ending.EXPIRED: "it expired",
    Ending.RULE_GONE: "the rule is gone, or leaves the device out",
    Ending.DEVICE_GONE: "the device is gone",
}
CHANGES: Mapping[Change, str] = {
    Change.RAISED: "raised",
    Change.ROSE: "rose",
    Change.FELL: "fell",
    Change.RESOLVED: "resolved",
    Change.ACKNOWLEDGED: "acknowledged",
    Change.ACKNOWLEDGEMENT_ENDED: "acknowledgement ended",
    Change.COMMENTED: "comment",
}
MEASURED = {Change.RAISED, Change.ROSE, Change.FELL}
"""Changes that a value brings about."""


SHORT = 8
"""Characters of an id that tell alerts apart, and can be typed."""


class AlertWords:
    """Names for one deployment in one language."""

    def __init__(self, registry: Registry, rules: Mapping[str, Rule], language: str = "en") -> None:
        self.registry = registry
        self.rules = rules
        self._language = language

    def severity(self, severity: Severity) -> Coloured:
        """In a word, in its colour where there are colours."""
        return Coloured(words_for(self._language).severities[severity].lower(), COLOURS[severity])

    def name(self, rule: str) -> str:
        """What people call the rule."""
        return name_text(self.rules.get(rule), self._language, rule)

    def device(self, alert: Alert | Transition) -> Device | None:
        """The device that it is about."""
        return self.registry.devices.get(alert.device)

    def site(self, alert: Alert | Transition) -> Site | None:
        """The site of its device."""
        device = self.device(alert)
        return None if device is None else self.registry.sites.get(device.site)

    def site_name(self, alert: Alert | Transition) -> str:
        """What people call the site; empty where the device is gone."""
        device = self.device(alert)
        return "" if device is None else name_text(self.site(alert), self._language, device.site)

    def device_name(self, alert: Alert | Transition) -> str:
        """What people call the device."""
        return name_text(self.device(alert), self._language, alert.device)

    def zone(self, alert: Alert | Transition) -> tzinfo:
        """The site's time zone."""
        site = self.site(alert)
        return UTC if site is None else site.timezone

    def labels(self, alert: Alert) -> Mapping[str, str]:
        """What routes and silences go by."""
        return labels_of(alert, self.rules.get(alert.rule), self.device(alert), self.site(alert))

    def shown(self, alert: Alert | Transition) -> str:
        """What was seen, as in `Ammonia: 6.1 ppm, above 5 ppm`: the sentence that messages say, too."""
        found = alert if isinstance(alert, Alert) else begun_by(alert)
        words = words_for(self._language)
        rule = self.rules.get(alert.rule)
        return subject_of(found, rule, self.registry, words, self._language, found.changed_ns).sentence(words)


def holder(alert: Alert, at_ns: int) -> str:
    """Who has it; empty where nobody has said so."""
    if alert.acknowledged_by is None:
        return ""
    until_ns = alert.acknowledged_until_ns
    return alert.acknowledged_by if until_ns is None else f"{alert.acknowledged_by} for {_left(until_ns, at_ns)}"


def change_text(transition: Transition) -> str:
    """What a transition did, as in `rose to critical` or `resolved: it is over`."""
    word = CHANGES[transition.change]
    if transition.change is Change.RAISED:
        word = f"{word}, {transition.severity.word}"
    elif transition.change in {Change.ROSE, Change.FELL}:
        word = f"{word} to {transition.severity.word}"
    elif transition.ending is not None:
        word = f"{word}: {ENDINGS[transition.ending]}"
    remarks = [
        *(["suspect value"] if transition.suspect else []),
        *(["flapping, not told"] if transition.flapping else []),
    ]
    return f"{word} ({', '.join(remarks)})" if remarks else word


def _left(until_ns: int, at_ns: int) -> str:
    return f"{age_text(max(0, until_ns - at_ns) / NS_PER_S)} more"
