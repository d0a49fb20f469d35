"""City overview: where is somebody needed, and how is everything else? To be read in seconds."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from grafana_foundation_sdk.builders import bargauge, common, table
from grafana_foundation_sdk.models.dashboard import Threshold

from alerts.alert import Severity
from grafana.air_queries import mean_until_now
from grafana.alert_panels import count_of, placed, raised_by_day
from grafana.alert_queries import firing
from grafana.by_site import zoned
from grafana.deployment import Deployment
from grafana.guidelines import with_guideline
from grafana.heard import heard_of
from grafana.links import AIR, BUILDINGS, CELL, CITY, TOILETS, Link, site_links
from grafana.page import Dashboard, Page
from grafana.panels import by_value, gauges, in_unit, renamed
from grafana.queries import SITE, Every, InfluxQuery, Scope, Shape, counted_by_calendar, latest_of_all, over_range
from grafana.tables import column, in_order, links_in_cells, names_in_cells, rows, severities
from grafana.thresholds import steps
from telemetry.registry.models import Device, Site

TODAY = "now-1d/d"
"""Yesterday and today, by day: the last bar is today, and nothing of its first reading is missing."""
NOW = "now-1h"
"""What is older than an hour is not how it is now."""


def dashboard(deployment: Deployment) -> Dashboard:
    """The first page of a facility manager. It has no variables: everything is on it."""
    words = deployment.words
    sites = deployment.sites()
    page = Page(
        deployment,
        CITY,
        words("City overview"),
        words("Where somebody is needed, and how everything else is."),
        sites=sites,
        devices=(),
        choose=(),
    )
    page.add(10, _needed(deployment, page.scope), width=18, height=9)
    page.add(11, count_of(deployment, page.scope, Severity.CRITICAL), width=6, height=3)
    page.add(12, count_of(deployment, page.scope, Severity.WARNING), width=6, height=3)
    page.add(13, heard_of(deployment, deployment.devices(sites), page.scope, words("Devices heard")), width=6, height=3)
    _toilets(page, deployment.sites("toilet"))
    _buildings(page, deployment.sites("building"))
    _air(page, deployment.sites("air"))
    page.row(500, words("Alerts"))
    page.add(510, raised_by_day(deployment, page.scope, sites), width=24, height=8)
    return page.build()


def _needed(deployment: Deployment, scope: Scope) -> table.Panel:
    words = deployment.words
    panel = rows(
        words("Needs somebody now"),
        words(
            "Alerts that fire now, the worst first: since when each has its severity, where, and what is the matter."
        ),
        [InfluxQuery(firing(scope), Shape.TABLE)],
    ).no_value(words("Nothing needs anybody now."))
    rule = Link(words("The rule on the board"), f"{deployment.board_url}/rules/{CELL}", new_tab=True)
    column(panel, "Time", words("Since"), width_px=170)
    placed(panel, deployment)
    column(panel, "rule", words("Alert"), names_in_cells(deployment.rule_names()), links_in_cells([rule]))
    column(panel, "severity", words("Severity"), *severities(words), width_px=110)
    in_order(panel, ["severity", "rule", "site", "device", "Time"])
    return panel.sort_by([common.TableSortByFieldState().display_name(words("Severity")).desc(True)])


def _toilets(page: Page, sites: Sequence[Site]) -> None:
    if not sites:
        return
    deployment, words, scope = page.deployment, page.deployment.words, page.scope.of_sites(sites)
    page.row(200, words("Toilets"))
    odour = deployment.devices(sites, "nh3_ppm")
    if odour:
        metric = deployment.registry.metrics["nh3_ppm"]
        panel = _now(
            page, "nh3_ppm", sites, TOILETS, [InfluxQuery(latest_of_all(metric, scope, "max"), alias="$tag_site")],
            words("Ammonia now"),
            words("The newest value of the worst sensor of each site, in the colours of the alert rules' limits."),
        ).min(0)  # fmt: skip
        page.add(210, _limited(panel, steps(deployment.rules_of(odour), "nh3_ppm")), width=10, height=7)
    if deployment.devices(sites, "uses"):
        panel = _today(
            page, "uses", sites, scope, TOILETS, words("Uses today"),
            words("Uses of all cubicles of a site since midnight there, counted by their locks."),
        )  # fmt: skip
        page.add(211, panel, width=10, height=7)
    page.add(212, heard_of(deployment, deployment.devices(sites), scope, words("Devices heard")), width=4, height=7)


def _buildings(page: Page, sites: Sequence[Site]) -> None:
    if not sites:
        return
    deployment, words = page.deployment, page.deployment.words
    page.row(300, words("Buildings"))
    power, energy = deployment.mains("power_kw", sites), deployment.mains("energy_import_kwh", sites)
    if power:
        metric = deployment.registry.metrics["power_kw"]
        query = latest_of_all(metric, _only(page.scope, power), "sum")
        panel = _now(
            page, "power_kw", sites, BUILDINGS, [InfluxQuery(query, alias="$tag_site")], words("Power now"),
            words("What the main supply of each building draws: the newest value of the hour."),
        ).min(0).decimals(0)  # fmt: skip
        page.add(310, panel, width=10, height=6)
    if energy:
        panel = _today(
            page, "energy_import_kwh", sites, _only(page.scope, energy), BUILDINGS, words("Electricity today"),
            words("What the main meters of each building have counted since midnight there."),
        ).decimals(1)  # fmt: skip
        page.add(311, panel, width=10, height=6)
    scope = page.scope.of_sites(sites)
    page.add(312, heard_of(deployment, deployment.devices(sites), scope, words("Devices heard")), width=4, height=6)


def _air(page: Page, sites: Sequence[Site]) -> None:
    if not sites:
        return
    deployment, words, scope = page.deployment, page.deployment.words, page.scope.of_sites(sites)
    page.row(400, words("Air"))
    fine, dioxide = deployment.devices(sites, "pm2_5_ugm3"), deployment.devices(sites, "no2_ugm3")
    if fine:
        metric = deployment.registry.metrics["pm2_5_ugm3"]
        panel = _mean(
            page, "pm2_5_ugm3", sites, mean_until_now(metric, scope, 24), words("PM2.5, mean of 24 hours"),
            words(
                "The mean of the last 24 hours at each station; nothing where less than three quarters of the hours "
                "are known. From 15 µg/m³, the guideline of the World Health Organization, it is darker; from the "
                "limit of an alert rule on it has that rule's colour."
            ),
        )  # fmt: skip
        limits = with_guideline(steps(deployment.rules_of(fine), "pm2_5_ugm3"), "pm2_5_ugm3")
        page.add(410, _limited(panel, limits), width=10, height=7)
    if dioxide:
        metric = deployment.registry.metrics["no2_ugm3"]
        panel = _mean(
            page, "no2_ugm3", sites, over_range(metric, scope, "mean", SITE),
            words("Nitrogen dioxide, mean of the hour"),
            words("The mean of the last hour at each station, in the colours of the alert rules' limits."),
        ).time_from(NOW)  # fmt: skip
        limits = steps(deployment.rules_of(dioxide), "no2_ugm3")
        page.add(411, _limited(panel, limits), width=10, height=7)
    page.add(412, heard_of(deployment, deployment.devices(sites), scope, words("Devices heard")), width=4, height=7)


def _now(
    page: Page, name: str, sites: Sequence[Site], target: str, queries: Sequence[InfluxQuery], title: str, said: str
) -> bargauge.Panel:
    """A bar for each site with what it is now."""
    panel = in_unit(gauges(title, said, queries), page.deployment.registry.metrics[name]).time_from(NOW)
    return _by_site(page, panel, sites, target)


def _limited(panel: bargauge.Panel, limits: Sequence[Threshold]) -> bargauge.Panel:
    """In the colours of the limits; a bar is full at the highest of them."""
    highest = limits[-1].value
    if highest is not None:
        panel.max(highest)
    return by_value(panel, limits)


def _today(
    page: Page, name: str, sites: Sequence[Site], scope: Scope, target: str, title: str, said: str
) -> bargauge.Panel:
    """A bar for each site with what its counters have counted today, by its own clocks."""
    metric = page.deployment.registry.metrics[name]

    def query(some: Scope, zone: str) -> str:
        return counted_by_calendar(metric, some, Every.DAY, zone, SITE)

    queries = zoned(page.deployment, scope, sites, query)
    return _by_site(page, in_unit(gauges(title, said, queries), metric).time_from(TODAY), sites, target)


def _mean(page: Page, name: str, sites: Sequence[Site], query: str, title: str, said: str) -> bargauge.Panel:
    metric = page.deployment.registry.metrics[name]
    panel = in_unit(gauges(title, said, [InfluxQuery(query, alias="$tag_site")]), metric).min(0)
    return _by_site(page, panel, sites, AIR)


def _by_site(page: Page, panel: bargauge.Panel, sites: Sequence[Site], target: str) -> bargauge.Panel:
    deployment = page.deployment
    renamed(panel, deployment.short_names(sites))
    panel.data_links([*site_links(deployment, target)])
    return panel.text(common.VizTextDisplayOptions().title_size(13).value_size(20))


def _only(scope: Scope, devices: Iterable[Device]) -> Scope:
    return replace(scope, devices=tuple(device.id for device in devices))
