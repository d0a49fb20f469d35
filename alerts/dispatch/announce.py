"""Every change of an alert goes out on MQTT, whoever is told of it or not: it is a reading like any other."""

from collections.abc import Iterable, Iterator, Mapping

import msgspec

from alerts.alert import Change, Transition
from alerts.dispatch.identity import message_id
from alerts.dispatch.world import World
from alerts.notice import Cause, Channel, Delivery, Message
from telemetry.reading import NS_PER_MS, NS_PER_S
from telemetry.registry.models import Device

FIRING = 2
INACTIVE = 0

_CAUSES = {
    Change.RAISED: Cause.NEW,
    Change.ROSE: Cause.ROSE,
    # For a program the fall is the news that counts now; people learn of it with their next message.
    Change.FELL: Cause.NEW,
    Change.RESOLVED: Cause.RESOLVED,
    # Of these the first is published, and no person is told by it: for a program it is news.
    Change.ACKNOWLEDGED: Cause.NEW,
    Change.ASSIGNED: Cause.NEW,
}


def announcements(news: Iterable[Transition], world: World, now_ns: int) -> Iterator[Delivery]:
    """One delivery for each change of severity, and one for the first acknowledgement of each alert.

    Later acknowledgements and comments change nothing that is measured. A device that was taken out of the registry has
    no topic any more: of its end nothing is published.
    """
    for transition in news:
        device = world.registry.devices.get(transition.device)
        values = _values(transition, world)
        if device is not None and values:
            yield Delivery(
                id=message_id("mqtt", transition.alert, str(transition.number)),
                person="",
                place=0,
                channel=Channel.MQTT,
                cause=_CAUSES[transition.change],
                created_ns=now_ns,
                alerts=(transition.alert,),
                message=_message(transition, device, values),
                due_ns=now_ns,
            )


def _values(transition: Transition, world: World) -> Mapping[str, float]:
    """What a transition says of its alert, as `Said` names it; empty: nothing that is published.

    An acknowledgement is of the alert clock, the others of event time: a change that is noticed after it may have come
    true before it. So it leaves severity and state alone, or in the store it would stand as the newest word on them.
    """
    match transition.change:
        case Change.RAISED | Change.ROSE | Change.FELL:
            return {"severity": int(transition.severity), "state": FIRING}
        case Change.RESOLVED:
            return {"severity": 0, "state": INACTIVE, **_since_raised("resolve_s", transition, world)}
        case Change.ACKNOWLEDGED | Change.ASSIGNED if (
            world.first_acknowledged.get(transition.alert) == transition.number
        ):
            return _since_raised("acknowledge_s", transition, world)
        case _:
            return {}


def _since_raised(name: str, transition: Transition, world: World) -> Mapping[str, float]:
    """Under `name`: how long the alert had been there, in seconds to the ms; empty: it is not known."""
    alert = world.alerts.get(transition.alert)
    return {} if alert is None else {name: round((transition.at_ns - alert.raised_ns) / NS_PER_S, 3)}


def _message(transition: Transition, device: Device, values: Mapping[str, float]) -> Message:
    data = {
        "alert": transition.alert,
        "rule": transition.rule,
        "device": transition.device,
        "site": device.site,
        **values,
        "time_ms": transition.at_ns // NS_PER_MS,
        "seq": transition.number,
    }
    severity = None if transition.change is Change.RESOLVED else transition.severity
    return Message("", "", severity, msgspec.json.encode(data))
