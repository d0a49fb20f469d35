"""Somebody was given an alert by hand: they are told, at once.

Nothing mutes that but that it is not theirs any more: a person has decided that this person has to know of this alert
now. So no silence, no hours, no site, no outage of a device or gateway, no flapping and no cap stands against it.
"""

from alerts.dispatch.look import Case, Look, Place, Sending
from alerts.dispatch.tell import remember
from alerts.notice import Cause, Muted


def tell_assigned(look: Look) -> None:
    """One message to each person for all alerts of a group that the same hand gave them.

    What is over by now is told to nobody. What somebody else has by now, and whom people.yaml no longer names, is left
    out without a word: for that there is no reason, the alert is simply not theirs.
    """
    buckets: dict[tuple[str, str, str], list[tuple[Case, Place]]] = {}
    for case in look.cases.values():
        given = case.ledger.given
        if given is None:
            continue
        if case.alert.acknowledged_by != given.person or given.person not in look.world.registry.people:
            case.ledger.given = None
        elif not given.told:
            given.told = True
            if case.alert.active:
                place = case.places[0]
                buckets.setdefault((place.group, given.person, given.by), []).append((case, place))
            else:
                look.mute(case.ledger, given.person, Muted.GONE)
    for (_, person, by), cases in buckets.items():
        _send(look, person, by, cases)


def _send(look: Look, person: str, by: str, cases: list[tuple[Case, Place]]) -> None:
    place = cases[0][1]
    look.sendings.append(
        Sending(
            person=person,
            cause=Cause.ASSIGNED,
            alerts=[(case.alert, Cause.ASSIGNED) for case, _ in cases],
            place=place,
            marks=[_mark(case) for case, _ in cases],
            urgent=True,
            by=by,
        )
    )
    for case, here in cases:
        remember(look, case, person, Cause.ASSIGNED, here.route)


def _mark(case: Case) -> str:
    """Each assignment is told once, however often the same alert is given to the same person."""
    assert case.ledger.given is not None, "it was given"
    return f"{case.alert.id} {Cause.ASSIGNED} {case.ledger.given.number}"
