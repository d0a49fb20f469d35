"""The words of the board: every text has its translation, and numbers and times read well."""

import ast
import string
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from babel.messages.extract import extract
from babel.messages.pofile import read_po

import api
from api.board import words as module
from api.board.words import LANGUAGES, QUALITIES, catalogue_files, language_of, words_of
from telemetry.reading import NS_PER_S, Quality

API = Path(api.__path__[0])
CHINESE = "zh-Hant"
HONG_KONG = ZoneInfo("Asia/Hong_Kong")
NOON_NS = 1_795_320_189 * NS_PER_S  # 2026-11-22 04:03:09 UTC, 12:03:09 in Hong Kong
KEYWORDS: Mapping[str, tuple[int, ...] | None] = {
    "words": None,
    "self": None,
    "later": None,
    "many": (1, 2),
    "page": (2,),
}
PLACES = ("board", "plain", "routes")
"""Where people are spoken to."""
SORTS = {"*.py": "python", "*.html": "jinja2.ext:babel_extract"}
"""What reads the texts of a file."""

english, chinese = words_of("en"), words_of(CHINESE)


def _said() -> Iterator[tuple[str, str, Path]]:
    """Each text of board and plain pages, its plural, and where it stands."""
    for pattern, method in SORTS.items():
        for path in _files(pattern):
            with path.open("rb") as lines:
                for _, found, _, _ in extract(method, lines, keywords=KEYWORDS, options={"silent": "false"}):
                    one, more = found if isinstance(found, tuple) else (found, "")
                    yield one, more, path


def _files(pattern: str) -> Sequence[Path]:
    return sorted(path for place in PLACES for path in (API / place).rglob(pattern))


def _written() -> set[str]:
    """All texts that stand in code, however they are said."""
    trees = [ast.parse(path.read_text("utf-8")) for path in _files("*.py")]
    found = [node.value for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Constant)]
    return {text for text in found if isinstance(text, str)}


def _translated() -> Iterator[tuple[str, tuple[str, ...], str]]:
    for file in catalogue_files(CHINESE):
        with file.open("rb") as lines:
            for message in read_po(lines):
                if message.id and message.string:
                    key = message.id if isinstance(message.id, str) else message.id[0]
                    forms = message.string if isinstance(message.string, (list, tuple)) else (message.string,)
                    yield key, tuple(forms), file.name


def _fields(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}


def test_every_text_is_translated() -> None:
    known = {key for key, _, _ in _translated()}
    missing = {(path.name, text) for text, _, path in _said() if text not in known}
    assert not missing


def test_texts_are_found_in_modules_and_in_templates() -> None:
    assert {path.suffix for _, _, path in _said()} == {".py", ".html"}


def test_no_translation_is_left_over() -> None:
    said = {text for text, _, _ in _said()} | _written()
    assert not {(file, key) for key, _, file in _translated() if key not in said}


def test_a_text_has_one_translation() -> None:
    found: dict[str, tuple[str, ...]] = {}
    for key, forms, file in _translated():
        assert found.setdefault(key, forms) == forms, f"{file}: {key!r} is translated otherwise in another file"


def test_translations_have_the_fields_of_their_text() -> None:
    for key, forms, file in _translated():
        for form in forms:
            assert _fields(form) <= _fields(key) | {"n"}, f"{file}: {form!r}"


def test_the_form_for_many_needs_no_field_that_the_other_lacks() -> None:
    for one, more, _ in _said():
        assert _fields(more) <= _fields(one) | {"n"}, "what Chinese takes its fields from"


@pytest.mark.parametrize(
    ("cookie", "accept", "language"),
    [
        (None, "", "en"),
        (None, "zh-HK,zh;q=0.9,en;q=0.8", CHINESE),
        (None, "en-GB,en;q=0.9,zh-HK;q=0.8", "en"),
        (None, "fr, zh-TW;q=0.3, en;q=0.2", CHINESE),
        (None, "en;q=0.1, zh;q=0.7", CHINESE),
        (None, "fr;q=nonsense", "en"),
        ("zh-Hant", "en", CHINESE),
        ("en", "zh-HK", "en"),
        ("<script>", "zh-HK", CHINESE),
    ],
)
def test_the_language_is_the_chosen_one_else_the_browsers(cookie: str | None, accept: str, language: str) -> None:
    assert language_of(cookie, accept) == language


@pytest.mark.parametrize(
    ("value", "decimals", "text"),
    [
        (None, 1, "\N{EN DASH}"),
        (float("nan"), 1, "\N{EN DASH}"),
        (3.14159, 2, "3.14"),
        (12345.6, 0, "12,346"),
        (-2.5, 1, "\N{MINUS SIGN}2.5"),
        (-0.01, 1, "0.0"),
    ],
)
def test_numbers(value: float | None, decimals: int, text: str) -> None:
    assert english.number(value, decimals) == text


@pytest.mark.parametrize(
    ("seconds", "in_english", "in_chinese"),
    [
        (0, "now", "剛剛"),
        (59, "59 s ago", "59 秒前"),
        (60, "1 min ago", "1 分鐘前"),
        (3_599, "59 min ago", "59 分鐘前"),
        (3_600, "1 h ago", "1 小時前"),
        (86_400, "1 day ago", "1 日前"),
        (200_000, "2 days ago", "2 日前"),
        (-5, "now", "剛剛"),
    ],
)
def test_ages(seconds: int, in_english: str, in_chinese: str) -> None:
    assert english.ago(NOON_NS - seconds * NS_PER_S, NOON_NS) == in_english
    assert chinese.ago(NOON_NS - seconds * NS_PER_S, NOON_NS) == in_chinese


def test_times_are_those_of_the_site() -> None:
    assert english.clock(NOON_NS, HONG_KONG) == "12:03"
    assert english.moment(NOON_NS, HONG_KONG) == "22 Nov 2026 12:03:09 HKT"
    assert chinese.day(NOON_NS, HONG_KONG) == "2026年11月22日"


def test_spans_are_told_in_their_largest_unit() -> None:
    assert [english.span(s) for s in (5, 125, 7_300, 90_000)] == ["5 s", "2 min", "2 h", "1 day"]


def test_forms_by_number() -> None:
    assert [english.many("{n} alert is active.", "{n} alerts are active.", n) for n in (0, 1, 2)] == [
        "0 alerts are active.",
        "1 alert is active.",
        "2 alerts are active.",
    ]
    assert chinese.many("{n} alert is active.", "{n} alerts are active.", 2) == "有 2 個警報生效中。"


def test_names_units_and_what_is_not_known() -> None:
    assert chinese.name({"en": "Women's", CHINESE: "女廁"}) == "女廁"
    assert chinese.name({"en": "Women's"}) == "Women's"
    assert chinese.name({}, "wc-1") == "wc-1"
    assert [english.unit(code) for code in ("[ppm]", "ug/m3", "Cel", "1", "odd")] == ["ppm", "µg/m³", "°C", "", "odd"]
    assert english("A text that nobody has translated") == "A text that nobody has translated"


@pytest.mark.parametrize("quality", list(Quality))
def test_every_doubt_has_a_word(quality: Quality) -> None:
    assert english.quality(quality) == QUALITIES[quality]
    assert chinese.quality(quality) != english.quality(quality)


def test_a_good_value_has_no_doubt() -> None:
    assert english.quality(Quality.GOOD) == ""


def test_every_language_says_its_own_name() -> None:
    assert set(LANGUAGES) == {"en", CHINESE}
    assert module.COOKIE == "caretaker-language"
