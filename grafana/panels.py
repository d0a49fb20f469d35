"""Panels in one style: calm colours that colour-blind people tell apart, names in legends, gaps where nothing came.

`plot`, `bars`, `timeline`, `figure`, `gauges` and `rows` make a panel; `in_unit`, `with_lines` and `named` finish it
from a metric, the rules and the registry. `course_of` is all of that for the course of one metric by device.
"""

from collections.abc import Iterable, Mapping, Sequence
from itertools import cycle
from typing import TypeVar

from grafana_foundation_sdk.builders import (
    barchart,
    bargauge,
    common,
    dashboard,
    heatmap,
    stat,
    statetimeline,
    table,
    timeseries,
)
from grafana_foundation_sdk.models import common as shown
from grafana_foundation_sdk.models.dashboard import (
    DashboardSpecialValueMapOptions,
    DynamicConfigValue,
    FieldColorModeId,
    SpecialValueMap,
    SpecialValueMatch,
    Threshold,
    ThresholdsMode,
    ValueMap,
    ValueMapping,
    ValueMappingResult,
)

from grafana.deployment import MOST_NAMED, Deployment
from grafana.links import device_links
from grafana.queries import INFLUXDB, InfluxQuery, Scope, course
from grafana.thresholds import FINE, aggregate_of, steps
from grafana.units import unit_of
from grafana.words import later
from telemetry.catalogue.metric import Kind, Metric
from telemetry.registry.models import Device

Panel = TypeVar(
    "Panel",
    timeseries.Panel,
    statetimeline.Panel,
    stat.Panel,
    bargauge.Panel,
    barchart.Panel,
    table.Panel,
    heatmap.Panel,
)
Queries = Sequence[InfluxQuery]

SERIES = ("#4477AA", "#44AA99", "#88CCEE", "#999933", "#8A6FB0", "#DDCC77", "#777777", "#117733")
"""Colours of lines and bars, after Paul Tol's schemes for all eyes (https://sronpersonalpages.nl/~pault/), without
their reds: red and amber are kept for what is wrong."""
NEUTRAL = "#67839E"
"""A figure that is neither good nor bad."""
RESTING = "#AEB9C3"
"""A state in which nothing happens."""
TWO_WEEKS = "now-13d/d"
"""Of panels by day: whole days, so that the first bar is no stump."""
JOINED_MIN_S = 1_800
"""Readings so near to each other are joined by a line, however often the device ought to report: `caretaker fill`
writes a past of one reading in 15 minutes."""
LEGEND_MOST = 5
"""So many series have their names under the plot; more have them in a table beside it."""


_POINTS = {
    "mean": later("Each point is the mean of its window."),
    "max": later("Each point is the highest value of its window."),
    "min": later("Each point is the lowest value of its window."),
}


def plot(title: str, description: str, queries: Queries) -> timeseries.Panel:
    """Lines over time."""
    return begun(
        timeseries.Panel()
        .line_width(1)
        .fill_opacity(0)
        .show_points(shown.VisibilityMode.AUTO)
        .span_nulls(JOINED_MIN_S * 1000.0)
        .tooltip(common.VizTooltipOptions().mode(shown.TooltipDisplayMode.MULTI).sort(shown.SortOrder.DESCENDING))
        .legend(legend(len(queries))),
        title,
        description,
        queries,
    )


def bars(title: str, description: str, queries: Queries) -> timeseries.Panel:
    """A bar for each window of the calendar, those of one window on top of each other."""
    return (
        plot(title, description, queries)
        .draw_style(shown.GraphDrawStyle.BARS)
        .line_width(0)
        .fill_opacity(80)
        .bar_alignment(shown.BarAlignment.AFTER)
        .bar_width_factor(0.8)
        .show_points(shown.VisibilityMode.NEVER)
        .stacking(common.StackingConfig().group("A").mode(shown.StackingMode.NORMAL))
        .axis_soft_min(0)
    )


def timeline(title: str, description: str, queries: Queries) -> statetimeline.Panel:
    """A bar of states over time for each series."""
    return begun(
        statetimeline.Panel()
        .override_by_field_type("number", [DynamicConfigValue(id_val="custom.spanNulls", value=JOINED_MIN_S * 1000)])
        .merge_values(True)
        .show_value(shown.VisibilityMode.NEVER)
        .row_height(0.8)
        .line_width(0)
        .fill_opacity(80)
        .legend(
            common.VizLegendOptions()
            .show_legend(True)
            .display_mode(shown.LegendDisplayMode.LIST)
            .placement(shown.LegendPlacement.BOTTOM)
            .calcs([])
        )
        .tooltip(common.VizTooltipOptions().mode(shown.TooltipDisplayMode.SINGLE).sort(shown.SortOrder.NONE)),
        title,
        description,
        queries,
    )


def figure(title: str, description: str, queries: Queries, calc: str = "lastNotNull") -> stat.Panel:
    """A large number for each series. `calc` makes one of its values."""
    panel = (
        stat.Panel()
        .graph_mode(shown.BigValueGraphMode.NONE)
        .color_mode(shown.BigValueColorMode.VALUE)
        .reduce_options(common.ReduceDataOptions().calcs([calc]).fields("").values(False))
    )
    return by_value(begun(panel, title, description, queries), ())


def gauges(title: str, description: str, queries: Queries) -> bargauge.Panel:
    """A horizontal bar with its number for each series."""
    panel = (
        bargauge.Panel()
        .display_mode(shown.BarGaugeDisplayMode.BASIC)
        .orientation(shown.VizOrientation.HORIZONTAL)
        .show_unfilled(True)
        .text(common.VizTextDisplayOptions().title_size(11).value_size(16))
        .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]).fields("").values(False))
    )
    return by_value(begun(panel, title, description, queries), ())


def legend(series: int, calcs: Sequence[str] = ("lastNotNull",)) -> common.VizLegendOptions:
    """Under the plot for few series, as a table beside it for many, each with its last value or what `calcs` say."""
    few = series <= LEGEND_MOST
    return (
        common.VizLegendOptions()
        .show_legend(True)
        .display_mode(shown.LegendDisplayMode.LIST if few else shown.LegendDisplayMode.TABLE)
        .placement(shown.LegendPlacement.BOTTOM if few else shown.LegendPlacement.RIGHT)
        .calcs(list(calcs))
    )


def no_legend() -> common.VizLegendOptions:
    """For a small plot beside a larger one of the same series: a click still says which is which."""
    return common.VizLegendOptions().show_legend(False).display_mode(shown.LegendDisplayMode.LIST).calcs([])


def in_unit(panel: Panel, metric: Metric) -> Panel:
    """Unit and decimals of the metric; the ends of the axis where the metric has them by nature."""
    panel.unit(unit_of(metric.unit)).decimals(metric.decimals)
    if metric.unit == "%":
        panel.min(metric.plausible_min).max(metric.plausible_max)
    elif metric.kind is Kind.COUNTER or metric.kind is Kind.EVENT:
        panel.min(0)
    return panel


def with_states(panel: Panel, states: Mapping[float, tuple[str, str]]) -> Panel:
    """Words and colours for the values of a state."""
    options = {
        f"{value:g}": ValueMappingResult(text=text, color=colour, index=index)
        for index, (value, (text, colour)) in enumerate(states.items())
    }
    return _mapped(panel, ValueMap(options=options))


def with_lines(panel: timeseries.Panel, limits: Sequence[Threshold]) -> timeseries.Panel:
    """The rules' thresholds as lines."""
    if len(limits) > 1:
        panel.thresholds(fixed_steps(limits)).thresholds_style(
            common.GraphThresholdsStyleConfig().mode(shown.GraphTresholdsStyleMode.LINE)
        )
    return panel


def fixed_steps(limits: Sequence[Threshold]) -> dashboard.ThresholdsConfig:
    """Thresholds in the metric's unit."""
    return dashboard.ThresholdsConfig().mode(ThresholdsMode.ABSOLUTE).steps(list(limits))


def named(panel: Panel, names: Mapping[str, str]) -> Panel:
    """Each series under its name, in a colour of its own. Above `MOST_NAMED` they keep their ids."""
    if len(names) <= MOST_NAMED:
        for (series, name), colour in zip(names.items(), cycle(SERIES), strict=False):
            panel.override_by_name(
                series,
                [
                    DynamicConfigValue(id_val="displayName", value=name),
                    DynamicConfigValue(id_val="color", value={"mode": "fixed", "fixedColor": colour}),
                ],
            )
    return panel


def renamed(panel: Panel, names: Mapping[str, str]) -> Panel:
    """Each series under its name, in the colour of its value. Above `MOST_NAMED` they keep their ids."""
    if len(names) <= MOST_NAMED:
        for series, name in names.items():
            panel.override_by_name(series, [DynamicConfigValue(id_val="displayName", value=name)])
    return panel


def by_value(panel: Panel, limits: Sequence[Threshold]) -> Panel:
    """Coloured by the value: neutral, then as the rules' limits say."""
    every = limits or [Threshold(None, FINE)]
    shaded = [Threshold(one.value, NEUTRAL if one.color == FINE else one.color) for one in every]
    panel.color_scheme(dashboard.FieldColor().mode(FieldColorModeId.THRESHOLDS)).thresholds(fixed_steps(shaded))
    # It counts as less than every threshold: it would be red where little is bad.
    return with_nothing(panel, NEUTRAL)


def with_nothing(panel: Panel, colour: str) -> Panel:
    """The colour of a figure where there is none."""
    result = ValueMappingResult(color=colour, index=99)
    return _mapped(panel, SpecialValueMap(DashboardSpecialValueMapOptions(SpecialValueMatch.NULL_AND_NAN, result)))


def _mapped(panel: Panel, mapping: ValueMapping) -> Panel:
    """With one more value mapping; of those for special values the last counts."""
    known: list[ValueMapping] = panel.build().field_config.defaults.mappings or []
    panel.mappings([*(one for one in known if type(one) is not type(mapping)), mapping])
    return panel


def course_of(
    deployment: Deployment, metric: str, devices: Sequence[Device], scope: Scope, title: str, description: str,
    names: Mapping[str, str] | None = None,
) -> timeseries.Panel:  # fmt: skip
    """The course of one metric by device, with the thresholds of the rules that watch it.

    The description gets a sentence on what a point is: what rules look at is not averaged away. `names`: by device id,
    for legends; None: by site and area.
    """
    known = deployment.registry.metrics[metric]
    rules = deployment.rules_of(devices)
    function = aggregate_of(rules, metric)
    query = InfluxQuery(course(known, scope, function), alias="$tag_device")
    said = f"{description} {deployment.words(_POINTS[function])}"
    panel = plot(title, said, [query]).legend(legend(len(devices)))
    called = deployment.series_names(devices) if names is None else names
    panel = named(with_lines(in_unit(panel, known), steps(rules, metric)), called)
    interval_s = expected_s(devices)
    return (
        panel.interval(f"{interval_s:d}s")
        .span_nulls(max(2 * interval_s, JOINED_MIN_S) * 1000.0)
        .data_links([*device_links(deployment)])
    )


def expected_s(devices: Iterable[Device]) -> int:
    """The longest time between readings that is expected of any of them, in whole seconds; at least one."""
    return max([1, *(round(device.interval_s) for device in devices if device.interval_s is not None)])


def begun(panel: Panel, title: str, description: str, queries: Queries) -> Panel:
    """With what every panel has. Raises `ValueError` without a description."""
    if not description:
        raise ValueError(f"the panel {title!r} needs a description")
    panel.title(title).description(description).datasource(INFLUXDB)
    for query in queries:
        panel.with_target(query)
    return panel
