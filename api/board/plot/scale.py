"""Where the ticks of a plot stand: round values, and round moments of the site's own clock. Pure."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from math import ceil, floor, log10
from typing import NamedTuple
from zoneinfo import ZoneInfo

from babel import Locale
from babel.dates import format_skeleton

TICKS_MOST = 8
"""On a phone every other one is shown."""
VALUE_TICKS = 5
"""About so many steps of value."""
MS_PER_MINUTE = 60_000
MINUTES_PER_DAY = 1_440
DAYS_PER_MONTH = 30
MONTHS_PER_YEAR = 12
_MINUTES = (1, 2, 5, 10, 15, 30, 60, 120, 180, 360, 720)
_DAYS = (1, 2, 7, 14)
_MONTHS = (1, 2, 3, 6, 12, 24, 60, 120, 240, 600, 1_200)


class Tick(NamedTuple):
    """One mark beside a plot."""

    at: float
    """A value, or a moment in ms since the epoch."""
    text: str


def value_steps(low: float, high: float, finest: float = 0.0) -> Sequence[float]:
    """Round values, 1, 2 or 5 times a power of ten apart, from `low` to `high`; `low` < `high`.

    `finest`: a smaller distance makes no sense, as between a door's open and closed.
    """
    raw = max((high - low) / VALUE_TICKS, finest)
    power = 10.0 ** floor(log10(raw))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= raw * (1 - 1e-9))
    first, last = ceil(low / step - 1e-9), floor(high / step + 1e-9)
    return [round(number * step, 12) for number in range(first, last + 1)]


def time_ticks(start_ms: int, end_ms: int, zone: ZoneInfo, locale: Locale) -> Sequence[Tick]:
    """Moments that are round on the clock of `zone`, at most `TICKS_MOST`; midnight is told by its date."""
    minutes = max(1.0, (end_ms - start_ms) / MS_PER_MINUTE)
    days = minutes / MINUTES_PER_DAY
    step_minutes = next((step for step in _MINUTES if minutes / step <= TICKS_MOST), None)
    step_days = next((step for step in _DAYS if days / step <= TICKS_MOST), None)
    if step_minutes is not None:
        moments = _by_minutes(start_ms, step_minutes, zone)
    elif step_days is not None:
        moments = _by_days(start_ms, step_days, zone)
    else:
        months = days / DAYS_PER_MONTH
        moments = _by_months(start_ms, next((s for s in _MONTHS if months / s <= TICKS_MOST), _MONTHS[-1]), zone)
    ticks: list[Tick] = []
    for moment in moments:
        at_ms = ms_of(moment)
        if at_ms > end_ms:
            break
        if at_ms >= start_ms and (not ticks or at_ms > ticks[-1].at):  # clocks put back give a moment twice
            ticks.append(Tick(at_ms, _text(moment, locale, whole_months=not (step_minutes or step_days))))
    return ticks


def ms_of(moment: datetime) -> int:
    """Since the epoch."""
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)


def _local(ms: int, zone: ZoneInfo) -> datetime:
    return datetime.fromtimestamp(ms / 1000, zone)


def _by_minutes(start_ms: int, step: int, zone: ZoneInfo) -> Iterator[datetime]:
    midnight = _local(start_ms, zone).replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None)
    number = 0
    while True:
        yield (midnight + timedelta(minutes=number * step)).replace(tzinfo=zone)
        number += 1


def _by_days(start_ms: int, step: int, zone: ZoneInfo) -> Iterator[datetime]:
    day = _local(start_ms, zone).replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None)
    if step >= 7:  # noqa: PLR2004 - days of a week: weeks begin on Monday
        day -= timedelta(days=day.weekday())
    while True:
        yield day.replace(tzinfo=zone)
        day += timedelta(days=step)


def _by_months(start_ms: int, step: int, zone: ZoneInfo) -> Iterator[datetime]:
    first = _local(start_ms, zone)
    number = first.year * MONTHS_PER_YEAR + first.month - 1
    number -= number % step
    while True:
        yield datetime(number // MONTHS_PER_YEAR, number % MONTHS_PER_YEAR + 1, 1, tzinfo=zone)
        number += step


def _text(moment: datetime, locale: Locale, *, whole_months: bool) -> str:
    if whole_months:
        return f"{moment:%Y}" if moment.month == 1 else format_skeleton("MMM", moment, locale=locale)
    if moment.hour == 0 and moment.minute == 0:
        return format_skeleton("MMMd", moment, locale=locale)
    return f"{moment:%H:%M}"
