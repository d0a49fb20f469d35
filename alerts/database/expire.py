"""Forgetting what is old: a slice a transaction, so that nobody waits for long."""

from sqlalchemy import Connection, delete, func, select

from alerts.database import tables
from alerts.database.rows import Status

SLICE = 200
"""Rows of each sort, some ms of the engine's thread."""


def forget_alerts(connection: Connection, before_ns: int) -> int:
    """Some of the alerts that were resolved before then, with their transitions. Returns how many."""
    ids = list(
        connection.scalars(select(tables.alerts.c.id).where(tables.alerts.c.resolved_ns < before_ns).limit(SLICE))
    )
    if ids:
        connection.execute(delete(tables.transitions).where(tables.transitions.c.alert.in_(ids)))
        connection.execute(delete(tables.alerts).where(tables.alerts.c.id.in_(ids)))
    return len(ids)


def forget_deliveries(connection: Connection, before_ns: int) -> int:
    """Some of the deliveries that were made before then and wait no more."""
    made = tables.deliveries.c
    old = select(made.id).where(made.created_ns < before_ns, made.status != Status.WAITING.value).limit(SLICE)
    ids = list(connection.scalars(old))
    if ids:
        connection.execute(delete(tables.delivery_alerts).where(tables.delivery_alerts.c.delivery.in_(ids)))
        connection.execute(delete(tables.deliveries).where(made.id.in_(ids)))
    return len(ids)


def forget_wishes(connection: Connection, before_ns: int) -> int:
    """All actions that were done and silences that were over before then."""
    actions = tables.actions.c
    # The newest one stays: its number must not be given again, or somebody reads another action's outcome.
    newest = select(func.max(actions.id)).scalar_subquery()
    old = delete(tables.actions).where(actions.done_ns < before_ns, actions.id < newest)
    ended = delete(tables.silences).where(tables.silences.c.end_ns < before_ns)
    return connection.execute(old).rowcount + connection.execute(ended).rowcount
