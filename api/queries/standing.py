"""How a device stands, in one word. Pure."""

from collections.abc import Iterable, Mapping
from enum import StrEnum

from alerts.desk import Severity
from api.now import Now
from telemetry.catalogue.metric import Kind, Metric, Source
from telemetry.reading import NS_PER_S
from telemetry.registry.models import Device

ONLINE = "online"
"""The status, said by a device or, in its last will, by the broker: on a change only."""

SILENT_INTERVALS = 3
"""A device that has missed so many readings is silent. Rules may be stricter; this is what every list shows."""
STALE_INTERVALS = 2
"""A value older than so many intervals is shown grey, with its age."""


class State(StrEnum):
    """In order: what is worst, first."""

    CRITICAL = "critical"
    """A critical alert is active."""
    ATTENTION = "attention"
    """Another alert is active."""
    UNKNOWN = "unknown"
    """Silent, or never heard."""
    OUT_OF_SERVICE = "out_of_service"
    FINE = "fine"


_ORDER = {state: place for place, state in enumerate(State)}


def worst(states: Iterable[State]) -> State:
    """The worst of them; of none: fine."""
    return min(states, key=_ORDER.__getitem__, default=State.FINE)


def out_of_service(device: Device, now_ns: int) -> bool:
    """Whether it is in one of its periods."""
    return any(one.start_ns <= now_ns and (one.end_ns is None or now_ns < one.end_ns) for one in device.out_of_service)


def spoke_ns(now: Now, metrics: Mapping[str, Metric], device: Device) -> int | None:
    """Event time of the newest value that it said itself, ns UTC: neither its status nor what others say of it."""
    said = [
        value.time_ns
        for name, value in now.of(device.id).items()
        if name != ONLINE and (metric := metrics.get(name)) is not None and metric.source is Source.DEVICE
    ]
    return max(said, default=None)


def offline(now: Now, device: Device, spoke_ns: int | None) -> bool:
    """Whether its status says so, and it has not spoken since."""
    status = now.of(device.id).get(ONLINE)
    return status is not None and not status.value and (spoke_ns is None or spoke_ns <= status.time_ns)


def silent(device: Device, spoke_ns: int | None, now_ns: int, listening_ns: int = 0) -> bool:
    """Whether nothing was heard for too long while somebody listened.

    A device that speaks when something happens is never silent.
    """
    if device.interval_s is None:
        return False
    since_ns = max(spoke_ns or 0, listening_ns)
    return now_ns - since_ns > SILENT_INTERVALS * device.interval_s * NS_PER_S


def state_of(device: Device, alerts: Iterable[Severity], now: Now, metrics: Mapping[str, Metric], now_ns: int) -> State:
    """In one word; `alerts` are those of the device that are active."""
    return state_since(device, alerts, now, spoke_ns(now, metrics, device), now_ns)


def state_since(device: Device, alerts: Iterable[Severity], now: Now, heard_ns: int | None, now_ns: int) -> State:
    """The same, for who knows already when it spoke."""
    if out_of_service(device, now_ns):
        return State.OUT_OF_SERVICE
    severity = max(alerts, default=None)
    if severity is not None:
        return State.CRITICAL if severity is Severity.CRITICAL else State.ATTENTION
    if device.archive:  # it plays the past: its values are old, and nothing is the matter
        return State.FINE
    quiet = silent(device, heard_ns, now_ns, now.listening_ns) or offline(now, device, heard_ns)
    return State.UNKNOWN if quiet else State.FINE


def state_of_all(states: Iterable[State]) -> State:
    """Of a site or an area by its devices: the worst. What is out of service counts only where everything is."""
    all_states = list(states)
    return worst([one for one in all_states if one is not State.OUT_OF_SERVICE] or all_states)


def stale(device: Device, time_ns: int, now_ns: int) -> bool:
    """Whether a value is older than twice its interval."""
    return device.interval_s is not None and now_ns - time_ns > STALE_INTERVALS * device.interval_s * NS_PER_S


def is_stale(device: Device, metric: Metric, time_ns: int, now_ns: int) -> bool:
    """The same of a value of `metric`: what is said on a change or at an event does not age, nor does the past."""
    if metric.kind is Kind.EVENT or metric.name == ONLINE or device.archive:
        return False
    return stale(device, time_ns, now_ns)
