"""The quarantine: what was refused, why, and what came of taking it in again."""

from collections.abc import Mapping
from urllib.parse import urlencode

from api.access.caller import Role
from api.board import parts
from api.board.alert_words import age, zone_for
from api.board.frame import Board, Visit
from api.board.words import Words
from api.queries import quarantine
from api.queries.answer import time_ns_of
from api.queries.paging import CURSOR_CHARS, Page
from api.queries.quarantine import Quarantined, QuarantinePage, Replay, Replayed
from telemetry.message import Reason
from telemetry.wording import later

ITEMS = 50
SHOWN_MOST = 2_000
"""Characters of a message; the rest on request."""
REASONS: Mapping[Reason, tuple[str, str]] = {
    Reason.NOT_UTF8: (later("Not text"), later("The payload is no UTF-8: is the device set to JSON?")),
    Reason.NOT_JSON: (later("Not JSON"), later("Look for what is missing or too much at the place that is named.")),
    Reason.TOO_LARGE: (later("Too large"), later("Have the device send fewer readings in one message.")),
    Reason.TOO_DEEP: (later("Too deeply nested"), later("A reading is an object with values, nothing deeper.")),
    Reason.NOT_A_READING: (later("Not a reading"), later("A reading has `values`, and mostly `time`.")),
    Reason.UNKNOWN_TOPIC: (later("Unknown topic"), later("Topics are caretaker/v1/SITE/DEVICE/readings.")),
    Reason.UNKNOWN_DEVICE: (
        later("Unknown device"),
        later("Add it to the devices, or mend its topic; then replay: the values come in with their own time."),
    ),
    Reason.IDENTITY_CONFLICT: (
        later("Says it is another device"),
        later("The topic names one device, the payload another."),
    ),
    Reason.UNKNOWN_METRIC: (
        later("Unknown metric"),
        later("Add it to the catalogue, or mend its name; then replay. The message's other values were taken in."),
    ),
    Reason.WRONG_SOURCE: (later("Not the device's to say"), later("This metric is worked out, not measured.")),
    Reason.WRONG_TYPE: (later("Wrong type"), later("A number came where a text is expected, or the reverse.")),
    Reason.NOT_FINITE: (later("No number"), later("Infinity and NaN measure nothing.")),
    Reason.IMPOSSIBLE_VALUE: (
        later("Impossible value"),
        later("It is beyond what can be. Look at the sensor, or at the unit that it sends."),
    ),
    Reason.TOO_OLD: (later("Too old"), later("Older than `max_age_days`. Is the device's clock right?")),
    Reason.IN_FUTURE: (
        later("In the future"),
        later("The device's clock is ahead. Set it; a later replay takes it in."),
    ),
    Reason.RETAINED: (later("Retained by the broker"), later("Readings are sent without the retain flag.")),
    Reason.REFUSED_BY_STORE: (later("Refused by the store"), later("The store's own words say why.")),
    Reason.DEFECT: (
        later("An error of ours"),
        later("Caretaker failed at this message. Please report it; a newer version may take it in."),
    ),
    Reason.HEARTBEAT: (later("Heartbeat"), later("Only counted.")),
    Reason.CLEARED: (later("Cleared"), later("Only counted.")),
}
"""What it is called, and what to do."""
RESULTS = {"still refused": later("Still refused"), "not there": later("No longer there")}
"""What the ingestor says of messages that it has not taken in."""


def add(board: Board) -> None:
    """Register it."""

    @board.page("/quarantine", later("Quarantine"))
    async def page(visit: Visit, reason: str = "", cursor: str = "") -> None:
        await _Quarantine(visit, Reason(reason) if reason in {*Reason} else None, cursor[:CURSOR_CHARS] or None).draw()


class _Quarantine:
    """The open page."""

    def __init__(self, visit: Visit, reason: Reason | None, cursor: str | None) -> None:
        self._visit = visit
        self._reason = reason
        self._cursor = cursor
        self._replayed = ""
        self._whole: dict[int, str] = {}

    async def draw(self) -> None:
        words = self._visit.words
        note = words("What came in and could not be understood or believed. It waits here until the cause is mended.")
        parts.heading(words("Quarantine"), note)
        self._live = await self._visit.live(self._all, sites=[], alerts=False)

    async def _all(self) -> None:
        visit, words = self._visit, self._visit.words
        caller = await visit.caller()
        found = await quarantine.quarantine(visit.sources, caller, self._reason, Page(limit=ITEMS, cursor=self._cursor))
        if self._replayed:
            parts.message(self._replayed)
        if not found.items and self._reason is None and self._cursor is None:
            parts.empty(
                words(
                    "Nothing was refused. What a device sends that is not understood waits here, with the reason, "
                    "until somebody has mended the cause and replays it."
                ),
                words("Connect a device"),
                "/connect",
            )
            return
        self._counts(found)
        if self._reason is not None:
            # Who has only some sites may name messages, not a reason: `quarantine.replay` refuses it.
            all_of_it = caller.role >= Role.ADMIN and caller.sites is None and bool(found.items)
            self._about(self._reason, replays=all_of_it)
        with parts.section(words("Messages"), hidden_title=True):
            if not found.items:
                parts.tag("p", words("None (any more)."), "quiet")
            with parts.tag("ol", classes="letters"):
                for one in found.items:
                    self._letter(one, admin=caller.role >= Role.ADMIN)
            if found.next is not None:
                parts.link(words("Older"), self._address(self._reason, found.next), "button")

    def _address(self, reason: Reason | None, cursor: str | None = None) -> str:
        asked = {"reason": reason.value if reason else "", "cursor": cursor or ""}
        query = urlencode({name: value for name, value in asked.items() if value})
        return f"/quarantine?{query}" if query else "/quarantine"

    def _counts(self, found: QuarantinePage) -> None:
        words = self._visit.words
        if found.counts is None:
            return
        with parts.tag("nav", classes="reasons", aria_label=words("Reasons")):
            every = None if self._reason else "true"
            with parts.tag("a", classes="reason", href="/quarantine", aria_current=every):
                parts.tag("span", words("All"))
                parts.tag("span", words.number(sum(found.counts.values()), 0), "reason-count")
            for reason, count in sorted(found.counts.items(), key=lambda pair: -pair[1]):
                current = "true" if reason is self._reason else None
                with parts.tag("a", classes="reason", href=self._address(reason), aria_current=current):
                    parts.tag("span", words(REASONS[reason][0]))
                    parts.tag("span", words.number(count, 0), "reason-count")

    def _about(self, reason: Reason, *, replays: bool) -> None:
        words = self._visit.words
        title, advice = REASONS[reason]
        with parts.tag("div", classes="about"):
            parts.tag("h2", words(title))
            parts.tag("p", words(advice))
            if replays:
                parts.button(words("Replay all of this reason"), lambda: self._replay(Replay(reason=reason)))

    def _letter(self, one: Quarantined, *, admin: bool) -> None:
        visit, words = self._visit, self._visit.words
        with parts.tag("li", classes="letter", data_key=one.id), parts.tag("details", classes="letter-fold"):
            with parts.tag("summary", classes="letter-head"):
                parts.tag("span", words(REASONS[one.reason][0]), "letter-reason")
                parts.tag("span", plain(one.topic), "letter-topic")
                age(one.received, zone_for({}, visit), visit, "quiet small letter-age")
                parts.tag("span", plain(one.detail), "letter-detail quiet")
            with parts.tag("div", classes="letter-body"):
                text = self._whole.get(one.id, one.payload[:SHOWN_MOST])
                parts.tag(
                    "pre", plain(text, keep="\n\t"), "raw", tabindex="0", aria_label=words("The message as it came")
                )
                parts.tag("p", self._facts(one), "quiet small")
                with parts.tag("div", classes="actions"):
                    if len(one.payload) > len(text):
                        parts.button(words("Show all of it"), lambda: self._show(one))
                    if admin:
                        parts.button(words("Replay it"), lambda: self._replay(Replay(ids=(one.id,))))

    def _facts(self, one: Quarantined) -> str:
        words = self._visit.words
        cost = (
            words.many("{n} reading was lost by it", "{n} readings were lost by it", one.readings)
            if one.readings
            else words("only single values were lost by it")
        )
        facts = [
            words("Number {id}", id=one.id),
            words.moment(time_ns_of(one.received), zone_for({}, self._visit)),
            cost,
            *([words("retained by the broker")] if one.retained else []),
        ]
        return words.list(facts)

    async def _show(self, one: Quarantined) -> None:
        self._whole[one.id] = one.payload
        await self._live.draw()

    async def _replay(self, wanted: Replay) -> None:
        visit, words = self._visit, self._visit.words

        async def replay() -> None:
            found = await quarantine.replay(visit.sources, await visit.caller(), wanted)
            self._replayed = told(found, words)

        if await visit.act(replay()):
            visit.say(self._replayed)
        await self._live.draw()


def told(found: Replayed, words: Words) -> str:
    """What came of a replay, in words."""
    said = [words.many("{n} message was taken in.", "{n} messages were taken in.", found.replayed)]
    said += [
        words("{result}: {n}.", result=words(RESULTS.get(name, name)), n=n) for name, n in found.still_refused.items()
    ]
    return " ".join(said)


def plain(text: str, keep: str = "") -> str:
    """Without control characters, and without what turns the direction of writing around: both stand as escapes."""
    return "".join(
        letter if letter.isprintable() or letter in keep else letter.encode("unicode_escape").decode()
        for letter in text
    )
