"""Translations from gettext's `.po` files, where the English text is its own key.

Who speaks to people keeps them in a folder `locale/<language>/` of its own package.
"""

from collections.abc import Mapping, Sequence
from importlib import resources
from importlib.resources.abc import Traversable

from babel.messages.pofile import read_po


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
