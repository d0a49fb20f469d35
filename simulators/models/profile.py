"""The shape of a day with a closed integral, and registers that count it up over years without walking through them."""

from bisect import bisect_right
from collections.abc import Callable, Sequence

from simulators.models.days import MS_PER_HOUR, Calendar, Day
from simulators.models.noise import unit


class Profile:
    """Straight lines between points (hour, height). Starts and ends at the same height, so that days join."""

    def __init__(self, points: Sequence[tuple[float, float]]) -> None:
        self._hours = [hour for hour, _ in points]
        self._heights = [height for _, height in points]
        if self._hours[0] != 0.0 or self._hours[-1] != 24.0 or self._heights[0] != self._heights[-1]:
            raise ValueError("a profile runs from hour 0 to hour 24 and ends as it starts")
        self._sums = [0.0]
        for i in range(1, len(points)):
            width = self._hours[i] - self._hours[i - 1]
            self._sums.append(self._sums[-1] + width * (self._heights[i] + self._heights[i - 1]) / 2)
        self.total = self._sums[-1]
        """The integral over the whole day, height times hours."""

    def at(self, hour: float) -> float:
        """The height at an hour of 0 to 24."""
        i = min(bisect_right(self._hours, hour), len(self._hours) - 1)
        x = (hour - self._hours[i - 1]) / (self._hours[i] - self._hours[i - 1])
        return self._heights[i - 1] + (self._heights[i] - self._heights[i - 1]) * x

    def until(self, hour: float) -> float:
        """The integral from 0 to `hour`."""
        i = min(bisect_right(self._hours, hour), len(self._hours) - 1)
        width = hour - self._hours[i - 1]
        return self._sums[i - 1] + width * (self._heights[i - 1] + self.at(hour)) / 2


class Register:
    """A counter: what it stood at on day 0, plus whole days, plus the day so far; rolls over after its last digit."""

    def __init__(
        self,
        calendar: Calendar,
        *,
        daily: Callable[[Day], float],
        so_far: Callable[[Day, int], float],
        start_key: int,
        rollover: float,
    ) -> None:
        """`daily` is a day's total and must be cheap; `so_far(day, time_ms)` grows from 0 to it within the day."""
        self._calendar = calendar
        self._daily = daily
        self._so_far = so_far
        self._rollover = rollover
        # Some registers of any fleet are about to roll over; these start anywhere on their dial.
        self._sums: dict[int, float] = {0: float(int(unit(start_key, 0) * rollover))}

    def _before(self, number: int) -> float:
        """What stands on the register at the start of that day, without roll-over."""
        known = self._sums.get(number)
        if known is None:
            step = 1 if number > 0 else -1
            at = number
            while at not in self._sums:
                at -= step
            total = self._sums[at]
            while at != number:
                if step > 0:
                    total += self._daily(self._calendar.day(at))
                    at += 1
                else:
                    at -= 1
                    total -= self._daily(self._calendar.day(at))
                self._sums[at] = total
            known = total
        return known

    def at(self, time_ms: int) -> float:
        """What stands on the register."""
        day = self._calendar.at(time_ms)
        return (self._before(day.number) + self._so_far(day, time_ms)) % self._rollover


def hours_of(day: Day) -> float:
    """How long the day is, in hours: what turns an integral over a 24 hour profile into kWh."""
    return day.length_ms / MS_PER_HOUR
