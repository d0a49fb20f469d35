"""Toilets: use, odour, supplies, cleaning and its punctuality, water, what visitors say."""

from collections.abc import Sequence

from grafana_foundation_sdk.builders import common, table
from grafana_foundation_sdk.models import common as shown
from grafana_foundation_sdk.models.dashboard import Threshold

from grafana.by_site import calendar_bars, calendar_means, counted_bars, named_sites
from grafana.deployment import Deployment
from grafana.links import CELL, TOILETS, device_links
from grafana.page import Dashboard, Page
from grafana.panels import (
    RESTING,
    SERIES,
    TWO_WEEKS,
    by_value,
    course_of,
    expected_s,
    gauges,
    in_unit,
    legend,
    named,
    no_legend,
    plot,
    renamed,
    timeline,
    with_lines,
    with_states,
)
from grafana.queries import Every, InfluxQuery, Shape, between, course, course_of_all, latest
from grafana.tables import column, in_order, links_in_cells, names_in_cells, rows
from grafana.thresholds import AMBER, FINE, RED, longest_without, steps
from telemetry.registry.models import Device, Site

HOUR_S = 3_600
WHOLE_INTERVALS = 5
"""In so many expected intervals every device has reported, though radio loses a reading now and then."""


def dashboard(deployment: Deployment) -> Dashboard:
    """For who runs the toilets: a row for each question."""
    words = deployment.words
    sites = deployment.sites("toilet")
    page = Page(
        deployment,
        TOILETS,
        words("Toilets"),
        words("Use, odour, supplies, cleaning and water of public toilets."),
        sites=sites,
        devices=deployment.devices(sites),
        start="now-1d/d",
    )
    for add in (_odour, _use, _supplies, _cleaning, _water, _visitors):
        add(page, sites)
    return page.build()


def _odour(page: Page, sites: Sequence[Site]) -> None:
    words = page.deployment.words
    page.row(100, words("Odour"))
    _course(
        page,
        110,
        "nh3_ppm",
        sites,
        words("Ammonia"),
        words("What people smell in a toilet, by sensor, with the limits of the alert rules."),
    )
    _course(page, 111, "h2s_ppm", sites, words("Hydrogen sulphide"), words("The smell of drains, by sensor."))
    _states(
        page,
        112,
        "ventilation",
        sites,
        words("Ventilation"),
        words("Whether the fan of each area runs. Fans rest at night."),
        (words("stands still"), RESTING),
        (words("runs"), SERIES[0]),
        height=9,
    )


def _use(page: Page, sites: Sequence[Site]) -> None:
    deployment, words, scope = page.deployment, page.deployment.words, page.scope
    page.row(200, words("Use"))
    cubicles = deployment.devices(sites, "occupied")
    if cubicles:
        occupied = course_of_all(deployment.registry.metrics["occupied"], scope, "sum", "max")
        panel = plot(
            words("Cubicles occupied"),
            words(
                "How many cubicles of each site were occupied at once in each window. Single cubicles are not shown: "
                "where somebody is, and for how long, concerns nobody."
            ),
            [InfluxQuery(occupied, alias="$tag_site")],
        )
        panel.decimals(0).min(0).line_interpolation(shown.LineInterpolation.STEP_AFTER)
        panel.interval(f"{WHOLE_INTERVALS * expected_s(cubicles)}s")
        page.add(210, named_sites(deployment, panel, sites), width=12, height=8, draws=["occupied"])
    if deployment.devices(sites, "people_in"):
        panel = calendar_bars(
            deployment, "people_in", sites, scope, Every.HOUR, "sum", words("People in by hour"),
            words(
                "Who came in through the doors of a site in each hour of the clock. Counts of people are shown by "
                "site and by hour only."
            ),
        )  # fmt: skip
        page.add(211, panel, width=12, height=8)
    if deployment.devices(sites, "uses"):
        said = words(
            "Uses of all cubicles of a site, as their locks count them. A counter that starts again or rolls over "
            "does no harm."
        )
        hourly = counted_bars(deployment, "uses", sites, scope, Every.HOUR, words("Uses by hour"), said)
        daily = counted_bars(deployment, "uses", sites, scope, Every.DAY, words("Uses by day, two weeks"), said)
        page.add(212, hourly, width=12, height=8)
        page.add(213, daily.time_from(TWO_WEEKS), width=12, height=8)


def _supplies(page: Page, sites: Sequence[Site]) -> None:
    deployment, words = page.deployment, page.deployment.words
    page.row(300, words("Supplies"))
    wanted = (
        ("paper_pct", words("Toilet paper left")),
        ("soap_pct", words("Soap left")),
        ("bin_level_pct", words("Bin level")),
    )
    said = words("The newest value of each dispenser or bin of the day, in the colours of the alert rules' limits.")
    course_said = words("How levels change over time, with the limits of the alert rules.")
    for place, (name, title) in enumerate(wanted):
        devices = deployment.devices(sites, name)
        if devices:
            metric = deployment.registry.metrics[name]
            panel = gauges(title, said, [InfluxQuery(latest(metric, page.scope), alias="$tag_device")])
            renamed(in_unit(panel, metric), deployment.series_names(devices)).time_from("now-24h")
            panel.data_links([*device_links(deployment)])
            page.add(310 + place, by_value(panel, steps(deployment.rules_of(devices), name)), width=8, height=10)
    for place, (name, title) in enumerate(wanted):
        devices = deployment.devices(sites, name)
        if devices:
            heading = words("{level}, course", level=title)
            plotted = course_of(deployment, name, devices, page.scope, heading, course_said)
            page.add(313 + place, plotted.legend(no_legend()), width=8, height=7, draws=[name])


def _cleaning(page: Page, sites: Sequence[Site]) -> None:
    deployment, words = page.deployment, page.deployment.words
    buttons = deployment.devices(sites, "cleaned")
    if not buttons:
        return
    metric, hours = deployment.registry.metrics["cleaned"], words("h")
    page.row(400, words("Cleaning"))
    page.add(410, _last_cleaned(page, buttons), width=9, height=9)
    panel = plot(
        words("Time between cleanings"),
        words(
            "At each cleaning that was confirmed: how long after the one before in the same area. The line is where a "
            "rule says that cleaning is overdue. The night has no rounds, so the first of a day lies above it."
        ),
        [InfluxQuery(between(metric, page.scope, HOUR_S), alias="$tag_device")],
    )
    panel.draw_style(shown.GraphDrawStyle.POINTS).point_size(7).unit(f"suffix:{hours}").decimals(1).min(0)
    limit_s = longest_without(deployment.rules_of(buttons), "cleaned")
    if limit_s is not None:
        with_lines(panel, [Threshold(None, FINE), Threshold(limit_s / HOUR_S, AMBER)])
    named(panel, deployment.series_names(buttons)).legend(legend(len(buttons))).data_links([*device_links(deployment)])
    page.add(411, panel, width=15, height=9, draws=["cleaned"])
    daily = calendar_bars(
        deployment, "cleaned", sites, page.scope, Every.DAY, "count", words("Cleanings by day, two weeks"),
        words("Cleaning rounds that were confirmed at the panels of a site."),
    )  # fmt: skip
    page.add(412, daily.time_from(TWO_WEEKS), width=24, height=7)


def _last_cleaned(page: Page, buttons: Sequence[Device]) -> table.Panel:
    deployment, words = page.deployment, page.deployment.words
    query = InfluxQuery(latest(deployment.registry.metrics["cleaned"], page.scope), Shape.TABLE)
    panel = rows(
        words("Last cleaned"),
        words("When cleaning was last confirmed at each panel within a week, the longest ago first."),
        [query],
    )
    device = names_in_cells(deployment.series_names(buttons))
    column(panel, "device", words("Panel"), device, links_in_cells(device_links(deployment, CELL)))
    column(panel, "Time", words("Last cleaned"), width_px=170)
    in_order(panel, ["device", "Time"])
    return panel.time_from("now-7d").sort_by(
        [common.TableSortByFieldState().display_name(words("Last cleaned")).desc(False)]
    )


def _water(page: Page, sites: Sequence[Site]) -> None:
    words = page.deployment.words
    page.row(500, words("Water"))
    _states(
        page,
        510,
        "leak",
        sites,
        words("Water on the floor"),
        words("What each leak detector says."),
        (words("dry"), RESTING),
        (words("wet"), RED),
        height=9,
        width=12,
    )
    _course(
        page,
        511,
        "water_flow_lpm",
        sites,
        words("Water flow"),
        words("What flows through each meter. At night nothing should, for minutes at a time."),
    )
    deployment = page.deployment
    if deployment.devices(sites, "water_m3"):
        daily = counted_bars(
            deployment, "water_m3", sites, page.scope, Every.DAY, words("Water by day, two weeks"),
            words("What the meters of a site have counted, from midnight to midnight there."),
        )  # fmt: skip
        page.add(512, daily.decimals(1).time_from(TWO_WEEKS), width=24, height=7)


def _visitors(page: Page, sites: Sequence[Site]) -> None:
    deployment, words, scope = page.deployment, page.deployment.words, page.scope
    if not deployment.devices(sites, "feedback"):
        return
    page.row(600, words("Visitors"))
    ratings = calendar_means(
        deployment, "feedback", sites, scope, Every.DAY, words("Ratings by day, two weeks"),
        words("The mean of what visitors pressed, from 1 (poor) to 5 (good)."),
    )  # fmt: skip
    number = calendar_bars(
        deployment, "feedback", sites, scope, Every.DAY, "count", words("Number of ratings by day, two weeks"),
        words("How many visitors rated a site: few ratings say little."),
    )  # fmt: skip
    page.add(610, ratings.min(1).max(5).span_nulls(True).time_from(TWO_WEEKS), width=12, height=7)
    page.add(611, number.time_from(TWO_WEEKS), width=12, height=7)


def _course(page: Page, panel_id: int, name: str, sites: Sequence[Site], title: str, said: str) -> None:
    """The course of a metric by device, where anything measures it."""
    devices = page.deployment.devices(sites, name)
    if devices:
        panel = course_of(page.deployment, name, devices, page.scope, title, said)
        page.add(panel_id, panel, width=12, height=9, draws=[name])


def _states(
    page: Page, panel_id: int, name: str, sites: Sequence[Site], title: str, said: str,
    no: tuple[str, str], yes: tuple[str, str], *, height: int, width: int = 24,
) -> None:  # fmt: skip
    """A bar of two states for each device."""
    deployment = page.deployment
    devices = deployment.devices(sites, name)
    if devices:
        query = InfluxQuery(course(deployment.registry.metrics[name], page.scope, "max"), alias="$tag_device")
        panel = with_states(timeline(title, said, [query]), {0.0: no, 1.0: yes}).interval(f"{expected_s(devices)}s")
        renamed(panel, deployment.series_names(devices)).data_links([*device_links(deployment)])
        page.add(panel_id, panel, width=width, height=height, draws=[name])
