"""What people ask the alert database, each in one look. The desk hands it out."""

from collections.abc import Sequence

from msgspec import Struct
from sqlalchemy import Connection, Select, select

from alerts.alert import Alert, Transition
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


def alerts(connection: Connection, active: bool | None, limit: int) -> Sequence[Alert]:  # noqa: FBT001 - a filter
    """Most severe first, then newest. `active` None: resolved ones too."""
    wanted = select(*ALERT_COLUMNS).order_by(_alert.severity.desc(), _alert.raised_ns.desc(), _alert.id).limit(limit)
    if active is not None:
        wanted = wanted.where(_alert.active.is_(True) if active else _alert.active.is_(None))
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


def history(
    connection: Connection, since_ns: int, until_ns: int, rule: str | None, device: str | None, limit: int
) -> Sequence[Transition]:
    """By the moment at which they became true, from `since_ns` until before `until_ns`, oldest first."""
    wanted = (
        select(*TRANSITION_COLUMNS)
        .where(_change.at_ns >= since_ns, _change.at_ns < until_ns)
        .order_by(_change.at_ns, _change.number)
        .limit(limit)
    )
    if rule is not None:
        wanted = wanted.where(_change.rule == rule)
    if device is not None:
        wanted = wanted.where(_change.device == device)
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
