"""Hour, weekday and month by the clocks of a time zone, as InfluxQL arithmetic. Pure.

InfluxQL can group by a window of time, and cannot say which hour of the day a window is. So windows are numbered since
1970 by the clocks of the zone, and everything else is arithmetic on the number. Where clocks are put forward and back,
every change of the zone between `FIRST_YEAR` and `LAST_YEAR` is in the arithmetic, as the tz database has it: a window
has the hour that clocks showed, before and after a change. The hour that comes twice is one hour of the day, the one
that is left out is none. (A change by less than a window, as on Lord Howe Island, is passed over.)
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from enum import Enum
from functools import cache
from typing import NamedTuple
from zoneinfo import ZoneInfo

FIRST_YEAR, LAST_YEAR = 2020, 2040
"""Changes of clocks are known from the beginning of the first to the end of the last."""
HOUR_MS = 3_600_000
START_MS, END_MS = "${__from}", "${__to}"
"""Beginning and end of the dashboard's range, ms since the epoch: Grafana puts them in."""
LAST_SECOND_MS = 1_000
"""A day of Grafana's ends a millisecond, or a second, before midnight: a window that lacks no more is over."""
_FAR = 100_000_000
"""Windows; further than any two moments lie apart."""
_LEAP_DAY = 11_017
"""2000-03-01 in days since the epoch: years that begin in March have their odd day at the end. Right until 2100."""
_FOUR_YEARS = 1_461


class Width(Enum):
    """How long a window is."""

    HALF_HOUR = ("30m", HOUR_MS // 2)
    HOUR = ("1h", HOUR_MS)

    def __init__(self, influxql: str, ms: int) -> None:
        self.influxql = influxql
        self.ms = ms


class Change(NamedTuple):
    """Clocks are put forward, or back where it is negative."""

    at_ms: int
    by_ms: int


class Clock(NamedTuple):
    """The clocks of a zone."""

    offset_ms: int
    """Ahead of UTC, before the first change."""
    changes: Sequence[Change]

    def first(self, width: Width, span_days: int) -> str:
        """The number of the window in which a span begins that ends with the range; not yet changed."""
        before_ms = span_days * 24 * HOUR_MS
        return f"floor(({END_MS} - {before_ms} + {self.offset_ms}) / {width.ms})"

    def last(self, width: Width) -> str:
        """The number of the window in which the range ends, by the clocks of its time."""
        return self.changed(f"floor(({END_MS} + {self.offset_ms}) / {width.ms})", width)

    def over(self, width: Width) -> str:
        """1 where the range ends in the last second of a window, which is over then; else 0."""
        end = f"{END_MS} + {self.offset_ms}"
        return f"(floor(({end} + {LAST_SECOND_MS}) / {width.ms}) - floor(({end}) / {width.ms}))"

    def changed(self, number: str, width: Width) -> str:
        """The number by the clocks of its time: each change counts from its own window on."""
        moved = [
            f" + {change.by_ms // width.ms} * (1 + floor(({number} - {(change.at_ms + self.offset_ms) // width.ms})"
            f" / {_FAR}))"
            for change in self.changes
            if change.by_ms % width.ms == 0
        ]
        return f"({number}{''.join(moved)})"


@cache
def clock_of(zone: str) -> Clock:
    """Of a zone as the IANA calls it."""
    place = ZoneInfo(zone)
    start = datetime(FIRST_YEAR, 1, 1, tzinfo=UTC)
    return Clock(_offset_ms(place, start), tuple(_changes(place, start, datetime(LAST_YEAR + 1, 1, 1, tzinfo=UTC))))


def _changes(place: ZoneInfo, start: datetime, end: datetime) -> Iterator[Change]:
    week, second = timedelta(weeks=1), timedelta(seconds=1)
    early = start
    while early < end:
        late = early + week
        by_ms = _offset_ms(place, late) - _offset_ms(place, early)
        if by_ms:
            before, after = early, late
            while after - before > second:
                middle = before + (after - before) // 2
                if _offset_ms(place, middle) == _offset_ms(place, early):
                    before = middle
                else:
                    after = middle
            yield Change(round(after.timestamp() / 60) * 60_000, by_ms)
        early = late


def _offset_ms(place: ZoneInfo, moment: datetime) -> int:
    offset = moment.astimezone(place).utcoffset()
    return 0 if offset is None else round(offset / timedelta(milliseconds=1))


def windows_of_day(width: Width) -> int:
    """So many windows are a day."""
    return 24 * HOUR_MS // width.ms


def hour(number: str, width: Width) -> str:
    """Of the day, 0 to 23."""
    return f"floor({number} % {windows_of_day(width)} / {HOUR_MS // width.ms})"


def day(number: str, width: Width) -> str:
    """Days since the epoch."""
    return f"floor({number} / {windows_of_day(width)})"


def weekday(day: str) -> str:
    """0 is Monday: the epoch was a Thursday."""
    return f"(({day} + 3) % 7)"


def week(day: str) -> str:
    """Weeks since the one in which the epoch was, each from Monday."""
    return f"floor(({day} + 3) / 7)"


def month(day: str) -> str:
    """Months since March 2000."""
    return f"((floor(({day} - {_LEAP_DAY}) / {_FOUR_YEARS}) * 4 + {_year(day)}) * 12 + {_month_of_year(day)})"


def day_of_month(day: str) -> str:
    """1 to 31. From March on months have 31, 30, 31, 30, 31 days, again and again: 153 in five."""
    return f"({_day_of_year(day)} - floor((153 * {_month_of_year(day)} + 2) / 5) + 1)"


def _day_of_four_years(day: str) -> str:
    return f"(({day} - {_LEAP_DAY}) % {_FOUR_YEARS})"


def _year(day: str) -> str:
    """Of four, from 0; the leap day is the last of the fourth."""
    return f"floor(({_day_of_four_years(day)} - floor({_day_of_four_years(day)} / {_FOUR_YEARS - 1})) / 365)"


def _day_of_year(day: str) -> str:
    return f"({_day_of_four_years(day)} - 365 * {_year(day)})"


def _month_of_year(day: str) -> str:
    return f"floor((5 * {_day_of_year(day)} + 2) / 153)"
