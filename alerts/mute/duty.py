"""Who of the people on a route is told: those whose site it is and who are on duty. Never nobody."""

from collections.abc import Iterable, Mapping
from zoneinfo import ZoneInfo

from msgspec import Struct

from alerts.notice import Muted
from telemetry.registry.models import Person, Registry

EVERYBODY = "everybody"
"""Stands for people where a deployment has none: the local inbox shows what they would be told."""


class Audience(Struct, frozen=True):
    """Who is told, and why others are not."""

    people: tuple[str, ...]
    """Ids; at least one."""
    absent: Mapping[str, Muted]
    """By person."""
    changes_ns: int | None
    """When somebody's hours may begin or end, ns UTC."""


def audience(to: Iterable[str], site: str, zone: ZoneInfo, registry: Registry, now_ns: int) -> Audience:
    """Of the people in `to`, those who are told of something at `site` (empty: at none), whose time zone is `zone`.

    Whose site it is not, and who is off duty, is not told as long as anybody is left. Where nobody is on duty, all
    whose site it is are told; where it is nobody's site, all in `to`. Where none of them exists any more, or `to` is
    empty, it is everybody's whose site it is.
    """
    named = [registry.people[person] for person in to if person in registry.people]
    known = named or [person for person in registry.people.values() if _responsible(person, site)]
    known = known or list(registry.people.values())
    responsible = [person for person in known if _responsible(person, site)] or known
    on_duty = [person for person in responsible if person.hours is None or person.hours.hold(now_ns, zone)]
    chosen = on_duty or responsible
    absent = {
        person.id: Muted.OFF_DUTY if person in responsible else Muted.NOT_THEIR_SITE
        for person in known
        if person not in chosen
    }
    changes = [person.hours.next_change_ns(now_ns, zone) for person in responsible if person.hours is not None]
    return Audience(tuple(person.id for person in chosen) or (EVERYBODY,), absent, min(changes, default=None))


def _responsible(person: Person, site: str) -> bool:
    return not person.sites or site in person.sites
