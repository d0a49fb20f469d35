"""The quality of the supply: each meter's power, balance of phases, power factor, and the phases of main meters."""

from collections.abc import Sequence
from dataclasses import replace

from grafana_foundation_sdk.builders import timeseries
from grafana_foundation_sdk.models.dashboard import DynamicConfigValue
from msgspec.structs import replace as changed

from alerts.rules.rule import Imbalance, Rule, Side, Value
from alerts.rules.scale import compared
from grafana.by_device import names_of
from grafana.links import device_links
from grafana.page import Page
from grafana.panels import SERIES, course_of, expected_s, in_unit, legend, named, plot, with_lines
from grafana.phases import band, imbalance
from grafana.queries import DEVICE, InfluxQuery, Scope, course, group
from grafana.thresholds import steps
from telemetry.catalogue.metric import Metric
from telemetry.registry.models import Device, Site
from telemetry.stores.influxdb.influxql import identifier, select

POWER, FACTOR = "power_kw", "power_factor"
CURRENTS = ("current_l1_a", "current_l2_a", "current_l3_a")
VOLTAGES = ("voltage_l1_v", "voltage_l2_v", "voltage_l3_v")
PHASES = ("L1", "L2", "L3")
IMBALANCE = "imbalance"


def add_to(page: Page, sites: Sequence[Site]) -> None:
    """Two rows: about single meters, as site, area and device choose them, and about the phases of main meters."""
    deployment, words = page.deployment, page.deployment.words
    meters = deployment.devices(sites, POWER)
    if not meters:
        return
    page.row(300, words("Meters"))
    panel = course_of(
        deployment, POWER, meters, page.scope, words("Power by meter"),
        words("Every meter by itself: the main supply and those behind it. Do not add them up."),
        deployment.device_names(meters),
    )  # fmt: skip
    page.add(310, panel.decimals(0), width=24, height=10, draws=[POWER])
    three_phase, factor = _having(meters, CURRENTS), _having(meters, (FACTOR,))
    if three_phase:
        page.add(311, _imbalance(page, three_phase), width=12, height=10, draws=CURRENTS)
    if factor:
        page.add(312, _factor(page, factor), width=12, height=10, draws=[FACTOR])
    mains = deployment.mains(POWER, sites)
    currents, voltages = _having(mains, CURRENTS), _having(mains, VOLTAGES)
    if currents or voltages:
        page.row(350, words("Phases of the main supply"))
    if currents:
        page.add(351, _currents(page, currents), width=12, height=9)
    if voltages:
        page.add(352, _voltages(page, voltages), width=12, height=9)


def _imbalance(page: Page, meters: Sequence[Device]) -> timeseries.Panel:
    deployment, words = page.deployment, page.deployment.words
    rules = [rule for rule in deployment.rules_of(meters) if isinstance(rule.condition, Imbalance)]
    query = imbalance([deployment.registry.metrics[name] for name in CURRENTS], page.scope, *_only_while(rules))
    panel = _by_meter(
        page, meters, query, words("Imbalance of phases"),
        words(
            "How far the current of a phase is from the mean of all three, in percent of that mean (NEMA MG 1), in "
            "windows of half an hour at least, with the limits of the alert rules. Where a rule passes over low "
            "load, so does the plot."
        ),
    )  # fmt: skip
    # The rule compares a figure of its own, which is drawn here under a name of its own.
    limits = steps([changed(rule, condition=Value(IMBALANCE)) for rule in rules], IMBALANCE)
    panel.interval("30m")
    return with_lines(panel.unit("percent").decimals(0).axis_soft_min(0), limits)


def _factor(page: Page, meters: Sequence[Device]) -> timeseries.Panel:
    deployment, words = page.deployment, page.deployment.words
    metric = deployment.registry.metrics[FACTOR]
    rules = [rule for rule in deployment.rules_of(meters) if compared(rule.condition) == FACTOR]
    query = _course(metric, page.scope, *_only_while(rules))
    panel = _by_meter(
        page, meters, query, words("Power factor"),
        words(
            "The part of the apparent power that does work: the mean of windows of half an hour at least, with the "
            "limits of the alert rules. Where a rule passes over low load, so does the plot."
        ),
    )  # fmt: skip
    panel.interval("30m")
    return with_lines(in_unit(panel, metric).decimals(2).axis_soft_max(1), steps(rules, FACTOR))


def _currents(page: Page, meters: Sequence[Device]) -> timeseries.Panel:
    deployment, words = page.deployment, page.deployment.words
    scope = _of(page, meters)
    queries = [
        InfluxQuery(
            course(deployment.registry.metrics[name], scope, "mean"), alias=f"$tag_device {phase}", ref_id=phase
        )
        for name, phase in zip(CURRENTS, PHASES, strict=True)
    ]
    panel = plot(
        words("Current by phase"),
        words("Of the main meters: the mean of each window of the plot. Three lines that keep together are balanced."),
        queries,
    )
    names = {
        f"{device} {phase}": f"{name} {phase}"
        for device, name in names_of(page.deployment, meters).items()
        for phase in PHASES
    }
    return _finished(page, named(in_unit(panel, deployment.registry.metrics[CURRENTS[0]]), names), meters, len(names))


def _voltages(page: Page, meters: Sequence[Device]) -> timeseries.Panel:
    deployment, words = page.deployment, page.deployment.words
    metrics = [deployment.registry.metrics[name] for name in VOLTAGES]
    scope, low, high = _of(page, meters), "min", "max"
    queries = [
        InfluxQuery(band(metrics, scope, function), alias=f"$tag_device {function}", ref_id=function)
        for function in (low, high)
    ]
    panel = plot(
        words("Voltage band"),
        words(
            "Between the lowest and the highest voltage of any phase of a main meter, in windows of an hour at least. "
            "A wide band is a phase that sags or rises."
        ),
        queries,
    )
    for (device, name), colour in zip(names_of(page.deployment, meters).items(), SERIES * len(meters), strict=False):
        fixed = DynamicConfigValue(id_val="color", value={"mode": "fixed", "fixedColor": colour})
        lowest = words("{name}, lowest", name=name)
        panel.override_by_name(
            f"{device} {low}",
            [fixed, DynamicConfigValue(id_val="displayName", value=lowest), _hidden_in_legend()],
        )
        panel.override_by_name(
            f"{device} {high}",
            [
                fixed,
                DynamicConfigValue(id_val="displayName", value=name),
                DynamicConfigValue(id_val="custom.fillBelowTo", value=lowest),
                DynamicConfigValue(id_val="custom.fillOpacity", value=15),
            ],
        )
    return _finished(page, in_unit(panel, metrics[0]).decimals(0), meters, len(meters)).interval("1h")


def _course(metric: Metric, scope: Scope, *only: str) -> str:
    name = identifier(metric.name)
    rest = f"{scope.where(*only)} {group(DEVICE, '$__interval')} fill(null)"
    return select(f"mean({name}) AS {name}", metric.measurement, rest)


def _by_meter(page: Page, meters: Sequence[Device], query: str, title: str, description: str) -> timeseries.Panel:
    panel = plot(title, description, [InfluxQuery(query, alias="$tag_device")])
    return _finished(page, named(panel, page.deployment.device_names(meters)), meters, len(meters))


def _finished(page: Page, panel: timeseries.Panel, meters: Sequence[Device], series: int) -> timeseries.Panel:
    panel.interval(f"{expected_s(meters):d}s").legend(legend(series))
    return panel.data_links([*device_links(page.deployment)])


def _of(page: Page, meters: Sequence[Device]) -> Scope:
    return replace(page.scope, devices=tuple(meter.id for meter in meters))


def _only_while(rules: Sequence[Rule]) -> Sequence[str]:
    """The condition under which the rules hold, where all have the same."""
    guards = {rule.guard for rule in rules}
    guard = guards.pop() if len(guards) == 1 else None
    if guard is None:
        return ()
    return [f"{identifier(guard.metric)} {'>' if guard.side is Side.ABOVE else '<'} {guard.threshold!r}"]


def _having(devices: Sequence[Device], metrics: Sequence[str]) -> Sequence[Device]:
    return [device for device in devices if set(metrics) <= set(device.metrics)]


def _hidden_in_legend() -> DynamicConfigValue:
    return DynamicConfigValue(id_val="custom.hideFrom", value={"legend": True, "tooltip": False, "viz": False})
