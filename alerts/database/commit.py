"""Keeping what was judged and what was planned: each in one transaction, which the caller has begun."""

from collections.abc import Sequence

from msgspec.structs import replace
from sqlalchemy import Connection, bindparam, insert, update
from sqlalchemy.exc import IntegrityError

from alerts.alert import Transition
from alerts.database import blobs, tables
from alerts.database.outbox import insert_deliveries
from alerts.database.read import CURSOR, LAST_TRANSITION, last_number, transitions_after
from alerts.database.rows import alert_row, silence_row, transition_row
from alerts.database.sqlite import is_second_active, upsert
from alerts.database.trouble import SecondActiveAlertError
from alerts.dispatch.planned import Planned
from alerts.judge.judged import Judged

_keep_alert = upsert(tables.alerts)
_keep_silence = upsert(tables.silences)
_insert_transition = insert(tables.transitions)
_finish_action = (
    update(tables.actions)
    .where(tables.actions.c.id == bindparam("the_id"))
    .values(done_ns=bindparam("done_ns"), why_not=bindparam("why_not"))
)


def holds_nothing(judged: Judged) -> bool:
    """Whether there is nothing to keep."""
    return not any(getattr(judged, name) for name in Judged.__struct_fields__)


def keep_judged(connection: Connection, judged: Judged, last: int, at_ns: int) -> Sequence[Transition]:
    """Everything of one batch. Returns its transitions, numbered from `last` + 1; `at_ns` is when actions are done.

    Raises `SecondActiveAlertError`.
    """
    blobs.devices.write(connection, judged.devices)
    blobs.states.write(connection, judged.states)
    blobs.windows.write(connection, judged.windows)
    blobs.areas.write(connection, judged.areas)
    blobs.figures.write(connection, judged.figures)
    _keep_alerts(connection, judged)
    if judged.silences:
        connection.execute(_keep_silence, [silence_row(silence) for silence in judged.silences])
    if judged.done:
        connection.execute(
            _finish_action, [{"the_id": id_, "done_ns": at_ns, "why_not": why_not} for id_, why_not in judged.done]
        )
    return _number(connection, judged.transitions, last)


def _keep_alerts(connection: Connection, judged: Judged) -> None:
    if not judged.alerts:
        return
    # The resolved ones first: they make room for a new one of the same rule and device.
    in_order = sorted(judged.alerts.values(), key=lambda alert: alert.active)
    try:
        connection.execute(_keep_alert, [alert_row(alert) for alert in in_order])
    except IntegrityError as error:
        if is_second_active(error):
            named = ", ".join(f"{alert.rule} on {alert.device}" for alert in in_order if alert.active)
            raise SecondActiveAlertError(f"one of these has an active alert already: {named}") from error
        raise


def _number(connection: Connection, transitions: Sequence[Transition], last: int) -> Sequence[Transition]:
    """Insert them; those that an attempt has left which was believed to have failed are not inserted again."""
    if not transitions:
        return ()
    left = transitions_after(connection, last, len(transitions)) if last < last_number(connection) else ()
    if [replace(one, number=0) for one in left] != [replace(one, number=0) for one in transitions[: len(left)]]:
        left = ()
        last = last_number(connection)
    numbered = [replace(one, number=last + place) for place, one in enumerate(transitions, 1)]
    if new := numbered[len(left) :]:
        connection.execute(_insert_transition, [transition_row(one) for one in new])
    blobs.marks.write(connection, {LAST_TRANSITION: numbered[-1].number})
    return numbered


def keep_planned(connection: Connection, planned: Planned) -> None:
    """Groups, deliveries, figures and the cursor."""
    blobs.groups.write(connection, planned.groups)
    blobs.figures.write(connection, planned.figures)
    insert_deliveries(connection, planned.deliveries)
    if planned.cursor is not None:
        blobs.marks.write(connection, {CURSOR: planned.cursor})
