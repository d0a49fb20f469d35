"""Alerts as they are shown, with what the registry and the rules know of them."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import StrEnum

from alerts.desk import (
    Alert,
    Change,
    Channel,
    Delivered,
    Desk,
    Ending,
    Imbalance,
    Rule,
    Severity,
    Silence,
    Status,
    Transition,
    labels_of,
    match,
)
from api.access.caller import Caller
from api.problem import AwayError
from api.queries.answer import Answer, Names, moment, moment_or_none
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
    suspect: bool
    """The value was outside its metric's plausible range."""
    acknowledged_by: str | None
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


class Line(Answer):
    """One severity's thresholds, to be drawn into a plot."""

    severity: SeverityWord
    raise_at: float
    clear_at: float | None


class Book:
    """What is known beside the alerts, while one question is answered."""

    def __init__(self, sources: Sources, caller: Caller, silences: Sequence[Silence]) -> None:
        self._registry = sources.registry
        self._caller = caller
        self._rules: Mapping[str, Rule] = {rule.id: rule for rule in sources.rules.rules}
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
        return all(self._caller.reads(metrics[name]) for name in rule.metrics if name in metrics)

    def brief(self, alert: Alert) -> AlertBrief:
        """As in a list."""
        rule, shows = self.rule(alert.rule), self.shows(alert.rule)
        device = self._registry.devices.get(alert.device)
        place = None if device is None else self._registry.sites.get(device.site)
        labels = labels_of(alert, rule, device, place)
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
            suspect=alert.suspect,
            acknowledged_by=alert.acknowledged_by,
            acknowledged_at=moment_or_none(alert.acknowledged_ns),
            acknowledged_until=moment_or_none(alert.acknowledged_until_ns),
            comment=alert.comment,
            ending=alert.ending,
            silenced=alert.active and any(match(one.matchers, labels) for one in self._silences),
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
            by=transition.by,
            comment=transition.comment,
            until=moment_or_none(transition.until_ns),
        )

    def told(self, one: Delivered) -> Told:
        """A message as it is shown: to whom, never to which address."""
        person = self._registry.people.get(one.delivery.person)
        return Told(
            person=one.delivery.person if person is None else person.name,
            channel=one.delivery.channel,
            status=one.status,
            attempts=one.delivery.attempts,
            created=moment(one.delivery.created_ns),
            done=moment_or_none(one.done_ns),
            detail=one.detail,
        )

    def lines(self, rule: Rule) -> Sequence[Line]:
        """Its thresholds; none where its condition has none, or where the caller may not see what it compares."""
        return [
            Line(severity=SeverityWord(level.severity.word), raise_at=level.raise_at, clear_at=level.clear_at)
            for level in rule.levels
            if level.raise_at is not None and self.shows(rule.id)
        ]

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
