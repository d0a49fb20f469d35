"""The shape of a day with a closed integral, and registers that count it up over years without walking through them."""

from bisect import bisect_right
from collections.abc import Callable, Sequence

from simulators.models.days import MS_PER_HOUR, Calendar, Day
from simulators.models.noise import signed, unit


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


class Running:
    """A sum over days that is known for any day at once, and its daily parts, which follow the week with some chance.

    The sum up to day n is `mean` times (the week's weights so far + a bounded random number of day n). So it needs no
    walk through the years, and the part of a day is the difference of two sums.
    """

    def __init__(self, mean: float, week: Sequence[float], first_weekday: int, noise_key: int, scatter: float) -> None:
        """`week`: seven weights, Monday first; `scatter` must be less than half of the smallest."""
        self._mean = mean
        ordered = [week[(first_weekday + i) % 7] for i in range(7)]
        self._sums = [sum(ordered[:i]) for i in range(8)]
        self._key = noise_key
        self._scatter = scatter

    def before(self, day: int) -> float:
        """The sum of all days from day 0 up to, and without, that one."""
        weeks, rest = divmod(day, 7)
        weights = weeks * self._sums[7] + self._sums[rest]
        return self._mean * (weights + self._scatter * signed(self._key, day))

    def of(self, day: int) -> float:
        """That day's part. Never negative."""
        return self.before(day + 1) - self.before(day)


class Register:
    """A counter: what it stood at on day 0, plus whole days, plus the day so far; rolls over after its last digit."""

    def __init__(
        self,
        calendar: Calendar,
        *,
        before: Callable[[int], float],
        so_far: Callable[[Day, int], float],
        start_key: int,
        rollover: float,
    ) -> None:
        """`before(number)` sums all days before that one; `so_far(day, time_ms)` grows within the day to its part."""
        self._calendar = calendar
        self._before = before
        self._so_far = so_far
        self._rollover = rollover
        # Some registers of any fleet are about to roll over; these start anywhere on their dial.
        self._start = int(unit(start_key, 0) * rollover)

    def at(self, time_ms: int) -> float:
        """What stands on the register."""
        day = self._calendar.at(time_ms)
        return (self._start + self._before(day.number) + self._so_far(day, time_ms)) % self._rollover


def pace(day: Day) -> float:
    """How much faster a day of that length must go, so that its profile comes to the same sum: mostly 1."""
    return 24.0 * MS_PER_HOUR / day.length_ms
