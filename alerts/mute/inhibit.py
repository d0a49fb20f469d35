"""What explains an alert: its device is out of service, or the gateway through which it speaks is down."""

from collections.abc import Iterable, Mapping

from alerts.alert import Alert
from alerts.rules.rule import NoData, Rule, State
from telemetry.registry.models import Device, Outage

ONLINE = "online"
"""The metric with which devices say whether they are connected."""


def outage_at(device: Device, now_ns: int) -> Outage | None:
    """The period out of service in which the device is."""
    for outage in device.out_of_service:
        if outage.start_ns <= now_ns and (outage.end_ns is None or now_ns < outage.end_ns):
            return outage
    return None


def says_silent(rule: Rule | None) -> bool:
    """Whether alerts of a rule say that nothing comes from the device: that is what a gateway's outage explains.

    Whatever else a device behind it reported before (a leak, a call for help) is as true as it was.
    """
    if rule is None:
        return False
    match rule.condition:
        case NoData():
            return True
        case State(metric, equals):
            return metric == ONLINE and equals == 0.0
        case _:
            return False


def gateways_down(alerts: Iterable[Alert], rules: Mapping[str, Rule], devices: Mapping[str, Device]) -> frozenset[str]:
    """Devices through which others speak, and of which an active alert says that they are silent."""
    silent = {alert.device for alert in alerts if alert.active and says_silent(rules.get(alert.rule))}
    return frozenset(device.parent for device in devices.values() if device.parent in silent) if silent else frozenset()


def behind(device: Device, down: frozenset[str], devices: Mapping[str, Device]) -> bool:
    """Whether one of the gateways above the device is down."""
    parent, passed = device.parent, {device.id}
    while parent is not None and parent not in passed:
        if parent in down:
            return True
        passed.add(parent)
        above = devices.get(parent)
        parent = None if above is None else above.parent
    return False
