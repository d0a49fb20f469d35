"""The first stage: what the news change in memory, and where each alert belongs by the present routes."""

from collections.abc import Mapping, Sequence
from zoneinfo import ZoneInfo

from alerts.alert import Alert, Change, Transition
from alerts.dispatch.branches import branches, group_key, shared_labels
from alerts.dispatch.look import Case, Look, Place
from alerts.dispatch.state import Given, Ledger, Sent, Series, Told
from alerts.dispatch.written import DAY_NS
from alerts.labels import labels_of
from alerts.mute.duty import EVERYBODY
from telemetry.reading import NS_PER_S

UTC = ZoneInfo("UTC")


def take_news(look: Look, news: Sequence[Transition]) -> None:
    """Open a ledger for each alert that was raised or given to somebody, and note which of them are one too many."""
    for transition in news:
        alert = look.world.alerts.get(transition.alert)
        if alert is not None and transition.change is Change.ASSIGNED and transition.to is not None:
            given = Given(transition.to, transition.number, transition.by or "")
            look.memory.ledgers.setdefault(alert.id, Ledger()).given = given
        if transition.change is not Change.RAISED or alert is None:
            continue
        look.memory.ledgers.setdefault(alert.id, Ledger()).flapping = transition.flapping
        key = (alert.rule, alert.device)
        if not transition.flapping:
            look.memory.series.pop(key, None)
            continue
        series = look.memory.series.setdefault(key, Series(alert, {}, look.now_ns))
        series.alert, series.seen_ns = alert, look.now_ns


def open_cases(look: Look) -> None:
    """One case for each alert that is active, or whose end somebody is still to hear of."""
    ledgers, alerts = look.memory.ledgers, dict(look.world.alerts)
    for name, ledger in list(ledgers.items()):
        if name in alerts:
            ledger.missing_ns = None
        elif ledger.ended is not None:
            alerts[name] = ledger.ended
        elif ledger.missing_ns is None:
            # Resolved since the news were read: the next ones say so.
            ledger.missing_ns = look.now_ns
        elif look.now_ns >= ledger.missing_ns + DAY_NS:
            del ledgers[name]
    for alert in sorted(alerts.values(), key=lambda alert: (alert.raised_ns, alert.id)):
        if alert.id not in ledgers and not alert.active:
            # All who had to know its end know it.
            continue
        look.cases[alert.id] = _opened(look, alert, ledgers.setdefault(alert.id, Ledger()))


def case_of(look: Look, alert: Alert, ledger: Ledger, labels: Mapping[str, str]) -> Case:
    """An alert with these labels, by the present routes."""
    site = look.world.registry.sites.get(labels["site"])
    routes = [(route, shared_labels(route, labels)) for route in branches(look.world.routing.root, labels)]
    return Case(
        alert=alert,
        ledger=ledger,
        labels=labels,
        rule=look.world.rules.get(alert.rule),
        device=look.world.registry.devices.get(alert.device),
        zone=UTC if site is None else site.timezone,
        places=[Place(route, group_key(route, shared), shared) for route, shared in routes],
    )


def _opened(look: Look, alert: Alert, ledger: Ledger) -> Case:
    case = case_of(look, alert, ledger, _labels(look, alert, ledger))
    ledger.ended = None if alert.active else alert
    people = look.world.registry.people
    for person in [person for person in ledger.told if person not in people and (people or person != EVERYBODY)]:
        del ledger.told[person]
    if ledger.assumed:
        _assume(look, case)
    return case


def _labels(look: Look, alert: Alert, ledger: Ledger) -> Mapping[str, str]:
    """As configured; of a rule or a device that is gone, and of an alert that is over, as they were before."""
    world = look.world
    rule, device = world.rules.get(alert.rule), world.registry.devices.get(alert.device)
    if ledger.labels and (rule is None or device is None or not alert.active):
        return {**ledger.labels, "severity": alert.severity.word}
    site = None if device is None else world.registry.sites.get(device.site)
    ledger.labels = dict(labels_of(alert, rule, device, site))
    return ledger.labels


def _assume(look: Look, case: Case) -> None:
    """What was told can't be read any more: take it that all was told just now."""
    ledger, now_ns = case.ledger, look.now_ns
    ledger.assumed = False
    for place in case.places:
        ledger.sent[place.route.name] = Sent(now_ns)
        for person in look.audience(place.route.to, case).people:
            # Counted on from the clock, so that ids of messages that went out before don't come again.
            ledger.told[person] = Told(int(case.alert.severity), now_ns, now_ns, now_ns // NS_PER_S)
