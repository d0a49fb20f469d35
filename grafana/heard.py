"""How many devices have been heard: one query for each of a few metrics that together all devices report."""

from collections.abc import Iterable, Mapping, Sequence

from grafana_foundation_sdk.builders import stat
from grafana_foundation_sdk.models.dashboard import DataTransformerConfig, Threshold

from grafana.deployment import Deployment
from grafana.panels import by_value, figure, with_nothing
from grafana.queries import TIME, InfluxQuery, Scope, latest, of
from grafana.thresholds import AMBER, FINE
from telemetry.catalogue.metric import Kind
from telemetry.registry.models import Device
from telemetry.stores.influxdb.influxql import identifier

WITHIN = "now-15m"
"""Heard so lately; `caretaker fill` and batteries report that often at least."""


def pulses(deployment: Deployment, devices: Iterable[Device]) -> Mapping[str, Sequence[Device]]:
    """Each device that reports by itself under one of its metrics, in as few metrics as come to mind.

    The metric that most devices have is taken first, then the one that most of the others have, and so on.
    """
    metrics = deployment.registry.metrics
    left = {device.id: device for device in devices if device.interval_s is not None}
    found: dict[str, Sequence[Device]] = {}
    while left:
        counts: dict[str, int] = {}
        for device in left.values():
            for name in device.metrics:
                if metrics[name].kind not in {Kind.TEXT, Kind.EVENT}:
                    counts[name] = counts.get(name, 0) + 1
        if not counts:
            break
        metric = min(counts, key=lambda name: (-counts[name], name))
        found[metric] = [device for device in left.values() if metric in device.metrics]
        for device in found[metric]:
            del left[device.id]
    return found


def _only(deployment: Deployment, scope: Scope, metric: str, some: Sequence[Device]) -> Scope:
    """The scope, narrowed to these devices where it holds others with the metric, which another query counts."""
    sites = [deployment.registry.sites[name] for name in scope.sites] if scope.sites else deployment.sites()
    if len(deployment.devices(sites, metric)) == len(some):
        return scope
    return Scope(scope.variables, devices=tuple(device.id for device in some))


def heard_of(deployment: Deployment, devices: Sequence[Device], scope: Scope, title: str) -> stat.Panel:
    """A figure: devices heard in the last 15 minutes, of so many."""
    words = deployment.words
    described = words(
        "Devices that have sent anything in the last 15 minutes, of all that report by themselves. Button panels speak "
        "only when they are pressed and are not counted."
    )
    by_metric = pulses(deployment, devices)
    total = sum(len(some) for some in by_metric.values())
    of_all = words("of {n}", n=total)
    queries = []
    for place, (name, some) in enumerate(by_metric.items()):
        metric = deployment.registry.metrics[name]
        only = _only(deployment, scope, name, some)
        counted = of(f"count({identifier(name)}) AS heard", latest(metric, only), f"WHERE {TIME}")
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
