"""What the cells of a table can be: hidden, a bar, a word for a range of numbers, a part of a link."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from grafana_foundation_sdk.models.dashboard import (
    DashboardRangeMapOptions,
    DynamicConfigValue,
    RangeMap,
    Threshold,
    ValueMapping,
    ValueMappingResult,
)

from grafana.panels import NEUTRAL
from grafana.tables import names_in_cells

HIDDEN = DynamicConfigValue(id_val="custom.hidden", value=True)
"""Not shown, and there for links."""
SPAN = DynamicConfigValue(id_val="unit", value="dtdurations")
"""Seconds as people say them: 3 days, 4 hours."""

CENTRED = DynamicConfigValue(id_val="custom.align", value="center")
NONE = DynamicConfigValue(id_val="noValue", value="\N{EN DASH}")
"""Where a row has nothing to say in a column."""

_FAR = 1e15
"""Grafana 9.3 takes a range without an end for none."""


class Range(NamedTuple):
    """Numbers from `low` on, and below `high`; None: without an end."""

    low: float | None
    high: float | None
    text: str
    colour: str


def ranges(held: Sequence[Range]) -> Sequence[DynamicConfigValue]:
    """Properties of a column of numbers: a word on its colour for each range."""
    mappings: list[ValueMapping] = [
        RangeMap(
            DashboardRangeMapOptions(
                -_FAR if one.low is None else one.low,
                _FAR if one.high is None else one.high,
                ValueMappingResult(text=one.text, color=one.colour, index=index),
            )
        )
        for index, one in enumerate(held)
    ]
    return [
        DynamicConfigValue(id_val="mappings", value=mappings),
        DynamicConfigValue(id_val="custom.displayMode", value="color-background-solid"),
    ]


def bar(limits: Sequence[Threshold] = (), least: float = 0, most: float | None = None) -> Sequence[DynamicConfigValue]:
    """Properties of a column of numbers: a bar beside each; full at `most`, or at the highest of the column."""
    steps = list(limits) or [Threshold(None, NEUTRAL)]
    ends = [DynamicConfigValue(id_val="min", value=least)]
    ends += [] if most is None else [DynamicConfigValue(id_val="max", value=most)]
    return [
        DynamicConfigValue(id_val="custom.displayMode", value="basic"),
        DynamicConfigValue(id_val="color", value={"mode": "thresholds"}),
        DynamicConfigValue(id_val="thresholds", value={"mode": "absolute", "steps": steps}),
        *ends,
    ]


def parts(of_links: Mapping[str, str]) -> Sequence[DynamicConfigValue]:
    """Properties of a column that only links read, with `links.cell`: what stands for each of its cells."""
    return [names_in_cells(of_links), HIDDEN]
