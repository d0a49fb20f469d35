"""All devices: who is silent, whose battery runs down, which gateways, and every device by site, kind and state."""

from collections.abc import Mapping, Sequence
from urllib.parse import urlencode

from api.access.caller import Caller
from api.board import parts
from api.board.frame import Board, Visit
from api.board.parts import STATES
from api.queries import devices as query
from api.queries import fleet
from api.queries.answer import time_ns_of
from api.queries.devices import DeviceBrief, DeviceFilter
from api.queries.fleet import Battery, Gateway
from api.queries.paging import CURSOR_CHARS, Page
from api.queries.standing import State

PAGE_ITEMS = 50
SILENT_ITEMS = 100
LOOK_EVERY_S = 3.0


def add(board: Board) -> None:
    """Register it."""
    board.page("/devices", "Devices")(devices)


async def devices(visit: Visit, site: str = "", kind: str = "", state: str = "", q: str = "", cursor: str = "") -> None:
    """The list. The address holds what it is narrowed to."""
    asked = {"site": site, "kind": kind, "state": state, "q": q}
    parts.heading(visit.words("Devices"))
    _filters(visit, asked, await visit.caller())
    known = state if state in list(State) else None
    wanted = DeviceFilter(
        site=site or None,
        kind=kind or None,
        state=None if known is None else State(known),
        q=q[: query.TEXT_CHARS] or None,
    )
    narrowed = any(asked.values())

    async def build() -> None:
        caller = await visit.caller()
        found = await query.devices(
            visit.sources, caller, wanted, Page(limit=PAGE_ITEMS, cursor=cursor[:CURSOR_CHARS] or None)
        )
        first = not narrowed and not cursor
        if first:
            unknown = DeviceFilter(state=State.UNKNOWN)
            silent = (await query.devices(visit.sources, caller, unknown, Page(limit=SILENT_ITEMS))).items
            batteries = await fleet.batteries(visit.sources, caller)
            gateways = await fleet.gateways(visit.sources, caller)
            _silent(visit, silent)
            if batteries:
                _batteries(visit, batteries)
            if gateways:
                _gateways(visit, gateways)
        _all(visit, found.items, asked, found.next, titled=first)

    await visit.live(build, every_s=LOOK_EVERY_S)


def _filters(visit: Visit, asked: Mapping[str, str], caller: Caller) -> None:
    words, registry = visit.words, visit.sources.registry
    sites = {one.id: words.name(one.names, one.id) for one in registry.sites.values() if caller.sees(one.id)}
    kinds = sorted({one.kind for one in registry.devices.values() if caller.sees(one.site)})
    with parts.tag("form", classes="narrowing", role="search", action="/devices", method="get"):
        _choice(words("Site"), "site", {"": words("All sites"), **sites}, asked["site"])
        _choice(words("Kind"), "kind", {"": words("All kinds"), **dict(zip(kinds, kinds, strict=True))}, asked["kind"])
        states = {one.value: words(STATES[one][1]) for one in State}
        _choice(words("State"), "state", {"": words("All states"), **states}, asked["state"])
        with parts.tag("label", classes="field"):
            parts.tag("span", words("Name or id"), "field-title")
            field = parts.tag("input", classes="input", name_="q", type="search", maxlength=query.TEXT_CHARS)
            field.props["^value"] = asked["q"]
        parts.tag("button", words("Show"), "button primary", type="submit")
        if any(asked.values()):
            parts.link(words("Show all"), "/devices", "button plain")


def _choice(title: str, name: str, options: Mapping[str, str], chosen: str) -> None:
    with parts.tag("label", classes="field field-select"):
        parts.tag("span", title, "field-title")
        with parts.tag("select", classes="input", name_=name):
            for value, text in options.items():
                more: dict[str, parts.Prop] = {"^selected": True} if value == chosen else {}
                parts.tag("option", text, value=value).props.update(more)


def _silent(visit: Visit, silent: Sequence[DeviceBrief]) -> None:
    words = visit.words
    with parts.section(words("Silent")):
        if not silent:
            parts.tag("p", words("Every device that should speak does."), "quiet")
            return
        ordered = sorted(silent, key=lambda one: 0 if one.spoke is None else time_ns_of(one.spoke), reverse=True)
        _table(visit, ordered, words("Silent"))


def _batteries(visit: Visit, batteries: Sequence[Battery]) -> None:
    words = visit.words
    columns = [
        parts.Column(words("Device")),
        parts.Column(words("Site")),
        parts.Column(words("Battery"), number=True),
        parts.Column(words("Lasts about"), number=True),
    ]
    rows = [
        (
            lambda one=one: parts.link(words.name(one.names, one.device), f"/devices/{one.device}"),
            _site(visit, one.site),
            lambda one=one: parts.value(words, one.pct, unit="%", decimals=0),
            words("not known") if one.days_left is None else words.many("{n} day", "{n} days", int(one.days_left)),
        )
        for one in batteries
    ]
    with parts.section(words("Batteries running down")):
        parts.table(columns, rows, words("Batteries running down"))


def _gateways(visit: Visit, gateways: Sequence[Gateway]) -> None:
    words = visit.words
    columns = [
        parts.Column(words("Gateway")),
        parts.Column(words("Site")),
        parts.Column(words("State")),
        parts.Column(words("Devices behind it"), number=True),
        parts.Column(words("Silent"), number=True),
    ]
    rows = [
        (
            lambda one=one: parts.link(one.device, f"/devices/{one.device}"),
            _site(visit, one.site),
            lambda one=one: parts.state(one.state, words),
            one.behind,
            one.silent or "",
        )
        for one in gateways
    ]
    with parts.section(words("Gateways")):
        parts.table(columns, rows, words("Gateways"))


def _all(
    visit: Visit, items: Sequence[DeviceBrief], asked: Mapping[str, str], following: str | None, *, titled: bool
) -> None:
    words = visit.words
    with parts.section(words("All devices") if titled else words("Found"), hidden_title=not titled):
        if not items:
            if any(asked.values()):
                parts.empty(words("No device is like that."), words("Show all"), "/devices")
            else:
                parts.empty(words("There are no devices yet."), words("Connect a device"), "/connect")
            return
        _table(visit, items, words("All devices"))
        if following is not None:
            fields = {name: value for name, value in asked.items() if value} | {"cursor": following}
            with parts.tag("p", classes="actions paging"):
                parts.link(words("Next page"), f"/devices?{urlencode(fields)}", "button")


def _table(visit: Visit, items: Sequence[DeviceBrief], title: str) -> None:
    words, now_ns = visit.words, visit.now_ns()
    columns = [
        parts.Column(words("Device")),
        parts.Column(words("Site")),
        parts.Column(words("Kind")),
        parts.Column(words("State")),
        parts.Column(words("Last reading"), number=True),
    ]
    rows = [
        (
            lambda one=one: parts.link(words.name(one.names, one.id), f"/devices/{one.id}", title=one.id),
            _site(visit, one.site),
            one.kind,
            lambda one=one: parts.state(one.state, words),
            words("never") if one.spoke is None else words.ago(time_ns_of(one.spoke), now_ns),
        )
        for one in items
    ]
    parts.table(columns, rows, title)


def _site(visit: Visit, site: str) -> str:
    place = visit.sources.registry.sites.get(site)
    return site if place is None else visit.words.name(place.names, site)
