"""The words of the board, by language: gettext, where the English text is its own key.

`words("Sign out")`, `words("{count} sites", count=3)`, `words.many("{n} alert", "{n} alerts", 2)`. A text that stands
in a table is marked with `later("…")` where it stands, and said with `words(text)` where it is shown.
"""

import math
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, tzinfo
from functools import cache
from importlib.resources.abc import Traversable

from telemetry import wording
from telemetry.catalogue.units import UNITS
from telemetry.reading import NS_PER_S, Quality
from telemetry.wording import later

ENGLISH = "en"
LANGUAGES: Mapping[str, str] = {ENGLISH: "English", "zh-Hant": "中文"}
"""Language tag to what it calls itself."""
COOKIE = "caretaker-language"
NOTHING = "\N{EN DASH}"
"""Where a number would stand."""

_MINUTE_S, _HOUR_S, _DAY_S = 60, 3_600, 86_400
_CHINESE = "zh"


QUALITIES: Mapping[Quality, str] = {
    Quality.SUSPECT: later("outside the plausible range"),
    Quality.ARRIVAL_TIME: later("time of arrival"),
    Quality.MANUAL: later("entered by hand"),
}


class Words(wording.Words):
    """Everything that the board says, in one language. Times are ns UTC, shown by the clocks of the zone given."""

    def many(self, one: str, more: str, n: int, **fields: object) -> str:
        """The form for `n` things; the field n is given."""
        forms = self._texts.get(one, (one, more))
        return forms[0 if n == 1 or len(forms) == 1 else 1].format(n=n, **fields)

    def number(self, value: float | None, decimals: int = 1) -> str:
        """With so many decimals, thousands apart; nothing to say: a dash."""
        if value is None or not math.isfinite(value):
            return NOTHING
        text = f"{value:,.{decimals}f}"
        return text.removeprefix("-") if not text.strip("-0.,") else text.replace("-", "\N{MINUS SIGN}")

    def unit(self, ucum: str) -> str:
        """As people write it; empty for plain numbers."""
        unit = UNITS.get(ucum)
        return ucum if unit is None else unit.symbol

    def ago(self, time_ns: int, now_ns: int) -> str:
        """Relative under a day: `12 min ago`; then in days."""
        seconds = (now_ns - time_ns) // NS_PER_S
        if seconds < 1:
            return self("now")
        if seconds < _MINUTE_S:
            return self("{n} s ago", n=seconds)
        if seconds < _HOUR_S:
            return self("{n} min ago", n=seconds // _MINUTE_S)
        if seconds < _DAY_S:
            return self("{n} h ago", n=seconds // _HOUR_S)
        return self.many("{n} day ago", "{n} days ago", seconds // _DAY_S)

    def span(self, seconds: float) -> str:
        """A length of time in its largest unit: `12 min`."""
        whole = int(seconds)
        if whole < _MINUTE_S:
            return self("{n} s", n=whole)
        if whole < _HOUR_S:
            return self("{n} min", n=whole // _MINUTE_S)
        if whole < _DAY_S:
            return self("{n} h", n=whole // _HOUR_S)
        return self.many("{n} day", "{n} days", whole // _DAY_S)

    def clock(self, time_ns: int, zone: tzinfo) -> str:
        """`12:03`, on 24 hours."""
        return f"{_local(time_ns, zone):%H:%M}"

    def day(self, time_ns: int, zone: tzinfo) -> str:
        """`22 Nov 2026`."""
        local = _local(time_ns, zone)
        if self.language.startswith(_CHINESE):
            return f"{local.year}年{local.month}月{local.day}日"
        return f"{local.day} {_MONTHS[local.month - 1]} {local.year}"

    def moment(self, time_ns: int, zone: tzinfo) -> str:
        """Exact, as on hover: `22 Nov 2026, 12:03:09 HKT`."""
        local = _local(time_ns, zone)
        return f"{self.day(time_ns, zone)} {local:%H:%M:%S} {local.tzname() or ''}".rstrip()

    def quality(self, quality: Quality) -> str:
        """Why a value deserves less trust; empty for a good one."""
        return self(", ").join(self(text) for flag, text in QUALITIES.items() if flag in quality)

    def list(self, texts: Sequence[str]) -> str:
        """`odour at Pier 4, leak at Garden Road`."""
        return self(", ").join(texts)


_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def _local(time_ns: int, zone: tzinfo) -> datetime:
    return datetime.fromtimestamp(time_ns / NS_PER_S, UTC).astimezone(zone)


@cache
def words_of(language: str) -> Words:
    """In a language of `LANGUAGES`."""
    return Words(language, {} if language == ENGLISH else texts_of(language))


def texts_of(language: str) -> Mapping[str, Sequence[str]]:
    """The board's translations: the English text to its forms."""
    return wording.texts_of("api.board", language)


def catalogue_files(language: str) -> Sequence[Traversable]:
    """The board's files of one language."""
    return wording.catalogue_files("api.board", language)


def language_of(cookie: str | None, accept: str) -> str:
    """What was chosen, else the first language of `Accept-Language` that the board has, else English."""
    if cookie is not None and cookie in LANGUAGES:
        return cookie
    wanted = [one.partition(";") for one in accept.split(",")]
    for tag, _, _ in sorted(wanted, key=lambda one: -_weight(one[2])):
        primary = tag.strip().lower().partition("-")[0]
        if primary == _CHINESE:
            return "zh-Hant"
        if primary == ENGLISH:
            return ENGLISH
    return ENGLISH


def _weight(text: str) -> float:
    try:
        return float(text.strip().removeprefix("q="))
    except ValueError:
        return 1.0
