"""The rows about how devices are: battery, radio, gateways, doubtful readings."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from grafana_foundation_sdk.builders import common, table, timeseries
from grafana_foundation_sdk.models.dashboard import DataTransformerConfig, DynamicConfigValue, Threshold

from grafana.cells import bar
from grafana.links import CELL, device_links
from grafana.page import Page
from grafana.panels import (
    NEUTRAL,
    TWO_WEEKS,
    bars,
    course_of,
    expected_s,
    in_unit,
    legend,
    named,
    renamed,
    timeline,
    with_states,
)
from grafana.queries import Every, InfluxQuery, Shape, counted_from_0_by_calendar, course, latest
from grafana.suspects import COUNT, METRIC, may_be_suspect, suspects
from grafana.tables import column, in_order, links_in_cells, names_in_cells, rows
from grafana.thresholds import AMBER, FINE, RED, steps
from grafana.units import unit_of
from grafana.zones import per_zone
from telemetry.registry.models import Device

MONTH, WEEK = "now-28d", "now-7d"
COUNTED_MOST = 5
"""An axis of counts reaches so far at least, so that its ticks are whole numbers."""
WEAK_DBM = -100
"""Below it a radio begins to lose messages."""


class Ends(NamedTuple):
    """Where a bar is empty and where it is full."""

    least: float
    most: float


def add(page: Page, devices: Sequence[Device]) -> None:
    """A row for each, where any device says anything of it."""
    _battery(page)
    _radio(page)
    _gateways(page)
    _doubtful(page, devices)


def _battery(page: Page) -> None:
    deployment, words = page.deployment, page.deployment.words
    charge, voltage = deployment.devices(None, "battery_pct"), deployment.devices(None, "battery_v")
    if not charge and not voltage:
        return
    page.row(300, words("Battery"))
    if charge:
        limits = steps(deployment.rules_of(charge), "battery_pct")
        said = words("The newest charge of each battery within a week, the lowest first, in the rule's colours.")
        panel = _newest(page, "battery_pct", charge, words("Charge, lowest first"), said, limits, Ends(0, 100))
        page.add(310, panel.time_from(WEEK), width=9, height=11)
        course_said = words("Four weeks, with the limits of the alert rules. A battery that falls fast is a fault.")
        panel_course = _course(page, "battery_pct", charge, words("Charge over weeks"), course_said)
        page.add(311, panel_course.time_from(MONTH), width=15, height=11, draws=["battery_pct"])
    if voltage:
        course_said = words("Four weeks. What a battery gives under load falls before its charge does.")
        panel_course = _course(page, "battery_v", voltage, words("Battery voltage over weeks"), course_said)
        page.add(312, panel_course.time_from(MONTH), width=24, height=8, draws=["battery_v"])


def _radio(page: Page) -> None:
    deployment, words = page.deployment, page.deployment.words
    titles = {
        "rssi_dbm": words("Signal strength"),
        "snr_db": words("Signal to noise"),
        "signal_quality_pct": words("Signal quality"),
    }
    held = {name: deployment.devices(None, name) for name in titles}
    if not any(held.values()):
        return
    page.row(400, words("Radio"))
    said = words(
        "Over time, by device. One that falls slowly has a wet aerial or a tired battery; one that falls at once has "
        "something new between it and its gateway."
    )

    def newest(panel_id: int, name: str, title: str, text: str, limits: Sequence[Threshold], ends: Ends) -> None:
        if held[name]:
            page.add(panel_id, _newest(page, name, held[name], title, text, limits, ends), width=8, height=9)

    def over_time(panel_id: int, name: str, width: int) -> None:
        if held[name]:
            panel = _course(page, name, held[name], titles[name], said)
            page.add(panel_id, panel, width=width, height=9, draws=[name])

    newest(
        410,
        "rssi_dbm",
        words("Signal strength, weakest first"),
        words("The newest signal strength of each device. Below -100 dBm messages begin to get lost."),
        [Threshold(None, AMBER), Threshold(WEAK_DBM, FINE)],
        Ends(-130, -30),
    )
    over_time(411, "rssi_dbm", 16)
    newest(
        412,
        "signal_quality_pct",
        words("Signal quality, worst first"),
        words("The newest signal quality that devices, mostly gateways, say of their own link."),
        [Threshold(None, FINE)],
        Ends(0, 100),
    )
    over_time(413, "signal_quality_pct", 16)
    over_time(414, "snr_db", 24)


def _course(page: Page, name: str, devices: Sequence[Device], title: str, said: str) -> timeseries.Panel:
    panel = course_of(page.deployment, name, devices, page.scope, title, said)
    return panel.no_value(page.deployment.words("No device has said it in this range."))


def _newest(
    page: Page, name: str, devices: Sequence[Device], title: str, said: str, limits: Sequence[Threshold],
    ends: Ends,
) -> table.Panel:  # fmt: skip
    """A bar with the newest value of each device, the lowest first."""
    deployment, words = page.deployment, page.deployment.words
    metric = deployment.registry.metrics[name]
    panel = rows(title, said, [InfluxQuery(latest(metric, page.scope), Shape.TABLE)])
    panel.no_value(words("No device has said it in this range."))
    names, links = deployment.device_names(devices), device_links(deployment, CELL)
    column(panel, "device", words("Device"), names_in_cells(names), links_in_cells(links))
    value = words.name(metric.names, name)
    shaded = [Threshold(one.value, NEUTRAL if one.color == FINE else one.color) for one in limits]
    unit = DynamicConfigValue(id_val="unit", value=unit_of(metric.unit))
    decimals = DynamicConfigValue(id_val="decimals", value=metric.decimals)
    column(panel, name, value, unit, decimals, *bar(shaded, *ends), width_px=200)
    in_order(panel, ["device", name])
    return panel.sort_by([common.TableSortByFieldState().display_name(value).desc(False)])


def _gateways(page: Page) -> None:
    deployment, words = page.deployment, page.deployment.words
    gateways = deployment.devices(None, "online")
    versions = deployment.devices(None, "firmware")
    restarting = deployment.devices(None, "restarts")
    if not gateways and not versions and not restarting:
        return
    page.row(500, words("Gateways, restarts and firmware"))
    if gateways:
        only = replace(page.scope, devices=tuple(device.id for device in gateways))
        query = InfluxQuery(course(deployment.registry.metrics["online"], only, "min"), alias="$tag_device")
        panel = timeline(
            words("Online"),
            words(
                "Whether each gateway was reachable: what the broker said of it when it went away, and what it says "
                "of itself. Nothing is known where there is no bar."
            ),
            [query],
        ).interval(f"{expected_s(gateways)}s")
        with_states(panel, {0.0: (words("away"), RED), 1.0: (words("online"), NEUTRAL)})
        renamed(panel, deployment.device_names(gateways)).data_links([*device_links(deployment)])
        page.add(510, panel, width=14, height=11, draws=["online"])
    if versions:
        page.add(511, _versions(page, versions), width=10, height=11)
    if restarting:
        page.add(512, _restarts(page, restarting), width=14, height=8, draws=["restarts"])
    if deployment.devices(None, "device_temperature_c"):
        hot = deployment.devices(None, "device_temperature_c")
        said = words("Inside the device. A box in the sun ages its battery, and stops by itself when it gets too hot.")
        panel_course = _course(page, "device_temperature_c", hot, words("Device temperature"), said)
        page.add(513, panel_course, width=10, height=8, draws=["device_temperature_c"])


def _versions(page: Page, devices: Sequence[Device]) -> table.Panel:
    deployment, words = page.deployment, page.deployment.words
    metric = deployment.registry.metrics["firmware"]
    firmware = f'"{metric.name}"'
    query = latest(metric, page.scope).replace(f"AS {firmware}", f'AS {firmware}, "device" AS children', 1)
    panel = rows(
        words("Firmware, and devices behind a gateway"),
        words("The version that each device said last within a week, and how many devices speak through it."),
        [InfluxQuery(query, Shape.TABLE)],
    ).no_value(words("No device has said it in this range."))
    names, links = deployment.device_names(devices), device_links(deployment, CELL)
    column(panel, "device", words("Device"), names_in_cells(names), links_in_cells(links))
    version = words("Version")
    column(panel, "firmware", version, width_px=110)
    behind = Counter(device.parent for device in deployment.devices())
    children = names_in_cells({device.id: str(behind[device.id]) for device in devices})
    column(panel, "children", words("Devices behind it"), children, width_px=150)
    in_order(panel, ["device", "firmware", "children"])
    return panel.time_from(WEEK).sort_by([common.TableSortByFieldState().display_name(version).desc(False)])


def _restarts(page: Page, devices: Sequence[Device]) -> timeseries.Panel:
    deployment, words = page.deployment, page.deployment.words
    metric = deployment.registry.metrics["restarts"]
    sites = [site for site in deployment.sites() if any(device.site == site.id for device in devices)]
    queries = [
        InfluxQuery(
            counted_from_0_by_calendar(metric, one.scope, Every.DAY, one.zone), alias="$tag_device", ref_id=one.ref_id
        )
        for one in per_zone(deployment, page.scope, sites)
    ]
    panel = bars(
        words("Restarts by day, two weeks"),
        words("How often each device started again. Now and then is an update; daily is a weak supply."),
        queries,
    )
    named(in_unit(panel, metric), deployment.device_names(devices)).legend(legend(len(devices), ["sum"]))
    return panel.axis_soft_max(COUNTED_MOST).time_from(TWO_WEEKS).data_links([*device_links(deployment)])


def _doubtful(page: Page, devices: Sequence[Device]) -> None:
    deployment, words = page.deployment, page.deployment.words
    known = deployment.registry.metrics
    names = dict.fromkeys(name for device in devices for name in device.metrics)
    metrics = [known[name] for name in names if may_be_suspect(known[name])]
    if not metrics:
        return
    page.row(600, words("Doubtful readings"))
    panel = rows(
        words("Values that are hardly possible"),
        words(
            "How many values of each device were outside their plausible range, the most first. They are stored, "
            "marked, and rules judge them like others. Impossible values are refused: see Platform."
        ),
        [*suspects(metrics, page.scope)],
    ).no_value(words("All values were plausible."))
    panel.with_transformation(DataTransformerConfig(id_val="merge", options={}))
    device_names, links = deployment.device_names(devices), device_links(deployment, CELL)
    column(panel, "device", words("Device"), names_in_cells(device_names), links_in_cells(links))
    titles = {str(place): words.name(metric.names, metric.name) for place, metric in enumerate(metrics)}
    column(panel, METRIC, words("Measured"), names_in_cells(titles))
    count = words("Doubtful values")
    column(panel, COUNT, count, *bar())
    in_order(panel, ["device", METRIC, COUNT])
    page.add(
        610,
        panel.sort_by([common.TableSortByFieldState().display_name(count).desc(True)]),
        width=24,
        height=9,
    )
