"""The last stage: once a day, at a set hour, the day in one message."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from alerts.dispatch.cases import UTC
from alerts.dispatch.look import Look
from alerts.dispatch.outbox import LISTED, put
from alerts.dispatch.routing import Digest
from alerts.dispatch.tell import in_order
from alerts.notice import Cause, Notice
from telemetry.reading import NS_PER_S
from telemetry.registry.models import Person


def send_digests(look: Look) -> None:
    """To each person of the digest whose hour has come since the last one; after an outage of ours late, but once.

    The first look of all only notes the time: a digest of a moment before the service began would say nothing.
    """
    digest = look.world.routing.digest
    for name in () if digest is None else dict.fromkeys(digest.to):
        person = look.world.registry.people.get(name)
        if person is None or digest is None:
            continue
        last_ns = look.figures.get(_figure(name))
        moments = list(_moments(look, digest, person))
        due = [at_ns for at_ns in moments if at_ns <= look.now_ns]
        if last_ns is None:
            look.planned.figures[_figure(name)] = look.now_ns
        elif due and due[-1] > last_ns:
            look.planned.figures[_figure(name)] = due[-1]
            _send(look, person, due[-1])
        look.wake(min(at_ns for at_ns in moments if at_ns > look.now_ns))


def _figure(person: str) -> str:
    return f"digest {person}"


def _moments(look: Look, digest: Digest, person: Person) -> Iterator[int]:
    """The digest's hour on the days around now, by the clocks of the person's first site, ns UTC."""
    zone = _zone(look, person)
    today = datetime.fromtimestamp(look.now_ns / NS_PER_S, zone).date()
    for offset in (-1, 0, 1, 2):
        local = datetime.combine(today + timedelta(days=offset), digest.at, zone)
        yield round(local.timestamp()) * NS_PER_S


def _zone(look: Look, person: Person) -> ZoneInfo:
    sites = look.world.registry.sites
    known = [site for site in person.sites or sites if site in sites]
    return sites[known[0]].timezone if known else UTC


def _send(look: Look, person: Person, moment_ns: int) -> None:
    devices = look.world.registry.devices

    def theirs(device: str) -> bool:
        return not person.sites or (device in devices and devices[device].site in person.sites)

    # What is still active is no news: it stands there with the cause that reminders have.
    active = [
        (case.alert, Cause.REPEAT)
        for case in look.cases.values()
        if case.alert.active and (not person.sites or case.labels["site"] in person.sites)
    ]
    notice = Notice(
        person=person.id,
        cause=Cause.DIGEST,
        alerts=in_order(active)[:LISTED],
        group={},
        at_ns=look.now_ns,
        silent_devices=[device for device in look.world.silent_devices if theirs(device)],
        low_batteries=sorted(
            (one for one in look.world.low_batteries if theirs(one[0])), key=lambda one: (one[1], one[0])
        ),
        also=max(len(active) - LISTED, 0),
    )
    put(look, notice, [str(moment_ns)], [alert.id for alert, _ in active])
