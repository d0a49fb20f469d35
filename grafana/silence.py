"""How long ago each device was last heard, and whether that is too long. InfluxQL, pure.

InfluxQL knows no age. So the newest reading of a device and a row at the beginning of a span that ends with the range
are put together, and the time between the two is taken from the span.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from alerts.rules.rule import MISSED_INTERVALS, NoData
from grafana.clock import END_MS
from grafana.deployment import Deployment
from grafana.heard import numbers, said
from grafana.queries import DEVICE, Scope, group, of, one_of
from telemetry.reading import NS_PER_S
from telemetry.registry.models import Device

SILENCE = 110
"""The panel of silent devices on the dashboard of devices, where alerts lead that are about no drawn metric."""
SPAN_DAYS = 30
"""So far back a device is looked for; what has said nothing for longer is not in the store's answer at all."""
DAY_S = 86_400


class Pulse(NamedTuple):
    """What devices have in common that are asked for together."""

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
    found: dict[Pulse, list[Device]] = {}
    for device in devices:
        allowed = allowed_s(deployment, device)
        if allowed is not None and numbers(deployment, device):
            found.setdefault(Pulse(device.interval_s, allowed), []).append(device)
    return found


def ages(deployment: Deployment, devices: Iterable[Device], scope: Scope) -> str:
    """A row for each measurement of a device heard within `SPAN_DAYS`: `age` and `expected`, s, `silence`, and `late`.

    `silence` is the age by what is allowed; `late` is 1 where that is 1 or more, else 0. `expected` is 0 for devices
    that speak when something happens. What a device measures and what it says of its battery lie in measurements of
    their own, which InfluxQL keeps apart: panels take the least of each. A device is looked for where it is now, not
    where it was before.
    """
    parts = [
        _ages(deployment, pulse, measurement, held, scope)
        for pulse, some in watched(deployment, devices).items()
        for measurement, held in _by_measurement(deployment, some).items()
    ]
    # InfluxQL compares in WHERE only.
    late = "1 - floor(1 / (floor(silence) + 1)) AS late"
    return of(f"age, expected, silence, {late}", "), (".join(parts), f"WHERE {_SPAN} {group(DEVICE)}")


_SPAN = f"time >= {END_MS}ms - {SPAN_DAYS}d AND time <= {END_MS}ms"


def _by_measurement(deployment: Deployment, devices: Iterable[Device]) -> Mapping[str, Sequence[Device]]:
    found: dict[str, list[Device]] = {}
    for device in devices:
        for measurement in dict.fromkeys(metric.measurement for metric in numbers(deployment, device)):
            found.setdefault(measurement, []).append(device)
    return found


def _ages(deployment: Deployment, pulse: Pulse, measurement: str, devices: Sequence[Device], scope: Scope) -> str:
    newest = said(deployment, measurement, devices, scope, _SPAN)
    # Two selectors give one row at the beginning of the span.
    beginning = of("last(said) AS said, first(said) AS first", newest, f"WHERE {_SPAN} {group(DEVICE)}")
    # Newer and older InfluxDBs go through the two in either direction.
    age = f"({SPAN_DAYS * DAY_S:d} - abs(elapsed(said, 1s)))"
    what = (
        f"{age} * 1.0 AS age, {age} * 0.0 + {pulse.expected_s or 0.0:.3f} AS expected, "
        f"{age} / {pulse.allowed_s:.3f} AS silence"
    )
    return of(what, f"{newest}), ({beginning}", f"WHERE {_SPAN} AND ({_where_they_are(devices)}) {group(DEVICE)}")


def _where_they_are(devices: Iterable[Device]) -> str:
    """The condition for series of the devices at the sites at which they are."""
    by_site: dict[str, list[str]] = {}
    for device in devices:
        by_site.setdefault(device.site, []).append(device.id)
    return " OR ".join(f'("site" = \'{site}\' AND "device" =~ {one_of(names)})' for site, names in by_site.items())
