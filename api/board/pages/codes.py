"""Codes to print and put up: one for each area of a site, for whoever stands there."""

from collections.abc import Sequence
from enum import StrEnum
from urllib.parse import urlencode, urlsplit

import segno
from nicegui import ui

from api.access.access import Access
from api.access.caller import Role, require
from api.board import parts
from api.board.frame import Board, Visit
from api.board.words import LANGUAGES, Words, words_of
from api.queries.events import What
from api.queries.here import Code, codes_of
from telemetry.loopback import is_loopback
from telemetry.registry.models import Site
from telemetry.wording import later

TITLE = later("Codes to print")
PATH = "/codes"
PAPER = "<style>@page { size: A4; margin: 12mm }</style>"
"""Of this page only: a stylesheet says it for every page that somebody prints."""


class Layout(StrEnum):
    """How many are on one page of A4; the value stands in the address."""

    ONE = "1"
    FOUR = "4"
    NINE = "9"


LAYOUTS = {
    Layout.ONE: later("One on a page"),
    Layout.FOUR: later("Four on a page"),
    Layout.NINE: later("Nine on a page"),
}

_FOR = {
    (True, True): later("Scan this code: tell us how it was, or call for help."),
    (True, False): later("Scan this code: tell us how it was."),
    (False, True): later("Scan this code to call for help."),
    (False, False): later("For staff: scan this code to enter what was done or read here."),
}
"""By whether feedback and calls for help are taken there."""


def add(board: Board) -> None:
    """Register the page."""

    @board.page(PATH, TITLE)
    async def build(visit: Visit, site: str = "", layout: str = Layout.FOUR.value) -> None:
        await _draw(visit, board.access, site, layout)


async def _draw(visit: Visit, access: Access, site_id: str, layout: str) -> None:
    words, caller = visit.words, await visit.caller()
    require(caller, Role.OPERATOR)
    sites = {one.id: one for one in visit.sources.registry.sites.values() if caller.sees(one.id) and one.areas}
    shown = Layout(layout) if layout in {one.value for one in Layout} else Layout.FOUR
    chosen = site_id or next(iter(sites), "")
    with parts.tag("div", classes="codes-words"):
        note = words("Put up where people stand: no app, and nobody signs in. Each code opens the page of its area.")
        parts.heading(words(TITLE), note)
    if not chosen:
        parts.empty(words("No site has areas yet: a code is for an area."))
        return
    codes = await codes_of(visit.sources, caller, access.codes, chosen)
    with parts.tag("div", classes="codes-words"):
        _choose(visit, sites, chosen, shown)
        _warn(visit)
    if not codes:
        parts.empty(words("Nothing can be entered at this site: no device takes feedback or is read by hand."))
    base = (visit.sources.public_url or visit.request.state.origin).rstrip("/")
    ui.add_head_html(PAPER)
    per_page = int(shown.value)
    for start in range(0, len(codes), per_page):
        _page(visit, sites[chosen], codes[start : start + per_page], base, shown)


def _choose(visit: Visit, sites: dict[str, Site], chosen: str, shown: Layout) -> None:
    words = visit.words

    def again() -> None:
        visit.go(f"{PATH}?{urlencode({'site': site.value, 'layout': layout.value})}")

    with parts.tag("div", classes="codes-choose"):
        names = {one.id: words.name(one.names, one.id) for one in sites.values()}
        site = parts.field(words("Site"), kind="select", options=names, initial=chosen, on_change=again)
        looks = {one.value: words(text) for one, text in LAYOUTS.items()}
        layout = parts.field(words("Page"), kind="select", options=looks, initial=shown.value, on_change=again)
        button = parts.button(words("Print"), primary=True)
        button.on("click", js_handler="() => window.print()")


def _warn(visit: Visit) -> None:
    """Where nobody has said how we are reached from outside."""
    if visit.sources.public_url is not None:
        return
    origin: str = visit.request.state.origin
    host = urlsplit(origin).hostname or ""
    if is_loopback(host):
        text = visit.words("Do not print these yet: they lead to {address}, which no phone can reach.", address=origin)
    else:
        text = visit.words("These codes lead to {address}, by which you opened this page.", address=origin)
    setting = visit.words("The address for phones is the setting public_url under alerts in caretaker.yaml.")
    parts.message(f"{text} {setting}", trouble=True)


def _page(visit: Visit, site: Site, codes: Sequence[Code], base: str, shown: Layout) -> None:
    """One page of paper."""
    languages = sorted(LANGUAGES, key=lambda one: one != visit.words.language)
    with parts.tag("div", classes=f"codes-page codes-{shown.value}"):
        for code in codes:
            with parts.tag("article", classes="code"):
                _code(site, code, base, [words_of(one) for one in languages])


def _code(site: Site, code: Code, base: str, languages: Sequence[Words]) -> None:
    address = f"{base}{code.address}"
    for words in languages:
        parts.tag("h2", words.name(code.area.names, code.area.id), "code-area", lang=words.language)
    for words in languages:
        parts.tag("p", words.name(site.names, site.id), "code-site", lang=words.language)
    parts.tag("img", classes="code-picture", src=picture(address), alt=_instead(code, languages[0]))
    for words in languages:
        parts.tag("p", words(_for(code)), "code-for", lang=words.language)
    parts.tag("p", address, "code-address")


def _instead(code: Code, words: Words) -> str:
    """Of the picture, for who does not see it."""
    return words("Code for {area}", area=words.name(code.area.names, code.area.id))


def picture(address: str) -> str:
    """The QR code as a `data:` address of an SVG: black on white, level M, the quiet zone of four modules included."""
    return segno.make_qr(address, error="m", boost_error=False).svg_data_uri(border=4, light="#fff", omitsize=True)


def _for(code: Code) -> str:
    return _FOR[What.FEEDBACK in code.whats, What.ASSISTANCE in code.whats]
