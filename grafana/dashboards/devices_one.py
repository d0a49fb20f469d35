"""The rows about one device, which is chosen at the head of the dashboard or by the link that led here."""

from collections.abc import Sequence
from itertools import cycle
from typing import TypeVar

from grafana_foundation_sdk.builders import common, stat, timeseries
from grafana_foundation_sdk.models import common as shown
from grafana_foundation_sdk.models.dashboard import DynamicConfigValue, Threshold

from grafana.deployment import Deployment
from grafana.one_device import course_of_one
from grafana.page import Page
from grafana.panels import NEUTRAL, SERIES, figure, fixed_steps, plot
from grafana.queries import InfluxQuery
from grafana.same_answer import OF_THE_DASHBOARD, SameAnswer
from grafana.units import unit_of
from telemetry.catalogue.metric import Kind, Metric, Privacy
from telemetry.registry.models import Device

Panel = TypeVar("Panel", stat.Panel, timeseries.Panel)

COURSE = 211
"""The panel whose answer both show."""


def add(page: Page, devices: Sequence[Device]) -> None:
    """Everything that one device measures, as it is and over time."""
    words = page.deployment.words
    metrics = shown_of(page.deployment, devices)
    page.row(200, words("The device that is chosen above"))
    none = words("Choose one device above, or follow a link of a device.")
    panel = figure(
        words("Its newest values"),
        words(
            "The newest mean of everything the chosen device measures. What could tell of single people "
            "(cubicles, doors) is not shown by device."
        ),
        [],
    ).no_value(none)
    panel.datasource(OF_THE_DASHBOARD).with_target(SameAnswer(COURSE))
    panel.orientation(shown.VizOrientation.AUTO).text_mode(shown.BigValueTextMode.VALUE_AND_NAME)
    panel.text(common.VizTextDisplayOptions().title_size(12).value_size(22))
    panel.thresholds(fixed_steps([Threshold(None, NEUTRAL)]))
    page.add(210, _named(page.deployment, panel, metrics), width=10, height=9)
    course = plot(
        words("Its values over time"),
        words(
            "Each line on a scale of its own, so that gaps, jumps and lines that stand still are seen side by side; "
            "the table has the numbers. A click on a name shows that line alone."
        ),
        [InfluxQuery(course_of_one(metric), alias=metric.name, ref_id=metric.name) for metric in metrics],
    ).no_value(none)
    course.axis_placement(shown.AxisPlacement.HIDDEN).legend(
        common.VizLegendOptions()
        .show_legend(True)
        .display_mode(shown.LegendDisplayMode.TABLE)
        .placement(shown.LegendPlacement.RIGHT)
        .calcs(["lastNotNull", "min", "max"])
    )
    page.add(COURSE, _named(page.deployment, course, metrics), width=14, height=9)


def shown_of(deployment: Deployment, devices: Sequence[Device]) -> Sequence[Metric]:
    """The numbers that any of the devices measure, but those that could tell of single people."""
    known = deployment.registry.metrics
    names = dict.fromkeys(name for device in devices for name in device.metrics)
    return [
        known[name]
        for name in known
        if name in names and known[name].kind is not Kind.TEXT and known[name].privacy is not Privacy.PERSONAL
    ]


def _named(deployment: Deployment, panel: Panel, metrics: Sequence[Metric]) -> Panel:
    """Names, units and decimals of each; lines get colours."""
    for metric, colour in zip(metrics, cycle(SERIES), strict=False):
        properties = [
            DynamicConfigValue(id_val="displayName", value=deployment.words.name(metric.names, metric.name)),
            DynamicConfigValue(id_val="unit", value=unit_of(metric.unit)),
            DynamicConfigValue(id_val="decimals", value=metric.decimals),
        ]
        if isinstance(panel, timeseries.Panel):
            fixed = {"mode": "fixed", "fixedColor": colour}
            properties.append(DynamicConfigValue(id_val="color", value=fixed))
        panel.override_by_name(metric.name, properties)
    return panel
