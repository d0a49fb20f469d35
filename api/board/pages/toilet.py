"""A toilet block: what must be done here now?"""

from collections.abc import Mapping

from api.board import parts
from api.board.frame import Visit
from api.board.plot import spark
from api.board.words import Words
from api.queries import alerts, events
from api.queries.answer import time_ns_of
from api.queries.events import Event, What
from api.queries.standing import State
from api.queries.tasks import CLEANERS, ReasonKind, Task, TaskReason
from api.queries.toilet_areas import AreaNow, AreaValue, Cubicle, CubicleState
from api.queries.toilets import Toilet, toilet
from api.queries.trends import Trends
from telemetry.reading import NS_PER_S
from telemetry.wording import later

THEN_MOST = 4
"""Tasks that are named behind the next one."""

CUBICLES: Mapping[CubicleState, tuple[str, str]] = {
    CubicleState.FREE: ("cubicle-free", later("free")),
    CubicleState.OCCUPIED: ("cubicle-occupied", later("occupied")),
    CubicleState.OUT: ("cubicle-out", later("out of service")),
    CubicleState.UNKNOWN: ("cubicle-unknown", later("not known")),
}
EDGES: Mapping[State, str] = {
    State.CRITICAL: "edge-critical",
    State.ATTENTION: "edge-attention",
    State.UNKNOWN: "edge-unknown",
    State.OUT_OF_SERVICE: "edge-out",
    State.FINE: "",
}


async def build_site(visit: Visit, site: str, trends: Trends) -> None:
    """The page of a toilet block."""

    async def build() -> None:
        caller = await visit.caller()
        seen = await toilet(visit.sources, caller, site, trends)
        _head(visit, seen)
        _tasks(visit, seen)
        with parts.section(visit.words("Areas"), hidden_title=True), parts.tag("div", classes="areas"):
            for area in seen.areas:
                _area(visit, seen, area)

    await visit.live(build, [site])


def _head(visit: Visit, seen: Toilet) -> None:
    words = visit.words
    parts.link(words("Overview"), "/", "crumb")
    with parts.tag("div", classes="heading"):
        parts.tag("h1", words.name(seen.names, seen.site))
        parts.state(seen.state, words)
    if not seen.alerts_known:
        parts.message(words("The alerts can't be asked just now: what is to be done may be missing."), trouble=True)


def _tasks(visit: Visit, seen: Toilet) -> None:
    words = visit.words
    with parts.section(words("What to do now"), hidden_title=True):
        if not seen.tasks:
            with parts.tag("div", classes="task edge"):
                parts.tag("p", words("Nothing has to be done here now."), "task-what")
            return
        _next(visit, seen, seen.tasks[0])
        then = seen.tasks[1 : 1 + THEN_MOST]
        if then:
            parts.tag("h3", words("Then"), "then-title")
            with parts.tag("ul", classes="then"):
                for task in then:
                    text = f"{_headline(words, seen, task)} · {_reason(words, task.reasons[0])}"
                    parts.tag("li", text, data_key=f"{task.area} {task.team}")


def _next(visit: Visit, seen: Toilet, task: Task) -> None:
    words = visit.words
    look = "edge-critical" if task.severity == "critical" else "edge-attention" if task.severity else ""
    area = next((one for one in seen.areas if one.id == task.area), None)
    with parts.tag("div", classes=f"task edge {look}", data_key=f"{task.area} {task.team}"):
        with parts.tag("div", classes="task-lines"):
            parts.tag("p", _headline(words, seen, task), "task-what")
            with parts.tag("ul"):
                for reason in task.reasons:
                    with parts.tag("li", classes="task-reason"):
                        if reason.severity is not None:
                            parts.state(reason.severity.severity, words)
                        parts.tag("span", _reason(words, reason))
            parts.tag("p", _due(visit, seen, task), "overdue" if task.overdue and not task.has_it else "quiet")
        if seen.may_act:
            with parts.tag("div", classes="actions"):
                if task.open_alerts:
                    parts.button(words("On my way"), lambda: on_my_way(visit, task), primary=True)
                if area is not None and area.cleanable and task.team in {CLEANERS, ""}:
                    cleaned_area = area.id
                    parts.button(
                        _cleaned(words, words.name(area.names, area.id)),
                        lambda: cleaned(visit, seen.site, cleaned_area),
                        primary=not task.open_alerts,
                    )


def _headline(words: Words, seen: Toilet, task: Task) -> str:
    place = words.name(task.area_names) or words.name(seen.names, seen.site)
    if task.advice:
        return words("{area}: {what}", area=place, what=words.name(task.advice))
    kinds = {reason.kind for reason in task.reasons}
    if kinds & {ReasonKind.USES, ReasonKind.HOURS}:
        return words("{area}: {what}", area=place, what=words("Clean it."))
    if ReasonKind.ALERT in kinds:
        return words("{area}: {what}", area=place, what=words("Have a look."))
    return words("{area}: {what}", area=place, what=words("Refill or empty it with the next round."))


def _reason(words: Words, reason: TaskReason) -> str:
    if reason.kind is ReasonKind.ALERT:
        return words.name(reason.says) or words.name(reason.rule_names)
    number = reason.number or 0.0
    if reason.kind is ReasonKind.USES:
        return words.many("{n} use since the last cleaning", "{n} uses since the last cleaning", round(number))
    if reason.kind is ReasonKind.HOURS:
        return words.many("Cleaned {n} hour ago", "Cleaned {n} hours ago", int(number))
    return words("{name}: {number} %", name=words.name(reason.says), number=words.number(number, 0))


def _due(visit: Visit, seen: Toilet, task: Task) -> str:
    words = visit.words
    if task.has_it:
        return words("{name} has it", name=task.has_it)
    if task.due is None:
        return words("With the next round")
    due_ns, now_ns = time_ns_of(task.due), visit.now_ns()
    clock, span = words.clock(due_ns, visit.zone(seen.site)), words.span(abs(due_ns - now_ns) / NS_PER_S)
    if task.overdue:
        return words("Was due at {time}, {span} ago", time=clock, span=span)
    return words("Due at {time}, in {span}", time=clock, span=span)


def _area(visit: Visit, seen: Toilet, area: AreaNow) -> None:
    words = visit.words
    name = words.name(area.names, area.id)
    with parts.tag("article", classes=f"area edge {EDGES[area.state]}", data_key=area.id, aria_label=name):
        with parts.tag("div", classes="area-head"):
            parts.tag("h2", name)
            parts.state(area.state, words)
        if area.cubicles_hidden:
            parts.tag("p", words("Which cubicles are free is shown to operators: it says where people are."), "quiet")
        elif area.cubicles:
            with parts.tag("ul", classes="cubicles", aria_label=words("Cubicles")):
                for place, cubicle in enumerate(area.cubicles, start=1):
                    _cubicle(words, cubicle, place)
        with parts.tag("dl", classes="facts"):
            _facts(visit, seen, area)
        if seen.may_act and area.cleanable:
            with parts.tag("div", classes="actions"):
                parts.button(
                    words("Cleaned"), lambda: cleaned(visit, seen.site, area.id), aria_label=_cleaned(words, name)
                )


def _cleaned(words: Words, name: str) -> str:
    return words("Cleaned: {area}", area=name)


def _cubicle(words: Words, cubicle: Cubicle, place: int) -> None:
    look, word = CUBICLES[cubicle.state]
    with parts.tag("li", classes=f"cubicle {look}", data_key=cubicle.device):
        parts.tag("b", cubicle.number or str(place))
        parts.tag("span", words(word))


def _facts(visit: Visit, seen: Toilet, area: AreaNow) -> None:
    words = visit.words
    zone, now_ns = visit.zone(seen.site), visit.now_ns()
    with _fact(words("Last cleaned")):
        if area.cleaned is None:
            parts.tag("span", words("not known"), "quiet")
        else:
            cleaned_ns = time_ns_of(area.cleaned)
            text = f"{words.clock(cleaned_ns, zone)} · {words.ago(cleaned_ns, now_ns)}"
            parts.tag("span", text, title=words.moment(cleaned_ns, zone))
    if area.uses is not None:
        with _fact(words("Uses since then") if area.cleaned is not None else words("Uses since midnight")):
            parts.value(words, area.uses, decimals=0)
    for one in area.gases:
        with _fact(words.name(one.names, one.metric)):
            if any(value is not None for value in one.trend):
                spark(one.trend)
            _value(visit, one, seen.site)
    for one in area.supplies:
        with _fact(words.name(one.names, one.metric)):
            if one.low:
                parts.tag("span", words("nearly full") if one.metric == "bin_level_pct" else words("low"), "low")
            _value(visit, one, seen.site)
    if area.leak is not None:
        with _fact(words("Water on the floor")):
            parts.tag("span", words("wet") if area.leak else words("dry"), "low" if area.leak else "")


def _fact(title: str) -> parts.Tag:
    with parts.tag("div", classes="fact"):
        parts.tag("dt", title)
        return parts.tag("dd")


def _value(visit: Visit, one: AreaValue, site: str) -> None:
    words = visit.words
    time_ns = time_ns_of(one.time)
    parts.value(
        words,
        one.value,
        unit=one.unit,
        decimals=one.decimals,
        age=words.ago(time_ns, visit.now_ns()),
        exact=words.moment(time_ns, visit.zone(site)),
        stale=one.stale,
        suspect=one.suspect,
    )


async def on_my_way(visit: Visit, task: Task) -> None:
    """The alerts of the task are the caller's."""

    async def take() -> None:
        caller = await visit.caller()
        for alert in task.open_alerts:
            await alerts.acknowledge(visit.sources, caller, alert)

    await visit.act(take(), done=visit.words("You have it. Everybody sees that you are on your way."))


async def cleaned(visit: Visit, site: str, area: str) -> None:
    """Written down, and from now on shown."""
    words = visit.words

    async def record() -> None:
        written = await events.record(
            visit.sources, await visit.caller(), Event(site=site, area=area, what=What.CLEANED)
        )
        visit.say(words("Cleaned at {time}.", time=words.clock(time_ns_of(written.time), visit.zone(site))))

    await visit.act(record())
