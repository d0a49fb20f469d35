"""Alerts on the board in words: where, since when, who has it, what happened. Pure, but for what the registry says."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from alerts.desk import AlertWords, Transition
from api.board import parts
from api.board.said import SAID
from api.board.visit import Visit
from api.board.words import Words
from api.queries.alert_values import AlertBrief, Step
from api.queries.answer import time_ns_of


def told_by(visit: Visit) -> AlertWords:
    """The words of the alerts, in the language of the page."""
    rules = {rule.id: rule for rule in visit.sources.rules.rules}
    return AlertWords(visit.sources.registry, rules, visit.words.language)


def name_of(brief: AlertBrief, words: Words) -> str:
    """What people call the rule."""
    return words.name(brief.rule_names, brief.rule)


def shown(brief: AlertBrief, words: Words) -> str:
    """Value against threshold, as in `Ammonia: 6.1 ppm, above 5 ppm`; empty: not for this caller."""
    return words.name(brief.says)


def where(brief: AlertBrief, visit: Visit) -> str:
    """Area and site; of a device that is gone: its id."""
    site = visit.sources.registry.sites.get(brief.site or "")
    if site is None:
        return brief.device
    area = site.areas.get(brief.area or "")
    names = [visit.words.name(one.names, one.id) for one in (area, site) if one is not None]
    return visit.words.list(names)


def device_name(brief: AlertBrief, words: Words) -> str:
    """What people call the device."""
    return words.name(brief.device_names, brief.device)


def zone_of(brief: AlertBrief, visit: Visit) -> ZoneInfo:
    """Of its site."""
    return visit.zone(brief.site or "")


def zone_for(matchers: Mapping[str, str], visit: Visit) -> ZoneInfo:
    """Of the site or the device that is named; else that of all sites, if they have one; else UTC."""
    registry = visit.sources.registry
    device = registry.devices.get(matchers.get("device", ""))
    site = registry.sites.get(matchers.get("site", "") if device is None else device.site)
    zones = {one.timezone for one in registry.sites.values()}
    return site.timezone if site is not None else zones.pop() if len(zones) == 1 else visit.zone("")


def age(when: datetime, zone: ZoneInfo, visit: Visit, classes: str = "") -> parts.Tag:
    """Draws how long ago, exact on hover."""
    time_ns, now_ns = time_ns_of(when), visit.now_ns()
    text = visit.words.ago(time_ns, now_ns)
    return parts.tag("time", text, classes, title=visit.words.moment(time_ns, zone), datetime=when.isoformat())


def has_it(brief: AlertBrief, visit: Visit) -> str:
    """Who takes care, and since when."""
    words = visit.words
    if brief.acknowledged_by is None or brief.acknowledged_at is None:
        return words("Nobody yet") if brief.resolved is None else ""
    since = words.ago(time_ns_of(brief.acknowledged_at), visit.now_ns())
    if brief.acknowledged_until is None:
        return words("{person}, {ago}", person=brief.acknowledged_by, ago=since)
    until = words.clock(time_ns_of(brief.acknowledged_until), zone_of(brief, visit))
    return words("{person}, {ago}, until {time}", person=brief.acknowledged_by, ago=since, time=until)


def step_text(step: Step, told: AlertWords, words: Words) -> tuple[str, str]:
    """What happened, and with which value: `rose to critical`, `Ammonia: 12 ppm, above 10 ppm`."""
    if step.by is not None and step.change in SAID:
        return words(SAID[step.change], person=step.by, to=step.to or ""), ""
    transition = _transition(step)
    text = told.change(transition)
    return text[:1].upper() + text[1:], told.shown(transition) if step.value is not None else ""


def labels_of(brief: AlertBrief) -> Sequence[tuple[str, str]]:
    """The labels by which it can be silenced, narrowest first."""
    found = (("rule", brief.rule), ("device", brief.device), ("area", brief.area), ("site", brief.site))
    return [(name, value) for name, value in found if value]


def _transition(step: Step) -> Transition:
    return Transition(
        alert=step.alert,
        rule=step.rule,
        device=step.device,
        change=step.change,
        severity=step.severity.severity,
        at_ns=time_ns_of(step.at),
        noticed_ns=time_ns_of(step.noticed),
        value=step.value,
        threshold=step.threshold,
        suspect=step.suspect,
        flapping=step.flapping,
        ending=step.ending,
        by=step.by,
        comment=step.comment,
    )
