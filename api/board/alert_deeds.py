"""What people do about alerts from the board: acknowledge, give to somebody, silence, comment, end."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from api.access.caller import Caller, Role
from api.board import parts
from api.board.alert_words import labels_of, name_of, zone_of
from api.board.visit import Visit
from api.queries import alerts, silences
from api.queries.alert_values import AlertBrief
from api.queries.alerts import AlertDetail
from api.queries.answer import moment
from api.queries.people import people
from api.queries.silences import NewSilence
from telemetry.wording import later

Wish = Callable[[Caller, str], Awaitable[AlertDetail]]
"""What somebody does to an alert, by its id."""
Said = Callable[[Caller, str, str], Awaitable[AlertDetail]]
"""The same with a text."""
COMMENT_MOST = 2_000
SOMETHING = r".*\S.*"
"""What an input has to hold that is not to be empty."""
MORNING_H = 8
LENGTHS = {
    "1": later("For 1 hour"),
    "4": later("For 4 hours"),
    "tomorrow": later("Until tomorrow, 8:00"),
    "168": later("For a week"),
}
"""Hours, but for `tomorrow`."""


class Scope(NamedTuple):
    """Which alerts a silence is about: some of the labels of one of them."""

    labels: tuple[str, ...]
    text: str


SCOPES = {
    "device": Scope(("rule", "device"), later("This rule on this device")),
    "site": Scope(("rule", "site"), later("This rule at this site")),
    "all": Scope(("site",), later("Everything at this site")),
    "one": Scope(("device",), later("Everything of this device")),
}


class Deeds:
    """The dialogs of one page; `then` is called after each deed. Make it outside of what is drawn again."""

    def __init__(self, visit: Visit, then: Callable[[], Awaitable[None]]) -> None:
        self._visit = visit
        self._then = then
        words = visit.words
        self._assign = _Form(parts.dialog(words("Give it to somebody"), words))
        self._silence = _Form(parts.dialog(words("Silence"), words))
        self._comment = _Form(parts.dialog(words("Comment"), words))
        self._resolve = _Form(parts.dialog(words("End the alert"), words))

    async def acknowledge(self, found: Sequence[AlertBrief]) -> None:
        """At once: the caller has them."""
        words, sources = self._visit.words, self._visit.sources
        text = words.many("Acknowledged: {name}", "{n} alerts acknowledged", len(found), name=self._name(found))
        await self._do(found, lambda caller, id_: alerts.acknowledge(sources, caller, id_), text)

    async def ask_to_assign(self, found: Sequence[AlertBrief]) -> None:
        """To whom?"""
        words, sources = self._visit.words, self._visit.sources
        caller = await self._visit.caller()
        sites = {one.site for one in found}
        known = [one for one in await people(sources, caller) if not one.sites or sites <= {*one.sites}]
        if not known:
            self._visit.say(words("Nobody is told of this site: people.yaml names those who are."), trouble=True)
            return
        with self._assign.fresh():
            parts.tag("p", self._name(found), "quiet")
            options = {one.id: one.name for one in known}
            to = parts.field(words("Person"), kind="select", initial=known[0].id, options=options)
            comment = self._comment_field()

            async def give() -> None:
                text = words("Given to {person}; a message is on its way", person=options[to.value])
                await self._do(
                    found,
                    lambda who, id_: alerts.assign(sources, who, id_, to.value, comment=comment.value.strip() or None),
                    text,
                )

            self._assign.send(words("Give it to them"), give)
        self._assign.dialog.open()

    async def ask_to_silence(self, brief: AlertBrief) -> None:
        """What, how long, and why?"""
        words = self._visit.words
        labels = dict(labels_of(brief))
        scopes = {name: one for name, one in SCOPES.items() if {*one.labels} <= labels.keys()}
        with self._silence.fresh():
            parts.tag("p", words("Nobody is told of these alerts meanwhile. They stay on the board."), "quiet")
            options = {name: words(one.text) for name, one in scopes.items()}
            scope = parts.field(words("What"), kind="select", initial=next(iter(scopes)), options=options)
            length = parts.field(
                words("How long"),
                kind="select",
                initial="1",
                options={name: words(text) for name, text in LENGTHS.items()},
            )
            reason = parts.field(words("Reason"), maxlength=COMMENT_MOST, required=True, pattern=SOMETHING)

            async def silence() -> None:
                # With its site, where it has one: who has only some sites has to name them.
                chosen = {*scopes[scope.value].labels, "site"} & labels.keys()
                matchers = {name: labels[name] for name in sorted(chosen)}
                await self._make(matchers, brief, length.value, reason.value.strip())

            self._silence.send(words("Silence"), silence)
        self._silence.dialog.open()

    async def ask_for_comment(self, found: Sequence[AlertBrief]) -> None:
        """What is there to say?"""
        sources = self._visit.sources
        await self._ask_text(
            self._comment,
            found,
            self._visit.words("Send"),
            lambda caller, id_, text: alerts.comment(sources, caller, id_, text),
            required=True,
        )

    async def ask_to_resolve(self, found: Sequence[AlertBrief]) -> None:
        """Of alerts that latch: is it really over?"""
        sources = self._visit.sources
        await self._ask_text(
            self._resolve,
            found,
            self._visit.words("It is over: end it"),
            lambda caller, id_, text: alerts.resolve(sources, caller, id_, comment=text or None),
            required=False,
        )

    async def _ask_text(
        self, form: "_Form", found: Sequence[AlertBrief], button: str, deed: Said, *, required: bool
    ) -> None:
        words = self._visit.words
        with form.fresh():
            parts.tag("p", self._name(found), "quiet")
            text = self._comment_field(required=required)

            async def send() -> None:
                await self._do(found, lambda caller, id_: deed(caller, id_, text.value.strip()), words("Entered"))

            form.send(button, send)
        form.dialog.open()

    async def _do(self, found: Sequence[AlertBrief], wish: Wish, done: str) -> None:
        """Each of them, and say what came of it."""
        waiting: list[bool] = []

        async def all_of_them() -> None:
            caller = await self._visit.caller()
            details = await asyncio.gather(*(wish(caller, one.id) for one in found))
            waiting.extend(one.waiting for one in details)

        if await self._visit.act(all_of_them()):
            self._visit.say(self._waiting() if any(waiting) else done)
        await self._then()

    async def _make(self, matchers: Mapping[str, str], brief: AlertBrief, length: str, reason: str) -> None:
        ids: list[str] = []

        async def make() -> None:
            end = end_of(length, moment(self._visit.now_ns()), zone_of(brief, self._visit))
            wanted = NewSilence.model_validate({"matchers": matchers, "end": end.isoformat(), "reason": reason})
            ids.append((await silences.make(self._visit.sources, await self._visit.caller(), wanted)).id)

        if await self._visit.act(make()):
            self._visit.say(self._visit.words("Silenced") if ids[0] else self._waiting())
        await self._then()

    def _waiting(self) -> str:
        return self._visit.words("Kept. The alert service has not answered yet; it is entered as soon as it does.")

    def _comment_field(self, *, required: bool = False) -> parts.Field:
        title = self._visit.words("Comment")
        return parts.field(title, kind="textarea", maxlength=COMMENT_MOST, required=required)

    def _name(self, found: Sequence[AlertBrief]) -> str:
        words = self._visit.words
        if len(found) == 1:
            return name_of(found[0], words)
        return words.many("{n} alert", "{n} alerts", len(found))


class _Form:
    """A dialog whose content is drawn when it is opened. The browser sees to it that nothing required is empty."""

    def __init__(self, dialog: parts.Dialog) -> None:
        self.dialog = dialog
        self._deed: Callable[[], Awaitable[None]] | None = None
        with dialog:
            self._content = parts.tag("form", classes="dialog-content", method="dialog")
        self._content.on("submit", self._submit, args=[])

    def fresh(self) -> parts.Tag:
        """Empty, to be drawn into with `with`."""
        self._content.clear()
        return self._content

    def send(self, text: str, deed: Callable[[], Awaitable[None]]) -> None:
        """The button that does it; the dialog closes by itself."""
        self._deed = deed
        with parts.tag("div", classes="actions"):
            parts.tag("button", text, "button primary", type="submit")

    async def _submit(self) -> None:
        if self._deed is not None:
            await self._deed()


def may_act(caller: Caller) -> bool:
    """Whether there are buttons at all; what is allowed is decided where it is done."""
    return caller.role >= Role.OPERATOR


def end_of(length: str, now: datetime, zone: ZoneInfo) -> datetime:
    """The end of a silence that begins now: `length` of `LENGTHS`, by the clocks of the site."""
    if length != "tomorrow":
        return now + timedelta(hours=int(length))
    local = now.astimezone(zone) + timedelta(days=1)
    return local.replace(hour=MORNING_H, minute=0, second=0, microsecond=0)
