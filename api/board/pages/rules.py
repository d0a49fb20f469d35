"""Rules: what each asks, of which devices, and what one of them thinks of a device now."""

from collections.abc import Sequence

from alerts.desk import AlertWords, Change, Transition
from alerts.desk.thoughts import Thought, Why
from api.board import parts
from api.board.alert_words import age, name_of, shown, told_by, where, zone_of
from api.board.frame import Board, Visit
from api.board.pages.alerts import places
from api.queries import alerts, rules
from api.queries.alerts import AlertFilter
from api.queries.answer import time_ns_of
from api.queries.paging import Page
from api.queries.rules import RuleBrief, RuleDetail
from api.queries.watching import Explained, Watched, explain, watching
from telemetry.wording import later

CHOICES_MOST = 500
"""Devices to choose from; of a rule with more, one is asked about from its own page."""
ALERTS_MOST = 50
THOUGHTS = {
    Thought.QUIET: later("All is well: the condition does not hold."),
    Thought.PENDING: later("The condition holds, but not long enough yet."),
    Thought.RAISED: later("There is an alert."),
    Thought.CLEARING: later("There is an alert; its condition has stopped, but not long enough yet."),
    Thought.UNKNOWN: later("It can't tell."),
    Thought.OFF: later("It rests: it is outside of the rule's hours."),
}
WHYS = {
    Why.CHANGED: later("The rule was changed; the alert service has not judged by it yet."),
    Why.OUTSIDE_HOURS: later("It is outside of the hours in which the rule is active."),
    Why.PAUSED: later("It pauses after an event at this place."),
    Why.OUT_OF_SERVICE: later("The device is out of service."),
    Why.NEVER_HEARD: later("Nothing that it reads has come yet."),
    Why.SILENT: later("The last value is too old to hold."),
    Why.ONE_READING: later("A change needs two readings without a gap between them."),
    Why.WINDOW_NOT_FULL: later("The device has not been watched for a whole window yet."),
    Why.TOO_LITTLE_KNOWN: later("Too small a part of the window is known."),
    Why.NO_PEAK: later("This month has no peak yet that means something."),
    Why.GUARD_UNKNOWN: later("The value that it needs besides is not known."),
    Why.GUARD_NOT_MET: later("The other condition, under which it looks at all, does not hold."),
    Why.GATEWAY_AWAY: later("The gateway through which the device speaks is away, too."),
}
PHASES = {
    "idle": later("quiet"),
    "pending": later("about to be raised"),
    "active": later("raised"),
    "clearing": later("about to end"),
}


def add(board: Board) -> None:
    """Register them."""

    @board.page("/rules", later("Rules"))
    async def page(visit: Visit) -> None:
        parts.heading(visit.words("Rules"))
        places(visit)
        await visit.live(lambda: _list(visit), sites=[])

    @board.page("/rules/{rule_id}", later("Rule"))
    async def one(visit: Visit, rule_id: str, device: str = "") -> None:
        await _one(visit, rule_id, device)


async def _list(visit: Visit) -> None:
    words, caller = visit.words, await visit.caller()
    found = await rules.rules(visit.sources, caller)
    watched = await watching(visit.sources, caller)
    if not found:
        parts.empty(words("No rules: nobody is told of anything. They stand in rules/*.yaml."))
        return
    with parts.section(words("Rules"), hidden_title=True), parts.tag("ol", classes="rules"):
        for rule in sorted(found, key=lambda one: -watched[one.id].active if one.id in watched else 0):
            _row(rule, watched.get(rule.id), visit)


def _row(rule: RuleBrief, watched: Watched | None, visit: Visit) -> None:
    words = visit.words
    count = 0 if watched is None else len(watched.devices)
    with parts.tag("li", classes="rule", data_key=rule.id):
        with parts.tag("div", classes="rule-what"):
            parts.tag("a", words.name(rule.names, rule.id), "rule-name", href=f"/rules/{rule.id}")
            parts.tag("p", words.name(rule.asks))
        parts.tag("p", words.many("{n} device", "{n} devices", count), "quiet rule-count")
        with parts.tag("p", classes="rule-active"):
            if watched is not None and watched.worst is not None:
                parts.state(watched.worst.severity, words)
                parts.tag("span", words.many("{n} alert", "{n} alerts", watched.active))
            else:
                parts.tag("span", words("no alert"), "quiet")


async def _one(visit: Visit, rule_id: str, device: str) -> None:
    words, caller = visit.words, await visit.caller()
    rule = await rules.rule(visit.sources, caller, rule_id)
    visit.title(words.name(rule.names, rule.id))
    parts.link(words("Rules"), "/rules", "crumb")
    parts.heading(words.name(rule.names, rule.id))
    parts.tag("p", words.name(rule.asks), "alert-sentence")
    with parts.tag("dl", classes="alert-facts"):
        for title, text in _facts(rule, visit):
            parts.tag("dt", title)
            with parts.tag("dd"):
                parts.tag("span", text)
    watched = (await watching(visit.sources, caller)).get(rule.id)

    async def active() -> None:
        await _active(visit, rule)

    await visit.live(active, sites=[])
    with parts.section(words("What it thinks of a device")):
        _choose(visit, rule, watched, device)
        if device:
            await visit.live(lambda: _explained(visit, rule, device), every_s=2.0)


def _facts(rule: RuleDetail, visit: Visit) -> Sequence[tuple[str, str]]:
    words = visit.words
    hours = ""
    if rule.hours is not None:
        hours = words("{start} to {end}", start=rule.hours.start, end=rule.hours.end)
    where = rule.where
    asked = (
        (words("sites of the kind"), where.site_kinds),
        (words("devices of the kind"), where.kinds),
        (words("areas of the kind"), where.area_types),
        (words("site"), where.sites),
        (words("area"), where.areas),
        (words("device"), where.devices),
        *((name, (value,)) for name, value in where.labels.items()),
    )
    looks_at = words.list([f"{name} {words.list(values)}" for name, values in asked if values])
    facts = (
        (words("Why so"), rule.why),
        (words("What to do"), words.name(rule.advice)),
        (words("Active"), hours),
        (words("Looks at"), looks_at or words("every device that measures it")),
        (words("Ends"), words("by hand, or after its time") if rule.latches else words("by itself")),
        (words("Id"), rule.id),
    )
    return [(title, text) for title, text in facts if text]


async def _active(visit: Visit, rule: RuleDetail) -> None:
    words = visit.words
    wanted = AlertFilter(rule=rule.id)
    page = await alerts.alerts(visit.sources, await visit.caller(), wanted, Page(limit=ALERTS_MOST))
    with parts.section(words("Its alerts")):
        if not page.items:
            parts.tag("p", words("None is active."), "quiet")
        with parts.tag("ol", classes="rules rule-alerts"):
            for one in page.items:
                with parts.tag("li", classes="rule", data_key=one.id):
                    with parts.tag("div", classes="rule-what"):
                        text = words.list([where(one, visit)])
                        parts.tag("a", text, "rule-name", href=f"/alerts/{one.id}")
                        parts.tag("p", shown(one, words) or name_of(one, words))
                    parts.state(one.severity.severity, words)
                    age(one.raised, zone_of(one, visit), visit, "quiet")


def _choose(visit: Visit, rule: RuleDetail, watched: Watched | None, device: str) -> None:
    words, registry = visit.words, visit.sources.registry
    devices = () if watched is None else watched.devices
    if not devices:
        parts.tag("p", words("It looks at no device of yours."), "quiet")
        return
    options = {"": words("Choose a device")}
    for id_ in (*devices[:CHOICES_MOST], *((device,) if device in devices else ())):
        one = registry.devices[id_]
        site = registry.sites[one.site]
        options[id_] = words.list([words.name(one.names, id_), words.name(site.names, site.id)])
    with parts.tag("div", classes="rule-choice"):
        chosen = parts.field(
            words("Device"),
            kind="select",
            initial=device,
            options=options,
            on_change=lambda: visit.go(f"/rules/{rule.id}?device={chosen.value}"),
        )


async def _explained(visit: Visit, rule: RuleDetail, device: str) -> None:
    words = visit.words
    found = await explain(visit.sources, await visit.caller(), rule.id, device)
    zone = visit.zone(visit.sources.registry.devices[device].site)
    with parts.tag("div", classes="thought"):
        parts.tag("p", words(THOUGHTS[found.thought]), "alert-sentence")
        if found.why is not None:
            parts.tag("p", words(WHYS[found.why]))
            for text, when in ((words("since {time}"), found.why_since), (words("until {time}"), found.why_until)):
                if when is not None:
                    parts.tag("p", text.format(time=words.moment(time_ns_of(when), zone)), "quiet small")
        if found.value is not None:
            parts.tag("p", _compared(found, rule, device, told_by(visit)))
            if found.value_at is not None:
                age(found.value_at, zone, visit, "quiet small")
        for level in found.levels:
            with parts.tag("p", classes="thought-level"):
                parts.state(level.severity.severity, words)
                parts.tag("span", words(PHASES[level.phase]))
                if level.due is not None:
                    time = words.moment(time_ns_of(level.due), zone)
                    parts.tag("span", words("at {time}, if nothing changes", time=time), "quiet small")
        if found.silent_at is not None:
            time = words.moment(time_ns_of(found.silent_at), zone)
            parts.tag("p", words("Silent from {time}, if nothing comes.", time=time), "quiet")
        if found.alert is not None:
            parts.link(words("Open the alert"), f"/alerts/{found.alert}")
        parts.link(words("Open the device"), f"/devices/{device}")


def _compared(found: Explained, rule: RuleDetail, device: str, told: AlertWords) -> str:
    """The value beside the first threshold, as alerts say it."""
    first = rule.levels[0]
    asked = Transition(
        alert="",
        rule=rule.id,
        device=device,
        change=Change.RAISED,
        severity=first.severity.severity,
        at_ns=0,
        noticed_ns=0,
        value=found.value,
        threshold=first.raise_at,
    )
    return told.shown(asked)
