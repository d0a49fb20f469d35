"""Tables of the dashboard about air: the guideline now, the daily cycle, pollution by wind, trust in the values."""

from collections.abc import Callable, Sequence

from grafana_foundation_sdk.builders import table
from grafana_foundation_sdk.models.dashboard import DataTransformerConfig, DynamicConfigValue, Threshold

from grafana.air_queries import by_wind_sector, mean_until_now, suspect_share
from grafana.guidelines import with_guideline
from grafana.links import AIR, CELL, site_links
from grafana.matrix import Side, heat, hours
from grafana.page import Page
from grafana.queries import SITE, InfluxQuery, Shape, latest
from grafana.rhythm import hours_of_week
from grafana.tables import column, links_in_cells, names_in_cells, rows
from grafana.thresholds import AMBER, FINE
from grafana.words import Words
from grafana.zones import per_zone
from telemetry.catalogue.guidelines import GUIDELINES
from telemetry.catalogue.metric import Metric
from telemetry.catalogue.units import UNITS
from telemetry.registry.models import Site

CYCLES = ("pm2_5_ugm3", "no2_ugm3", "o3_ugm3")
SECTORED = ("pm2_5_ugm3", "no2_ugm3")
WIND = ("wind_ms", "wind_gust_ms", "wind_direction_deg")
STATION_PX, NARROW_PX = 150, 60


def add_now(page: Page, sites: Sequence[Site]) -> None:
    """The means that the guideline is about, and the newest values."""
    deployment, words = page.deployment, page.deployment.words
    metrics = [deployment.registry.metrics[name] for name in GUIDELINES if deployment.devices(sites, name)]
    if not metrics:
        return
    limits = ", ".join(f"{short(words, one)} {written(GUIDELINES[one.name].limit, one)}" for one in metrics)
    unit = symbol(metrics[0])
    means = _by_station(
        page, sites, metrics, lambda metric: mean_until_now(metric, page.scope, GUIDELINES[metric.name].hours),
        words("Against the WHO guideline of 2021, {unit}", unit=unit),
        words(
            "The mean of the 24 hours, for ozone of the 8 hours, that end with the range; nothing where less than "
            "three quarters of the hours are known. Dark where it is above the guideline of the World Health "
            "Organization of 2021 (www.who.int/publications/i/item/9789240034228): {limits}. That of ozone is for "
            "the highest 8 hours of a day.",
            limits=limits,
        ),
    )  # fmt: skip
    for metric in metrics:
        _shade(means, metric.name, with_guideline([Threshold(None, FINE)], metric.name))
    page.add(10, means, width=14, height=8)
    newest = _by_station(
        page, sites, metrics, lambda metric: latest(metric, page.scope, SITE),
        words("Now, {unit}", unit=unit),
        words("The newest value of each station in the last hour. Guidelines are for longer means: see beside."),
    )  # fmt: skip
    page.add(11, newest.time_from("now-1h"), width=10, height=8)


def add_cycle(page: Page, sites: Sequence[Site]) -> None:
    """A heat map for each of the pollutants with a daily cycle."""
    deployment, words = page.deployment, page.deployment.words
    found = [(place, name) for place, name in enumerate(CYCLES) if deployment.devices(sites, name)]
    if found:
        page.row(300, words("Daily cycle"))
    for place, name in found:
        metric = deployment.registry.metrics[name]
        panel = heat(
            words("{name} by hour of the day, {unit}", name=words.name(metric.names, name), unit=symbol(metric)),
            words(
                "The mean of each hour of the day, of the four weeks before the end of the range, by station. Hours "
                "are those that clocks showed there; 01 is from one to two o'clock."
            ),
            [
                InfluxQuery(hours_of_week(metric, one.scope, one.zone), Shape.TABLE, ref_id=one.ref_id)
                for one in per_zone(deployment, page.scope, sites)
            ],
            stations(page, sites), hours(), ["mean"], STATION_PX,
        )  # fmt: skip
        page.add(310 + place, panel.decimals(0), width=24, height=7)


def add_sectors(page: Page, sites: Sequence[Site]) -> None:
    """Pollution by where the wind comes from."""
    deployment, words = page.deployment, page.deployment.words
    speed, _, direction = (deployment.registry.metrics[name] for name in WIND)
    found = [(place, name) for place, name in enumerate(SECTORED) if deployment.devices(sites, name)]
    for place, name in found:
        metric = deployment.registry.metrics[name]
        panel = heat(
            words("{name} by wind, {unit}", name=words.name(metric.names, name), unit=symbol(metric)),
            words(
                "The mean of the hours of the range in which the wind came from each of eight directions: from where "
                "does it come? Hours with less than 0.5 m/s are left out. No figure: no such wind."
            ),
            [InfluxQuery(by_wind_sector(metric, direction, speed, page.scope), Shape.TABLE)],
            stations(page, sites), _sectors(words), ["mean"], STATION_PX,
        )  # fmt: skip
        page.add(420 + place, panel.decimals(0), width=12, height=7)


def add_trust(page: Page, sites: Sequence[Site]) -> None:
    """Which part of the values is suspect."""
    deployment, words = page.deployment, page.deployment.words
    metrics = [deployment.registry.metrics[name] for name in GUIDELINES if deployment.devices(sites, name)]
    if not metrics:
        return
    page.row(600, words("Trust in the values"))
    panel = _by_station(
        page, sites, metrics, lambda metric: suspect_share(metric, page.scope),
        words("Suspect values"),
        words(
            "Which part of the values in the range was outside the plausible range of the catalogue, by station. They "
            "are kept and are part of the means above. From 1 percent on amber: the analyser needs a look."
        ),
    )  # fmt: skip
    for metric in metrics:
        _shade(panel, metric.name, [Threshold(None, FINE), Threshold(1.0, AMBER)])
        panel.override_by_name(metric.name, [_property("unit", "percent"), _property("decimals", 1)])
    page.add(610, panel, width=24, height=7)


def _by_station(
    page: Page, sites: Sequence[Site], metrics: Sequence[Metric], query: Callable[[Metric], str], title: str, said: str
) -> table.Panel:
    """A row for each station, a column for each metric."""
    deployment, words = page.deployment, page.deployment.words
    panel = rows(title, said, [InfluxQuery(query(metric), Shape.TABLE, ref_id=metric.name) for metric in metrics])
    names = ["site", *(metric.name for metric in metrics)]
    order = {name: place for place, name in enumerate(names)}
    panel.transformations(
        [
            DataTransformerConfig(id_val="filterFieldsByName", options={"include": {"names": names}}),
            DataTransformerConfig(id_val="merge", options={}),
            DataTransformerConfig(
                id_val="organize", options={"excludeByName": {}, "indexByName": order, "renameByName": {}}
            ),
        ]
    )
    links = links_in_cells(site_links(deployment, AIR, CELL))
    column(panel, "site", words("Station"), names_in_cells(deployment.short_names(sites)), links, width_px=STATION_PX)
    for metric in metrics:
        decimals = _property("decimals", metric.decimals)
        column(
            panel,
            metric.name,
            short(words, metric),
            decimals,
            _property("custom.align", "right"),
            _property("custom.minWidth", NARROW_PX),
        )
    return panel


def stations(page: Page, sites: Sequence[Site]) -> Side:
    """The stations as a side of a matrix."""
    return Side("site", page.deployment.short_names(sites), page.deployment.words("Station"))


_FORMULAS = {
    "pm2_5_ugm3": "PM2.5",
    "pm10_ugm3": "PM10",
    "no2_ugm3": "NO₂",
    "so2_ugm3": "SO₂",
    "o3_ugm3": "O₃",
    "co_ugm3": "CO",
}


def short(words: Words, metric: Metric) -> str:
    """What stands over a column: the formula, which is shorter than the name and the same in every language."""
    return _FORMULAS.get(metric.name) or words.name(metric.names, metric.name)


def written(limit: float, metric: Metric) -> str:
    """A limit with its unit."""
    return f"{limit:,g} {symbol(metric)}"


def symbol(metric: Metric) -> str:
    """The metric's unit as people read it."""
    unit = UNITS.get(metric.unit)
    return metric.unit if unit is None else unit.symbol


def _shade(panel: table.Panel, name: str, limits: Sequence[Threshold]) -> None:
    mode = {"mode": "absolute", "steps": [one.to_json() for one in limits]}
    panel.override_by_name(
        name,
        [
            _property("thresholds", mode),
            _property("color", {"mode": "thresholds"}),
            _property("custom.displayMode", "color-background-solid"),
        ],
    )


def _sectors(words: Words) -> Side:
    names = (
        words("N"), words("NE"), words("E"), words("SE"), words("S"), words("SW"), words("W"), words("NW"),
    )  # fmt: skip
    return Side("sector", {str(place): name for place, name in enumerate(names)})


def _property(name: str, value: object) -> DynamicConfigValue:
    return DynamicConfigValue(id_val=name, value=value)
