"""Alerts in the words of the registry and the rules: what, where, how much, what happened, who was told. Pure.

What is no longer configured is called by its id: an old alert outlives its rule and its device.
"""

from collections.abc import Mapping
from datetime import UTC, tzinfo

from alerts.alert import Alert, Change, Severity, Transition, begun_by
from alerts.labels import labels_of
from alerts.message.asks import asks
from alerts.message.course import change_text, course_for
from alerts.message.measure import name_of
from alerts.message.subject import Texts, subject_of
from alerts.message.words import words_for
from alerts.notice import Cause, Muted
from alerts.rules.rule import Rule
from telemetry.catalogue.load import label
from telemetry.registry.models import Device, Registry, Site

MEASURED = frozenset({Change.RAISED, Change.ROSE, Change.FELL})
"""Changes that a value brings about: those of which `shown` says something new."""


class AlertWords:
    """Names and sentences for one deployment in one language: any tag, see `spoken` for those that we speak."""

    def __init__(self, registry: Registry, rules: Mapping[str, Rule], language: str = "en") -> None:
        """`rules` by id."""
        self.registry = registry
        self.rules = rules
        self._language = language
        self._words = words_for(language)

    # Names

    def severity(self, severity: Severity) -> str:
        """In a word."""
        return self._words.severities[severity].lower()

    def name(self, rule: str) -> str:
        """What people call the rule."""
        return name_of(self.rules.get(rule), rule, self._language)

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
        return "" if device is None else name_of(self.site(alert), device.site, self._language)

    def area_name(self, alert: Alert | Transition) -> str:
        """What people call the area; empty where the device is in none, or gone."""
        device, site = self.device(alert), self.site(alert)
        if device is None or device.area is None:
            return ""
        return name_of(None if site is None else site.areas.get(device.area), device.area, self._language)

    def device_name(self, alert: Alert | Transition) -> str:
        """What people call the device."""
        return name_of(self.device(alert), alert.device, self._language)

    def person(self, person: str) -> str:
        """What people call them: `acknowledged_by` and `by` hold ids of people, or names as they were given."""
        found = self.registry.people.get(person)
        return person if found is None else found.name

    def zone(self, alert: Alert | Transition) -> tzinfo:
        """The site's time zone."""
        site = self.site(alert)
        return UTC if site is None else site.timezone

    def labels(self, alert: Alert) -> Mapping[str, str]:
        """What routes and silences go by."""
        return labels_of(alert, self.rules.get(alert.rule), self.device(alert), self.site(alert))

    # Sentences

    def shown(self, alert: Alert | Transition) -> str:
        """What was seen, as in `Ammonia: 6.1 ppm, above 5 ppm`: the sentence that messages say, too."""
        found = alert if isinstance(alert, Alert) else begun_by(alert)
        rule = self.rules.get(alert.rule)
        subject = subject_of(found, rule, self.registry, self._words, self._language, found.changed_ns)
        return subject.sentence(self._words)

    def asks(self, rule: Rule) -> str:
        """What the rule asks, as in `Ammonia: warning above 1.5 ppm for 5 min`."""
        return asks(rule, self.registry, self._language)

    def advice(self, rule: str) -> str:
        """What to do, as the rule says; empty where it says nothing."""
        found = self.rules.get(rule)
        return "" if found is None else label(Texts(found.advice), self._language)

    def change(self, transition: Transition) -> str:
        """What happened, as in `rose to critical`."""
        return change_text(transition, self._language, self.person)

    def cause(self, cause: Cause) -> str:
        """Because of what somebody was told."""
        return course_for(self._language).causes[cause]

    def muted(self, muted: Muted) -> str:
        """Because of what somebody was not told."""
        return course_for(self._language).muted[muted]
