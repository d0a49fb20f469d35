"""Hours of the week, as people write them: `22:00-06:00`, `mon-fri 08:00-18:00`, `sat,sun 10:00-24:00`."""

import re
from collections.abc import Iterator
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from msgspec import Struct

from telemetry.reading import NS_PER_S

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
EXPECTED = "hours such as 22:00-06:00 or mon-fri 08:00-18:00"

_DAY = f"(?:{'|'.join(DAYS)})"
_SPAN = f"{_DAY}(?:-{_DAY})?"
_TEXT = re.compile(rf"(?:(?P<days>{_SPAN}(?:,{_SPAN})*) )?(?P<start>\d\d:\d\d)-(?P<end>\d\d:\d\d)")
_MIDNIGHT = "24:00"


class Hours(Struct, frozen=True):
    """A span of the day, on some days of the week. One that ends before it starts goes over midnight."""

    days: frozenset[int]
    """0 is Monday; of a span over midnight: the day on which it starts."""
    start: time
    end: time
    """Not included; equal to `start`: a whole day."""

    def hold(self, time_ns: int, zone: ZoneInfo) -> bool:
        """Whether a moment, ns UTC, is within them, by the clocks of `zone`."""
        local = datetime.fromtimestamp(time_ns / NS_PER_S, zone)
        clock, today = local.time(), local.weekday()
        if self.start < self.end:
            return today in self.days and self.start <= clock < self.end
        return (today in self.days and clock >= self.start) or ((today - 1) % 7 in self.days and clock < self.end)

    def next_change_ns(self, time_ns: int, zone: ZoneInfo) -> int:
        """The first moment after `time_ns` at which a span may start or end, ns UTC. Before it nothing changes."""
        return min(moment for moment in self._boundaries(time_ns, zone) if moment > time_ns)

    def _boundaries(self, time_ns: int, zone: ZoneInfo) -> Iterator[int]:
        """Of the days around the moment; on days that are not meant nothing changes there, and a look is cheap."""
        day = datetime.fromtimestamp(time_ns / NS_PER_S, zone).date()
        for offset in (-1, 0, 1, 2):
            for clock in (self.start, self.end):
                local = datetime.combine(day + timedelta(days=offset), clock, zone)
                yield round(local.timestamp()) * NS_PER_S


def parse_hours(text: str) -> Hours:
    """The hours that `text` means.

    Raises:
        ValueError: none; the message says what is expected.
    """
    found = _TEXT.fullmatch(text.strip().lower())
    if found is None:
        raise ValueError(EXPECTED)
    try:
        start = time.fromisoformat(found["start"])
        end = time(0) if found["end"] == _MIDNIGHT else time.fromisoformat(found["end"])
    except ValueError:
        raise ValueError(EXPECTED) from None
    return Hours(frozenset(_days(found["days"] or "mon-sun")), start, end)


def _days(text: str) -> Iterator[int]:
    for part in text.split(","):
        first, _, last = part.partition("-")
        begin, end = DAYS.index(first), DAYS.index(last or first)
        yield from (day % 7 for day in range(begin, end + 1 if end >= begin else end + 8))
