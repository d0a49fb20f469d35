"""What a counter has counted: right across resets, roll-overs and zeros that are none. Pure.

A register says a total, and falls now and then. What a fall means:

- Zero, and the next value that is not zero is no smaller than the one before: the zero was false, and is passed over.
- It fell from just below a power of ten, from four digits on, and the way over it is at most a hundredth of the dial:
  it rolled over.
- Anything else is a reset: what it shows was counted since.

What was counted between two values belongs to the window of the second, so the windows of a range add up to what the
register says. The arithmetic is decimal, as registers are: 1000.3 less 1000.1 is 0.2.
"""

from collections.abc import Iterable, Iterator
from decimal import Decimal

from api.queries.windows import Windows
from telemetry.reading import NS_PER_MS

FEWEST_DIGITS = 4
LARGEST_STEP = 0.01
"""Of the dial, in a step over its end."""


def passed_over(before: float, after: float) -> Decimal:
    """What a fall from `before` to `after` hides: the difference less than that was not counted, but this much more."""
    digits = max(FEWEST_DIGITS, len(str(int(before))))
    dial = Decimal(10) ** digits
    step = dial - _decimal(before) + _decimal(after)
    return dial if step <= dial * Decimal(str(LARGEST_STEP)) else _decimal(before)


class Counter:
    """Takes the values of a register in order of time, gives what was counted in each window."""

    def __init__(self, windows: Windows, before: float | None) -> None:
        """`before`: the last value before the range; None: there is none, and counting begins with the first."""
        self._windows = windows
        self._held = before
        """The last value that counts."""
        self._base = before
        """What the register stood at when the window began, and what falls have hidden since."""
        self._hidden = Decimal(0)
        self._start_ns, self._end_ns = 0, -1

    def add(self, times_ms: Iterable[int], values: Iterable[float]) -> Iterator[tuple[int, float]]:
        """Start, ns, and amount of each window that these values show to be over."""
        for ms, value in zip(times_ms, values, strict=True):
            time_ns = ms * NS_PER_MS
            if time_ns >= self._end_ns:
                yield from self.close()
                self._start_ns, self._end_ns = self._windows.at(time_ns)
            if self._held is None:
                self._held = self._base = value
            elif value > 0.0:  # what a zero was is known when it is over
                if value < self._held:
                    self._hidden += passed_over(self._held, value)
                self._held = value

    def close(self) -> Iterator[tuple[int, float]]:
        """The window that is open, if any."""
        if self._end_ns < 0 or self._held is None or self._base is None:
            return
        yield self._start_ns, float(_decimal(self._held) - _decimal(self._base) + self._hidden)
        self._base, self._hidden = self._held, Decimal(0)


def _decimal(value: float) -> Decimal:
    return Decimal(repr(value))
