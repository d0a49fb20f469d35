"""Silences: what nobody is told of for a while, by whom, and why."""

from collections.abc import Mapping

from api.access.caller import Caller
from api.board import parts
from api.board.alert_deeds import LENGTHS, SOMETHING, end_of, may_act
from api.board.alert_words import zone_for
from api.board.frame import Board, Visit
from api.board.pages.alerts import places
from api.queries import silences
from api.queries.answer import moment, time_ns_of
from api.queries.silences import NewSilence, SilenceFacts
from telemetry.wording import later

REASON_MOST = 2_000
LABELS = {
    "rule": later("Rule"),
    "severity": later("Severity"),
    "device": later("Device"),
    "kind": later("Kind of device"),
    "site": later("Site"),
    "site_kind": later("Kind of site"),
    "area": later("Area"),
    "area_type": later("Kind of area"),
    "gateway": later("Gateway"),
}


def add(board: Board) -> None:
    """Register it."""

    @board.page("/silences", later("Silences"))
    async def page(visit: Visit) -> None:
        await _Silences(visit).draw()


class _Silences:
    """The open page."""

    def __init__(self, visit: Visit) -> None:
        self._visit = visit

    async def draw(self) -> None:
        visit, words = self._visit, self._visit.words
        parts.heading(words("Silences"))
        places(visit)
        # A silence is no change of an alert: without news it is looked at with the ages.
        self._live = await visit.live(self._list, sites=[])
        caller = await visit.caller()
        if may_act(caller):
            with parts.section(words("A new silence")):
                self._form(caller)

    async def _list(self) -> None:
        visit, words = self._visit, self._visit.words
        caller = await visit.caller()
        found = await silences.silences(visit.sources, caller)
        with parts.section(words("Silences"), hidden_title=True):
            if not found:
                parts.empty(words("Nothing is silenced: people are told of every alert, as routes.yaml says."))
            with parts.tag("ol", classes="silences"):
                for one in sorted(found, key=lambda one: one.end):
                    self._row(one, acts=may_act(caller))

    def _row(self, one: SilenceFacts, *, acts: bool) -> None:
        visit, words = self._visit, self._visit.words
        with parts.tag("li", classes="silence", data_key=one.id):
            with parts.tag("div", classes="silence-what"):
                for name, pattern in one.matchers.items():
                    with parts.tag("p"):
                        parts.tag("span", words(LABELS.get(name, name)), "quiet")
                        parts.tag("span", named(name, pattern, visit))
            with parts.tag("div", classes="silence-why"):
                parts.tag("p", one.reason)
                person = visit.sources.registry.people.get(one.author)
                parts.tag("p", one.author if person is None else person.name, "quiet small")
            with parts.tag("div", classes="silence-when"):
                self._times(one)
            if acts and one.id:
                about = words.list([named(*pair, visit) for pair in one.matchers.items()])
                label = words("End the silence of {what}", what=about)
                parts.button(words("End it now"), lambda: self._end(one.id), aria_label=label)

    def _times(self, one: SilenceFacts) -> None:
        visit, words = self._visit, self._visit.words
        zone = zone_for(one.matchers, visit)
        now_ns, start_ns, end_ns = visit.now_ns(), time_ns_of(one.start), time_ns_of(one.end)
        left = words.span((end_ns - max(now_ns, start_ns)) / 1e9)
        exact = words.moment(end_ns, zone)
        parts.tag("p", words("{span} left", span=left) if start_ns <= now_ns else words("for {span}", span=left))
        parts.tag("p", words("until {time}", time=exact), "quiet small")
        if start_ns > now_ns:
            parts.tag("p", words("from {time}", time=words.moment(start_ns, zone)), "quiet small")

    def _form(self, caller: Caller) -> None:
        visit, words = self._visit, self._visit.words
        registry = visit.sources.registry
        rules = {rule.id: words.name(rule.names, rule.id) for rule in visit.sources.rules.rules}
        sites = {one.id: words.name(one.names, one.id) for one in registry.sites.values() if caller.sees(one.id)}
        # Who has only some sites silences nothing beyond them: `silences.make` refuses it.
        offered = {**({"": words("Any site")} if caller.sites is None else {}), **sites}
        lengths = {name: words(text) for name, text in LENGTHS.items()}
        with parts.tag("form", classes="silence-form") as form:
            rule = parts.field(words("Rule"), kind="select", options={"": words("Any rule"), **rules})
            site = parts.field(words("Site"), kind="select", initial=next(iter(offered), ""), options=offered)
            length = parts.field(words("How long"), kind="select", initial="1", options=lengths)
            reason = parts.field(words("Reason"), maxlength=REASON_MOST, required=True, pattern=SOMETHING)
            parts.tag("button", words("Silence"), "button primary", type="submit")

        async def make() -> None:
            wanted = {name: one.value for name, one in (("rule", rule), ("site", site)) if one.value}
            await self._make(wanted or {"site": "*"}, length.value, reason.value.strip())

        form.on("submit.prevent", make, args=[])

    async def _make(self, matchers: Mapping[str, str], length: str, reason: str) -> None:
        visit = self._visit

        async def make() -> None:
            end = end_of(length, moment(visit.now_ns()), zone_for(matchers, visit))
            wanted = NewSilence.model_validate({"matchers": matchers, "end": end.isoformat(), "reason": reason})
            await silences.make(visit.sources, await visit.caller(), wanted)

        await visit.act(make(), visit.words("Silenced"))
        await self._live.draw()

    async def _end(self, silence: str) -> None:
        visit = self._visit

        async def end() -> None:
            await silences.end(visit.sources, await visit.caller(), silence)

        await visit.act(end(), visit.words("Ended: people are told again"))
        await self._live.draw()


def named(label: str, pattern: str, visit: Visit) -> str:
    """What a label has to be, as people call it; what is a pattern stays as it was written."""
    words, registry = visit.words, visit.sources.registry
    if pattern == "*":
        return words("anything")
    match label:
        case "site" if pattern in registry.sites:
            return words.name(registry.sites[pattern].names, pattern)
        case "device" if pattern in registry.devices:
            return words.name(registry.devices[pattern].names, pattern)
        case "rule":
            found = next((one for one in visit.sources.rules.rules if one.id == pattern), None)
            return pattern if found is None else words.name(found.names, pattern)
        case _:
            return pattern
