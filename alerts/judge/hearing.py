"""Which devices are there, and since when one is silent. Pure.

Silence is a matter of arrival: a device whose clock is slow is not silent. The moment since which it is silent is told
in its own time. While its gateway is away, nothing is known of a device: it counts as silent only when the gateway
was heard after the moment at which the device should have been.
"""

from collections.abc import Iterable, Mapping, Sequence
from operator import itemgetter

from msgspec import Struct

from alerts.judge.memory import DeviceMemory
from telemetry.reading import NS_PER_S, Reading

ONLINE, BATTERY = "online", "battery_pct"
LOW_BATTERY_PCT = 20.0
"""Worth a line in the digest."""
BEAT_NS = NS_PER_S
"""The alert clock says when a reading came to a beat: what looks overdue may have come within the last one."""
LOOK_AGAIN_NS = NS_PER_S
GATEWAY_AWAY_NS = 5 * NS_PER_S
"""How often a device behind a gateway that is away is looked at."""


def hear(device: DeviceMemory, reading: Reading, clock_ns: int, silent_ns: int | None, *, retained: bool) -> bool:
    """Note that a device is there; false where the reading does not show it.

    A last will is the broker's word, and a retained message is what the broker had stored.
    """
    battery_pct = reading.values.get(BATTERY)
    if isinstance(battery_pct, float) and reading.time_ns >= device.heard_ns:
        device.battery_pct = battery_pct
    online = reading.values.get(ONLINE)
    # Not heard again by a word that was its last but one, and comes once more.
    if online is not None and reading.time_ns >= device.heard_ns and reading.time_ns > device.said_ns:
        if device.offline and online:
            device.back_ns = clock_ns
        device.offline, device.said_ns = not online, reading.time_ns
    elif device.offline and not retained and reading.time_ns > device.said_ns:
        # Not every device says that it is back: what it measured after its last will says it too.
        device.offline, device.back_ns = False, clock_ns
    if retained or device.offline or reading.time_ns <= device.heard_ns:
        return False
    if silent_ns is not None and device.heard_ns and clock_ns - device.arrived_ns > silent_ns:
        device.back_ns = clock_ns
    device.heard_ns, device.arrived_ns = reading.time_ns, clock_ns
    return True


class Later(Struct, frozen=True):
    """Nothing can be said before this moment of the alert clock."""

    again_ns: int


def silence(
    device: DeviceMemory,
    limit_ns: int,
    clock_ns: int,
    resumed_ns: int,
    gateway: tuple[DeviceMemory, int | None] | None,
    lateness_ns: int = 0,
) -> int | Later:
    """The event time since which a device that was heard is silent, or when to look again.

    `limit_ns` is how long it may be, `resumed_ns` the end of the last outage of ours; `gateway` is what is known of the
    one through which it speaks, and how long that may be silent itself.
    """
    since_ns = max(device.arrived_ns, resumed_ns, device.back_ns, 0 if gateway is None else gateway[0].back_ns)
    silent_ns = since_ns + limit_ns + lateness_ns + BEAT_NS
    if silent_ns > clock_ns:
        return Later(silent_ns)
    if gateway is not None and gateway[0].heard_ns:
        memory, may_ns = gateway
        if memory.offline or (may_ns is not None and clock_ns - memory.arrived_ns >= may_ns):
            return Later(clock_ns + GATEWAY_AWAY_NS)
        if may_ns is not None and memory.arrived_ns < silent_ns:
            return Later(clock_ns + LOOK_AGAIN_NS)
    own_ns = device.heard_ns if since_ns == device.arrived_ns else max(device.heard_ns, since_ns - device.lag_ns)
    return own_ns + limit_ns


def silent_devices(
    devices: Mapping[str, DeviceMemory], limits: Iterable[tuple[str, int]], clock_ns: int
) -> Sequence[str]:
    """Those that were heard once, and not within the time that they may be silent (ns), gateways or not."""
    heard = ((name, devices.get(name), limit_ns) for name, limit_ns in limits)
    return [
        name
        for name, device, limit_ns in heard
        if device and device.heard_ns and clock_ns - device.arrived_ns >= limit_ns
    ]


def low_batteries(devices: Mapping[str, DeviceMemory]) -> Sequence[tuple[str, float]]:
    """Devices and what is left in percent, lowest first."""
    found = ((name, device.battery_pct) for name, device in devices.items() if device.battery_pct is not None)
    return sorted((one for one in found if one[1] <= LOW_BATTERY_PCT), key=itemgetter(1))
