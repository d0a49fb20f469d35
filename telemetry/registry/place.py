"""Where something of the registry is written, so that a problem found later still names its line."""

from collections.abc import Iterable
from typing import NamedTuple

from telemetry.document import Document, Problem, nearest, show
from telemetry.registry.sheet import Sheet


class Place(NamedTuple):
    """One entry of a file."""

    source: Document | Sheet
    at: int
    """A row's line in a sheet; an index into the list in a document."""
    group: str
    """The document's list: sites, people, devices; empty for a sheet."""

    def problem(self, field: str, found: str, expected: str) -> Problem:
        """A problem with one field of it."""
        if isinstance(self.source, Document):
            return self.source.problem((self.group, self.at, field), found, expected)
        return Problem(self.source.name, self.at, field, found, expected)

    def unknown(self, field: str, what: str, word: str, known: Iterable[str]) -> Problem:
        """A problem with a name that nothing has."""
        close = nearest(word, list(known))
        return self.problem(field, show(word), f"a known {what}, perhaps {close!r}" if close else f"a known {what}")

    def __str__(self) -> str:
        return f"{self.source.name}:{self.problem('id', '', '').line}"


def claim(places: dict[str, Place], name: str, place: Place) -> Problem | None:
    """Take an id for the entry at `place`; a problem where another has it."""
    if name in places:
        return place.problem("id", show(name), f"an id of its own ({places[name]} has this one)")
    places[name] = place
    return None
