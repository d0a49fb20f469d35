"""People: whom alerts can be given to. Never where they are reached: an address may hold a secret."""

from api.access.caller import Caller, Role
from api.queries.answer import Answer
from api.queries.readers import require_reader
from api.sources import Sources
from telemetry.registry.models import Person


class PersonBrief(Answer):
    """Somebody who is told of alerts."""

    id: str
    name: str
    language: str
    """Language tag."""
    sites: tuple[str, ...]
    """Empty: all sites."""


async def people(sources: Sources, caller: Caller) -> tuple[PersonBrief, ...]:
    """Those who are told of the caller's sites, by id; of theirs only the caller's sites are named. For operators."""
    require_reader(caller, Role.OPERATOR)
    return tuple(
        PersonBrief(
            id=one.id,
            name=one.name,
            language=one.language,
            sites=tuple(site for site in one.sites if caller.sees(site)),
        )
        for _, one in sorted(sources.registry.people.items())
        if shares_sites(caller, one)
    )


def shares_sites(caller: Caller, person: Person) -> bool:
    """Whether the person is told of a site of the caller's."""
    return not person.sites or any(caller.sees(site) for site in person.sites)
