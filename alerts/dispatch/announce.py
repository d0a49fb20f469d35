"""Every change of an alert goes out on MQTT, whoever is told of it or not: it is a reading like any other."""

from collections.abc import Iterable, Iterator, Mapping

import msgspec

from alerts.alert import Change, Transition
from alerts.dispatch.identity import message_id
from alerts.notice import Cause, Channel, Delivery, Message
from telemetry.reading import NS_PER_MS
from telemetry.registry.models import Device

FIRING = 2
INACTIVE = 0

_CAUSES = {
    Change.RAISED: Cause.NEW,
    Change.ROSE: Cause.ROSE,
    # For a program the fall is the news that counts now; people learn of it with their next message.
    Change.FELL: Cause.NEW,
    Change.RESOLVED: Cause.RESOLVED,
}


def announcements(news: Iterable[Transition], devices: Mapping[str, Device], now_ns: int) -> Iterator[Delivery]:
    """One delivery for each change of severity. Acknowledgements and comments change none.

    A device that was taken out of the registry has no topic any more: of its end nothing is published.
    """
    for transition in news:
        cause = _CAUSES.get(transition.change)
        device = devices.get(transition.device)
        if cause is not None and device is not None:
            yield Delivery(
                id=message_id("mqtt", transition.alert, str(transition.number)),
                person="",
                place=0,
                channel=Channel.MQTT,
                cause=cause,
                created_ns=now_ns,
                alerts=(transition.alert,),
                message=_message(transition, device),
                due_ns=now_ns,
            )


def _message(transition: Transition, device: Device) -> Message:
    resolved = transition.change is Change.RESOLVED
    data = {
        "alert": transition.alert,
        "rule": transition.rule,
        "device": transition.device,
        "site": device.site,
        "severity": 0 if resolved else int(transition.severity),
        "state": INACTIVE if resolved else FIRING,
        "time_ms": transition.at_ns // NS_PER_MS,
        "seq": transition.number,
    }
    return Message("", "", None if resolved else transition.severity, msgspec.json.encode(data))
