"""How each site is, from the registry and the newest stored values. Pure."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from statistics import fmean

from alerts.alert import Severity
from caretaker.screen.view import SiteLine, State, Value
from caretaker.screen.words import age, figure, short_name
from telemetry.catalogue.load import label
from telemetry.catalogue.units import UNITS
from telemetry.reading import NS_PER_S, Quality
from telemetry.registry.models import Device, Registry, Site
from telemetry.stores.store import Sample

LATE_AFTER = 3.0
"""Expected intervals without a reading."""
LATE_AT_LEAST_S = 20.0
VALUES_SHOWN = 4


@dataclass(frozen=True)
class Figure:
    """A metric that says something about a whole site, and how its devices' values become one."""

    metric: str
    label: str
    of: Callable[[Sequence[float]], float]


# In the order in which they are shown; a site has the first few of those that its devices measure.
FIGURES = (
    Figure("nh3_ppm", "NH₃", max),
    Figure("visitors_now", "people", sum),
    Figure("paper_pct", "paper", min),
    Figure("power_kw", "power", max),
    Figure("load_kw", "load", max),
    Figure("pm2_5_ugm3", "PM2.5", max),
    Figure("no2_ugm3", "NO₂", max),
    Figure("o3_ugm3", "O₃", max),
    Figure("power_factor", "cos φ", fmean),
    Figure("voltage_l1_v", "L1", fmean),
    Figure("water_flow_lpm", "water", sum),
    Figure("co2_ppm", "CO₂", max),
    Figure("temperature_c", "air", fmean),
    Figure("humidity_pct", "humidity", fmean),
    Figure("noise_dba", "noise", max),
    Figure("people_in", "in", sum),
    Figure("people_out", "out", sum),
)


@dataclass(frozen=True)
class Moment:
    """What is known of a site's devices at `now_ns`."""

    registry: Registry
    latest: Mapping[str, Mapping[str, Sample]]
    """Device to metric to its newest value."""
    now_ns: int
    since_ns: int
    """When we began to listen: nobody is late before."""
    alerts: Mapping[str, tuple[Severity, str]] = field(default_factory=dict)
    """Site to the worst of its active alerts, and that one's name."""


def by_device(samples: Sequence[Sample]) -> Mapping[str, Mapping[str, Sample]]:
    """The newest values, device by device."""
    latest: dict[str, dict[str, Sample]] = {}
    for sample in samples:
        latest.setdefault(sample.device, {})[sample.metric] = sample
    return latest


def lines(moment: Moment, language: str = "en") -> tuple[SiteLine, ...]:
    """One line a site, worst first, then by name."""
    members: dict[str, list[Device]] = {}
    for device in moment.registry.devices.values():
        members.setdefault(device.site, []).append(device)
    found = [_line(site, members.get(site.id, []), moment, language) for site in moment.registry.sites.values()]
    return tuple(sorted(found, key=lambda line: (line.state, line.name)))


def _line(site: Site, devices: Sequence[Device], moment: Moment, language: str) -> SiteLine:
    newest_ns = max(
        (sample.time_ns for device in devices for sample in moment.latest.get(device.id, {}).values()), default=None
    )
    state, detail = _state(site, devices, moment)
    return SiteLine(
        name=short_name(label(site, language)),
        kind=site.kind,
        state=state,
        values=_values(devices, moment),
        age=_age(site, newest_ns, moment.now_ns),
        detail=detail,
    )


def _state(site: Site, devices: Sequence[Device], moment: Moment) -> tuple[State, str]:
    latest = moment.latest
    if not any(latest.get(device.id) for device in devices):
        return State.WAITING, "no readings yet"
    if site.archive:
        return State.REPLAYING, ""
    severity, name = moment.alerts.get(site.id, (None, ""))
    if severity is Severity.CRITICAL:
        return State.CRITICAL, name
    clocked = [device for device in devices if device.interval_s is not None and not _out_of_service(device, moment)]
    late = [device for device in clocked if _late(device, moment)]
    down = [device for device in devices if device.kind == "gateway" and _value(latest, device, "online") == 0.0]
    if clocked and len(late) == len(clocked):
        return State.SILENT, f"all {len(late)} devices"
    if down:
        return State.GATEWAY_DOWN, down[0].id
    if severity is Severity.WARNING:
        return State.WARNING, name
    if late:
        return State.LATE, f"{len(late)} of {len(clocked)} devices"
    doubted = [
        sample.metric
        for device in devices
        for sample in latest.get(device.id, {}).values()
        if sample.quality & Quality.SUSPECT
    ]
    if doubted:
        return State.SUSPECT, doubted[0]
    return (State.FINE, "") if severity is None else (State.INFORMATION, name)


def _late(device: Device, moment: Moment) -> bool:
    newest_ns = max((sample.time_ns for sample in moment.latest.get(device.id, {}).values()), default=0)
    allowed_s = max(LATE_AT_LEAST_S, LATE_AFTER * (device.interval_s or 0.0))
    return moment.now_ns - max(newest_ns, moment.since_ns) > allowed_s * NS_PER_S


def _out_of_service(device: Device, moment: Moment) -> bool:
    return any(
        outage.start_ns <= moment.now_ns and (outage.end_ns is None or moment.now_ns < outage.end_ns)
        for outage in device.out_of_service
    )


def _values(devices: Sequence[Device], moment: Moment) -> tuple[Value, ...]:
    shown: list[Value] = []
    for wanted in FIGURES:
        samples = [
            sample
            for device in devices
            if (sample := moment.latest.get(device.id, {}).get(wanted.metric)) and not isinstance(sample.value, str)
        ]
        metric = moment.registry.metrics.get(wanted.metric)
        if not samples or metric is None:
            continue
        total = wanted.of([float(sample.value) for sample in samples])
        unit = UNITS[metric.unit].symbol if metric.unit in UNITS else metric.unit
        suspect = any(sample.quality & Quality.SUSPECT for sample in samples)
        shown.append(Value(wanted.label, figure(total, metric.decimals), unit, suspect))
        if len(shown) == VALUES_SHOWN:
            break
    return tuple(shown)


def _value(latest: Mapping[str, Mapping[str, Sample]], device: Device, metric: str) -> float | None:
    sample = latest.get(device.id, {}).get(metric)
    return None if sample is None or isinstance(sample.value, str) else sample.value


def _age(site: Site, newest_ns: int | None, now_ns: int) -> str:
    if newest_ns is None:
        return ""
    if site.archive:
        # Years old by its own clock: what it plays says more.
        return datetime.fromtimestamp(newest_ns / NS_PER_S, UTC).astimezone(site.timezone).strftime("%Y-%m-%d %H:%M")
    return age((now_ns - newest_ns) / NS_PER_S)
