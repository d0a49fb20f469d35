"""Who uses one toilet area and when: a day planned at a time, from which all its devices take their values."""

from array import array
from bisect import bisect_right
from collections.abc import Sequence
from math import floor

from msgspec import Struct

from simulators.models.days import ANCHOR, Calendar, Day
from simulators.models.noise import between, key, unit
from simulators.models.profile import Profile, Running

KEPT_DAYS = 3
VISITORS_A_DAY = {"male": 260.0, "female": 230.0, "accessible": 26.0, "family": 22.0}
CUBICLE_SHARE = {"male": 0.22, "female": 0.85, "accessible": 0.92, "family": 0.9}
BY_WEEKDAY = (1.0, 0.97, 0.98, 1.02, 1.12, 1.2, 1.08)
RUSH = Profile([(0, 0.12), (4.5, 0.08), (6, 0.5), (8, 1.6), (9.5, 1.1), (12.5, 2.1), (14.5, 1.2), (18, 2.0), (20, 1.2),
                (22.5, 0.4), (24, 0.12)])  # fmt: skip
ROUND_HOURS = (6.1, 9.6, 13.4, 17.2, 21.3)
LITRES_A_VISIT = 7.5
LITRES_A_ROUND = 45.0
MS_PER_MINUTE = 60_000
SCATTER = 0.12
"""Of a day's visitors, by chance, more or less."""
MOST_USES = 150.0
"""Of one cubicle in a day: one every nine minutes or so around the clock."""


def _quantiles() -> list[float]:
    """The hour by which each thousandth of a day's visitors has come."""
    hours, step, hour = [], 24.0 / 5000, 0.0
    for i in range(1001):
        while hour < 24.0 and RUSH.until(hour) < RUSH.total * i / 1000:
            hour += step
        hours.append(min(hour, 24.0))
    return hours


QUANTILES = _quantiles()


class AreaDay(Struct, frozen=True):
    """One day of one area. All times epoch ms UTC, in order; nobody stays over midnight."""

    day: Day
    arrivals: Sequence[int]
    leaves: Sequence[int]
    cubicles: tuple[tuple[Sequence[int], Sequence[int]], ...]
    """For each cubicle the starts and the ends of its uses."""
    rounds: tuple[int, ...]
    """When cleaning rounds end."""

    def uses_until(self, cubicle: int, time_ms: int) -> int:
        """Uses of a cubicle that have ended since midnight."""
        return bisect_right(self.cubicles[cubicle][1], time_ms)

    def occupied(self, cubicle: int, time_ms: int) -> bool:
        """Whether somebody is in it."""
        starts, ends = self.cubicles[cubicle]
        return bisect_right(starts, time_ms) > bisect_right(ends, time_ms)

    def litres_until(self, time_ms: int) -> float:
        """Water drawn since midnight: flushes and taps as people leave, buckets as rounds end."""
        return bisect_right(self.leaves, time_ms) * LITRES_A_VISIT + bisect_right(self.rounds, time_ms) * LITRES_A_ROUND


class Area:
    """The plans of one area. Sums over the days so far are known at once: registers need not walk through them."""

    def __init__(self, seed: int, site: str, area: str, kind: str, cubicles: int, calendar: Calendar) -> None:
        self.calendar = calendar
        self._key = key(seed, "visits", site, area)
        self._mean = VISITORS_A_DAY.get(kind, 120.0) * between(key(seed, "popular", site), 0, 0.6, 1.5)
        share = CUBICLE_SHARE.get(kind, 0.5) if cubicles else 0.0
        fair = min(MOST_USES, self._mean * share / max(1, cubicles))
        first = ANCHOR.weekday()
        self._uses = [Running(fair, BY_WEEKDAY, first, self._key ^ (i + 1), SCATTER) for i in range(cubicles)]
        self._others = Running(self._mean * (1.0 - share), BY_WEEKDAY, first, self._key ^ 0xA11, SCATTER)
        self._plans: dict[int, AreaDay] = {}

    @property
    def visitors_a_day(self) -> float:
        """On an ordinary day."""
        return self._mean

    def cubicle_uses_before(self, number: int, cubicle: int) -> int:
        """How often that cubicle was used from day 0 up to day `number`."""
        return floor(self._uses[cubicle].before(number))

    def visitors_before(self, number: int) -> int:
        """How many people came from day 0 up to day `number`; as many left."""
        uses = sum(floor(running.before(number)) for running in self._uses)
        return floor(self._others.before(number)) + uses

    def litres_before(self, number: int) -> float:
        """Water drawn from day 0 up to day `number`."""
        return self.visitors_before(number) * LITRES_A_VISIT + number * len(ROUND_HOURS) * LITRES_A_ROUND

    def rounds(self, day: Day) -> tuple[int, ...]:
        """When the cleaning rounds of the day end."""
        shifts = (between(self._key ^ 0xC1EA, day.number * 8 + i, -0.35, 0.35) for i in range(len(ROUND_HOURS)))
        return tuple(day.moment_ms(hour + shift) for hour, shift in zip(ROUND_HOURS, shifts, strict=True))

    def plan(self, day: Day) -> AreaDay:
        """The whole day; the last few are kept."""
        plan = self._plans.get(day.number)
        if plan is None:
            if len(self._plans) >= KEPT_DAYS:
                del self._plans[next(iter(self._plans))]
            plan = self._plans[day.number] = self._make(day)
        return plan

    def _make(self, day: Day) -> AreaDay:
        arrivals, leaves = array("q"), array("q")
        start_ms, last_ms = day.start_ms, day.end_ms - 1
        cubicles = []
        for cubicle, uses in enumerate(self._uses):
            draw = key(self._key, "cubicle", cubicle, day.number)
            starts, ends = self._cubicle(day, draw, _day_of(uses, day))
            cubicles.append((starts, ends))
            for i, (start, end) in enumerate(zip(starts, ends, strict=True)):
                slow = unit(draw, -1 - i)  # from the door to the cubicle and, by way of the basin, back
                arrivals.append(max(start_ms, start - 8_000 - int(42_000 * slow)))
                leaves.append(min(last_ms, end + 15_000 + int(55_000 * slow)))
        draw = key(self._key, "others", day.number)
        for i, moment in enumerate(moments(day, draw, _day_of(self._others, day))):
            arrivals.append(moment)
            leaves.append(min(last_ms, moment + 60_000 + int(150_000 * unit(draw, -1 - i))))
        return AreaDay(day, array("q", sorted(arrivals)), array("q", sorted(leaves)), tuple(cubicles), self.rounds(day))

    @staticmethod
    def _cubicle(day: Day, draw: int, uses: int) -> tuple[Sequence[int], Sequence[int]]:
        starts = moments(day, draw, uses)
        ends = array("q")
        for i, start in enumerate(starts):
            free_until = starts[i + 1] - 1000 if i + 1 < len(starts) else day.end_ms - 1
            stay = 96_000 + int(414_000 * unit(draw, -10_000 - i))
            ends.append(max(start, min(start + stay, free_until)))
        return starts, ends


def _day_of(running: Running, day: Day) -> int:
    return floor(running.before(day.number + 1)) - floor(running.before(day.number))


def moments(day: Day, draw: int, number: int) -> Sequence[int]:
    """That many moments of a day, in order, as dense as people come at each hour."""
    found = array("q")
    start_ms, ms_an_hour, last_ms = day.start_ms, day.length_ms / 24.0, day.end_ms - 1
    for i in range(number):
        position = (i + unit(draw, i)) / number * 1000.0
        below = int(position)
        hour = QUANTILES[below] + (QUANTILES[below + 1] - QUANTILES[below]) * (position - below)
        found.append(min(last_ms, start_ms + int(hour * ms_an_hour)))
    return found
