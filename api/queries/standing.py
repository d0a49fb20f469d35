"""How a device stands, in one word. Pure."""

from collections.abc import Iterable
from enum import StrEnum

from telemetry.reading import NS_PER_S
from telemetry.registry.models import Device

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
    return any(
        one.start_ns <= now_ns and (one.end_ns is None or now_ns < one.end_ns) for one in device.out_of_service
    )


def silent(device: Device, spoke_ns: int | None, now_ns: int) -> bool:
    """Whether nothing was heard for too long. A device that speaks when something happens is never silent."""
    if device.interval_s is None:
        return False
    return spoke_ns is None or now_ns - spoke_ns > SILENT_INTERVALS * device.interval_s * NS_PER_S


def stale(device: Device, time_ns: int, now_ns: int) -> bool:
    """Whether a value is older than twice its interval."""
    return device.interval_s is not None and now_ns - time_ns > STALE_INTERVALS * device.interval_s * NS_PER_S
