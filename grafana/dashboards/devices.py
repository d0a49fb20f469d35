"""Devices: which are silent, whose battery is low, whose radio is weak; gateways, doubtful readings, one device."""

from collections.abc import Sequence

from grafana_foundation_sdk.builders import common, stat, table
from grafana_foundation_sdk.models.dashboard import DataTransformerConfig, Threshold

from grafana.cells import CENTRED, SPAN, Range, bar, ranges
from grafana.dashboards import devices_health, devices_one
from grafana.deployment import Deployment
from grafana.links import CELL, DEVICES, device_links, site_links
from grafana.page import Dashboard, Page
from grafana.panels import NEUTRAL, by_value, figure
from grafana.queries import InfluxQuery, Shape
from grafana.same_answer import OF_THE_DASHBOARD, SameAnswer
from grafana.silence import SILENCE, ages, watched
from grafana.tables import column, in_order, links_in_cells, names_in_cells, rows
from grafana.thresholds import AMBER, FINE, RED
from telemetry.registry.models import Device

LONG_SILENT = 10.0
"""So many times what is allowed is no lost message any more."""
_BELOW = 1e-9
"""Ranges of words include both ends."""


def dashboard(deployment: Deployment) -> Dashboard:
    """For technicians and installers; other dashboards lead here with a device chosen."""
    words = deployment.words
    sites = deployment.sites()
    devices = deployment.devices(sites)
    page = Page(
        deployment,
        DEVICES,
        words("Devices"),
        words("Which devices are silent, whose battery is low, whose radio is weak; and everything of one device."),
        sites=sites,
        devices=devices,
    )
    page.row(100, words("Silent devices"))
    page.add(SILENCE, _silent(page, devices), width=15, height=13)
    page.add(111, _count(page), width=5, height=4)
    page.add(112, _known(page, devices), width=4, height=4)
    page.add(113, _by_site(page), width=9, height=9)
    devices_one.add(page, devices)
    devices_health.add(page, devices)
    return page.build()


def _silent(page: Page, devices: Sequence[Device]) -> table.Panel:
    deployment, words = page.deployment, page.deployment.words
    panel = rows(
        words("Last heard"),
        words(
            "How long ago each device was heard, the most overdue first. Silent: for longer than the rules allow its "
            "kind (missed_intervals, else three of its intervals); long silent: ten times as long. Panels that speak "
            "only when they are pressed may be silent for as long as their rule says. A device that has said nothing "
            "for 30 days is not listed."
        ),
        [InfluxQuery(ages(deployment, devices, page.scope), Shape.TABLE)],
    ).no_value(words("Nothing was heard for 30 days."))
    held = (
        Range(None, 1 - _BELOW, words("heard"), FINE),
        Range(1, LONG_SILENT - _BELOW, words("silent"), AMBER),
        Range(LONG_SILENT, None, words("long silent"), RED),
    )
    state = words("State")
    panel.with_transformation(_ONCE)
    column(panel, "silence (min)", state, *ranges(held), CENTRED, width_px=110)
    names, links = deployment.device_names(devices), device_links(deployment, CELL)
    column(panel, "device", words("Device"), names_in_cells(names), links_in_cells(links))
    column(panel, "age (min)", words("Silent for"), SPAN, width_px=210)
    pressed = names_in_cells({"0": words("when pressed")})
    column(panel, "expected (min)", words("Speaks every"), SPAN, pressed, width_px=150)
    in_order(panel, ["silence (min)", "device", "age (min)", "expected (min)"])
    return panel.sort_by([common.TableSortByFieldState().display_name(state).desc(True)])


def _count(page: Page) -> stat.Panel:
    words = page.deployment.words
    panel = figure(
        words("Silent now"), words("Devices that have been silent for longer than the rules allow their kind."), []
    )
    panel.datasource(OF_THE_DASHBOARD).with_target(SameAnswer(SILENCE)).with_transformation(_ONCE)
    panel.reduce_options(common.ReduceDataOptions().calcs(["sum"]).fields(_LATE).values(False))
    return by_value(panel.no_value("0").decimals(0), [Threshold(None, FINE), Threshold(1, AMBER)])


def _known(page: Page, devices: Sequence[Device]) -> stat.Panel:
    words = page.deployment.words
    total = sum(len(some) for some in watched(page.deployment, devices).values())
    said = words(
        "Of the devices that are chosen. The registry has {n} that ought to speak; what is missing here of those has "
        "never been heard, or not for 30 days.",
        n=total,
    )
    panel = figure(words("Heard in 30 days"), said, [])
    panel.datasource(OF_THE_DASHBOARD).with_target(SameAnswer(SILENCE)).with_transformation(_ONCE)
    panel.reduce_options(common.ReduceDataOptions().calcs(["count"]).fields(_LATE).values(False))
    return panel.no_value("0").decimals(0)


def _by_site(page: Page) -> table.Panel:
    deployment, words = page.deployment, page.deployment.words
    panel = rows(
        words("By site"),
        words("How many devices of each site are silent, the most first, of how many that were heard within 30 days."),
        [],
    ).no_value(words("Nothing was heard for 30 days."))
    panel.datasource(OF_THE_DASHBOARD).with_target(SameAnswer(SILENCE))
    panel.with_transformation(_ONCE).with_transformation(_BY_SITE)
    names = {site.id: deployment.site_name(site) for site in deployment.sites()}
    links = site_links(deployment, None, CELL)
    column(panel, "site", words("Site"), names_in_cells(names), links_in_cells(links))
    silent = words("Silent")
    column(panel, "late (min) (sum)", silent, *bar([Threshold(None, NEUTRAL), Threshold(1, AMBER)]), width_px=130)
    column(panel, "late (min) (count)", words("Of"), width_px=60)
    in_order(panel, ["site", "late (min) (sum)", "late (min) (count)"])
    return panel.sort_by([common.TableSortByFieldState().display_name(silent).desc(True)])


def _grouped(by: Sequence[str], **taken: Sequence[str]) -> DataTransformerConfig:
    """A row for each of `by`; a column `age (min)` for what is taken of `age`."""
    fields: dict[str, object] = {name: {"aggregations": [], "operation": "groupby"} for name in by}
    fields |= {name: {"aggregations": list(some), "operation": "aggregate"} for name, some in taken.items()}
    return DataTransformerConfig(id_val="groupBy", options={"fields": fields})


_ONCE = _grouped(("site", "device"), age=["min"], expected=["min"], silence=["min"], late=["min"])
"""A row for each device, of the least age."""
_LATE = r"/^late \(min\)$/"
_BY_SITE = _grouped(("site",), **{"late (min)": ["sum", "count"]})
