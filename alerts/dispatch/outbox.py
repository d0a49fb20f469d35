"""A notice in words, addressed: the delivery that the database keeps until it is there."""

from collections.abc import Mapping, Sequence

from alerts.address import INBOX, channel_of
from alerts.alert import Alert
from alerts.dispatch.identity import message_id
from alerts.dispatch.look import Look
from alerts.dispatch.tell import in_order
from alerts.notice import Cause, Delivery, Notice

LISTED = 20
"""Alerts in one message; of more it says how many."""


def send(
    look: Look,
    person: str,
    cause: Cause,
    alerts: Sequence[tuple[Alert, Cause]],
    marks: Sequence[str],
    group: Mapping[str, str],
    by: str | None = None,
) -> None:
    """Put a message about `alerts` into the plan. `marks` make its id; `by`: who gave them."""
    notice = _notice(look, person, cause, in_order(list(alerts)), group, by)
    put(look, notice, marks, [alert.id for alert, _ in alerts])


def put(look: Look, notice: Notice, marks: Sequence[str], alerts: Sequence[str]) -> None:
    """Put a notice into the plan, to the first of the person's receivers."""
    person = look.world.registry.people.get(notice.person)
    places = (() if person is None else person.receivers) or (INBOX,)
    look.planned.deliveries.append(
        Delivery(
            id=message_id(notice.cause, notice.person, *sorted(marks)),
            person=notice.person,
            place=0,
            channel=channel_of(places[0]),
            cause=notice.cause,
            created_ns=look.now_ns,
            alerts=tuple(alerts),
            message=look.world.compose(notice),
            due_ns=look.now_ns,
        )
    )
    look.planned.notified[notice.cause] += 1


def _notice(
    look: Look,
    person: str,
    cause: Cause,
    alerts: Sequence[tuple[Alert, Cause]],
    group: Mapping[str, str],
    by: str | None,
) -> Notice:
    return Notice(
        person=person,
        cause=cause,
        alerts=alerts[:LISTED],
        group=group,
        at_ns=look.now_ns,
        also=max(len(alerts) - LISTED, 0),
        by=by,
    )
