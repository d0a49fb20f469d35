"""Buildings: what they draw now, what the month costs, when they use it, and whether the supply is sound."""

from collections.abc import Sequence

from grafana_foundation_sdk.builders import stat
from grafana_foundation_sdk.models import common as shown

from grafana.by_site import counted_bars, named_sites
from grafana.dashboards import buildings_energy, buildings_supply
from grafana.dashboards.buildings_energy import DEMAND, ENERGY, POWER, mains_scope
from grafana.deployment import Deployment
from grafana.links import BUILDINGS, site_links
from grafana.page import CALM, Dashboard, Page
from grafana.panels import course_of, figure, in_unit, plot, renamed
from grafana.queries import Every, InfluxQuery, course_of_all, latest_of_all
from telemetry.registry.models import Site

RECENT = "now-1h"
"""What is older than an hour is not how it is now."""


def dashboard(deployment: Deployment) -> Dashboard:
    """For who answers for energy: the month first, then when, then which meter, then how good the supply is."""
    words = deployment.words
    sites = deployment.sites("building")
    page = Page(
        deployment,
        BUILDINGS,
        words("Buildings"),
        words("Power, energy, the quality of the supply, water and room air of buildings."),
        sites=sites,
        devices=deployment.devices(sites),
        refresh=CALM,
        start="now-7d/d",
    )
    _month(page, sites)
    _power(page, sites)
    buildings_energy.add_rhythm(page, sites)
    buildings_supply.add_to(page, sites)
    _water(page, sites)
    _rooms(page, sites)
    return page.build()


def _month(page: Page, sites: Sequence[Site]) -> None:
    deployment = page.deployment
    if deployment.mains(POWER, sites):
        page.add(10, _power_now(page, sites), width=8, height=7)
    if deployment.mains(ENERGY, sites):
        page.add(11, buildings_energy.energy_of_month(page, sites), width=9, height=7)
    if deployment.mains(DEMAND, sites):
        page.add(12, buildings_energy.peak(page, sites), width=7, height=7)


def _power_now(page: Page, sites: Sequence[Site]) -> stat.Panel:
    deployment, words = page.deployment, page.deployment.words
    metric = deployment.registry.metrics[POWER]
    query = latest_of_all(metric, mains_scope(page, POWER, sites), "sum")
    panel = figure(
        words("Power now"),
        words(
            "What the main supply of each building draws: the newest value of the last hour. {mains}",
            mains=_mains(deployment),
        ),
        [InfluxQuery(query, alias="$tag_site")],
    )
    panel.orientation(shown.VizOrientation.HORIZONTAL).text_mode(shown.BigValueTextMode.VALUE_AND_NAME)
    panel.time_from(RECENT).data_links([*site_links(deployment, BUILDINGS)])
    return renamed(in_unit(panel, metric), deployment.short_names(sites)).decimals(0)


def _power(page: Page, sites: Sequence[Site]) -> None:
    deployment, words = page.deployment, page.deployment.words
    power, demanded = deployment.mains(POWER, sites), deployment.mains(DEMAND, sites)
    if not power:
        return
    page.row(100, words("Power"))
    metric = deployment.registry.metrics[POWER]
    query = course_of_all(metric, mains_scope(page, POWER, sites), "sum", "mean")
    panel = plot(
        words("Power by building"),
        words(
            "What the main supply of each building draws: the mean of each window of the plot. {mains}",
            mains=_mains(deployment),
        ),
        [InfluxQuery(query, alias="$tag_site")],
    ).interval("1m")
    page.add(110, named_sites(deployment, in_unit(panel, metric), sites).decimals(0), width=12, height=8)
    if demanded:
        page.add(111, buildings_energy.half_hours(page, sites), width=12, height=8, draws=[DEMAND])


def _water(page: Page, sites: Sequence[Site]) -> None:
    deployment, words = page.deployment, page.deployment.words
    flow, water, gas = (deployment.devices(sites, name) for name in ("water_flow_lpm", "water_m3", "gas_m3"))
    if flow or water or gas:
        page.row(400, words("Water and gas"))
    if flow:
        panel = course_of(
            deployment, "water_flow_lpm", flow, page.scope, words("Water flow"),
            words(
                "By meter, with the limits of the alert rules; a rule may hold at night only, when flow that never "
                "stops is a leak."
            ),
            deployment.device_names(flow),
        )  # fmt: skip
        page.add(410, panel, width=24, height=9, draws=["water_flow_lpm"])
    for panel_id, name, found, title in (
        (411, "water_m3", water, words("Water by day")),
        (412, "gas_m3", gas, words("Gas by day")),
    ):
        if found:
            said = words("What the main meters of each building counted on each day of the range, from midnight there.")
            panel = counted_bars(deployment, name, sites, mains_scope(page, name, sites), Every.DAY, title, said)
            page.add(panel_id, panel.decimals(1), width=12, height=8)


def _rooms(page: Page, sites: Sequence[Site]) -> None:
    deployment, words = page.deployment, page.deployment.words
    carbon, particles = deployment.devices(sites, "co2_ppm"), deployment.devices(sites, "pm10_ugm3")
    if carbon or particles:
        page.row(500, words("Room air"))
    if carbon:
        panel = course_of(
            deployment, "co2_ppm", carbon, page.scope, words("Carbon dioxide in rooms"),
            words("By sensor, with the limits of the alert rules, which may be for means over a working day."),
        )  # fmt: skip
        page.add(510, panel, width=24, height=10, draws=["co2_ppm"])
    if particles:
        panel = course_of(
            deployment, "pm10_ugm3", particles, page.scope, words("Particles in rooms, PM10"),
            words("By sensor, with the limits of the alert rules, which may be for means over a working day."),
        )  # fmt: skip
        page.add(511, panel, width=24, height=10, draws=["pm10_ugm3"])


def _mains(deployment: Deployment) -> str:
    return deployment.words(
        "Meters behind the main supply are not added to it: main meters have the label supply=main in the registry; "
        "where a building has none, all its meters count."
    )
