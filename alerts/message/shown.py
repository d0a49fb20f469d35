"""Numbers, times and names as people read them."""

import math
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from alerts.message.words import Unit, Words
from telemetry.reading import NS_PER_S

MOST_DECIMALS = 9
_MINUTE_S, _HOUR_S, _DAY_S = 60, 3600, 86_400
_ELLIPSIS = "…"


def plain(text: str) -> str:
    """On one line, without control characters: what stands in a name must not write lines of its own.

    That takes in what turns the direction of writing around; marks and letters of all languages stay.
    """
    return " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())


def short(text: str, most: int) -> str:
    """At most so many characters, the cut marked."""
    return text if len(text) <= most else f"{text[: most - 1].rstrip()}{_ELLIPSIS}"


def number(value: float, decimals: int) -> str:
    """Rounded to so many decimals, without zeros that say nothing: 3.4, 1000."""
    if not math.isfinite(value):
        return str(value)
    text = f"{value:.{decimals}f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if text == "-0" else text


def pair(value: float, threshold: float, decimals: int) -> tuple[str, str]:
    """A value and its threshold, with as many more decimals as it takes to tell them apart."""
    while True:
        shown = number(value, decimals), number(threshold, decimals)
        if shown[0] != shown[1] or value == threshold or decimals >= MOST_DECIMALS:
            return shown
        decimals += 1


def duration(span_ns: int, words: Words) -> str:
    """`12 min`; of days and hours the next unit too: `3 h 5 min`."""
    seconds = max(0, span_ns) // NS_PER_S
    units = _units(words)
    place = next((index for index, (size, _) in enumerate(units) if seconds >= size), len(units) - 1)
    size, unit = units[place]
    text = f"{seconds // size} {unit[0]}"
    if size >= _HOUR_S:
        next_size, next_unit = units[place + 1]
        more = seconds % size // next_size
        text += f" {more} {next_unit[0]}" if more else ""
    return text


def window(span_ns: int, words: Words) -> tuple[str, str]:
    """A fixed length of time in its largest whole unit: before what it describes (`30-minute`), and by itself."""
    seconds = span_ns / NS_PER_S
    for size, (after, before) in _units(words):
        if seconds % size == 0 or size == 1:
            count = f"{seconds / size:g}"
            described = f"{count} {before}" if after == before else f"{count}-{before}"
            return described, f"{count} {after}"
    raise AssertionError("the last unit is one second")


def moment(time_ns: int, zone: ZoneInfo | None, now_ns: int, words: Words, *, seconds: bool = False) -> str:
    """A moment by the clocks of `zone`, which is UTC and says so where there is none; the year where it isn't now's."""
    local = datetime.fromtimestamp(time_ns / NS_PER_S, zone or UTC)
    same_year = local.year == datetime.fromtimestamp(now_ns / NS_PER_S, zone or UTC).year
    date = (words.date if same_year else words.date_with_year).format(
        day=local.day,
        month=local.month,
        month_name=words.months[local.month - 1] if words.months else "",
        year=local.year,
    )
    clock = local.strftime("%H:%M:%S" if seconds else "%H:%M")
    return f"{date} {clock}" if zone else f"{date} {clock} UTC"


def utc(time_ns: int) -> str:
    """ISO 8601 for programs: 2026-11-22T08:00:00.000Z."""
    return datetime.fromtimestamp(time_ns // 1_000_000 / 1000, UTC).isoformat(timespec="milliseconds")[:-6] + "Z"


def _units(words: Words) -> tuple[tuple[int, Unit], ...]:
    return ((_DAY_S, words.days), (_HOUR_S, words.hours), (_MINUTE_S, words.minutes), (1, words.seconds))
