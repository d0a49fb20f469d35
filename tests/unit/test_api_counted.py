"""What a fall of a register means."""

from zoneinfo import ZoneInfo

import pytest

from api.queries.counted import Counter
from api.queries.windows import DAY_S, Windows

WINDOWS = Windows(DAY_S, ZoneInfo("UTC"))


def counted(before: float | None, *values: float) -> float:
    """In one window."""
    counter = Counter(WINDOWS, before)
    assert list(counter.add(range(len(values)), values)) == []
    ((_, amount),) = counter.close()
    return amount


@pytest.mark.parametrize(
    ("before", "values", "amount"),
    [
        (100.0, [110.0, 125.5], 25.5),
        (None, [110.0, 125.5], 15.5),
        (None, [110.0], 0.0),
        (1000.1, [1000.3], 0.2),
        # Reset: what it shows was counted since.
        (100.0, [110.0, 5.0, 15.0], 25.0),
        (100.0, [110.0, 0.0, 15.0], 25.0),
        (5_000.0, [0.0], 0.0),
        (5_000.0, [0.0, 0.0, 0.0], 0.0),
        (950_000.0, [5.0], 5.0),
        (99.0, [1.0], 1.0),
        (100.0, [5.0, 10.0, 2.0], 12.0),
        # Rolled over: over the end of a dial of as many digits as it showed, four or more.
        (9_999.0, [1.0], 2.0),
        (999_998.5, [1.25], 2.75),
        (99_990.0, [99_999.9, 0.0, 0.3], 10.3),
        (9_999_990.0, [0.0, 30.0], 40.0),
        # A false zero: back to where it was.
        (100.0, [0.0, 100.5, 101.0], 1.0),
        (1_000.0, [0.0, 0.0, 1_000.0], 0.0),
        (0.0, [0.0, 0.5], 0.5),
    ],
)
def test_a_fall_is_a_reset_a_roll_over_or_a_false_zero(
    before: float | None, values: list[float], amount: float
) -> None:
    assert counted(before, *values) == amount


def test_a_zero_that_is_not_over_with_its_window_is_judged_in_the_next() -> None:
    day_ms = DAY_S * 1_000
    for after, expected in ((100.5, [(0, 0.0), (1, 0.5)]), (7.0, [(0, 0.0), (1, 7.0)])):
        counter = Counter(WINDOWS, 100.0)
        amounts = [*counter.add([0, day_ms], [0.0, after]), *counter.close()]
        assert [(start // (day_ms * 1_000_000), amount) for start, amount in amounts] == expected


def test_nothing_gives_nothing() -> None:
    counter = Counter(WINDOWS, 5.0)
    assert list(counter.add([], [])) == list(counter.close()) == []
