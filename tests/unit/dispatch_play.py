"""Plays alerts to the dispatcher as the service would, with a clock in the test's hand, and notes who was told what."""

from collections import Counter
from collections.abc import Iterable
from typing import Any, NamedTuple

from msgspec.structs import replace

from alerts.alert import Alert, Change, Severity, Silence, Transition, alert_id
from alerts.dispatch.dispatcher import plan
from alerts.dispatch.load import TRUNK
from alerts.dispatch.planned import Planned
from alerts.dispatch.routing import Route, Routing
from alerts.dispatch.world import World
from alerts.notice import Cause, Channel, Delivery, Message, Muted, Notice
from alerts.rules.rule import Condition, Level, NoData, Rule, Selector, Side, State, Value
from telemetry.reading import NS_PER_S
from telemetry.registry.models import Person, Registry
from tests.builders import device, registry, site

MINUTE = 60
HOUR = 3600
START_S = 1_795_305_600
"""2026-11-22T00:00:00Z, 08:00 in Hong Kong, a Sunday. All times of a play are seconds from here."""


class Line(NamedTuple):
    """One message that somebody was sent."""

    at_s: float
    person: str
    cause: Cause
    alerts: tuple[tuple[str, Cause], ...]
    """Device of each alert, and its cause; by device."""


def person(name: str = "attendant", **fields: Any) -> Person:
    return replace(Person(name, name, "en", (), ()), **fields)


def rule(name: str = "odour", condition: Condition | None = None, **fields: Any) -> Rule:
    plain = Rule(
        id=name,
        names={"en": name},
        why="",
        where=Selector(),
        condition=condition or Value("nh3_ppm"),
        side=Side.ABOVE,
        levels=(Level(Severity.WARNING, 1.0, 1.0, 0, 0),),
    )
    return replace(plain, **fields)


SILENT = NoData(3.0, None)
OFFLINE = State("online", 0.0)


def route(*routes: Route, **fields: Any) -> Route:
    """The trunk: `attendant`, one group a site and rule, 30 s, 5 min, 4 h."""
    return replace(TRUNK, **{"to": ("attendant",), "routes": routes, **fields})


def city() -> Registry:
    """Two sites with two devices each, one gateway, and three people."""
    devices = [
        device("gw", "a", kind="gateway"),
        device("a-1", "a", parent="gw"),
        device("a-2", "a", parent="gw"),
        device("b-1", "b"),
        device("b-2", "b"),
    ]
    people = [person(), person("manager"), person("technician")]
    return registry(*devices, sites=[site("a"), site("b")], people=people)


class Play:
    """A deployment and its state between looks."""

    def __init__(
        self, root: Route | None = None, known: Registry | None = None, rules: Iterable[Rule] = (), **routing: Any
    ) -> None:
        self.registry = known or city()
        self.rules = {one.id: one for one in (*rules, rule(), rule("silent", SILENT), rule("offline", OFFLINE))}
        self.routing = Routing(root or route(), **routing)
        self.silences: list[Silence] = []
        self.silent: list[str] = []
        self.batteries: list[tuple[str, float]] = []
        self.alerts: dict[str, Alert] = {}
        self.first_acknowledged: dict[str, int] = {}
        self.groups: dict[str, bytes] = {}
        self.figures: dict[str, int] = {}
        self.deliveries: list[Delivery] = []
        self.notices: list[Notice] = []
        self.lines: list[Line] = []
        self.muted: Counter[Muted] = Counter()
        self.notified: Counter[Cause] = Counter()
        self.next_s: float | None = None
        self._news: list[Transition] = []
        self._number = 0
        self._now_s = 0.0

    # What the judge does.

    def raised(
        self, name: str = "a-1", rule: str = "odour", severity: Severity = Severity.WARNING, *, flapping: bool = False
    ) -> str:
        now_ns = self._ns()
        alert = Alert(
            id=alert_id(rule, name, now_ns),
            rule=rule,
            device=name,
            severity=severity,
            worst=severity,
            raised_ns=now_ns,
            changed_ns=now_ns,
            resolved_ns=None,
            value=2.0,
            threshold=1.0,
            reading_ns=now_ns,
            suspect=False,
            acknowledged_by=None,
            acknowledged_ns=None,
            acknowledged_until_ns=None,
            comment=None,
            ending=None,
        )
        self._change(alert, Change.RAISED, flapping=flapping)
        return alert.id

    def turned(self, name: str, severity: Severity) -> None:
        alert = self.alerts[name]
        change = Change.ROSE if severity > alert.severity else Change.FELL
        self._change(replace(alert, severity=severity, changed_ns=self._ns()), change)

    def resolved(self, name: str, *, flapping: bool = False) -> None:
        self._change(replace(self.alerts[name], resolved_ns=self._ns()), Change.RESOLVED, flapping=flapping)

    def acknowledged(self, name: str, until_s: float | None = None) -> None:
        until_ns = None if until_s is None else self._ns(until_s)
        changes = {"acknowledged_by": "someone", "acknowledged_ns": self._ns(), "acknowledged_until_ns": until_ns}
        self._change(replace(self.alerts[name], **changes), Change.ACKNOWLEDGED)

    def assigned(self, name: str, to: str = "manager", by: str = "someone") -> None:
        changes = {"acknowledged_by": to, "acknowledged_ns": self._ns(), "acknowledged_until_ns": None}
        self._change(replace(self.alerts[name], **changes), Change.ASSIGNED, by=by, to=to)

    def silence(self, start_s: float, end_s: float, **matchers: str) -> None:
        self.silences.append(Silence("s", matchers, self._ns(start_s), self._ns(end_s), "someone", "works"))

    def _change(
        self, alert: Alert, change: Change, *, flapping: bool = False, by: str | None = None, to: str | None = None
    ) -> None:
        self.alerts[alert.id] = alert
        self._number += 1
        if change in {Change.ACKNOWLEDGED, Change.ASSIGNED}:
            self.first_acknowledged.setdefault(alert.id, self._number)
        self._news.append(
            Transition(
                alert=alert.id,
                rule=alert.rule,
                device=alert.device,
                change=change,
                severity=alert.severity,
                at_ns=self._ns(),
                noticed_ns=self._ns(),
                flapping=flapping,
                by=by,
                to=to,
                number=self._number,
            )
        )

    # What the service does.

    def clock(self, at_s: float) -> "Play":
        """Let time pass: the service looks at news at once, and then whenever the last plan asked for it."""
        if self._news and at_s > self._now_s:
            self.look(self._now_s)
        while self.next_s is not None and self.next_s < at_s:
            self.look(self.next_s)
        self._now_s = at_s
        return self

    def at(self, at_s: float) -> list[Line]:
        """Let time pass and look: what was said since the last call."""
        said = len(self.lines)
        self.clock(at_s)
        self.look(at_s)
        return self.lines[said:]

    def world(self) -> World:
        return World(
            registry=self.registry,
            rules=self.rules,
            routing=self.routing,
            alerts=self.alerts,
            compose=self._compose,
            first_acknowledged=self.first_acknowledged,
            silences=self.silences,
            silent_devices=self.silent,
            low_batteries=self.batteries,
        )

    def planned(self, at_s: float) -> Planned:
        """Work a look out, and change nothing."""
        self._now_s = at_s
        now_ns = self._ns()
        sent: dict[str, list[int]] = {}
        for delivery in self.deliveries:
            counts = delivery.cause is not Cause.ESCALATED and delivery.channel is not Channel.MQTT
            if counts and delivery.created_ns > now_ns - HOUR * NS_PER_S:
                sent.setdefault(delivery.person, []).append(delivery.created_ns)
        return plan(now_ns, self.world(), self.groups, self._news, sent, self.figures)

    def look(self, at_s: float) -> Planned:
        """Work a look out, and keep it as the database does."""
        told = len(self.notices)
        planned = self.planned(at_s)
        for key, data in planned.groups.items():
            if data is None:
                del self.groups[key]
            else:
                self.groups[key] = data
        self.figures |= planned.figures
        self.deliveries += planned.deliveries
        self.muted += planned.muted
        self.notified += planned.notified
        self._news = []
        self.alerts = {name: alert for name, alert in self.alerts.items() if alert.active}
        self.lines += [self._line(at_s, notice) for notice in self.notices[told:]]
        self.next_s = None if planned.next_ns is None else planned.next_ns / NS_PER_S - START_S
        assert self.next_s is None or self.next_s > at_s, "a look that asks for itself would never end"
        return planned

    def _compose(self, notice: Notice) -> Message:
        self.notices.append(notice)
        return Message(notice.cause, "", None, b"")

    def _line(self, at_s: float, notice: Notice) -> Line:
        return Line(
            at_s, notice.person, notice.cause, tuple(sorted((alert.device, cause) for alert, cause in notice.alerts))
        )

    def _ns(self, at_s: float | None = None) -> int:
        return round((START_S + (self._now_s if at_s is None else at_s)) * NS_PER_S)
