"""Windows in buckets, against the same sums made from all readings."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.conditions import window
from alerts.conditions.window import Bucket, Course
from alerts.rules.rule import Aggregate, Window
from tests.alerting import T0, S

HOLD_S = 40
LENGTH_S, STEP_S = 60, 5


def known(readings: list[tuple[int, float]], start: int, end: int) -> list[tuple[float, float]]:
    """Value and how long it held, in seconds, within start <= t < end."""
    parts = []
    for place, (moment, value) in enumerate(readings):
        following = readings[place + 1][0] if place + 1 < len(readings) else 10**9
        begins, ends = max(moment, start), min(following, moment + HOLD_S, end)
        if begins < ends:
            parts.append((value, float(ends - begins)))
    return parts


def slowly(readings: list[tuple[int, float]], aggregate: Aggregate, end: int, coverage: float) -> float | None:
    start = end - LENGTH_S
    parts = known(readings, start, end)
    seconds = sum(held for _, held in parts)
    within = [(moment, value) for moment, value in readings if start <= moment < end]
    if seconds < coverage * LENGTH_S:
        return None
    if aggregate is Aggregate.COUNT:
        return float(len(within))
    if not parts:
        return None
    values = [value for value, _ in parts]
    match aggregate:
        case Aggregate.MEAN:
            return sum(value * held for value, held in parts) / seconds
        case Aggregate.MIN:
            return min(values)
        case Aggregate.MAX:
            return max(values)
        case Aggregate.SPREAD:
            return max(values) - min(values)
        case Aggregate.SUM:
            return sum(value for _, value in within)
        case _:
            before = dict(zip([moment for moment, _ in readings[1:]], [value for _, value in readings], strict=False))
            return sum(value - before.get(moment, value) for moment, value in within)


@settings(max_examples=300, deadline=None)
@given(
    readings=st.dictionaries(st.integers(0, 400), st.integers(-50, 50), max_size=60),
    aggregate=st.sampled_from(Aggregate),
    coverage=st.sampled_from((0.0, 0.5, 1.0)),
)
def test_at_each_step_it_is_what_all_readings_give(
    readings: dict[int, int], aggregate: Aggregate, coverage: float
) -> None:
    asked = Window("nh3_ppm", aggregate, LENGTH_S * S, STEP_S * S, coverage)
    course: Course = window.begin(asked, T0)
    closed: tuple[Bucket, ...] = ()
    everything = sorted((moment, float(value)) for moment, value in readings.items())
    waiting = list(everything)
    asleep = False
    for end in range(STEP_S, 500, STEP_S):
        while waiting and waiting[0][0] < end:
            moment, value = waiting.pop(0)
            course, closed = window.wake(asked, course, closed, T0 + moment * S)
            course = window.add(course, T0 + moment * S, value, HOLD_S * S, suspect=False, counter=False)
            asleep = False
        expected = slowly(everything, aggregate, end, coverage) if end >= LENGTH_S else None
        if asleep:
            assert expected in ((None, 0.0) if aggregate is Aggregate.COUNT else (None,)), "nothing was missed asleep"
            continue
        course, closed = window.close(asked, course, closed, HOLD_S * S)
        found = window.aggregate(asked, course, closed)
        assert (found is None) == (expected is None)
        if expected is not None:
            assert found == pytest.approx(expected, abs=1e-9)
        asleep = not window.is_alive(asked, course, closed, HOLD_S * S)


def test_a_counter_that_falls_has_counted_since_what_it_shows() -> None:
    asked = Window("uses", Aggregate.DELTA, LENGTH_S * S, STEP_S * S, 0.0)
    course = window.begin(asked, T0)
    for second, value in ((1, 100), (2, 110), (3, 4), (4, 6)):
        course = window.add(course, T0 + second * S, value, None, suspect=False, counter=True)
    assert course.open.delta == 10 + 4 + 2
