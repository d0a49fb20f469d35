"""When devices were heard, and how many: under whichever of their metrics, in one query for each measurement."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from grafana_foundation_sdk.builders import stat
from grafana_foundation_sdk.models.dashboard import DataTransformerConfig, Threshold

from grafana.deployment import Deployment
from grafana.panels import by_value, figure, with_nothing
from grafana.queries import DEVICE, TIME, InfluxQuery, Scope, group, of
from grafana.thresholds import AMBER, FINE
from telemetry.catalogue.metric import Kind, Metric, Privacy
from telemetry.registry.models import Device
from telemetry.stores.influxdb.influxql import identifier, select

WITHIN = "now-15m"
"""Heard so lately; `caretaker fill` and batteries report that often at least."""
HEALTH = "device"
"""The measurement of what devices say of themselves: battery, radio, restarts."""


def voices(deployment: Deployment, devices: Iterable[Device]) -> Mapping[str, Sequence[Device]]:
    """Each device that reports by itself, by the measurement in which most of the numbers lie that it measures.

    `HEALTH` is for those that measure none: of its battery a device may speak seldom, in messages of its own.
    """
    found: dict[str, list[Device]] = {}
    for device in devices:
        counts = Counter(one.measurement for one in numbers(deployment, device) if one.kind is not Kind.EVENT)
        if device.interval_s is not None and counts:
            most = min(counts, key=lambda name: (name == HEALTH, -counts[name], name))
            found.setdefault(most, []).append(device)
    return found


def numbers(deployment: Deployment, device: Device) -> Sequence[Metric]:
    """The metrics by which it is heard: all but texts, and events that could tell of single people."""
    metrics = (deployment.registry.metrics[name] for name in device.metrics)
    return [
        one
        for one in metrics
        if one.kind is not Kind.TEXT and not (one.kind is Kind.EVENT and one.privacy is Privacy.PERSONAL)
    ]


def said(deployment: Deployment, measurement: str, devices: Sequence[Device], scope: Scope, span: str) -> str:
    """A row for each device with the last of its numbers in the measurement, `said`, whichever came last."""
    metrics: dict[str, list[Device]] = {}
    for device in devices:
        for metric in numbers(deployment, device):
            if metric.measurement == measurement:
                metrics.setdefault(metric.name, []).append(device)
    parts = [
        select(
            f"last({identifier(name)}) AS said",
            measurement,
            f"{_only(deployment, scope, name, some).where(time=False)} {group(DEVICE)}",
        )
        for name, some in metrics.items()
    ]
    # The parts take their span from the whole.
    return of("last(said) AS said", "), (".join(parts), f"WHERE {span} {group(DEVICE)}")


def _only(deployment: Deployment, scope: Scope, metric: str, some: Sequence[Device]) -> Scope:
    """The scope, narrowed to these devices where it holds others with the metric, which another query is about."""
    sites = deployment.sites() if scope.sites is None else [deployment.registry.sites[name] for name in scope.sites]
    if len(deployment.devices(sites, metric)) == len(some):
        return scope
    return Scope(scope.variables, devices=tuple(device.id for device in some))


def heard_of(deployment: Deployment, devices: Sequence[Device], scope: Scope, title: str) -> stat.Panel:
    """A figure: devices heard in the last 15 minutes, of so many."""
    words = deployment.words
    described = words(
        "Devices that have sent anything they measure in the last 15 minutes, of all that report by themselves; those "
        "that measure nothing, anything of their battery or radio. Button panels speak only when they are pressed and "
        "are not counted."
    )
    by_measurement = voices(deployment, devices)
    total = sum(len(some) for some in by_measurement.values())
    of_all = words("of {n}", n=total)
    queries = []
    for place, (name, some) in enumerate(by_measurement.items()):
        counted = of("count(said) AS heard", said(deployment, name, some, scope, TIME), f"WHERE {TIME}")
        queries.append(InfluxQuery(counted, alias=name, ref_id=f"A{place}"))
    panel = (
        figure(title, described, queries, calc="sum")
        .time_from(WITHIN)
        .with_transformation(DataTransformerConfig(id_val="reduce", options={"reducers": ["lastNotNull"]}))
        .unit(f"suffix:{of_all}")
        .decimals(0)
        .no_value(words("0 of {n}", n=total))
    )
    return with_nothing(by_value(panel, [Threshold(None, AMBER), Threshold(total, FINE)]), AMBER)
