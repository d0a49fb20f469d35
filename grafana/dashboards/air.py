"""Air outdoors: pollutants against the WHO's guideline, episodes, the daily cycle, wind and weather."""

from collections.abc import Sequence

from grafana_foundation_sdk.builders import statetimeline, timeseries
from grafana_foundation_sdk.builders.dashboard import FieldColor
from grafana_foundation_sdk.models import common as shown
from grafana_foundation_sdk.models.dashboard import FieldColorModeId, Threshold

from alerts.rules.rule import Aggregate, Rule, Window
from grafana.air_queries import running_mean
from grafana.by_device import names_of
from grafana.by_site import calendar_bars, named_sites
from grafana.dashboards import air_tables
from grafana.deployment import Deployment
from grafana.guidelines import with_guideline
from grafana.links import AIR, device_links, site_links
from grafana.page import CALM, Dashboard, Page
from grafana.panels import (
    course_of,
    expected_s,
    fixed_steps,
    in_unit,
    legend,
    named,
    plot,
    renamed,
    timeline,
    with_lines,
)
from grafana.queries import Every, InfluxQuery, course
from grafana.thresholds import AMBER, steps
from telemetry.catalogue.guidelines import GUIDELINES, Guideline
from telemetry.reading import NS_PER_S
from telemetry.registry.models import Device, Site

FINE_PARTICLES = "pm2_5_ugm3"
COURSES = (FINE_PARTICLES, "no2_ugm3", "o3_ugm3")
"""What people ask after first: traffic makes the second, sunshine the third."""
WEATHER = ("temperature_c", "humidity_pct", "pressure_hpa")
TARGETS = ((15.0, "#79B4E8"), (25.0, "#3F86CC"), (37.5, "#1F5591"), (50.0, AMBER))
WITHIN = "#9AA5B0"
"""The WHO's guideline of 2021 for PM2.5 and the interim targets 4, 3 and 2 on the way to it, ug/m3 as 24-hour means."""


def dashboard(deployment: Deployment) -> Dashboard:
    """For who watches the air: is it within the guideline, since when not, and where does it come from."""
    words = deployment.words
    sites = deployment.sites("air")
    page = Page(
        deployment,
        AIR,
        words("Air"),
        words("Pollutants outdoors against the guideline of the WHO, daily cycle, wind and weather."),
        sites=sites,
        devices=deployment.devices(sites),
        refresh=CALM,
        start="now-7d/d",
    )
    air_tables.add_now(page, sites)
    _running(page, sites)
    _courses(page, sites)
    air_tables.add_cycle(page, sites)
    _wind(page, sites)
    _weather(page, sites)
    air_tables.add_trust(page, sites)
    return page.build()


def _running(page: Page, sites: Sequence[Site]) -> None:
    deployment, words = page.deployment, page.deployment.words
    measured = [name for name in GUIDELINES if deployment.devices(sites, name)]
    if not measured:
        return
    page.row(100, words("Running means against the WHO guideline of 2021"))
    if FINE_PARTICLES in measured:
        page.add(110, _episodes(page, sites), width=24, height=7)
    for place, name in enumerate(GUIDELINES):
        if name in measured:
            page.add(111 + place, _mean(page, name, GUIDELINES[name], sites), width=8, height=8, draws=[name])


def _episodes(page: Page, sites: Sequence[Site]) -> statetimeline.Panel:
    deployment, words = page.deployment, page.deployment.words
    metric = deployment.registry.metrics[FINE_PARTICLES]
    query = running_mean(metric, page.scope, GUIDELINES[FINE_PARTICLES].hours)
    panel = timeline(
        words("Episodes of fine particles"),
        words(
            "When the running 24-hour mean of PM2.5 was above 15 µg/m³, the guideline of the WHO of 2021, and above "
            "25, 37.5 and 50, its interim targets on the way there. Grey: it was within the guideline."
        ),
        [InfluxQuery(query, alias="$tag_site")],
    )
    limits = [Threshold(None, WITHIN), *(Threshold(value, colour) for value, colour in TARGETS)]
    panel.color_scheme(FieldColor().mode(FieldColorModeId.THRESHOLDS))
    panel.thresholds(fixed_steps(limits)).data_links([*site_links(deployment, AIR)])
    return renamed(in_unit(panel, metric).decimals(0), deployment.short_names(sites))


def _mean(page: Page, name: str, guideline: Guideline, sites: Sequence[Site]) -> timeseries.Panel:
    deployment, words = page.deployment, page.deployment.words
    metric = deployment.registry.metrics[name]
    panel = plot(
        words("{name}, mean of {hours} hours", name=words.name(metric.names, name), hours=guideline.hours),
        words(
            "The mean of the last {hours} hours at each hour. The grey line is the WHO's guideline of 2021, {limit}; "
            "lines of alert rules are those of rules about the same mean. Nothing where less than three quarters of "
            "the hours are known.",
            hours=guideline.hours, limit=air_tables.written(guideline.limit, metric),
        ),
        [InfluxQuery(running_mean(metric, page.scope, guideline.hours), alias="$tag_site")],
    )  # fmt: skip
    limits = with_guideline(steps(_about(deployment.rules_of(deployment.devices(sites, name)), guideline), name), name)
    panel = (
        with_lines(in_unit(panel, metric), limits)
        .axis_soft_min(0)
        .axis_soft_max(guideline.limit)
        .interval("1h")
        .span_nulls(False)
    )
    return named_sites(deployment, panel, sites)


def _about(rules: Sequence[Rule], guideline: Guideline) -> Sequence[Rule]:
    """Those that look at a mean over as long."""
    span_ns = guideline.hours * 3_600 * NS_PER_S
    return [
        rule
        for rule in rules
        if isinstance(rule.condition, Window)
        and rule.condition.aggregate is Aggregate.MEAN
        and rule.condition.window_ns == span_ns
    ]


def _courses(page: Page, sites: Sequence[Site]) -> None:
    deployment, words = page.deployment, page.deployment.words
    found = [(place, name) for place, name in enumerate(COURSES) if deployment.devices(sites, name)]
    if found:
        page.row(200, words("Course"))
    for place, name in found:
        said = words("By station, with the limits of the alert rules, which may be for means over a longer time.")
        page.add(210 + place, _course(page, name, sites, said), width=8, height=8, draws=[name])


def _course(page: Page, name: str, sites: Sequence[Site], said: str) -> timeseries.Panel:
    deployment = page.deployment
    metric = deployment.registry.metrics[name]
    title = deployment.words.name(metric.names, name)
    found = deployment.devices(sites, name)
    return course_of(deployment, name, found, page.scope, title, said, names_of(deployment, found))


def _wind(page: Page, sites: Sequence[Site]) -> None:
    deployment, words = page.deployment, page.deployment.words
    speed, gust, direction = (deployment.devices(sites, name) for name in air_tables.WIND)
    if not speed and not direction:
        return
    page.row(400, words("Wind"))
    if speed:
        said = words("Mean of each window of the plot, by station.")
        page.add(410, _of_windows(page, "wind_ms", "mean", speed, said), width=8, height=8, draws=["wind_ms"])
    if gust:
        said = words("The strongest gust of each window of the plot, by station.")
        page.add(411, _of_windows(page, "wind_gust_ms", "max", gust, said), width=8, height=8, draws=["wind_gust_ms"])
    if direction:
        said = words(
            "From where the wind came last in each window of the plot, by station: 0 is north, 90 east. Points, since "
            "a line from 350 to 10 would cross the south."
        )
        panel = _of_windows(page, "wind_direction_deg", "last", direction, said).min(0).max(360)
        panel.draw_style(shown.GraphDrawStyle.POINTS).point_size(3)
        page.add(412, panel, width=8, height=8, draws=["wind_direction_deg"])
    if speed and direction:
        air_tables.add_sectors(page, sites)


def _of_windows(page: Page, name: str, function: str, found: Sequence[Device], said: str) -> timeseries.Panel:
    """What `course_of` cannot know: a gust is not to be averaged away, a direction has no mean."""
    deployment = page.deployment
    metric = deployment.registry.metrics[name]
    query = InfluxQuery(course(metric, page.scope, function), alias="$tag_device")
    panel = in_unit(plot(deployment.words.name(metric.names, name), said, [query]), metric)
    named(panel, names_of(deployment, found)).legend(legend(len(found)))
    return panel.interval(f"{expected_s(found):d}s").data_links([*device_links(deployment)])


def _weather(page: Page, sites: Sequence[Site]) -> None:
    deployment, words = page.deployment, page.deployment.words
    found = [(place, name) for place, name in enumerate(WEATHER) if deployment.devices(sites, name)]
    rain = deployment.devices(sites, "rain_mm")
    if found or rain:
        page.row(500, words("Weather"))
    for place, name in found:
        panel = _course(page, name, sites, words("By station."))
        page.add(510 + place, panel, width=8, height=8, draws=[name])
    if rain:
        panel = calendar_bars(
            deployment, "rain_mm", sites, page.scope, Every.DAY, "sum", words("Rain by day"),
            words("What fell at each station from midnight to midnight there, one station on top of the other."),
        )  # fmt: skip
        page.add(520, in_unit(panel, deployment.registry.metrics["rain_mm"]), width=24, height=7, draws=["rain_mm"])
