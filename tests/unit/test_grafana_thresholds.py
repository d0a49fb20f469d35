"""From rules to the lines in a plot: at which value, in which colour, and what is not drawn."""

from collections.abc import Sequence

import pytest

from alerts.alert import Severity
from alerts.rules.rule import (
    Aggregate,
    Condition,
    Happening,
    Imbalance,
    NoData,
    Rate,
    Rule,
    Side,
    State,
    Value,
    Window,
)
from grafana.guidelines import with_guideline
from grafana.panels import NEUTRAL, by_value, figure, with_states
from grafana.queries import InfluxQuery
from grafana.thresholds import AMBER, FINE, QUIET, RED, SEVERITIES, aggregate_of, longest_without, steps
from telemetry.catalogue.guidelines import GUIDELINES
from tests.alerting import CRITICAL, M, S, level, rule
from tests.builders import CATALOGUE

NH3 = "nh3_ppm"


def window(aggregate: Aggregate, *, peak: bool = False) -> Window:
    return Window(NH3, aggregate, 30 * M, S, 0.75, part_of_month_peak=peak)


def drawn(*rules: Rule, metric: str = NH3) -> list[tuple[float | None, str]]:
    return [(one.value, one.color) for one in steps(rules, metric)]


def test_each_severity_has_a_colour_of_its_own() -> None:
    assert SEVERITIES.keys() == set(Severity)
    assert len({*SEVERITIES.values(), FINE, NEUTRAL}) == len(Severity) + 2


@pytest.mark.parametrize(
    ("rules", "wanted"),
    [
        ((), [(None, FINE)]),
        ((rule(Value(NH3), level(4, 3), level(10, 5, severity=CRITICAL)),), [(None, FINE), (4, AMBER), (10, RED)]),
        (
            (rule(Value(NH3), level(10, 30), level(2, 10, severity=CRITICAL), side=Side.BELOW),),
            [(None, RED), (2, AMBER), (10, FINE)],
        ),
        (
            (
                rule(Value(NH3), level(4, 4)),
                rule(Value(NH3), level(1, 1, severity=Severity.INFORMATION), side=Side.BELOW),
            ),
            [(None, QUIET), (1, FINE), (4, AMBER)],
        ),
        ((rule(Value(NH3), level(4, 4)), rule(Value(NH3), level(4, 4, severity=CRITICAL))), [(None, FINE), (4, RED)]),
        (
            (rule(Value(NH3), level(3, 3, severity=CRITICAL)), rule(window(Aggregate.MEAN), level(7, 7))),
            [(None, FINE), (3, RED), (7, RED)],
        ),
    ],
    ids=["none", "above", "below", "a range", "one value, two severities", "the worst counts above both"],
)
def test_ranges_have_the_colour_of_the_worst(rules: Sequence[Rule], wanted: list[tuple[float | None, str]]) -> None:
    assert drawn(*rules) == wanted


@pytest.mark.parametrize("aggregate", Aggregate)
def test_an_aggregate_is_drawn_where_it_lies_among_the_values(aggregate: Aggregate) -> None:
    lies = aggregate in {Aggregate.MIN, Aggregate.MAX, Aggregate.MEAN}
    assert (len(drawn(rule(window(aggregate), level(4, 4)))) > 1) is lies
    assert drawn(rule(window(aggregate, peak=True), level(4, 4))) == [(None, FINE)], "compared with its own past"


@pytest.mark.parametrize(
    "condition",
    [
        Rate(NH3, M),
        Imbalance((NH3, "h2s_ppm")),
        State(NH3, 1),
        Happening(NH3, 1, 1),
        NoData(None, None),
        Value("h2s_ppm"),
    ],
    ids=lambda one: type(one).__name__,
)
def test_what_lies_on_another_scale_is_not_drawn(condition: Condition) -> None:
    assert drawn(rule(condition, level(4, 4))) == [(None, FINE)]


@pytest.mark.parametrize(
    ("condition", "side", "wanted"),
    [
        (Value(NH3), Side.ABOVE, "max"),
        (Value(NH3), Side.BELOW, "min"),
        (window(Aggregate.MAX), Side.ABOVE, "max"),
        (window(Aggregate.MEAN), Side.ABOVE, "mean"),
        (window(Aggregate.MIN), Side.ABOVE, "mean"),
        (Rate(NH3, M), Side.ABOVE, "mean"),
    ],
)
def test_a_window_of_the_plot_shows_what_the_rule_looks_at(condition: Condition, side: Side, wanted: str) -> None:
    assert aggregate_of([rule(condition, level(4, 4), side=side)], NH3) == wanted
    assert aggregate_of([], NH3) == "mean"


def test_rules_that_look_at_different_things_get_the_mean() -> None:
    high, low = rule(Value(NH3), level(4, 4)), rule(Value(NH3), level(1, 1), side=Side.BELOW)
    assert aggregate_of([high, low], NH3) == "mean"
    assert aggregate_of([high, high], NH3) == "max"


def test_how_long_cleaning_may_take() -> None:
    def without(hours: int, side: Side = Side.BELOW, aggregate: Aggregate = Aggregate.COUNT) -> Rule:
        return rule(Window("cleaned", aggregate, hours * 60 * M, M, 0.0), level(1, 1), side=side)

    assert longest_without([without(5), without(3), without(1, Side.ABOVE)], "cleaned") == 3 * 3_600
    assert longest_without([without(5, aggregate=Aggregate.SUM)], "cleaned") is None
    assert longest_without([without(5)], "feedback") is None


def test_a_guideline_is_quiet_and_stands_among_the_limits() -> None:
    pm, limit = "pm2_5_ugm3", GUIDELINES["pm2_5_ugm3"].limit
    above = [rule(Window(pm, Aggregate.MEAN, 24 * 60 * M, M, 0.75), level(50, 45))]
    stricter = [rule(Window(pm, Aggregate.MEAN, 24 * 60 * M, M, 0.75), level(limit - 5, 5))]
    same = [rule(Window(pm, Aggregate.MEAN, 24 * 60 * M, M, 0.75), level(limit, 5))]

    def found(rules: Sequence[Rule], metric: str = pm) -> list[tuple[float | None, str]]:
        return [(one.value, one.color) for one in with_guideline(steps(rules, metric), metric)]

    assert found(above) == [(None, FINE), (limit, QUIET), (50, AMBER)]
    assert found(stricter) == [(None, FINE), (limit - 5, AMBER)], "an alert counts more"
    assert found(same) == [(None, FINE), (limit, AMBER)]
    assert found([], NH3) == [(None, FINE)]


def test_guidelines_are_in_the_units_of_the_catalogue() -> None:
    assert {CATALOGUE[name].unit for name in GUIDELINES} == {"ug/m3"}


def test_figures_are_neutral_where_nothing_is_wrong() -> None:
    panel = by_value(figure("a", "b.", [InfluxQuery("SELECT 1")]), steps([rule(Value(NH3), level(4, 4))], NH3)).build()
    limits = panel.field_config.defaults.thresholds
    assert limits is not None
    assert [(one.value, one.color) for one in limits.steps] == [(None, NEUTRAL), (4, AMBER)]


def test_words_for_states_and_the_colour_of_nothing_stand_beside_each_other() -> None:
    panel = with_states(figure("a", "b.", []), {0.0: ("no", RED), 1.0: ("yes", NEUTRAL)})
    mappings = by_value(panel, ()).build().field_config.defaults.mappings
    assert mappings is not None
    assert {str(one.to_json()["type"]) for one in mappings} == {"special", "value"}
