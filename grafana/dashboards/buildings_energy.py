"""Energy of buildings: what the month costs, its peak, and when it is used, by the main meters."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from grafana_foundation_sdk.builders import barchart, table, timeseries
from grafana_foundation_sdk.models import common as shown
from grafana_foundation_sdk.models.dashboard import DataTransformerConfig, DynamicConfigValue

from grafana.by_site import counted_bars, named_sites
from grafana.deployment import Deployment
from grafana.links import BUILDINGS, CELL, site_links
from grafana.matrix import Side, grouped_bars, heat, hours, weekdays
from grafana.page import Page
from grafana.panels import in_unit, legend, plot
from grafana.queries import Every, InfluxQuery, Scope, Shape, Variable
from grafana.rhythm import (
    counted_by_day_of_month,
    counted_by_weekday,
    counted_in_month,
    demand,
    hours_of_week,
    peak_of_month,
)
from grafana.tables import column, in_order, links_in_cells, names_in_cells, rows
from grafana.units import unit_of
from grafana.zones import per_zone
from telemetry.catalogue.metric import Metric
from telemetry.registry.models import Site

POWER, DEMAND, ENERGY = "power_kw", "apparent_power_kva", "energy_import_kwh"
NOW = "#4477AA"
EARLIER = ("#A7B0B9", "#8D97A2", "#737E8A")
"""What is compared stands out; what it is compared with is grey, paler the longer ago."""
_Ask = Callable[[Metric, Scope, str], str]


def energy_of_month(page: Page, sites: Sequence[Site]) -> table.Panel:
    """A row for each building: the month so far, the month before at the same time, and the change."""
    words = page.deployment.words
    metric = page.deployment.registry.metrics[ENERGY]
    queries = _asked(page, ENERGY, sites, counted_in_month)
    panel = rows(
        words("Electricity this month"),
        words(
            "What the main meters have counted since the first of the month in which the range ends, by the clocks of "
            "each building; and in the month before until the same day and hour. Meters that were set back or rolled "
            "over lose what they counted between two readings, and nothing else."
        ),
        queries,
    )
    _site_column(panel, page.deployment, sites)
    unit = DynamicConfigValue(id_val="unit", value=unit_of(metric.unit))
    column(panel, "this", words("So far"), unit, _decimals(1), width_px=100)
    column(panel, "before", words("Last month, same time"), unit, _decimals(1))
    signed = DynamicConfigValue(id_val="unit", value="percent")
    column(panel, "change", words("Change"), signed, _decimals(1), width_px=90)
    return _one_table(panel, ["site", "this", "before", "change"], len(queries))


def peak(page: Page, sites: Sequence[Site]) -> table.Panel:
    """A row for each building: the highest demand of the month, and when it was."""
    words = page.deployment.words
    metric = page.deployment.registry.metrics[DEMAND]
    queries = _asked(page, DEMAND, sites, peak_of_month)
    panel = rows(
        words("Peak demand this month"),
        words(
            "The highest 30-minute mean of the month in which the range ends, and when that half hour began; the one "
            "that is not over yet does not count. It is what a demand tariff counts. An alert rule may watch for a "
            "new peak, which is no fixed limit."
        ),
        queries,
    )
    _site_column(panel, page.deployment, sites)
    column(
        panel,
        "peak",
        words("Peak"),
        DynamicConfigValue(id_val="unit", value=unit_of(metric.unit)),
        _decimals(0),
        width_px=85,
    )
    moment = DynamicConfigValue(id_val="unit", value="time:YYYY-MM-DD HH:mm")
    column(panel, "Time", words("When"), moment, width_px=140)
    return _one_table(panel, ["site", "peak", "Time"], len(queries))


def half_hours(page: Page, sites: Sequence[Site]) -> timeseries.Panel:
    """The demand of each half hour of the range."""
    deployment, words = page.deployment, page.deployment.words
    metric = deployment.registry.metrics[DEMAND]
    panel = plot(
        words("Demand by half hour"),
        words(
            "The mean apparent power of each half hour of the clock that is over, as a demand tariff counts it. Max "
            "is the peak of the range shown."
        ),
        [InfluxQuery(demand(metric, mains_scope(page, DEMAND, sites)), alias="$tag_site")],
    ).line_interpolation(shown.LineInterpolation.STEP_AFTER)
    # A whole half hour, however short the range is.
    panel = named_sites(deployment, in_unit(panel, metric), sites).decimals(0).interval("30m")
    return panel.legend(legend(len(sites), ["max", "lastNotNull"]))


def add_rhythm(page: Page, sites: Sequence[Site]) -> None:
    """Hour by weekday, week by week, month by month, day by day."""
    deployment, words = page.deployment, page.deployment.words
    if deployment.mains(POWER, sites):
        page.row(200, words("When it is used"))
        panel = heat(
            words("Load profile, kW"),
            words(
                "The mean power of each hour of the week, of the four weeks before the end of the range: all buildings "
                "chosen above together, each with the mean of its own hours. Hours are those that clocks showed there; "
                "01 is from one to two o'clock. Look at what is high at night and on Sunday: it runs when nobody is "
                "there."
            ),
            _asked(page, POWER, sites, hours_of_week), weekdays(words), hours(), ["mean", "sum"], 70,
        )  # fmt: skip
        page.add(210, panel.decimals(0), width=24, height=9)
    if deployment.mains(ENERGY, sites):
        page.add(211, _week_against_week(page, sites), width=12, height=8)
        page.add(212, _month_against_month(page, sites), width=12, height=8)
        energy = counted_bars(
            deployment, ENERGY, sites, mains_scope(page, ENERGY, sites), Every.DAY,
            words("Electricity by day"),
            words("What the main meters of each building counted on each day of the range, from midnight there."),
        )  # fmt: skip
        page.add(213, energy.decimals(1), width=24, height=8)


def _week_against_week(page: Page, sites: Sequence[Site]) -> barchart.Panel:
    words = page.deployment.words
    metric = page.deployment.registry.metrics[ENERGY]
    weeks = Side(
        "ago",
        {"3": words("3 weeks ago"), "2": words("2 weeks ago"), "1": words("Last week"), "0": words("This week")},
    )
    panel = grouped_bars(
        words("Week against week"),
        words(
            "Electricity of each weekday in the week in which the range ends and in the three before, all buildings "
            "chosen above together. The last day is not over yet."
        ),
        _asked(page, ENERGY, sites, counted_by_weekday),
        weekdays(words), weeks, (*EARLIER, NOW),
    )  # fmt: skip
    return panel.unit(unit_of(metric.unit)).decimals(1)


def _month_against_month(page: Page, sites: Sequence[Site]) -> barchart.Panel:
    words = page.deployment.words
    metric = page.deployment.registry.metrics[ENERGY]
    panel = grouped_bars(
        words("Month against month"),
        words(
            "Electricity of each day of the month in which the range ends, beside the same day of the month before, "
            "all buildings chosen above together. The last day is not over yet. Weekdays differ: see the week."
        ),
        _asked(page, ENERGY, sites, counted_by_day_of_month),
        Side("day", {str(day): str(day) for day in range(1, 32)}),
        Side("ago", {"1": words("Last month"), "0": words("This month")}),
        (EARLIER[-1], NOW),
    )  # fmt: skip
    return panel.unit(unit_of(metric.unit)).decimals(1)


def mains_scope(page: Page, metric: str, sites: Iterable[Site]) -> Scope:
    """The main meters of the buildings that are chosen; area and device are about the meters behind them."""
    devices = page.deployment.mains(metric, sites)
    return replace(page.scope, variables=(Variable.SITE,), devices=tuple(device.id for device in devices))


def _asked(page: Page, name: str, sites: Sequence[Site], ask: _Ask) -> Sequence[InfluxQuery]:
    """Rows about the main meters, a target for each zone."""
    metric = page.deployment.registry.metrics[name]
    zones = per_zone(page.deployment, mains_scope(page, name, sites), sites)
    return [InfluxQuery(ask(metric, one.scope, one.zone), Shape.TABLE, ref_id=one.ref_id) for one in zones]


def _one_table(panel: table.Panel, columns: Sequence[str], queries: int) -> table.Panel:
    """One table of all zones, its columns in this order."""
    if queries > 1:
        panel.with_transformation(DataTransformerConfig(id_val="merge", options={}))
    return in_order(panel, columns)


def _site_column(panel: table.Panel, deployment: Deployment, sites: Sequence[Site]) -> None:
    links = links_in_cells(site_links(deployment, BUILDINGS, CELL))
    column(panel, "site", deployment.words("Building"), names_in_cells(deployment.short_names(sites)), links)


def _decimals(count: int) -> DynamicConfigValue:
    return DynamicConfigValue(id_val="decimals", value=count)
