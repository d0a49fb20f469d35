"""Windows of time: how they are written, where they begin, how a range is asked for. Pure."""

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from itertools import groupby, pairwise
from zoneinfo import ZoneInfo

from msgspec import Struct

from telemetry.reading import NS_PER_S

DAY_S = 86_400
AUTO = "auto"
PATTERN = r"^([1-9][0-9]{0,7}[smhd]|auto)$"
"""Of a window as it is written: a whole number of seconds, minutes, hours or days, or `auto`."""
LADDER_S = (
    *(1, 5, 10, 30),
    *(60, 120, 300, 600, 900, 1_800),
    *(3_600, 7_200, 10_800, 21_600, 43_200),
    *(DAY_S, 7 * DAY_S, 30 * DAY_S, 90 * DAY_S),
)
"""Windows that make sense in a plot, seconds."""
MOST_ASKED = 10_000
"""Windows in one question to the store."""
LONGEST_ASKED_S = 31 * DAY_S
"""And time, unless one window is longer: other questions have their turn in between."""

_SECONDS = {"s": 1, "m": 60, "h": 3_600, "d": DAY_S}
_WRITTEN = re.compile(r"([1-9][0-9]{0,7})([smhd])")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Piece(Struct, frozen=True):
    """Part of a range, all of whose windows are equally long: one question to the store."""

    start_ns: int
    end_ns: int
    step_ns: int
    offset_ns: int
    """Where one of its windows begins."""


class Windows(Struct, frozen=True):
    """Windows of `step_s` one after the other.

    Below a day they are multiples since 1970 in UTC. From a day on they are whole days, begin at midnight by the
    clocks of `zone`, and are an hour shorter or longer where these are changed; those of seven days begin on Mondays.
    """

    step_s: int
    zone: ZoneInfo

    def at(self, time_ns: int) -> tuple[int, int]:
        """Start and end of the window of a moment, ns UTC."""
        step_ns = self.step_s * NS_PER_S
        if self.step_s < DAY_S:
            start_ns = time_ns - time_ns % step_ns
            return start_ns, start_ns + step_ns
        days = self.step_s // DAY_S
        today = (_EPOCH + timedelta(microseconds=time_ns // 1_000)).astimezone(self.zone).toordinal()
        first = today - (today - 1) % days
        # Where clocks go back over midnight, the old day comes again after the new one has begun.
        while (end_ns := self._midnight_ns(first + days)) <= time_ns:
            first += days
        return self._midnight_ns(first), end_ns

    def pieces(self, start_ns: int, end_ns: int) -> Iterator[Piece]:
        """The questions that make up start <= time < end, in order of time."""
        step_ns = self.step_s * NS_PER_S
        if self.step_s < DAY_S:
            yield from _pieces(start_ns, end_ns, step_ns, self.at(start_ns)[0])
            return
        edges = [*self.at(start_ns)]
        while edges[-1] < end_ns:
            edges.append(self.at(edges[-1])[1])
        for length_ns, same in groupby(pairwise(edges), lambda window: window[1] - window[0]):
            windows = list(same)
            begin_ns = windows[0][0]
            yield from _pieces(max(start_ns, begin_ns), min(end_ns, windows[-1][1]), length_ns, begin_ns)

    def _midnight_ns(self, day: int) -> int:
        """When a day begins. A midnight that spring leaves out is the moment at which it does."""
        midnight = datetime.combine(date.fromordinal(day), time(), self.zone)
        return (midnight - _EPOCH) // timedelta(seconds=1) * NS_PER_S


def _pieces(start_ns: int, end_ns: int, step_ns: int, offset_ns: int) -> Iterator[Piece]:
    at_once = max(1, min(MOST_ASKED, LONGEST_ASKED_S * NS_PER_S // step_ns))
    while start_ns < end_ns:
        begin_ns = start_ns - (start_ns - offset_ns) % step_ns
        until_ns = min(end_ns, begin_ns + at_once * step_ns)
        yield Piece(start_ns, until_ns, step_ns, offset_ns)
        start_ns = until_ns


def seconds_of(written: str) -> int | None:
    """A window as written, in seconds; None: it is none, or beyond a day and not whole days."""
    found = _WRITTEN.fullmatch(written)
    if found is None:
        return None
    step_s = int(found[1]) * _SECONDS[found[2]]
    return None if step_s > DAY_S and step_s % DAY_S else step_s


def most_windows(step_s: int, start_ns: int, end_ns: int) -> int:
    """So many windows there can be in a range."""
    return (end_ns - start_ns) // (step_s * NS_PER_S) + 2


def sensible_s(points: int, start_ns: int, end_ns: int) -> int:
    """The shortest window that makes sense and gives at most so many points, 3 or more of them."""
    for step_s in LADDER_S:
        if most_windows(step_s, start_ns, end_ns) <= points:
            return step_s
    days = (end_ns - start_ns) // (DAY_S * NS_PER_S * (points - 2)) + 1
    return days * DAY_S
