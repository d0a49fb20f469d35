"""The inbox: what is wrong, worst and newest first, and who has it."""

from collections.abc import Sequence
from urllib.parse import urlencode

from nicegui import events, ui

from api.board import parts
from api.board.alert_deeds import Deeds, may_act
from api.board.alert_words import age, has_it, name_of, shown, where, zone_of
from api.board.frame import Board, Visit
from api.problem import AwayError
from api.queries import alerts
from api.queries.alert_values import AlertBrief, SeverityWord
from api.queries.alerts import AlertFilter
from api.queries.answer import time_ns_of
from api.queries.paging import Page
from telemetry.wording import later

PLACES = (("/alerts", later("Alerts")), ("/silences", later("Silences")), ("/rules", later("Rules")))
SHOWN = {"active": later("Active"), "resolved": later("Resolved"), "all": later("All")}
SEVERITIES = {
    "": later("Any severity"),
    "critical": later("Critical"),
    "warning": later("Warning"),
    "information": later("Information"),
}
HOLDERS = {"": later("Anybody's"), "mine": later("Mine"), "nobody": later("Nobody's yet")}
ACTIVE = {"active": True, "resolved": False}
MOST = 200
"""Alerts on a page; of those that are left out it says so."""

# Keys and menus are the browser's own affair: the server hears of clicks only.
_KEYS = """
document.addEventListener("click", (event) => {
  for (const menu of document.querySelectorAll(".alert-more[open]")) {
    if (!menu.contains(event.target) || event.target.closest(".alert-menu")) menu.open = false;
  }
});
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.target.closest("input, textarea, select, dialog")) return;
  const rows = [...document.querySelectorAll(".alert-row")];
  const row = document.activeElement?.closest(".alert-row");
  const step = { j: 1, k: -1, ArrowDown: row ? 1 : 0, ArrowUp: row ? -1 : 0 }[event.key];
  if (step) {
    const next = rows[Math.min(Math.max(rows.indexOf(row) + step, 0), rows.length - 1)];
    next?.querySelector(".alert-name")?.focus();
    event.preventDefault();
  } else if (event.key === "Escape") {
    for (const menu of document.querySelectorAll(".alert-more[open]")) menu.open = false;
  } else if (event.key === "a" && row) {
    row.querySelector(".alert-acknowledge")?.click();
    event.preventDefault();
  }
});
"""


def add(board: Board) -> None:
    """Register it."""

    @board.page("/alerts", later("Alerts"))
    async def page(visit: Visit, show: str = "active", severity: str = "", site: str = "", who: str = "") -> None:
        await _Inbox(visit, show, severity, site, who).draw()


def places(visit: Visit) -> None:
    """The pages about alerts, one of them this."""
    with parts.tag("nav", classes="tabs", aria_label=visit.words("About alerts")):
        for href, title in PLACES:
            here = visit.request.url.path == href
            parts.tag("a", visit.words(title), "tab", href=href, aria_current="page" if here else None)


class _Inbox:
    """One open inbox."""

    def __init__(self, visit: Visit, show: str, severity: str, site: str, who: str) -> None:
        self._visit = visit
        self._show = show if show in SHOWN else "active"
        self._severity = severity if severity in SEVERITIES else ""
        self._site = site if site in visit.sources.registry.sites else ""
        self._who = who if who in HOLDERS else ""
        self._chosen: set[str] = set()
        self._found: Sequence[AlertBrief] = ()
        self._bar: parts.Tag | None = None
        self._deeds = Deeds(visit, self._done)

    async def draw(self) -> None:
        visit, words = self._visit, self._visit.words
        caller = await visit.caller()
        parts.heading(words("Alerts"))
        if not visit.wall:
            places(visit)
            self._filters([one for one in visit.sources.registry.sites if caller.sees(one)])
            ui.add_body_html(f"<script>{_KEYS}</script>")
        if may_act(caller):
            self._bar = parts.tag("div", classes="chosen", aria_live="polite")
        with parts.tag("div", classes="alert-list"):
            self._live = await visit.live(self._list, sites=[])
        if not visit.wall:
            text = words("Keys: j and k move, Enter opens, a acknowledges.")
            parts.tag("p", text, "keys quiet small")

    def _filters(self, sites: Sequence[str]) -> None:
        visit, words = self._visit, self._visit.words
        with parts.tag("div", classes="alert-filters", role="group", aria_label=words("Which alerts")):
            with parts.tag("div", classes="filter-show"):
                for name, text in SHOWN.items():
                    current = "true" if name == self._show else None
                    parts.tag("a", words(text), "button toggle", href=self._address(show=name), aria_current=current)
            named = {one: words.name(visit.sources.registry.sites[one].names, one) for one in sites}
            self._choice(words("Severity"), "severity", {name: words(text) for name, text in SEVERITIES.items()})
            self._choice(words("Site"), "site", {"": words("Any site"), **named})
            self._choice(words("Who has it"), "who", {name: words(text) for name, text in HOLDERS.items()})

    def _choice(self, title: str, name: str, options: dict[str, str]) -> None:
        initial = {"severity": self._severity, "site": self._site, "who": self._who}[name]
        field = parts.field(
            title,
            kind="select",
            initial=initial,
            options=options,
            on_change=lambda: self._visit.go(self._address(**{name: field.value})),
        )

    def _address(self, **changed: str) -> str:
        asked = {"show": self._show, "severity": self._severity, "site": self._site, "who": self._who} | changed
        if asked["show"] == "active":
            del asked["show"]
        query = urlencode({name: value for name, value in asked.items() if value})
        return f"/alerts?{query}" if query else "/alerts"

    async def _list(self) -> None:
        """What is drawn again with each change."""
        visit, words = self._visit, self._visit.words
        caller = await visit.caller()
        wanted = AlertFilter(
            active=ACTIVE.get(self._show),
            severity=SeverityWord(self._severity) if self._severity else None,
            site=self._site or None,
            who=caller.name if self._who == "mine" else None,
        )
        page = await alerts.alerts(visit.sources, caller, wanted, Page(limit=MOST))
        self._found = [one for one in page.items if self._who != "nobody" or one.acknowledged_by is None]
        self._chosen &= {one.id for one in self._found if one.resolved is None}
        if not self._found:
            await self._nothing()
            return
        with parts.tag("ol", classes="alert-rows"):
            for one in self._found:
                self._row(one, acts=may_act(caller) and not visit.wall)
        if page.next is not None:
            parts.tag("p", words("Only the first {n} are shown: narrow it down.", n=MOST), "quiet")
        self._say_chosen()

    def _row(self, one: AlertBrief, *, acts: bool) -> None:
        visit, words = self._visit, self._visit.words
        look = "resolved" if one.resolved is not None else one.severity.value
        with parts.tag("li", classes=f"alert-row alert-{look}", data_key=one.id):
            if acts:
                with parts.tag("div", classes="alert-choose"):
                    if one.resolved is None:
                        self._box(one)
            with parts.tag("div", classes="alert-state"):
                parts.state(one.severity.severity, words)
                if one.resolved is not None:
                    parts.tag("span", words("Resolved"), "quiet small")
                if one.silenced:
                    parts.tag("span", words("Silenced"), "quiet small")
            with parts.tag("div", classes="alert-what"):
                parts.tag("a", name_of(one, words), "alert-name", href=f"/alerts/{one.id}")
                parts.tag("span", shown(one, words), "alert-shown")
                parts.tag("span", where(one, visit), "alert-where quiet")
            with parts.tag("div", classes="alert-since"):
                age(one.raised, zone_of(one, visit), visit)
                if one.suspect:
                    parts.tag("span", words("suspect value"), "quiet small")
            with parts.tag("div", classes="alert-who"):
                parts.tag("span", has_it(one, visit), "quiet" if one.acknowledged_by is None else "")
                if one.comment:
                    parts.tag("span", f"“{one.comment}”", "alert-comment quiet small")
            if acts and one.resolved is None:
                self._buttons(one)

    def _box(self, one: AlertBrief) -> None:
        def choose(event: events.GenericEventArguments) -> None:
            (self._chosen.add if event.args else self._chosen.discard)(one.id)
            self._say_chosen()

        label = self._visit.words("Choose {name}", name=name_of(one, self._visit.words))
        with parts.tag("label", classes="choose"):
            box = parts.tag("input", classes="input", type="checkbox", aria_label=label)
        box.on("change", choose, js_handler="(e) => emit(e.target.checked)")

    def _buttons(self, one: AlertBrief) -> None:
        words = self._visit.words
        with parts.tag("div", classes="alert-acts"):
            if one.acknowledged_by is None:
                parts.button(words("Acknowledge"), lambda: self._deeds.acknowledge([one]), classes="alert-acknowledge")
            with parts.tag("details", classes="alert-more"):
                name = words("More for {name}", name=name_of(one, words))
                parts.tag("summary", words("More"), "button plain", aria_label=name)
                with parts.tag("div", classes="alert-menu"):
                    parts.button(
                        words("Give it to somebody"), lambda: self._deeds.ask_to_assign([one]), classes="plain"
                    )
                    parts.button(words("Silence"), lambda: self._deeds.ask_to_silence(one), classes="plain")
                    parts.button(words("Comment"), lambda: self._deeds.ask_for_comment([one]), classes="plain")

    def _say_chosen(self) -> None:
        """What can be done with several at once."""
        if self._bar is None:
            return
        words, chosen = self._visit.words, [one for one in self._found if one.id in self._chosen]
        self._bar.clear()
        if not chosen:
            return
        with self._bar:
            parts.tag("p", words.many("{n} alert chosen", "{n} alerts chosen", len(chosen)))
            with parts.tag("div", classes="actions"):
                parts.button(words("Acknowledge"), lambda: self._deeds.acknowledge(chosen), primary=True)
                parts.button(words("Give them to somebody"), lambda: self._deeds.ask_to_assign(chosen))
                parts.button(words("Comment"), lambda: self._deeds.ask_for_comment(chosen))

    async def _done(self) -> None:
        """Nothing stays chosen: it was done."""
        self._visit.client.run_javascript(
            "document.querySelectorAll('.choose input').forEach((box) => { box.checked = false; })"
        )
        self._chosen.clear()
        await self._live.draw()
        self._say_chosen()

    async def _nothing(self) -> None:
        visit, words = self._visit, self._visit.words
        if self._show != "active" or self._severity or self._site or self._who:
            parts.empty(words("No such alerts."), words("All that are active"), "/alerts")
            return
        rules = len(visit.sources.rules.rules)
        watching = words.many("{n} rule is watching.", "{n} rules are watching.", rules)
        try:
            last = await _last(visit)
        except AwayError:
            last = None
        text = words("No alerts.")
        if last is not None:
            ago = words.ago(time_ns_of(last.raised), visit.now_ns())
            text = words(
                "No alerts. The last one was {ago}: {name}, {where}.",
                ago=ago,
                name=name_of(last, words),
                where=where(last, visit),
            )
        parts.empty(f"{text} {watching}", words("What the rules ask"), "/rules")


async def _last(visit: Visit) -> AlertBrief | None:
    """The one that was raised last. They are listed by severity, so it is the newest of each."""
    caller = await visit.caller()
    found = [
        one
        for severity in SeverityWord
        for one in (
            await alerts.alerts(visit.sources, caller, AlertFilter(active=None, severity=severity), Page(limit=1))
        ).items
    ]
    return max(found, key=lambda one: one.raised, default=None)
