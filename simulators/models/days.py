"""Local days of a time zone, by number, so that plans can be made a day at a time and sums can run over days."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from msgspec import Struct

MS_PER_S = 1000
MS_PER_HOUR = 3_600_000
ANCHOR = date(2026, 1, 1)
"""Day 0. Registers count from here; days before it have negative numbers."""


class Day(Struct, frozen=True, gc=False):
    """One local day. It is 23 or 25 hours long when the clocks change."""

    number: int
    """Days since `ANCHOR`."""
    start_ms: int
    """Local midnight, epoch ms UTC."""
    length_ms: int
    weekday: int
    """0 is Monday."""

    @property
    def end_ms(self) -> int:
        """The next local midnight."""
        return self.start_ms + self.length_ms

    def hour(self, time_ms: float) -> float:
        """0 to 24: how much of the day is over, on the scale of an ordinary day."""
        return (time_ms - self.start_ms) / self.length_ms * 24.0

    def moment_ms(self, hour: float) -> int:
        """The reverse of `hour`."""
        return self.start_ms + int(hour / 24.0 * self.length_ms)


class Calendar:
    """The days of one time zone. Remembers what it has worked out, about 100 bytes a day."""

    def __init__(self, timezone: ZoneInfo) -> None:
        self.timezone = timezone
        self._starts: dict[int, int] = {}
        self._days: dict[int, Day] = {}
        self._last: Day | None = None

    def _start_ms(self, number: int) -> int:
        start = self._starts.get(number)
        if start is None:
            local = datetime.combine(ANCHOR + timedelta(days=number), time(), self.timezone)
            start = self._starts[number] = int(local.timestamp()) * MS_PER_S
        return start

    def day(self, number: int) -> Day:
        """The day with that number."""
        day = self._days.get(number)
        if day is None:
            start = self._start_ms(number)
            weekday = (ANCHOR.weekday() + number) % 7
            day = self._days[number] = Day(number, start, self._start_ms(number + 1) - start, weekday)
        return day

    def at(self, time_ms: int) -> Day:
        """The day that `time_ms` (epoch ms UTC) lies in."""
        last = self._last
        if last is not None and last.start_ms <= time_ms < last.start_ms + last.length_ms:
            return last
        guess = (datetime.fromtimestamp(time_ms // MS_PER_S, UTC).date() - ANCHOR).days
        for number in (guess, guess + 1, guess - 1):
            day = self.day(number)
            if day.start_ms <= time_ms < day.end_ms:
                self._last = day
                return day
        raise AssertionError(f"{time_ms} lies in no day around {guess}")
