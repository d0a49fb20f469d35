"""One rule in its file: where it is written, and what is wrong with it."""

from collections.abc import Collection

from telemetry.document import Document, Problem, nearest, show
from telemetry.marked import Part

GROUP = "rules"


class Spot:
    """Collects the problems of the rule that stands at `index` in a file's list."""

    def __init__(self, document: Document, index: int) -> None:
        self.problems: list[Problem] = []
        self._document = document
        self._index = index

    @property
    def file(self) -> str:
        """As problems call it."""
        return self._document.name

    @property
    def line(self) -> int:
        """Of its id."""
        return self._at(("id",), "", "").line

    def note(self, path: tuple[Part, ...], found: object, expected: str) -> None:
        """A problem with the field at `path` within the rule. `found`: a value, or words in a `Words`."""
        self.problems.append(self._at(path, str(found) if isinstance(found, Words) else show(found), expected))

    def unknown(self, path: tuple[Part, ...], what: str, word: str, known: Collection[str]) -> None:
        """A name that nothing has."""
        close = nearest(word, known)
        self.note(path, word, f"a known {what}, perhaps {close!r}" if close else f"a known {what}")

    def _at(self, path: tuple[Part, ...], found: str, expected: str) -> Problem:
        return self._document.problem((GROUP, self._index, *path), found, expected)


class Words(str):
    """What was found, in words rather than as a value."""

    __slots__ = ()
