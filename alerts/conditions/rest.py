"""When a rule knows nothing of a device, whatever its readings say. Pure."""

from alerts.judge.state import Place
from alerts.rules.rule import Rule
from telemetry.registry.models import Device


def is_paused(rule: Rule, place: Place, at_ns: int) -> bool:
    """Whether an event has put the rule to rest."""
    pause = rule.pause
    return pause is not None and any(
        metric == pause.metric and time_ns <= at_ns < time_ns + pause.for_ns for time_ns, metric in place.pauses
    )


def is_out_of_service(device: Device, at_ns: int) -> bool:
    """Whether the device's readings mean nothing at that moment."""
    return any(
        outage.start_ns <= at_ns and (outage.end_ns is None or at_ns < outage.end_ns)
        for outage in device.out_of_service
    )
