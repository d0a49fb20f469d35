"""Alerts as they are shown, with what the registry and the rules know of them."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import StrEnum

from alerts.desk import (
    Alert,
    AlertWords,
    Change,
    Channel,
    Delivered,
    Desk,
    Ending,
    Imbalance,
    Muted,
    Rule,
    Severity,
    Side,
    Silence,
    Status,
    Transition,
    lines,
    match,
    watched,
)
from api.access.caller import Caller
from api.problem import AwayError
from api.queries.answer import LANGUAGES, Answer, Names, moment, moment_or_none
from api.sources import Sources


class SeverityWord(StrEnum):
    """How bad it is."""

    INFORMATION = "information"
    WARNING = "warning"
    CRITICAL = "critical"

    @property
    def severity(self) -> Severity:
        """As the alerts have it."""
        return Severity[self.name]


class AlertBrief(Answer):
    """An alert in a list. Of a metric that the caller may not read, value and threshold are null."""

    id: str
    rule: str
    rule_names: Names
    device: str
    device_names: Names
    """Empty: it is no longer in the registry."""
    site: str | None
    area: str | None
    severity: SeverityWord
    worst: SeverityWord
    raised: datetime
    changed: datetime
    """Last raise, rise, fall or resolution."""
    resolved: datetime | None
    """Null: it is active."""
    value: float | None
    """What the rule compared at the last raise, rise or fall."""
    threshold: float | None
    metric: str | None
    """What it watches; null: whether the device speaks at all."""
    unit: str | None
    """Of `value` and `threshold`, UCUM."""
    says: Names
    """What was seen, in words, by language; empty: not for the caller."""
    suspect: bool
    """The value was outside its metric's plausible range."""
    acknowledged_by: str | None
    """Who has it."""
    acknowledged_at: datetime | None
    acknowledged_until: datetime | None
    comment: str | None
    """The last one."""
    ending: Ending | None
    """Why it was resolved."""
    silenced: bool
    """A silence holds now: nobody is told."""
    latches: bool
    """It ends by hand, or by time."""


class Step(Answer):
    """A change of an alert, at the moment at which it became true."""

    alert: str
    rule: str
    device: str
    change: Change
    severity: SeverityWord
    at: datetime
    noticed: datetime
    """Far later than `at` after an outage of ours, or a late reading."""
    value: float | None
    threshold: float | None
    suspect: bool
    flapping: bool
    """One of many within a short time: recorded, nobody is told."""
    ending: Ending | None
    by: str | None
    to: str | None
    """Of an assignment: to whom."""
    comment: str | None
    until: datetime | None
    """Of an acknowledgement that ends by itself."""


class Told(Answer):
    """A message about the alert to one person, and what became of it."""

    person: str
    """Name; empty for MQTT."""
    channel: Channel
    status: Status
    attempts: int
    created: datetime
    done: datetime | None
    """When it was delivered or given up."""
    detail: str
    """Of the last attempt."""


class Untold(Answer):
    """Somebody who is not told."""

    person: str
    why: Muted


class Line(Answer):
    """One severity's thresholds, to be drawn into a plot of `metric`."""

    metric: str
    severity: SeverityWord
    raise_at: float
    clear_at: float
    side: Side
    """On which side of `raise_at` it is bad."""


class Book:
    """What is known beside the alerts, while one question is answered."""

    def __init__(self, sources: Sources, caller: Caller, silences: Sequence[Silence]) -> None:
        self._registry = sources.registry
        self._caller = caller
        self._rules: Mapping[str, Rule] = {rule.id: rule for rule in sources.rules.rules}
        self._words = {language: AlertWords(sources.registry, self._rules, language) for language in LANGUAGES}
        self._any = self._words[LANGUAGES[0]]
        now_ns = sources.clock()
        self._silences = [one for one in silences if one.start_ns <= now_ns < one.end_ns]

    def rule(self, rule_id: str) -> Rule | None:
        """None: there is none any more."""
        return self._rules.get(rule_id)

    def site(self, device_id: str) -> str | None:
        """None: the device is no longer in the registry."""
        device = self._registry.devices.get(device_id)
        return None if device is None else device.site

    def sees(self, device_id: str) -> bool:
        """Whether alerts of the device are for the caller: of a device that is gone, only who sees all sites."""
        site = self.site(device_id)
        return self._caller.sees(site) if site is not None else self._caller.sites is None

    def shows(self, rule_id: str) -> bool:
        """Whether the caller may see what the rule compares; of a rule that is gone, only who reads everything."""
        rule = self.rule(rule_id)
        metrics = self._registry.metrics
        if rule is None:
            return all(self._caller.reads(metric) for metric in metrics.values())
        return all(self._caller.reads(metrics[name]) for name in watched(rule) if name in metrics)

    def asks(self, rule: Rule) -> Names:
        """What it asks, in words, by language."""
        return {language: words.asks(rule) for language, words in self._words.items()}

    def has(self, alert: Alert, person: str) -> bool:
        """Whether somebody, by name or id, has it."""
        return alert.acknowledged_by is not None and person in {
            alert.acknowledged_by,
            self._name(alert.acknowledged_by),
        }

    def brief(self, alert: Alert) -> AlertBrief:
        """As in a list."""
        rule, shows = self.rule(alert.rule), self.shows(alert.rule)
        device = self._registry.devices.get(alert.device)
        return AlertBrief(
            id=alert.id,
            rule=alert.rule,
            rule_names={} if rule is None else rule.names,
            device=alert.device,
            device_names={} if device is None else device.names,
            site=None if device is None else device.site,
            area=None if device is None else device.area,
            severity=SeverityWord(alert.severity.word),
            worst=SeverityWord(alert.worst.word),
            raised=moment(alert.raised_ns),
            changed=moment(alert.changed_ns),
            resolved=moment_or_none(alert.resolved_ns),
            value=alert.value if shows else None,
            threshold=alert.threshold if shows else None,
            metric=None if rule is None else next(iter(rule.metrics), None),
            unit=self._unit(rule),
            says={language: words.shown(alert) for language, words in self._words.items()} if shows else {},
            suspect=alert.suspect,
            acknowledged_by=self._name(alert.acknowledged_by),
            acknowledged_at=moment_or_none(alert.acknowledged_ns),
            acknowledged_until=moment_or_none(alert.acknowledged_until_ns),
            comment=alert.comment,
            ending=alert.ending,
            silenced=alert.active and self._silenced(alert),
            latches=rule is not None and rule.latches,
        )

    def step(self, transition: Transition) -> Step:
        """A change as it is shown."""
        shows = self.shows(transition.rule)
        return Step(
            alert=transition.alert,
            rule=transition.rule,
            device=transition.device,
            change=transition.change,
            severity=SeverityWord(transition.severity.word),
            at=moment(transition.at_ns),
            noticed=moment(transition.noticed_ns),
            value=transition.value if shows else None,
            threshold=transition.threshold if shows else None,
            suspect=transition.suspect,
            flapping=transition.flapping,
            ending=transition.ending,
            by=self._name(transition.by),
            to=self._name(transition.to),
            comment=transition.comment,
            until=moment_or_none(transition.until_ns),
        )

    def told(self, one: Delivered) -> Told:
        """A message as it is shown: to whom, never to which address."""
        return Told(
            person=self._any.person(one.delivery.person),
            channel=one.delivery.channel,
            status=one.status,
            attempts=one.delivery.attempts,
            created=moment(one.delivery.created_ns),
            done=moment_or_none(one.done_ns),
            detail=one.detail,
        )

    def untold(self, person: str, why: Muted) -> Untold:
        """Somebody who is not told, by name."""
        return Untold(person=self._any.person(person), why=why)

    def lines(self, rule: Rule) -> Sequence[Line]:
        """Its thresholds; none where the caller may not see what it compares."""
        return [
            Line(
                metric=one.metric,
                severity=SeverityWord(one.severity.word),
                raise_at=one.raise_at,
                clear_at=one.clear_at,
                side=one.side,
            )
            for one in lines(rule)
            if self.shows(rule.id)
        ]

    def _silenced(self, alert: Alert) -> bool:
        labels = self._any.labels(alert) if self._silences else {}
        return any(match(one.matchers, labels) for one in self._silences)

    def _name(self, person: str | None) -> str | None:
        return None if person is None else self._any.person(person)

    def _unit(self, rule: Rule | None) -> str | None:
        if rule is None or not rule.metrics:
            return None
        if isinstance(rule.condition, Imbalance):
            return "%"
        metric = self._registry.metrics.get(rule.metrics[0])
        return None if metric is None else metric.unit


async def book_of(sources: Sources, caller: Caller) -> Book:
    """With the silences of now. Raises `AwayError`."""
    return Book(sources, caller, await sources.alerts.ask(Desk.silences, sources.clock()))


async def briefs_of(sources: Sources, caller: Caller, alerts: Sequence[Alert]) -> Sequence[AlertBrief]:
    """As in a list; where silences can't be asked, none holds."""
    if not alerts:
        return []
    try:
        book = await book_of(sources, caller)
    except AwayError:
        book = Book(sources, caller, ())
    return [book.brief(alert) for alert in alerts]
