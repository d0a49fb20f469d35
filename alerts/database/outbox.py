"""Deliveries: put in, taken out when they are due, and marked with what became of them."""

from collections.abc import Mapping, Sequence

from msgspec import Struct
from sqlalchemy import Connection, bindparam, case, func, select, update

from alerts.database import tables
from alerts.database.rows import DELIVERY_COLUMNS, Status, delivery_of, delivery_row
from alerts.database.sqlite import insert_new
from alerts.notice import Attempt, Channel, Delivery, Verdict

_row = tables.deliveries.c
_insert = insert_new(tables.deliveries)
_insert_alert = insert_new(tables.delivery_alerts)
_waiting = _row.status == Status.WAITING.value
_lanes = (
    select(_row.person, _row.place, _row.channel, func.min(_row.due_ns))
    .where(_waiting)
    .group_by(_row.person, _row.place, _row.channel)
)
_of_lane = (
    select(*DELIVERY_COLUMNS)
    .where(
        _waiting,
        _row.person == bindparam("the_person"),
        _row.place == bindparam("the_place"),
        _row.channel == bindparam("the_channel"),
        _row.due_ns <= bindparam("now_ns"),
    )
    .order_by(_row.due_ns, _row.number)
    .limit(bindparam("most"))
)
_next_due = select(func.min(_row.due_ns)).where(_waiting)
_counts = (
    select(_row.status, _row.channel, func.count(), func.min(_row.created_ns))
    .where(_row.status.in_((Status.WAITING.value, Status.DEAD.value)))
    .group_by(_row.status, _row.channel)
)


class Outbox(Struct, frozen=True):
    """How much waits to be delivered."""

    depth: int = 0
    """Deliveries that wait, due or not."""
    oldest_created_ns: int | None = None
    """Of those; wall clock. None: nothing waits."""
    dead: int = 0
    """Dead letters that are kept."""
    waiting: Mapping[Channel, int] = {}
    dead_by_channel: Mapping[Channel, int] = {}


def insert_deliveries(connection: Connection, deliveries: Sequence[Delivery]) -> None:
    """Put them in, waiting. One whose id is there already stays as it is: it was put in by an earlier attempt."""
    if deliveries:
        connection.execute(_insert, [delivery_row(delivery) for delivery in deliveries])
    if pairs := [{"delivery": one.id, "alert": alert} for one in deliveries for alert in dict.fromkeys(one.alerts)]:
        connection.execute(_insert_alert, pairs)


def due(connection: Connection, now_ns: int, limit_per_lane: int) -> Sequence[Delivery]:
    """What is to be sent now: of each receiver of each person the first few, so that nobody hides the others."""
    found: list[Delivery] = []
    for person, place, channel, first_ns in connection.execute(_lanes).all():
        if first_ns > now_ns:
            continue
        wanted = {
            "the_person": person,
            "the_place": place,
            "the_channel": channel,
            "now_ns": now_ns,
            "most": limit_per_lane,
        }
        found.extend(delivery_of(row) for row in connection.execute(_of_lane, wanted).mappings())
    return found


def next_due_ns(connection: Connection) -> int | None:
    """When the next delivery is due, wall clock; in the past: now. None: nothing waits."""
    return connection.execute(_next_due).scalar()


def outbox(connection: Connection) -> Outbox:
    """How much waits."""
    waiting: dict[Channel, int] = {}
    dead: dict[Channel, int] = {}
    oldest: list[int] = []
    for status, channel, count, oldest_ns in connection.execute(_counts):
        if status == Status.WAITING:
            waiting[Channel(channel)] = count
            oldest.append(oldest_ns)
        else:
            dead[Channel(channel)] = count
    return Outbox(sum(waiting.values()), min(oldest, default=None), sum(dead.values()), waiting, dead)


def attempted(connection: Connection, delivery_id: str, attempt: Attempt, next_due_ns: int | None, at_ns: int) -> None:
    """Mark what became of an attempt. `next_due_ns` is needed for `LATER` only; `at_ns`: when it ended."""
    changes: dict[str, object] = {"attempts": _row.attempts + 1, "detail": attempt.detail}
    match attempt.verdict:
        case Verdict.DELIVERED:
            changes |= {"status": Status.DELIVERED.value, "done_ns": at_ns}
        case Verdict.REFUSED:
            changes |= {"status": Status.DEAD.value, "done_ns": at_ns}
        case Verdict.LATER:
            if next_due_ns is None:
                raise ValueError("a delivery that is to be tried again needs a time")
            changes |= {"due_ns": next_due_ns}
    connection.execute(update(tables.deliveries).where(_row.id == delivery_id, _waiting).values(changes))


def hand_on(connection: Connection, delivery_id: str, replacement: Delivery, detail: str, at_ns: int) -> None:
    """Give a delivery up, and put the one to the person's next receiver in."""
    connection.execute(
        update(tables.deliveries)
        .where(_row.id == delivery_id, _row.status != Status.DELIVERED.value)
        .values(
            attempts=_row.attempts + case((_waiting, 1), else_=0),
            status=Status.DEAD.value,
            done_ns=func.coalesce(_row.done_ns, at_ns),
            detail=detail or _row.detail,
        )
    )
    insert_deliveries(connection, [replacement])
