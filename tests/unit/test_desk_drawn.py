"""What of a rule is drawn over a plot of its metric, and what can't be."""

import pytest

from alerts.desk import Line, lines, watched
from alerts.rules.rule import (
    Aggregate,
    Condition,
    Guard,
    Happening,
    Imbalance,
    NoData,
    Rate,
    Side,
    State,
    Value,
    Window,
)
from tests.alerting import CRITICAL, WARNING, M, S, level, rule

NH3 = "nh3_ppm"


def window(aggregate: Aggregate, *, peak: bool = False) -> Window:
    return Window(NH3, aggregate, 30 * M, S, 0.75, part_of_month_peak=peak)


def test_each_severity_has_its_lines() -> None:
    ladder = rule(Value(NH3), level(3, 2, 60), level(6, 6, severity=CRITICAL))
    assert lines(ladder) == [Line(NH3, WARNING, 3, 2, Side.ABOVE), Line(NH3, CRITICAL, 6, 6, Side.ABOVE)]
    assert lines(rule(Value(NH3), level(1, 2), side=Side.BELOW)) == [Line(NH3, WARNING, 1, 2, Side.BELOW)]


@pytest.mark.parametrize("aggregate", Aggregate)
def test_an_aggregate_is_drawn_where_it_lies_among_the_values(aggregate: Aggregate) -> None:
    drawn = aggregate in {Aggregate.MIN, Aggregate.MAX, Aggregate.MEAN}
    assert bool(lines(rule(window(aggregate), level()))) is drawn
    assert not lines(rule(window(aggregate, peak=True), level()))


@pytest.mark.parametrize(
    ("condition", "metrics"),
    [
        (Rate(NH3, M), (NH3,)),
        (Imbalance(("power_a_kw", "power_b_kw")), ("power_a_kw", "power_b_kw")),
        (State("leak", 1), ("leak",)),
        (Happening("assistance", 1, 1), ("assistance",)),
        (NoData(None, None), ()),
    ],
)
def test_what_lies_on_another_scale_is_not_drawn(condition: Condition, metrics: tuple[str, ...]) -> None:
    scaled = isinstance(condition, Rate | Imbalance)
    one = rule(condition, level() if scaled else level(None, None))
    assert lines(one) == []
    assert watched(one) == metrics


def test_a_guard_is_looked_at_too() -> None:
    assert watched(rule(guard=Guard("temperature_c", Side.ABOVE, 30))) == (NH3, "temperature_c")
    assert watched(rule(guard=Guard(NH3, Side.ABOVE, 1))) == (NH3,)
