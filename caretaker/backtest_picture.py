"""The picture of a backtest: a row a rule, time across, bars where it would have had an alert. Pure: an SVG as text.

Severity is told twice, by the height of a bar and by its colour. Nothing is fetched: each reader's own font is as good.
"""

from collections.abc import Iterator, Sequence
from datetime import date, datetime, time, timedelta, tzinfo
from html import escape
from itertools import accumulate, pairwise
from typing import NamedTuple

from alerts.alert import Severity
from alerts.backtest import Bar
from caretaker.moments import from_ns, local_text, to_ns

WIDTH, LEFT, RIGHT = 1200, 330, 28
TOP, ROW, QUIET_ROW, BOTTOM = 104, 40, 24, 34
HEIGHTS = {Severity.INFORMATION: 9.0, Severity.WARNING: 16.0, Severity.CRITICAL: 24.0}
COLOURS = {Severity.INFORMATION: "#3a7fc1", Severity.WARNING: "#e59a0c", Severity.CRITICAL: "#c62f2f"}
LEGEND_GAP = 26
NARROWEST = 2.0
"""A minute of a month would not be seen."""
LABEL_MOST, NOTE_MOST, QUIET_LABEL_MOST = 36, 50, 27
"""Letters that the left column has room for."""
TICKS_MOST = 10
HOURS = (1, 2, 3, 6, 12)
DAYS = (1, 2, 7, 14)
MONTHS = (1, 3, 12)
INK, QUIET, LINE, MIDNIGHT, BAND = "#1f2933", "#5b6773", "#e3e7eb", "#b8c1ca", "#f6f8fa"
FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Noto Sans', 'Noto Sans CJK TC', 'PingFang TC', sans-serif"
WIDE_FROM = "\u1100"
"""Letters from here on, Chinese among them, are twice as wide."""


class Row(NamedTuple):
    """One rule."""

    name: str
    note: str
    """What the bars add up to, or why there are none."""
    bars: Sequence[Bar]


class Tick(NamedTuple):
    """A line across all rows."""

    time_ns: int
    label: str
    day: bool
    """Whether a day begins there."""


def draw(rows: Sequence[Row], span_ns: tuple[int, int], zone: tzinfo, about: str) -> str:
    """The whole SVG. Times are shown by the clocks of `zone`; `about` says of what it is a picture."""
    start_ns, end_ns = span_ns
    places = list(accumulate((ROW if row.bars else QUIET_ROW for row in rows), initial=TOP))
    height = places[-1] + BOTTOM
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}"',
        f'font-family="{FONT}" font-size="13" fill="{INK}" role="img">',
        f"<title>{escape(f'What each rule would have raised: {about}')}</title>",
        f'<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>',
        '<text x="24" y="36" font-size="20" font-weight="600">What each rule would have raised</text>',
        f'<text x="24" y="58" fill="{QUIET}">{escape(about)}</text>',
        *_legend(),
        *_bands(places),
        *_ticks(start_ns, end_ns, zone, height),
    ]
    for row, y in zip(rows, places, strict=False):
        parts += _row(row, y, start_ns, end_ns, zone) if row.bars else _quiet_row(row, y)
    return "\n".join([*parts, "</svg>"]) + "\n"


def ticks(start_ns: int, end_ns: int, zone: tzinfo) -> Sequence[Tick]:
    """Where lines stand: whole hours, days, weeks or months of the zone, no more than can be read."""
    first, last = from_ns(start_ns, zone).date(), from_ns(end_ns, zone).date()
    days = [first + timedelta(days=number) for number in range((last - first).days + 1)]
    found: list[Tick] = []
    for moments in _grids(days):
        found = [
            Tick(time_ns, local.strftime("%H:%M") if local.hour else _day(local.date(), days), not local.hour)
            for local in moments
            if start_ns <= (time_ns := to_ns(local.replace(tzinfo=zone))) < end_ns
        ]
        if len(found) <= TICKS_MOST:
            break
    return found


def _grids(days: Sequence[date]) -> Iterator[Sequence[datetime]]:
    """From fine to coarse."""
    for step in HOURS:
        yield [datetime.combine(day, time(hour)) for day in days for hour in range(0, 24, step)]
    for step in DAYS:
        # Weeks begin on Monday, as the first day of all did.
        yield [datetime.combine(day, time()) for day in days if (day.toordinal() - 1) % step == 0]
    for step in MONTHS:
        yield [datetime.combine(day, time()) for day in days if day.day == 1 and (day.month - 1) % step == 0]


def _day(day: date, days: Sequence[date]) -> str:
    same_year = days[0].year == days[-1].year
    return f"{day:%a} {day.day} {day:%b}" if same_year else f"{day.day} {day:%b %Y}"


def _legend() -> Iterator[str]:
    words = [severity.word for severity in Severity]
    x = WIDTH - RIGHT - sum(map(_legend_width, words)) + LEGEND_GAP
    for severity in Severity:
        tall = HEIGHTS[severity]
        yield f'<rect x="{x}" y="{52 - tall:g}" width="16" height="{tall:g}" rx="2" fill="{COLOURS[severity]}"/>'
        yield f'<text x="{x + 23}" y="51" fill="{QUIET}">{severity.word}</text>'
        x += _legend_width(severity.word)


def _legend_width(word: str) -> int:
    return 23 + 7 * len(word) + LEGEND_GAP


def _bands(places: Sequence[int]) -> Iterator[str]:
    for begin, end in list(pairwise(places))[::2]:
        yield f'<rect x="0" y="{begin}" width="{WIDTH}" height="{end - begin}" fill="{BAND}"/>'


def _ticks(start_ns: int, end_ns: int, zone: tzinfo, height: int) -> Iterator[str]:
    found = ticks(start_ns, end_ns, zone)
    if found and not found[0].day:
        first = from_ns(start_ns, zone).date()
        style = f'text-anchor="end" font-size="12" font-weight="600" fill="{INK}"'
        for y in (TOP - 12, height - 12):
            yield f'<text x="{LEFT - 16}" y="{y}" {style}>{_day(first, [first])}</text>'
    for tick in found:
        x = _x(tick.time_ns, start_ns, end_ns)
        colour, weight = (MIDNIGHT, 600) if tick.day else (LINE, 400)
        yield f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{TOP - 6}" y2="{height - BOTTOM}" stroke="{colour}"/>'
        anchor = "start" if x < LEFT + 30 else "end" if x > WIDTH - RIGHT - 30 else "middle"
        style = f'text-anchor="{anchor}" font-size="12" font-weight="{weight}" fill="{INK if tick.day else QUIET}"'
        for y in (TOP - 12, height - 12):
            yield f'<text x="{x:.1f}" y="{y}" {style}>{escape(tick.label)}</text>'


def _row(row: Row, y: int, start_ns: int, end_ns: int, zone: tzinfo) -> Iterator[str]:
    yield f'<text x="24" y="{y + 17}" font-weight="600">{escape(_cut(row.name, LABEL_MOST))}</text>'
    yield f'<text x="24" y="{y + 33}" font-size="11.5" fill="{QUIET}">{escape(_cut(row.note, NOTE_MOST))}</text>'
    floor = y + ROW - 7
    yield _floor(floor)
    for bar in row.bars:
        begin_ns, until_ns = max(bar.start_ns, start_ns), min(bar.end_ns, end_ns)
        x, tall = _x(begin_ns, start_ns, end_ns), HEIGHTS[bar.severity]
        wide = max(NARROWEST, _x(until_ns, start_ns, end_ns) - x)
        said = f"{bar.severity.word}, {local_text(bar.start_ns, zone)} to {local_text(bar.end_ns, zone)}"
        yield (
            f'<rect x="{x:.1f}" y="{floor - tall:g}" width="{wide:.1f}" height="{tall:g}" '
            f'fill="{COLOURS[bar.severity]}"><title>{escape(said)}</title></rect>'
        )


def _quiet_row(row: Row, y: int) -> Iterator[str]:
    """On one line: what never raised leaves the room to what did."""
    name, noted = escape(_cut(row.name, QUIET_LABEL_MOST)), escape(row.note)
    yield f'<text x="24" y="{y + 16}" fill="{QUIET}">{name}</text>'
    yield f'<text x="{LEFT - 16}" y="{y + 16}" text-anchor="end" font-size="11.5" fill="{QUIET}">{noted}</text>'
    yield _floor(y + QUIET_ROW - 7)


def _floor(y: int) -> str:
    return f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y}" y2="{y}" stroke="{MIDNIGHT}" stroke-width="0.75"/>'


def _x(time_ns: int, start_ns: int, end_ns: int) -> float:
    return LEFT + (time_ns - start_ns) / (end_ns - start_ns) * (WIDTH - RIGHT - LEFT)


def _cut(text: str, most: int) -> str:
    """At most so wide; control characters, which no picture can hold, left out."""
    room = most
    kept = ""
    for letter in text:
        if not letter.isprintable():
            continue
        room -= 2 if letter >= WIDE_FROM else 1
        if room < 0:
            return f"{kept.rstrip()}…"
        kept += letter
    return kept
