"""The words of the dashboards, by language: gettext, where the English text is its own key.

`words("Sites")` gives the text in the language; `later("Sites")` marks one that is said with `words(text)` elsewhere.
"""

from functools import cache

from telemetry.wording import Words, later, texts_of

__all__ = ["CHINESE", "ENGLISH", "LANGUAGES", "Words", "later", "words_of"]

ENGLISH, CHINESE = "en", "zh-Hant"
LANGUAGES = (ENGLISH, CHINESE)
"""The languages in which the dashboards exist."""


@cache
def words_of(language: str) -> Words:
    """In a language of `LANGUAGES`. Raises `ValueError` for any other."""
    if language not in LANGUAGES:
        raise ValueError(f"no dashboards in {language!r}: there are {', '.join(LANGUAGES)}")
    return Words(language, {} if language == ENGLISH else texts_of("grafana", language))
