"""The words of the dashboards: every text has its translation, and texts that lie in two files agree."""

import string
from collections.abc import Iterator
from pathlib import Path

from babel.messages.extract import extract
from babel.messages.pofile import read_po

import grafana
from grafana.words import CHINESE, words_of
from telemetry.wording import catalogue_files, texts_of

PACKAGE = Path(grafana.__path__[0])
KEYWORDS = {"words": None, "later": None}


def _said() -> Iterator[tuple[str, str]]:
    for path in sorted(PACKAGE.rglob("*.py")):
        with path.open("rb") as lines:
            for _, found, _, _ in extract("python", lines, keywords=KEYWORDS):
                yield (found if isinstance(found, str) else found[0]), path.name


def _translated() -> Iterator[tuple[str, str, str]]:
    for file in catalogue_files("grafana", CHINESE):
        with file.open("rb") as lines:
            for message in read_po(lines):
                if message.id:
                    yield str(message.id), str(message.string), file.name


def _fields(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}


def test_every_text_is_translated() -> None:
    known = texts_of("grafana", CHINESE)
    assert not {(name, text) for text, name in _said() if text not in known}


def test_every_translation_is_used_and_whole() -> None:
    said = {text for text, _ in _said()}
    for text, translated, name in _translated():
        assert text in said, f"{name}: {text!r} is said nowhere"
        assert translated, f"{name}: {text!r}"
        assert _fields(text) == _fields(translated), text


def test_a_text_has_one_translation() -> None:
    found: dict[str, str] = {}
    for text, translated, name in _translated():
        assert found.setdefault(text, translated) == translated, f"{name}: {text!r}"


def test_fields_are_filled_in() -> None:
    assert words_of("en")("of {n}", n=3) == "of 3"
    assert words_of(CHINESE)("of {n}", n=3) == "/ 3"
    assert words_of("en")("never translated") == "never translated"
    assert words_of(CHINESE).name({"en": "Pier"}, "pier-1") == "Pier"
    assert words_of(CHINESE).name({}, "pier-1") == "pier-1"
