"""What judge and dispatch read, each in one look."""

from collections.abc import Mapping, Sequence

from msgspec import Struct
from sqlalchemy import Connection, func, select

from alerts.alert import Alert, Change, Silence, Transition
from alerts.database import blobs, tables
from alerts.database.rows import (
    ACTION_COLUMNS,
    ALERT_COLUMNS,
    SILENCE_COLUMNS,
    TRANSITION_COLUMNS,
    Status,
    action_of,
    alert_of,
    silence_of,
    transition_of,
)
from alerts.judge.judged import Action, Remembered
from alerts.notice import Cause, Channel

CURSOR = "cursor"
LAST_TRANSITION = "last_transition"
IDS_AT_ONCE = 500
"""Databases limit how many values a statement may name."""
TAKEN_ON = (Change.ACKNOWLEDGED, Change.ASSIGNED)
"""With these somebody has the alert."""

_alerts = select(*ALERT_COLUMNS)
_active = _alerts.where(tables.alerts.c.active.is_(True)).order_by(tables.alerts.c.raised_ns, tables.alerts.c.id)
_waiting_actions = select(*ACTION_COLUMNS).where(tables.actions.c.done_ns.is_(None)).order_by(tables.actions.c.id)


def remembered(connection: Connection) -> Remembered:
    """Everything that the judge goes on with."""
    return Remembered(
        devices=blobs.devices.read(connection),
        states=blobs.states.read(connection),
        windows=blobs.windows.read(connection),
        areas=blobs.areas.read(connection),
        figures=blobs.figures.read(connection),
        alerts=list(active_alerts(connection)),
        silences=list(silences(connection, 0)),
    )


class Situation(Struct):
    """What the dispatcher plans from."""

    cursor: int
    """The number of the last transition that it has taken into account; 0: none."""
    news: Sequence[Transition]
    """The next ones, in order."""
    alerts: Mapping[str, Alert]
    """By id: all that are active, and those that the news are about."""
    first_acknowledged: Mapping[str, int]
    """By alert, of those that somebody takes on in the news: the number of the first transition that did so."""
    groups: Mapping[str, bytes]
    """By key, encoded."""
    silences: Sequence[Silence]
    """Those that are not over."""
    sent: Mapping[str, Sequence[int]]
    """Person to the moments of their messages lately, see `sent`."""
    figures: Mapping[str, int]


def cursor(connection: Connection) -> int:
    """The number of the last transition that the dispatcher has taken into account; 0: none."""
    return blobs.marks.read(connection).get(CURSOR, 0)


def last_number(connection: Connection) -> int:
    """Of the last transition that ever was; 0: there was none."""
    return blobs.marks.read(connection).get(LAST_TRANSITION, 0)


def situation(connection: Connection, now_ns: int, news_at_once: int, sent_since_ns: int) -> Situation:
    """All of it, in one look: what the judge commits meanwhile comes with the next."""
    read_until = cursor(connection)
    news = transitions_after(connection, read_until, news_at_once)
    alerts = {alert.id: alert for alert in active_alerts(connection)}
    over = {transition.alert for transition in news} - alerts.keys()
    return Situation(
        cursor=read_until,
        news=news,
        alerts=alerts | {alert.id: alert for alert in alerts_by_id(connection, sorted(over))},
        first_acknowledged=_first_acknowledged(connection, news),
        groups=blobs.groups.read(connection),
        silences=silences(connection, now_ns),
        sent=sent(connection, sent_since_ns),
        figures=blobs.figures.read(connection),
    )


def waiting_actions(connection: Connection) -> Sequence[Action]:
    """Not done yet, oldest first."""
    return [action_of(row) for row in connection.execute(_waiting_actions).mappings()]


def transitions_after(connection: Connection, number: int, limit: int) -> Sequence[Transition]:
    """The next ones, in order."""
    wanted = (
        select(*TRANSITION_COLUMNS)
        .where(tables.transitions.c.number > number)
        .order_by(tables.transitions.c.number)
        .limit(limit)
    )
    return [transition_of(row) for row in connection.execute(wanted).mappings()]


def active_alerts(connection: Connection) -> Sequence[Alert]:
    """Those that are not resolved, oldest first."""
    return [alert_of(row) for row in connection.execute(_active).mappings()]


def alerts_by_id(connection: Connection, ids: Sequence[str]) -> Sequence[Alert]:
    """Those of them that there are, in no order."""
    found: list[Alert] = []
    for start in range(0, len(ids), IDS_AT_ONCE):
        wanted = _alerts.where(tables.alerts.c.id.in_(ids[start : start + IDS_AT_ONCE]))
        found.extend(alert_of(row) for row in connection.execute(wanted).mappings())
    return found


def _first_acknowledged(connection: Connection, news: Sequence[Transition]) -> dict[str, int]:
    """Of alerts that somebody takes on in the news. Their transitions stay as long as they do: so does the answer."""
    change = tables.transitions.c
    first = select(change.alert, func.min(change.number)).group_by(change.alert)
    taken_on = first.where(change.change.in_([one.value for one in TAKEN_ON]))
    ids = sorted({one.alert for one in news if one.change in TAKEN_ON})
    found: dict[str, int] = {}
    for start in range(0, len(ids), IDS_AT_ONCE):
        wanted = taken_on.where(change.alert.in_(ids[start : start + IDS_AT_ONCE]))
        found.update((alert, number) for alert, number in connection.execute(wanted))
    return found


def silences(connection: Connection, now_ns: int) -> Sequence[Silence]:
    """Those that are not over, in the order in which they begin."""
    wanted = (
        select(*SILENCE_COLUMNS)
        .where(tables.silences.c.end_ns > now_ns)
        .order_by(tables.silences.c.start_ns, tables.silences.c.id)
    )
    return [silence_of(row) for row in connection.execute(wanted).mappings()]


def sent(connection: Connection, since_ns: int) -> dict[str, list[int]]:
    """Person to the moments at which messages to them were made, since then; what counts towards their cap.

    Not escalations, not MQTT, and no dead letters: what could not reach a person was no bother to them.
    """
    made = tables.deliveries.c
    wanted = (
        select(made.person, made.created_ns)
        .where(
            made.created_ns >= since_ns,
            made.channel != Channel.MQTT.value,
            made.cause != Cause.ESCALATED.value,
            made.status != Status.DEAD.value,
        )
        .order_by(made.created_ns)
    )
    moments: dict[str, list[int]] = {}
    for person, created_ns in connection.execute(wanted):
        moments.setdefault(person, []).append(created_ns)
    return moments
