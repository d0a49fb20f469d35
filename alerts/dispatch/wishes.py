"""The second stage: who should be told what of each alert, and who is not, and why not."""

from collections.abc import Iterator
from typing import NamedTuple

from alerts.dispatch.look import Case, Look, Place, Wish
from alerts.dispatch.muting import Mute, explained, muted
from alerts.dispatch.news import acknowledged, news
from alerts.mute.duty import Audience
from alerts.notice import Cause, Muted


class Option(NamedTuple):
    """A way in which a person may be told of an alert."""

    place: Place
    absent: Mute | None
    """Why this person is passed over there, while others are told."""
    ends_only: bool
    """The present routes don't name this person: only the end of what they were told of is theirs to know."""


def make_wishes(look: Look) -> None:
    """For every alert and person the news there are, or the reason why they are not told; closes what is over."""
    for case in look.cases.values():
        known = bool(case.ledger.told)
        for person, options in _people(look, case).items():
            _consider(look, case, person, options)
        if not case.alert.active and not case.ledger.told:
            if not known:
                _count_untold(look, case)
            del look.memory.ledgers[case.alert.id]


def _people(look: Look, case: Case) -> dict[str, list[Option]]:
    """Everybody whom the routes name or who was told before, each with the branches on which they may be told."""
    found: dict[str, list[Option]] = {}
    for place in case.places:
        for person, absent in _of(look.audience(place.route.to, case)):
            found.setdefault(person, []).append(Option(place, absent, ends_only=False))
    given = [] if case.ledger.given is None else [case.ledger.given.person]
    theirs = (*case.ledger.escalated, *given)
    for person in dict.fromkeys((*theirs, *case.ledger.told)):
        if person not in found:
            found[person] = [Option(case.places[0], None, ends_only=person not in theirs)]
    return found


def _of(audience: Audience) -> Iterator[tuple[str, Mute | None]]:
    for person in audience.people:
        yield person, None
    for person, why in audience.absent.items():
        yield person, Mute(why, audience.changes_ns)


def _consider(look: Look, case: Case, person: str, options: list[Option]) -> None:
    """One wish at most: on the first branch on which nothing stands against it."""
    told, ledger = case.ledger.told.get(person), case.ledger
    if told is None and (ledger.flapping or not case.alert.active):
        # The notice about its series is theirs; of what is over there is nothing to say.
        return
    reasons: list[Mute] = []
    for option in options:
        route = option.place.route
        # A repetition goes along with other news a little before it is due.
        early_ns = route.repeat_interval_ns - route.group_interval_ns
        cause = news(case.alert, told, early_ns, look.now_ns, group_told=_group_told(look, option.place, person))
        if cause is None or (option.ends_only and cause is not Cause.RESOLVED):
            continue
        reason = _reason(look, case, option, cause)
        if reason is None:
            due_ns = 0 if told is None else told.last_ns + route.repeat_interval_ns
            look.wishes.append(Wish(case, person, cause, option.place, due_ns))
            ledger.muted.pop(person, None)
            return
        reasons.append(reason)
    if told is not None and case.alert.active:
        if acknowledged(case.alert, look.now_ns):
            # Reminders stop; that is what acknowledging is for.
            reasons.append(Mute(Muted.ACKNOWLEDGED, case.alert.acknowledged_until_ns))
        else:
            look.wake(min(told.last_ns + option.place.route.repeat_interval_ns for option in options))
    for reason in reasons:
        look.wake(reason.until_ns)
    if not reasons:
        ledger.muted.pop(person, None)
        return
    look.mute(ledger, person, reasons[0].why)
    if not case.alert.active and explained(look, case) is not None:
        # The end of what is silenced, or explained by something else, is no news for later either.
        del ledger.told[person]


def _group_told(look: Look, place: Place, person: str) -> bool:
    group = look.memory.groups.get(place.group)
    talk = None if group is None else group.people.get(person)
    return talk is not None and talk.sent_ns is not None


def _reason(look: Look, case: Case, option: Option, cause: Cause) -> Mute | None:
    """What stands against telling a person on a branch, in the order in which it is said."""
    alert = case.alert
    everybody = explained(look, case)
    if everybody is not None:
        return everybody
    if cause in {Cause.NEW, Cause.MORE} and acknowledged(alert, look.now_ns):
        return Mute(Muted.ACKNOWLEDGED, alert.acknowledged_until_ns)
    return option.absent or muted(look, case, option.place.route)


def _count_untold(look: Look, case: Case) -> None:
    """It is over, and nobody heard of it: because it was short, where nothing else was the reason."""
    ledger = case.ledger
    if ledger.flapping:
        look.planned.muted[Muted.FLAPPING] += 1
        return
    waiting = [
        place for place in case.places if not ledger.muted.keys() >= set(look.audience(place.route.to, case).people)
    ]
    if waiting:
        mute = muted(look, case, waiting[0].route)
        look.planned.muted[Muted.GONE if mute is None else mute.why] += 1
