"""Panels about alerts that more than one dashboard has."""

from collections.abc import Mapping, Sequence

from grafana_foundation_sdk.builders import stat, table, timeseries
from grafana_foundation_sdk.models.dashboard import Threshold

from alerts.alert import Severity
from grafana.alert_queries import firing_count, raised_by_calendar
from grafana.deployment import Deployment
from grafana.links import CELL, device_links, site_links
from grafana.panels import TWO_WEEKS, bars, by_value, figure, legend, named
from grafana.queries import Every, InfluxQuery, Scope
from grafana.tables import column, links_in_cells, names_in_cells
from grafana.thresholds import FINE, SEVERITIES
from grafana.zones import per_zone
from telemetry.registry.models import Site


def count_of(deployment: Deployment, scope: Scope, severity: Severity) -> stat.Panel:
    """How many alerts of a severity fire now."""
    words = deployment.words
    titles: Mapping[Severity, str] = {
        Severity.CRITICAL: words("Critical alerts"),
        Severity.WARNING: words("Warnings"),
        Severity.INFORMATION: words("For information"),
    }
    panel = figure(
        titles[severity],
        words("How many alerts of this severity fire now, whenever they were raised."),
        [InfluxQuery(firing_count(scope, severity), alias="$col")],
    )
    panel.no_value("0").decimals(0)
    return by_value(panel, [Threshold(None, FINE), Threshold(1, SEVERITIES[severity])])


def placed(panel: table.Panel, deployment: Deployment) -> None:
    """The columns of site and device: their names, and links to them."""
    words, sites = deployment.words, deployment.sites()
    names = {site.id: deployment.site_name(site) for site in sites}
    devices = {device.id: words.name(device.names, device.id) for device in deployment.devices(sites)}
    site, device = site_links(deployment, None, CELL), device_links(deployment, CELL)
    column(panel, "site", words("Site"), names_in_cells(names), links_in_cells(site))
    column(panel, "device", words("Device"), names_in_cells(devices), links_in_cells(device))


def raised_by_day(deployment: Deployment, scope: Scope, sites: Sequence[Site]) -> timeseries.Panel:
    """How often each rule raised an alert, day by day."""
    words = deployment.words
    queries = [
        InfluxQuery(raised_by_calendar(one.scope, Every.DAY, one.zone), alias="$tag_rule", ref_id=one.ref_id)
        for one in per_zone(deployment, scope, sites)
    ]
    names = deployment.rule_names()
    panel = bars(
        words("Alerts raised by day, two weeks"),
        words("How often each rule raised an alert, or changed its severity, by the days of the sites."),
        queries,
    )
    return (
        named(panel, names)
        .time_from(TWO_WEEKS)
        .decimals(0)
        .legend(legend(len(names), ["sum"]))
        .no_value(words("No alerts in two weeks."))
    )
