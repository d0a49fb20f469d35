"""What the live view shows of the alerts, and what its key asks for: the desk on their database, once a second.

For one thread at a time: SQLite is not asked from the event loop.
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from alerts.alert import Alert, Change, Severity, Transition
from alerts.desk import (
    DatabaseAwayError,
    DatabaseUnusableError,
    Delivered,
    Desk,
    NoAlertsError,
    Status,
    UnknownAlertError,
)
from alerts.notice import Channel
from caretaker.alert_story import person_text
from caretaker.alert_words import SHORT, AlertWords, change_text
from caretaker.screen.view import AlertLine, Alerts, Step
from caretaker.screen.words import age, clock, short_name
from telemetry.reading import NS_PER_S

ACTIVE_MOST = 1_000
SHOWN = 5
"""Alerts whose course is looked up; the screen has room for fewer."""
RESOLVED_SHOWN = 3
RECENT_NS = 600 * NS_PER_S
HISTORY_MOST = 1_000
DELIVERIES_MOST = 1_000
EVENTS = 50


DESK_ERRORS = (NoAlertsError, DatabaseAwayError, DatabaseUnusableError)


class AlertsSeen:
    """Looks while there is something to look at; gives the last good look where the file cannot be read."""

    def __init__(self, database: Path, words: AlertWords) -> None:
        self._database = database
        self._words = words
        self._desk: Desk | None = None
        self._resolved: Sequence[str] = ()
        self._last = Alerts()
        self._sites: Mapping[str, tuple[Severity, str]] = {}

    @property
    def sites(self) -> Mapping[str, tuple[Severity, str]]:
        """Site to the worst of its active alerts and that one's name, as of the last look."""
        return self._sites

    def look(self, now_ns: int, service: str, delivered: int) -> Alerts:
        """What is known now.

        `service`: the alert service's state in a word; `delivered`: how many messages it says that it has delivered.
        """
        try:
            self._last = self._look(self._open(), now_ns)
        except DESK_ERRORS:
            # Not made yet, or held by somebody: the next look tells.
            self.close()
        return replace(self._last, service=service, delivered=delivered)

    def newest_free(self, now_ns: int) -> AlertLine | None:
        """The newest active alert that nobody has acknowledged."""
        try:
            desk = self._open()
            free = [alert for alert in desk.alerts(limit=ACTIVE_MOST) if alert.acknowledged_by is None]
            newest = max(free, key=lambda alert: alert.raised_ns, default=None)
            return None if newest is None else self._line(desk, newest, now_ns)
        except DESK_ERRORS:
            self.close()
            return None

    def acknowledge(self, alert_id: str, by: str, comment: str | None) -> None:
        """Ask for an acknowledgement; what comes of it is seen at a later look."""
        # An alert that was forgotten meanwhile needs none.
        with suppress(UnknownAlertError, *DESK_ERRORS):
            self._open().acknowledge(alert_id, by, comment)

    def resolve(self, alert_id: str, by: str, comment: str) -> None:
        """Ask for the end of an alert that latches."""
        with suppress(UnknownAlertError, *DESK_ERRORS):
            self._open().resolve(alert_id, by, comment)

    def close(self) -> None:
        """Let go of the file."""
        if self._desk is not None:
            self._desk.close()
            self._desk = None

    def _open(self) -> Desk:
        if self._desk is None:
            self._desk = Desk(self._database)
        return self._desk

    def _look(self, desk: Desk, now_ns: int) -> Alerts:
        active = desk.alerts(limit=ACTIVE_MOST)
        sites: dict[str, tuple[Severity, str]] = {}
        for alert in reversed(active):
            device = self._words.device(alert)
            if device is not None:
                sites[device.site] = (alert.severity, self._words.name(alert.rule))
        self._sites = sites
        recent = desk.history(since_ns=now_ns - RECENT_NS, until_ns=now_ns + RECENT_NS, limit=HISTORY_MOST)
        over = [one.alert for one in reversed(recent) if one.change is Change.RESOLVED]
        self._resolved = over[:RESOLVED_SHOWN] or self._resolved
        waiting = desk.deliveries(status=Status.WAITING, limit=DELIVERIES_MOST)
        delivered = desk.deliveries(status=Status.DELIVERED, limit=EVENTS)
        return Alerts(
            active=len(active),
            lines=tuple(self._line(desk, alert, now_ns) for alert in active[:SHOWN]),
            resolved=tuple(self._line(desk, desk.alert(name), now_ns) for name in self._resolved),
            events=self._events(recent[-EVENTS:], delivered),
            outbox=sum(one.delivery.channel is not Channel.MQTT for one in waiting),
            dead=len(desk.deliveries(status=Status.DEAD, limit=DELIVERIES_MOST)),
        )

    def _events(self, changes: Sequence[Transition], delivered: Sequence[Delivered]) -> tuple[str, ...]:
        words = self._words
        told = [
            *(
                (max(one.at_ns, one.noticed_ns), f"{_about(one, words)}: {change_text(one, words)}{_by(one)}")
                for one in changes
            ),
            *(
                (one.done_ns, f"told {person_text(one.delivery.person, words)}: {one.delivery.message.title}")
                for one in delivered
                if one.done_ns is not None and one.delivery.channel is not Channel.MQTT
            ),
        ]
        return tuple(f"{clock(time_ns)} {said}" for time_ns, said in sorted(told)[-EVENTS:])

    def _line(self, desk: Desk, alert: Alert, now_ns: int) -> AlertLine:
        words = self._words
        return AlertLine(
            id=alert.id,
            severity=alert.severity,
            name=words.name(alert.rule),
            site=short_name(words.site_name(alert)),
            device=words.device_name(alert),
            value=words.shown(alert),
            age=age((now_ns - (alert.resolved_ns or alert.raised_ns)) / NS_PER_S),
            raised_ns=alert.raised_ns,
            metrics=() if (rule := words.rules.get(alert.rule)) is None else rule.metrics,
            course=self._course(alert, desk.deliveries(alert=alert.id)),
        )

    def _course(self, alert: Alert, deliveries: Sequence[Delivered]) -> tuple[Step, ...]:
        done = sorted(
            (one.done_ns, person_text(one.delivery.person, self._words))
            for one in deliveries
            if one.status is Status.DELIVERED and one.done_ns is not None and one.delivery.channel is not Channel.MQTT
        )
        people = list(dict.fromkeys(person for _, person in done))
        return (
            Step("raised", clock(alert.raised_ns)),
            Step("delivered", clock(done[0][0]) if done else None, f"to {_among(people)}" if people else ""),
            Step(
                "acknowledged",
                None if alert.acknowledged_ns is None else clock(alert.acknowledged_ns),
                "" if alert.acknowledged_by is None else f"by {alert.acknowledged_by}",
            ),
            Step("resolved", None if alert.resolved_ns is None else clock(alert.resolved_ns)),
        )


def _among(people: Sequence[str]) -> str:
    return people[0] if len(people) == 1 else f"{people[0]} and {len(people) - 1} more"


def _about(change: Transition, words: AlertWords) -> str:
    place = ", ".join(filter(None, (words.device_name(change), short_name(words.site_name(change)))))
    return f"alert {change.alert[:SHORT]}, {words.name(change.rule)}, {place}"


def _by(change: Transition) -> str:
    return "" if change.by is None else f" by {change.by}"
