"""Translations from gettext's `.po` files, where the English text is its own key.

Who speaks to people keeps them in a folder `locale/<language>/` of its own package.
"""

from collections.abc import Mapping, Sequence
from importlib import resources
from importlib.resources.abc import Traversable
from typing import NamedTuple

from babel.messages.pofile import read_po

from telemetry.catalogue.load import label


def later(text: str) -> str:
    """The text itself: marks what is translated where it is shown."""
    return text


class _Named(NamedTuple):
    names: Mapping[str, str]


class Words:
    """What is said to people, in one language."""

    def __init__(self, language: str, texts: Mapping[str, Sequence[str]]) -> None:
        """`texts`: the English text to its forms, one for each number of things."""
        self.language = language
        self._texts = texts

    def __call__(self, text: str, **fields: object) -> str:
        """The text in this language, its fields filled in."""
        found = self._texts.get(text, (text,))[0]
        return found.format(**fields) if fields else found

    def name(self, names: Mapping[str, str], otherwise: str = "") -> str:
        """Of something that has a name in each language; `otherwise` for what has none, mostly its id."""
        return label(_Named(names), self.language) or otherwise


def texts_of(package: str, language: str) -> Mapping[str, Sequence[str]]:
    """The English text to its forms, one for each number of things; where two files translate one text, the first."""
    texts: dict[str, Sequence[str]] = {}
    for file in catalogue_files(package, language):
        with file.open("rb") as lines:
            for message in read_po(lines):
                if not message.id or not message.string:
                    continue
                key = message.id if isinstance(message.id, str) else message.id[0]
                forms = (message.string,) if isinstance(message.string, str) else tuple(message.string)
                texts.setdefault(key, forms)
    return texts


def catalogue_files(package: str, language: str) -> Sequence[Traversable]:
    """The files of one language, in the order of their names."""
    folder = resources.files(package) / "locale" / language.replace("-", "_")
    return sorted((one for one in folder.iterdir() if one.name.endswith(".po")), key=lambda one: one.name)
