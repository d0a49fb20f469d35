"""The words of the dashboards, by language: gettext, where the English text is its own key.

`words("Sites")` gives the text in the language; `later("Sites")` marks one that is said with `words(text)` elsewhere.
"""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import NamedTuple

from telemetry.catalogue.load import label
from telemetry.wording import texts_of

ENGLISH, CHINESE = "en", "zh-Hant"
LANGUAGES = (ENGLISH, CHINESE)
"""The languages in which the dashboards exist."""


def later(text: str) -> str:
    """The text itself: marks what is translated where it is shown."""
    return text


class _Named(NamedTuple):
    names: Mapping[str, str]


class Words:
    """Everything that dashboards say, in one language."""

    def __init__(self, language: str, texts: Mapping[str, Sequence[str]]) -> None:
        """`texts`: the English text to its translations, of which the first counts."""
        self.language = language
        self._texts = texts

    def __call__(self, text: str, **fields: object) -> str:
        """The text in this language, its fields filled in."""
        found = self._texts.get(text, (text,))[0]
        return found.format(**fields) if fields else found

    def name(self, names: Mapping[str, str], otherwise: str) -> str:
        """Of something that has a name in each language; `otherwise` for what has none, mostly its id."""
        return label(_Named(names), self.language) or otherwise


@cache
def words_of(language: str) -> Words:
    """In a language of `LANGUAGES`. Raises `ValueError` for any other."""
    if language not in LANGUAGES:
        raise ValueError(f"no dashboards in {language!r}: there are {', '.join(LANGUAGES)}")
    return Words(language, {} if language == ENGLISH else texts_of("grafana", language))
