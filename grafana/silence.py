"""How long ago each device was last heard, and whether that is too long. InfluxQL, pure.

InfluxQL knows no age. So the newest reading of a device and a row at the beginning of a span that ends with the range
are put together, and the time between the two is taken from the span.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from alerts.rules.rule import MISSED_INTERVALS, NoData
from grafana.clock import END_MS
from grafana.deployment import Deployment
from grafana.heard import pulses
from grafana.queries import DEVICE, Scope, group, of
from telemetry.catalogue.metric import Kind
from telemetry.reading import NS_PER_S
from telemetry.registry.models import Device
from telemetry.stores.influxdb.influxql import identifier, select

SILENCE = 110
"""The panel of silent devices on the dashboard of devices, where alerts lead that are about no drawn metric."""
SPAN_DAYS = 30
"""So far back a device is looked for; what has said nothing for longer is not in the store's answer at all."""
DAY_S = 86_400


class Pulse(NamedTuple):
    """What devices have in common that are asked for together."""

    metric: str
    """Under which they report."""
    expected_s: float | None
    """Their time between readings; None: they speak when something happens."""
    allowed_s: float
    """So long they may be silent."""


def allowed_s(deployment: Deployment, device: Device) -> float | None:
    """How long a device may be silent; None: nothing says so.

    So many intervals as the rules' `missed_intervals` allow; for one that only speaks when something happens, what a
    rule about silence says.
    """
    if device.interval_s is not None:
        return device.interval_s * deployment.rules.missed_intervals.get(device.kind, MISSED_INTERVALS)
    spans = [
        rule.condition.after_ns / NS_PER_S
        for rule in deployment.rules_of([device])
        if isinstance(rule.condition, NoData) and rule.condition.after_ns is not None
    ]
    return min(spans, default=None)


def watched(deployment: Deployment, devices: Iterable[Device]) -> Mapping[Pulse, Sequence[Device]]:
    """Devices whose silence means something, by what they have in common."""
    devices = list(devices)
    regular = {device.id: metric for metric, some in pulses(deployment, devices).items() for device in some}
    found: dict[Pulse, list[Device]] = {}
    for device in devices:
        metric = regular.get(device.id) or _number(deployment, device)
        allowed = allowed_s(deployment, device)
        if metric is not None and allowed is not None:
            found.setdefault(Pulse(metric, device.interval_s, allowed), []).append(device)
    return found


def ages(deployment: Deployment, devices: Iterable[Device], scope: Scope) -> str:
    """A row for each device heard within `SPAN_DAYS`: `age` and `expected`, s, `silence`, and `late`.

    `silence` is the age by what is allowed; `late` is 1 where that is 1 or more, else 0. `expected` is 0 for devices
    that speak when something happens.
    """
    parts = [_ages(deployment, pulse, some, scope) for pulse, some in watched(deployment, devices).items()]
    # InfluxQL compares in WHERE only.
    late = "1 - floor(1 / (floor(silence) + 1)) AS late"
    return of(f"age, expected, silence, {late}", "), (".join(parts), f"WHERE {_SPAN} {group(DEVICE)}")


_SPAN = f"time >= {END_MS}ms - {SPAN_DAYS}d AND time <= {END_MS}ms"


def _ages(deployment: Deployment, pulse: Pulse, devices: Iterable[Device], scope: Scope) -> str:
    metric = deployment.registry.metrics[pulse.metric]
    name = identifier(metric.name)
    rest = f"{replace(scope, sites=()).where(_SPAN, time=False)} {group(DEVICE)}"
    newest = select(f"last({name}) AS said", metric.measurement, rest)
    # Two selectors give one row at the beginning of the span; each alone reads one value, a count would read them all.
    beginning = select(f"last({name}) AS said, first({name}) AS first", metric.measurement, rest)
    # Newer and older InfluxDBs go through the two in either direction.
    age = f"({SPAN_DAYS * DAY_S:d} - abs(elapsed(said, 1s)))"
    what = (
        f"{age} * 1.0 AS age, {age} * 0.0 + {pulse.expected_s or 0.0:.3f} AS expected, "
        f"{age} / {pulse.allowed_s:.3f} AS silence"
    )
    these = Scope((), devices=tuple(device.id for device in devices)).where(_SPAN, time=False)
    return of(what, f"{newest}), ({beginning}", f"{these} {group(DEVICE)}")


def _number(deployment: Deployment, device: Device) -> str | None:
    metrics = deployment.registry.metrics
    return next((name for name in device.metrics if metrics[name].kind not in {Kind.TEXT, Kind.EVENT}), None)
