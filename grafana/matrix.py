"""Rows of the store laid out in two directions, by Grafana's transformations: heat maps in cells, and grouped bars.

Grafana's own heat map has time on one side, and cannot show hour against weekday.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from grafana_foundation_sdk.builders import barchart, common, table
from grafana_foundation_sdk.builders.dashboard import FieldColor
from grafana_foundation_sdk.models import common as shown
from grafana_foundation_sdk.models.dashboard import (
    DataTransformerConfig,
    DynamicConfigValue,
    FieldColorModeId,
)

from grafana.panels import Queries, begun, legend
from grafana.tables import column, names_in_cells, rows
from grafana.words import Words

VALUE = "value"
"""The column of the queries that is laid out."""


class Side(NamedTuple):
    """One direction."""

    column: str
    """Of the queries."""
    names: Mapping[str, str]
    """What its values are called, in the order in which they stand."""
    title: str = ""
    """Of the names; for rows only."""


def hours() -> Side:
    """The hours of a day."""
    return Side("hour", {str(hour): f"{hour:02d}" for hour in range(24)})


def weekdays(words: Words) -> Side:
    """From Monday."""
    names = (words("Mon"), words("Tue"), words("Wed"), words("Thu"), words("Fri"), words("Sat"), words("Sun"))
    return Side("weekday", {str(place): name for place, name in enumerate(names)}, " ")


def heat(
    title: str, description: str, queries: Queries, down: Side, across: Side, steps: Sequence[str], width_px: int
) -> table.Panel:
    """Cells coloured by their value, darker for more; `steps` make one value of each cell's, see `laid_out`.

    `width_px`: of the names of rows.
    """
    panel = rows(title, description, queries).color_scheme(FieldColor().mode(FieldColorModeId.CONTINUOUS_BLUES))
    return _laid(panel, queries, down, across, steps, width_px)


def grouped_bars(
    title: str, description: str, queries: Queries, along: Side, beside: Side, colours: Sequence[str]
) -> barchart.Panel:
    """For each name of `along` bars beside one another, in these colours; values of one place are added up."""
    panel = (
        begun(barchart.Panel(), title, description, queries)
        .transformations(laid_out(queries, along, beside, ["sum"]))
        .x_field(_corner(along, beside))
        .orientation(shown.VizOrientation.VERTICAL)
        .show_value(shown.VisibilityMode.NEVER)
        .group_width(0.8)
        .bar_width(0.95)
        .fill_opacity(85)
        .line_width(0)
        .axis_soft_min(0)
        .stacking(shown.StackingMode.NONE)
        .x_tick_label_spacing(0)
        .tooltip(common.VizTooltipOptions().mode(shown.TooltipDisplayMode.MULTI).sort(shown.SortOrder.NONE))
        .legend(legend(len(beside.names), []))
    )
    panel.override_by_name(_corner(along, beside), [names_in_cells(along.names)])
    for (key, name), colour in zip(beside.names.items(), colours, strict=True):
        fixed = {"mode": "fixed", "fixedColor": colour}
        panel.override_by_name(
            key,
            [DynamicConfigValue(id_val="displayName", value=name), DynamicConfigValue(id_val="color", value=fixed)],
        )
    return panel


def laid_out(queries: Queries, down: Side, across: Side, steps: Sequence[str]) -> list[DataTransformerConfig]:
    """From rows with the columns of both sides and `VALUE` to a table.

    `steps`: how values of one place become one. With two, the first is by device: `mean`, then `sum` is the sum of the
    devices' means, to which each device counts the same, however much of it is missing.
    """
    places = [down.column, across.column]
    made = [_step("merge")] if len(queries) > 1 else []
    value = VALUE
    for place, how in enumerate(steps, 1):
        by = places if place == len(steps) else list(dict.fromkeys([*places, "device"]))
        made.append(_grouped(by, value, how))
        value = f"{value} ({how})"
    order = [_corner(down, across), *across.names]
    return [
        *made,
        _step("sortBy", fields={}, sort=[{"field": down.column, "desc": False}]),
        _step("groupingToMatrix", rowField=down.column, columnField=across.column, valueField=value),
        _step(
            "organize",
            excludeByName={},
            indexByName={name: place for place, name in enumerate(order)},
            renameByName={},
        ),
    ]


def _laid(
    panel: table.Panel, queries: Queries, down: Side, across: Side, steps: Sequence[str], width_px: int
) -> table.Panel:
    panel.transformations(laid_out(queries, down, across, steps))
    column(panel, _corner(down, across), down.title, names_in_cells(down.names), width_px=width_px)
    for key, name in across.names.items():
        column(
            panel,
            key,
            name,
            DynamicConfigValue(id_val="custom.displayMode", value="color-background-solid"),
            DynamicConfigValue(id_val="custom.align", value="center"),
            DynamicConfigValue(id_val="custom.minWidth", value=_NARROW_PX),
        )
    return panel


_NARROW_PX = 30
"""Of a cell, so that 24 hours stand side by side."""


def _corner(down: Side, across: Side) -> str:
    """How Grafana calls the first column of a matrix."""
    return f"{down.column}\\{across.column}"


def _grouped(by: Sequence[str], value: str, how: str) -> DataTransformerConfig:
    fields = {name: {"aggregations": [], "operation": "groupby"} for name in by}
    return _step("groupBy", fields={**fields, value: {"aggregations": [how], "operation": "aggregate"}})


def _step(name: str, **options: object) -> DataTransformerConfig:
    return DataTransformerConfig(id_val=name, options=options)
