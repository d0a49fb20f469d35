"""What people are told, put into words. Pure: the same notice and the same configuration give the same message."""

from collections.abc import Callable, Iterator, Mapping
from itertools import chain

from msgspec import Struct

from alerts.alert import Alert, Severity
from alerts.message.payload import payload
from alerts.message.shown import duration, moment, number, plain, short
from alerts.message.subject import Subject, Texts, fields_of, filled, subject_of
from alerts.message.words import words_for
from alerts.notice import Cause, Message, Notice
from alerts.rules.rule import Rule, State
from telemetry.catalogue.load import FALLBACK, label
from telemetry.reading import NS_PER_S
from telemetry.registry.models import Registry

TEMPLATE_FIELDS = frozenset(
    {"rule", "severity", "metric", "value", "unit", "threshold", "device", "site", "area", "since"}
)
"""What a rule's message may name in braces, as in `{device}: {value}, above {threshold}`.

Value and threshold come with their unit; where the template names `{unit}` itself, without. Times are in the site's
time zone; what is not known is empty.
"""
TITLE_MOST = 120
"""Characters of a title: what a phone shows."""
COMMENT_MOST = 500
MOST_LISTED = 10
"""Of several alerts; the others are counted."""
LATE_NS = 600 * NS_PER_S
"""From here on a message says that it is late."""
_NEWS = frozenset({Cause.NEW, Cause.MORE, Cause.ROSE, Cause.RESOLVED, Cause.FLAPPING})
"""Causes that tell what has just changed. The others tell of what is known already and can't be late."""


class MessageWorld(Struct, frozen=True):
    """What messages are made with."""

    registry: Registry
    rules: Mapping[str, Rule]
    """By id."""
    link: Callable[[str, str], str] | None = None
    """Alert's id and person's to the address of a page about the alert; None: nothing can be reached from outside."""


def compose(notice: Notice, world: MessageWorld) -> Message:
    """The message of a notice, in the language of the person; one who is not configured reads English."""
    person = world.registry.people.get(notice.person)
    return _Composer(notice, world, FALLBACK if person is None else person.language).message()


class _Composer:
    """One message under way."""

    def __init__(self, notice: Notice, world: MessageWorld, language: str) -> None:
        self._notice = notice
        self._world = world
        self._language = language
        self._words = words_for(language)
        self._subjects = {
            alert.id: subject_of(
                alert, world.rules.get(alert.rule), world.registry, self._words, language, notice.at_ns
            )
            for alert, _ in notice.alerts
        }

    def message(self) -> Message:
        notice = self._notice
        if notice.cause is Cause.DIGEST:
            title, lines = self._digest_title(), self._digest()
        elif notice.cause is Cause.SUMMARY:
            title, lines = self._summary_title(), self._summary()
        elif len(notice.alerts) == 1 and not notice.also:
            title, lines = self._single_title(*notice.alerts[0]), self._single(*notice.alerts[0])
        else:
            title, lines = self._group_title(), chain(self._given(), self._listed())
        title, text = short(plain(title), TITLE_MOST), "\n".join(lines)
        facts = {alert: (one, self._link(alert)) for alert, one in self._subjects.items()}
        data = payload(notice, title, text, facts, self._world.rules, self._world.registry)
        return Message(title, text, self._severity(), data)

    def _severity(self) -> Severity | None:
        if self._notice.cause is Cause.DIGEST:
            return None
        return max(
            (alert.severity for alert, cause in self._notice.alerts if cause is not Cause.RESOLVED), default=None
        )

    def _link(self, alert: str) -> str | None:
        return None if self._world.link is None else self._world.link(alert, self._notice.person)

    # One alert

    def _single_title(self, alert: Alert, cause: Cause) -> str:
        one, words = self._subjects[alert.id], self._words
        rule = self._world.rules.get(alert.rule)
        says_it_all = rule is not None and isinstance(rule.condition, State)  # "Water on the floor, yes"
        value = one.value if alert.active and not says_it_all else ""
        what = words.comma.join(part for part in (short(one.rule, TITLE_MOST // 2), value) if part)
        return words.title.format(heading=self._heading(cause, alert.severity), what=what, where=one.where(words))

    def _single(self, alert: Alert, cause: Cause) -> Iterator[str]:
        """All there is to say: what, where, since when, what to do."""
        one, words = self._subjects[alert.id], self._words
        sentence, whole = self._sentence(alert, one)
        if alert.resolved_ns is not None:
            yield self._resolved(alert, alert.resolved_ns, cause, one)
        yield sentence
        yield ""
        yield self._line(words.where, one.where(words))
        yield self._line(words.device, one.device if one.device == alert.device else f"{one.device} ({alert.device})")
        if not whole:
            yield self._line(words.measured, one.sentence(words))
        if alert.reading_ns is not None:
            yield self._line(words.reading, self._moment(alert.reading_ns, one, seconds=True))
        yield self._line(words.since, self._since(alert, cause, one))
        yield self._line(words.rule, words.comma.join((one.rule, words.severities[alert.severity])))
        yield from self._acknowledged(alert, one)
        if alert.active:
            yield from self._what_to_do(alert)
        if alert.suspect:
            yield words.suspect
        if cause is Cause.FLAPPING:
            yield words.flapping
        if cause is Cause.ESCALATED:
            yield words.escalated.format(duration=duration(self._notice.at_ns - alert.raised_ns, words))
        yield from self._given()
        yield self._line(words.alert, self._link(alert.id) or alert.id)

    def _sentence(self, alert: Alert, one: Subject) -> tuple[str, bool]:
        """What is the matter, and whether that holds the figures."""
        rule = self._world.rules.get(alert.rule)
        template = "" if rule is None else label(Texts(rule.message), self._language)
        if not template:
            return one.sentence(self._words) or one.rule, True
        try:
            whole = not one.figures or {"value", "threshold"} <= fields_of(template)
        except ValueError:
            whole = False
        return filled(template, one, self._words.severities[alert.severity]), whole

    def _since(self, alert: Alert, cause: Cause, one: Subject) -> str:
        words = self._words
        if not alert.active:
            return one.since
        passed = duration(self._notice.at_ns - alert.raised_ns, words)
        return words.still.format(time=one.since, duration=passed) + self._late(alert, cause)

    def _resolved(self, alert: Alert, resolved_ns: int, cause: Cause, one: Subject) -> str:
        ended = self._words.resolved_at.format(
            time=self._moment(resolved_ns, one),
            duration=duration(resolved_ns - alert.raised_ns, self._words),
            why="" if alert.ending is None else self._words.endings[alert.ending],
        )
        return self._line(self._words.resolved, ended + self._late(alert, cause))

    def _late(self, alert: Alert, cause: Cause) -> str:
        """By how much news come after what they tell; empty: in time, or no news."""
        late_ns = self._notice.at_ns - alert.changed_ns if cause in _NEWS else 0
        if late_ns < LATE_NS:
            return ""
        return self._words.comma + self._words.told_late.format(duration=duration(late_ns, self._words))

    def _acknowledged(self, alert: Alert, one: Subject) -> Iterator[str]:
        words = self._words
        if alert.acknowledged_by is not None:
            name = self._person(alert.acknowledged_by)
            at = "" if alert.acknowledged_ns is None else self._moment(alert.acknowledged_ns, one)
            yield self._line(words.acknowledged, words.acknowledged_by.format(person=name, time=at))
        if alert.comment:
            yield self._line(words.comment, short(plain(alert.comment), COMMENT_MOST))

    def _what_to_do(self, alert: Alert) -> Iterator[str]:
        rule = self._world.rules.get(alert.rule)
        advice = "" if rule is None else label(Texts(rule.advice), self._language)
        if advice:
            yield self._line(self._words.advice, plain(advice))

    # Several

    def _group_title(self) -> str:
        words, alerts = self._words, [alert for alert, _ in self._notice.alerts]
        severity = max((alert.severity for alert in alerts), default=Severity.INFORMATION)
        rules = {self._subjects[alert.id].rule for alert in alerts}
        count = self._count(len(alerts) + self._notice.also)
        what = count if len(rules) > 1 else words.comma.join((*(short(rule, TITLE_MOST // 2) for rule in rules), count))
        return words.title.format(heading=self._heading(self._notice.cause, severity), what=what, where=self._places())

    def _places(self) -> str:
        """The one place that they share, or how many sites there are."""
        for place in (
            {one.where(self._words) for one in self._subjects.values()},
            sites := {one.site for one in self._subjects.values()},
        ):
            if len(place) == 1:
                return place.pop()
        return self._words.sites.format(count=len(sites))

    def _listed(self) -> Iterator[str]:
        """A line each, with its link where it is still there."""
        words = self._words
        for alert, cause in self._notice.alerts[:MOST_LISTED]:
            one = self._subjects[alert.id]
            what = words.comma.join(part for part in (one.rule, one.figures if alert.active else "") if part)
            heading = self._heading(cause if alert.active else Cause.RESOLVED, alert.severity)
            yield "- " + words.entry.format(heading=heading, what=what, where=one.where(words), time=one.since)
            link = self._link(alert.id)
            if link is not None and alert.active:
                yield f"  {link}"
        more = len(self._notice.alerts) - MOST_LISTED
        if (more := max(0, more) + self._notice.also) > 0:
            yield f"- {words.more.format(count=more)}"

    def _summary_title(self) -> str:
        words, notice = self._words, self._notice
        count = self._count(len(notice.alerts) + notice.also)
        return words.line.format(name=words.headings[Cause.SUMMARY], text=count)

    def _summary(self) -> Iterator[str]:
        yield self._words.summary
        yield from self._listed()

    def _digest_title(self) -> str:
        words, notice = self._words, self._notice
        parts = []
        if count := len(notice.alerts) + notice.also:
            parts.append(self._count(count))
        for name, found in ((words.silent, notice.silent_devices), (words.batteries, notice.low_batteries)):
            if found:
                parts.append(name.format(count=len(found)))
        return words.line.format(name=words.headings[Cause.DIGEST], text=words.comma.join(parts) or words.all_quiet)

    def _digest(self) -> Iterator[str]:
        words, notice = self._words, self._notice
        if not (notice.alerts or notice.also or notice.silent_devices or notice.low_batteries):
            yield words.nothing_wrong
            return
        if notice.alerts or notice.also:
            yield _capital(words.active.format(count=len(notice.alerts) + notice.also))
            yield from self._listed()
        if notice.silent_devices:
            yield _capital(words.silent.format(count=len(notice.silent_devices)))
            yield from self._devices([(device, "") for device in notice.silent_devices])
        if notice.low_batteries:
            yield _capital(words.batteries.format(count=len(notice.low_batteries)))
            yield from self._devices([(device, f"{number(level, 0)} %") for device, level in notice.low_batteries])

    def _devices(self, devices: list[tuple[str, str]]) -> Iterator[str]:
        registry = self._world.registry
        for device_id, figure in devices[:MOST_LISTED]:
            device = registry.devices.get(device_id)
            site = None if device is None else registry.sites.get(device.site)
            names = [plain(label(thing, self._language)) for thing in (device, site) if thing is not None]
            yield "- " + self._words.comma.join(part for part in (*(names or [device_id]), figure) if part)
        if len(devices) > MOST_LISTED:
            yield f"- {self._words.more.format(count=len(devices) - MOST_LISTED)}"

    # Pieces

    def _given(self) -> Iterator[str]:
        if self._notice.cause is Cause.ASSIGNED and self._notice.by:
            yield self._words.assigned.format(person=self._person(self._notice.by))

    def _person(self, id_: str) -> str:
        """What people call them; who is not in the registry goes by what they were called there."""
        person = self._world.registry.people.get(id_)
        return plain(id_ if person is None else person.name)

    def _heading(self, cause: Cause, severity: Severity) -> str:
        """How a line begins. That an alert stands in a digest or a summary is said above it."""
        cause = cause if cause not in (Cause.SUMMARY, Cause.DIGEST) else Cause.NEW
        return self._words.headings[cause].format(severity=self._words.severities[severity])

    def _count(self, count: int) -> str:
        return self._words.one_alert if count == 1 else self._words.some_alerts.format(count=count)

    def _line(self, name: str, text: str) -> str:
        return self._words.line.format(name=name, text=text)

    def _moment(self, time_ns: int, one: Subject, *, seconds: bool = False) -> str:
        return moment(time_ns, one.zone, self._notice.at_ns, self._words, seconds=seconds)


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
