"""Panels in which the devices of a site are taken together, hour by hour or day by day by the clocks of the sites."""

from collections.abc import Callable, Sequence

from grafana_foundation_sdk.builders import timeseries

from grafana.deployment import Deployment
from grafana.links import site_links
from grafana.panels import bars, in_unit, legend, named, plot
from grafana.queries import SITE, Every, InfluxQuery, Scope, by_calendar, counted_by_calendar
from grafana.shown import PAGES
from grafana.zones import per_zone
from telemetry.registry.models import Site


def zoned(
    deployment: Deployment, scope: Scope, sites: Sequence[Site], query: Callable[[Scope, str], str]
) -> Sequence[InfluxQuery]:
    """A target for each time zone of the sites. `query` makes the InfluxQL of a scope and a zone."""
    return [
        InfluxQuery(query(one.scope, one.zone), alias="$tag_site", ref_id=one.ref_id)
        for one in per_zone(deployment, scope, sites)
    ]


def counted_bars(
    deployment: Deployment, metric: str, sites: Sequence[Site], scope: Scope, every: Every, title: str, said: str
) -> timeseries.Panel:
    """How much the counters of each site counted in each hour, day or week."""
    known = deployment.registry.metrics[metric]

    def query(some: Scope, zone: str) -> str:
        return counted_by_calendar(known, some, every, zone, SITE)

    panel = in_unit(bars(title, said, zoned(deployment, scope, sites, query)), known)
    return named_sites(deployment, panel, sites, "sum")


def calendar_bars(
    deployment: Deployment, metric: str, sites: Sequence[Site], scope: Scope, every: Every, function: str,
    title: str, said: str,
) -> timeseries.Panel:  # fmt: skip
    """`count` or `sum` of the readings of each site in each hour, day or week."""
    panel = bars(title, said, _calendar(deployment, metric, sites, scope, every, function))
    return named_sites(deployment, panel.decimals(0), sites, "sum")


def calendar_means(
    deployment: Deployment, metric: str, sites: Sequence[Site], scope: Scope, every: Every, title: str, said: str
) -> timeseries.Panel:
    """The mean of the readings of each site in each hour, day or week, as a line."""
    panel = plot(title, said, _calendar(deployment, metric, sites, scope, every, "mean")).decimals(1)
    return named_sites(deployment, panel, sites)


def _calendar(
    deployment: Deployment, metric: str, sites: Sequence[Site], scope: Scope, every: Every, function: str
) -> Sequence[InfluxQuery]:
    known = deployment.registry.metrics[metric]

    def query(some: Scope, zone: str) -> str:
        return by_calendar(known, some, function, every, zone, SITE)

    return zoned(deployment, scope, sites, query)


def named_sites(
    deployment: Deployment, panel: timeseries.Panel, sites: Sequence[Site], calc: str = "lastNotNull"
) -> timeseries.Panel:
    """Series of sites under their names, with links to the site. `calc`: the figure beside each name."""
    named(panel, deployment.short_names(sites)).legend(legend(len(sites), [calc]))
    kinds = {site.kind for site in sites}
    target = PAGES.get(kinds.pop()) if len(kinds) == 1 else None
    return panel.data_links([*site_links(deployment, target)])
