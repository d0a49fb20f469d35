"""What people ask the alert database, each in one look. The desk hands it out."""

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

from msgspec import Struct
from sqlalchemy import Connection, Select, and_, or_, select

from alerts.alert import Alert, Severity, Transition
from alerts.database import tables
from alerts.database.rows import (
    ALERT_COLUMNS,
    DELIVERED_COLUMNS,
    TRANSITION_COLUMNS,
    Delivered,
    Status,
    alert_of,
    delivered_of,
    transition_of,
)
from alerts.database.sqlite import is_one_of
from alerts.notice import Channel

_alert = tables.alerts.c
_change = tables.transitions.c
_delivery = tables.deliveries.c
_action = tables.actions.c


class Outcome(Struct, frozen=True):
    """What became of an action."""

    done_ns: int
    """Wall clock."""
    why_not: str | None
    """Why the engine could not fulfil it; None: it did."""


class Mark(NamedTuple):
    """Where a page of alerts ended: the next one goes on after it, whatever has come or gone meanwhile."""

    severity: int
    raised_ns: int
    id: str


def mark_of(alert: Alert) -> Mark:
    """After this alert."""
    return Mark(int(alert.severity), alert.raised_ns, alert.id)


class Wanted(Struct, frozen=True):
    """Which alerts."""

    active: bool | None = True
    """False: only resolved ones; None: both."""
    rule: str | None = None
    device: str | None = None
    devices: Collection[str] | None = None
    """One of these; None: any."""
    severity: Severity | None = None
    after: Mark | None = None


def alerts(connection: Connection, filters: Wanted, limit: int) -> Sequence[Alert]:
    """Most severe first, then newest."""
    wanted = select(*ALERT_COLUMNS).order_by(_alert.severity.desc(), _alert.raised_ns.desc(), _alert.id).limit(limit)
    if filters.active is not None:
        wanted = wanted.where(_alert.active.is_(True) if filters.active else _alert.active.is_(None))
    if filters.rule is not None:
        wanted = wanted.where(_alert.rule == filters.rule)
    if filters.device is not None:
        wanted = wanted.where(_alert.device == filters.device)
    if filters.devices is not None:
        wanted = wanted.where(is_one_of(_alert.device, filters.devices))
    if filters.severity is not None:
        wanted = wanted.where(_alert.severity == int(filters.severity))
    if filters.after is not None:
        severity, raised_ns, id_ = filters.after
        same = _alert.severity == severity
        wanted = wanted.where(
            or_(
                _alert.severity < severity,
                and_(same, _alert.raised_ns < raised_ns),
                and_(same, _alert.raised_ns == raised_ns, _alert.id > id_),
            )
        )
    return _alerts(connection, wanted)


def alerts_that_begin(connection: Connection, beginning: str, limit: int) -> Sequence[Alert]:
    """Those whose id begins so, newest first; the one whose id it is, alone."""
    if exact := _alerts(connection, select(*ALERT_COLUMNS).where(_alert.id == beginning)):
        return exact
    wanted = (
        select(*ALERT_COLUMNS)
        .where(_alert.id.startswith(beginning, autoescape=True))
        .order_by(_alert.raised_ns.desc(), _alert.id)
        .limit(limit)
    )
    return _alerts(connection, wanted)


def transitions(connection: Connection, alert: str) -> Sequence[Transition]:
    """Of one alert, in order."""
    return _transitions(connection, select(*TRANSITION_COLUMNS).where(_change.alert == alert).order_by(_change.number))


class Span(Struct, frozen=True):
    """Which transitions: by the moment at which they became true, ns UTC."""

    since_ns: int
    until_ns: int
    """Not included."""
    rule: str | None = None
    device: str | None = None
    devices: Collection[str] | None = None
    """One of these; None: any."""
    after: tuple[int, int] | None = None
    """`at_ns` and `number` of the last one of the page before."""


def history(connection: Connection, span: Span, limit: int) -> Sequence[Transition]:
    """Oldest first; of one moment in the order of their numbers."""
    wanted = (
        select(*TRANSITION_COLUMNS)
        .where(_change.at_ns >= span.since_ns, _change.at_ns < span.until_ns)
        .order_by(_change.at_ns, _change.number)
        .limit(limit)
    )
    if span.rule is not None:
        wanted = wanted.where(_change.rule == span.rule)
    if span.device is not None:
        wanted = wanted.where(_change.device == span.device)
    if span.devices is not None:
        wanted = wanted.where(is_one_of(_change.device, span.devices))
    if span.after is not None:
        at_ns, number = span.after
        wanted = wanted.where(
            _change.at_ns >= at_ns, or_(_change.at_ns > at_ns, and_(_change.at_ns == at_ns, _change.number > number))
        )
    return _transitions(connection, wanted)


def deliveries(
    connection: Connection,
    alert: str | None,
    person: str | None,
    channel: Channel | None,
    status: Status | None,
    limit: int,
) -> Sequence[Delivered]:
    """Newest first."""
    wanted = select(*DELIVERED_COLUMNS).order_by(_delivery.created_ns.desc(), _delivery.number.desc()).limit(limit)
    if alert is not None:
        told = tables.delivery_alerts
        wanted = wanted.where(_delivery.id.in_(select(told.c.delivery).where(told.c.alert == alert)))
    if person is not None:
        wanted = wanted.where(_delivery.person == person)
    if channel is not None:
        wanted = wanted.where(_delivery.channel == channel.value)
    if status is not None:
        wanted = wanted.where(_delivery.status == status.value)
    return [delivered_of(row) for row in connection.execute(wanted).mappings()]


def dispatched(connection: Connection, alert: str) -> Mapping[str, bytes]:
    """What dispatch remembers of one alert, and all that caps hold back, encoded, by key."""
    group = tables.groups.c
    wanted = select(group.key, group.state).where(or_(group.key == f"alert {alert}", group.key.startswith("held ")))
    return {row.key: row.state for row in connection.execute(wanted)}


def silence_ids(connection: Connection, beginning: str, now_ns: int) -> Sequence[str]:
    """Of silences that are not over and whose id begins so; the one whose id it is, alone."""
    wanted = select(tables.silences.c.id).where(tables.silences.c.end_ns > now_ns).order_by(tables.silences.c.id)
    ids = [id_ for id_ in connection.scalars(wanted) if id_.startswith(beginning)]
    return [beginning] if beginning in ids else ids


def outcome(connection: Connection, action_id: int) -> Outcome | None:
    """None: the engine has not got to it. Raises `LookupError` where there is no such action."""
    row = connection.execute(select(_action.done_ns, _action.why_not).where(_action.id == action_id)).one_or_none()
    if row is None:
        raise LookupError(f"there is no action {action_id}")
    return None if row.done_ns is None else Outcome(row.done_ns, row.why_not)


def _alerts(connection: Connection, wanted: Select[tuple[object, ...]]) -> Sequence[Alert]:
    return [alert_of(row) for row in connection.execute(wanted).mappings()]


def _transitions(connection: Connection, wanted: Select[tuple[object, ...]]) -> Sequence[Transition]:
    return [transition_of(row) for row in connection.execute(wanted).mappings()]
