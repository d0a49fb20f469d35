"""The fifth stage: so many messages an hour to one person, and what is beyond comes in one summary."""

from alerts.dispatch.look import Look, Sending
from alerts.dispatch.outbox import send
from alerts.dispatch.state import Held
from alerts.dispatch.written import HOUR_NS
from alerts.mute.duty import EVERYBODY
from alerts.notice import Cause, Muted


def deliver(look: Look) -> None:
    """Send what the cap lets through, hold the rest; where the hour allows it, first the summary of what was held."""
    held = look.memory.held
    people = look.world.registry.people
    for person in [person for person in held if person not in people and (people or person != EVERYBODY)]:
        del held[person]
    for person, kept in held.items():
        if kept.alerts and _free_ns(look, person) <= look.now_ns:
            _summarise(look, person, kept)
    for sending in look.sendings:
        kept = held.get(sending.person, Held())
        if sending.urgent or _free_ns(look, sending.person) <= look.now_ns:
            _send(look, sending)
            continue
        kept.alerts.update({alert.id: (alert, cause) for alert, cause in sending.alerts})
        held[sending.person] = kept
        look.planned.muted[Muted.OVER_CAP] += 1
    for person, kept in held.items():
        if kept.alerts:
            look.wake(_free_ns(look, person))


def _free_ns(look: Look, person: str) -> int:
    """From when on the hour behind has room for one more message, ns UTC."""
    times = [time_ns for time_ns in look.sent.get(person, ()) if time_ns + HOUR_NS > look.now_ns]
    over = len(times) - look.world.routing.cap_an_hour
    return look.now_ns if over < 0 else times[over] + HOUR_NS


def _send(look: Look, sending: Sending) -> None:
    if sending.cause is not Cause.ESCALATED:
        look.sent.setdefault(sending.person, []).append(look.now_ns)
    marks = [sending.place.group, *sending.marks]
    send(look, sending.person, sending.cause, sending.alerts, marks, sending.place.shared, sending.by)


def _summarise(look: Look, person: str, kept: Held) -> None:
    """How the alerts stand now, each with the last cause for which it would have been told."""
    alerts = [(look.world.alerts.get(name, alert), cause) for name, (alert, cause) in kept.alerts.items()]
    look.sent.setdefault(person, []).append(look.now_ns)
    send(look, person, Cause.SUMMARY, alerts, [str(kept.summaries), *kept.alerts], {})
    kept.summaries += 1
    kept.alerts = {}
