"""The fourth stage: nobody has acknowledged in time, so the next people are told, at once."""

from alerts.dispatch.look import Case, Look, Place, Sending
from alerts.dispatch.muting import muted
from alerts.dispatch.news import acknowledged
from alerts.dispatch.routing import Step
from alerts.dispatch.state import Sent
from alerts.dispatch.tell import mark, remember
from alerts.notice import Cause


def escalate(look: Look) -> None:
    """Tell the people of every step that is due, once each, with all alerts of a group in one message."""
    waiting = {wish.case.alert.id for wish in look.wishes}
    buckets: dict[tuple[str, str], list[tuple[Case, Place]]] = {}
    for case in look.cases.values():
        if not case.alert.active:
            continue
        for place in case.places:
            _begin(look, case, place, already=case.alert.id not in waiting)
            for person in _next(look, case, place):
                buckets.setdefault((place.group, person), []).append((case, place))
    for (_, person), cases in buckets.items():
        _send(look, person, cases)


def _begin(look: Look, case: Case, place: Place, *, already: bool) -> None:
    """On a route where all know the alert already, from another one, the time runs from now."""
    if already and case.ledger.told:
        case.ledger.sent.setdefault(place.route.name, Sent(look.now_ns))


def _next(look: Look, case: Case, place: Place) -> tuple[str, ...]:
    """Who is told now, because of all steps that are due together."""
    sent = case.ledger.sent.get(place.route.name)
    if sent is None:
        return ()
    steps = place.route.escalate[sent.steps :]
    due = [step for step in steps if _at_ns(sent, step) <= look.now_ns]
    if not steps:
        return ()
    if acknowledged(case.alert, look.now_ns):
        look.wake(case.alert.acknowledged_until_ns)
        return ()
    if not due:
        look.wake(_at_ns(sent, steps[0]))
        return ()
    mute = muted(look, case, place.route)
    if mute is not None:
        look.wake(mute.until_ns)
        return ()
    sent.steps += len(due)
    if len(due) < len(steps):
        look.wake(_at_ns(sent, steps[len(due)]))
    people = [person for step in due for person in look.audience(step.to, case).people]
    return tuple(dict.fromkeys(people))


def _at_ns(sent: Sent, step: Step) -> int:
    return sent.first_ns + step.after_ns


def _send(look: Look, person: str, cases: list[tuple[Case, Place]]) -> None:
    place = cases[0][1]
    look.sendings.append(
        Sending(
            person=person,
            cause=Cause.ESCALATED,
            alerts=[(case.alert, Cause.ESCALATED) for case, _ in cases],
            place=place,
            marks=[mark(case, person, Cause.ESCALATED) for case, _ in cases],
            urgent=True,
        )
    )
    for case, _ in cases:
        if person not in case.ledger.escalated:
            case.ledger.escalated.append(person)
        remember(look, case, person, Cause.ESCALATED, place.route)
        look.wake(look.now_ns + place.route.repeat_interval_ns)
