"""The third stage: alerts that belong together share a message, and a group does not speak all the time."""

from collections.abc import Collection, Iterable, Sequence

from alerts.alert import Severity
from alerts.dispatch.look import Look, Sending, Wish
from alerts.dispatch.news import WEIGHT
from alerts.dispatch.routing import Route
from alerts.dispatch.state import Group, Talk
from alerts.dispatch.tell import mark, remember
from alerts.notice import Cause

_URGENT = frozenset({Cause.NEW, Cause.MORE, Cause.ROSE, Cause.FLAPPING})
"""What does not wait at all on a route whose `group_wait` is 0; only ends do."""


def gather(look: Look) -> None:
    """Make a message of each group's wishes to each person whose time has come."""
    buckets: dict[tuple[str, str], list[Wish]] = {}
    for wish in look.wishes:
        buckets.setdefault((wish.place.group, wish.person), []).append(wish)
    for (group, person), wishes in buckets.items():
        talk = look.memory.groups.setdefault(group, Group()).people.setdefault(person, Talk())
        if _due(look, talk, wishes):
            _send(look, person, talk, wishes)
    _forget(look, buckets.keys())


def speaks_ns(talk: Talk, route: Route, causes: Iterable[Cause], since_ns: int) -> int:
    """When a group may tell a person its news, which wait since `since_ns`; wall clock, ns UTC.

    The first message waits for others (`group_wait`), a later one for the interval since the last message too. Where
    the route has no `group_wait` only ends wait: a second call for help is as urgent as the first.
    """
    at_once = route.group_wait_ns == 0 and not _URGENT.isdisjoint(causes)
    if talk.sent_ns is None or at_once:
        return since_ns + route.group_wait_ns
    return max(since_ns + route.group_wait_ns, talk.sent_ns + route.group_interval_ns)


def _due(look: Look, talk: Talk, wishes: Sequence[Wish]) -> bool:
    route = wishes[0].place.route
    moments = [wish.due_ns for wish in wishes if wish.cause is Cause.REPEAT]
    causes = [wish.cause for wish in wishes if wish.cause is not Cause.REPEAT]
    if causes:
        talk.since_ns = look.now_ns if talk.since_ns is None else talk.since_ns
        moments.append(speaks_ns(talk, route, causes, talk.since_ns))
    else:
        talk.since_ns = None
    look.wake(min(moments))
    return min(moments) <= look.now_ns


def _send(look: Look, person: str, talk: Talk, wishes: Sequence[Wish]) -> None:
    place = wishes[0].place
    look.sendings.append(
        Sending(
            person=person,
            cause=min((wish.cause for wish in wishes), key=WEIGHT.index),
            alerts=[(wish.case.alert, wish.cause) for wish in wishes],
            place=place,
            marks=[mark(wish.case, person, wish.cause) for wish in wishes],
            urgent=place.route.group_wait_ns == 0
            and any(wish.case.alert.severity is Severity.CRITICAL for wish in wishes),
        )
    )
    talk.since_ns, talk.sent_ns = None, look.now_ns
    for wish in wishes:
        if wish.series is not None:
            wish.series.told[person] = look.now_ns
        remember(look, wish.case, person, wish.cause, place.route)
        if wish.case.alert.active:
            look.wake(look.now_ns + place.route.repeat_interval_ns)


def _forget(look: Look, wished: Collection[tuple[str, str]]) -> None:
    """A group that has nothing to say to a person, and of which they know nothing that is still there, starts anew."""
    known = {
        (place.group, person)
        for case in look.cases.values()
        if case.alert.id in look.memory.ledgers
        for place in case.places
        for person in case.ledger.told
    }
    for name, group in list(look.memory.groups.items()):
        for person, talk in list(group.people.items()):
            if (name, person) not in wished:
                talk.since_ns = None
            if talk.since_ns is None and (name, person) not in known:
                del group.people[person]
        if not group.people:
            del look.memory.groups[name]
