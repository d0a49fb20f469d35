"""The head of every page: where one is, where one can go, who one is."""

from nicegui import ui

from api.access.caller import Role
from api.board import parts
from api.board.visit import Visit
from api.board.words import LANGUAGES, Words
from api.problem import ApiError
from api.queries import overview
from telemetry.wording import later

PLACES = (
    ("/", later("Overview")),
    ("/alerts", later("Alerts")),
    ("/devices", later("Devices")),
    ("/quarantine", later("Quarantine")),
    ("/connect", later("Connect a device")),
)
UNDER = {"/silences": "/alerts", "/rules": "/alerts"}
"""Pages that are found from one of the places."""
BEHIND_MENU = {"/quarantine", "/connect"}
"""On a phone."""
THEMES = {"auto": later("As the system"), "light": later("Light"), "dark": later("Dark")}
COUNT_EVERY_S = 1.0


async def masthead(visit: Visit) -> None:
    """Skip link, name, navigation with the number of alerts, site to go to, language, theme, sign out."""
    words = visit.words
    parts.link(words("Skip to the content"), "#main", "skip")
    if visit.wall:
        return
    with parts.tag("header", classes="masthead"):
        parts.link("Caretaker", "/", "brand")
        with parts.tag("nav", classes="places", aria_label=words("Main")):
            here = place_of(visit.request.url.path)
            for href, name in PLACES:
                look = "place minor" if href in BEHIND_MENU else "place"
                with parts.tag("a", classes=look, href=href, aria_current="page" if href == here else None):
                    parts.tag("span", words(name))
                    if href == "/alerts":
                        await _count(visit)
        with parts.tag("details", classes="more"):
            parts.tag("summary", words("Menu"), "button plain")
            with parts.tag("div", classes="more-panel"):
                await _controls(visit)


def place_of(path: str) -> str:
    """The place in which a page is: the beginning of its path, or what that is found from."""
    first = f"/{path.split('/')[1]}"
    return UNDER.get(first, first)


async def _count(visit: Visit) -> None:
    shown = parts.tag("span", "", "count")
    hidden = parts.tag("span", "", "only-read")
    seen = -1

    async def look() -> None:
        nonlocal seen
        changes = visit.sources.news.changes
        if seen == changes:
            return
        try:
            count = await overview.count_of_alerts(visit.sources, await visit.caller())
        except ApiError:  # signed out: the page itself says so
            return
        if count is not None:  # away: asked again
            seen = changes
        shown.say(str(count) if count else "")
        hidden.say(visit.words("active") if count else "")

    await look()
    ui.timer(COUNT_EVERY_S, look, immediate=False)


async def _controls(visit: Visit) -> None:
    words = visit.words
    caller = await visit.caller()
    with parts.tag("nav", classes="more-places", aria_label=words("More")):
        for href, name in PLACES:
            if href in BEHIND_MENU:
                parts.tag("a", words(name), href=href)
    sites = [one for one in visit.sources.registry.sites.values() if caller.sees(one.id)]
    options = {"": words("Choose"), **{one.id: words.name(one.names, one.id) for one in sites}}
    chosen = parts.field(
        words("Go to a site"), kind="select", options=options, on_change=lambda: _go(visit, chosen.value)
    )
    if caller.role >= Role.OPERATOR:
        parts.link(words("Codes to print"), "/codes", "more-link")
    _switch(words("Language"), dict(LANGUAGES), words.language, "caretaker.language")
    theme = visit.request.cookies.get("caretaker-theme", "auto")
    _switch(words("Colours"), {name: words(text) for name, text in THEMES.items()}, theme, "caretaker.theme")
    parts.tag("p", _who(words, caller.name, caller.role.word), "quiet")
    with parts.tag("form", method="post", action="/sign-out"):
        parts.tag("button", words("Sign out"), "button", type="submit")


def _go(visit: Visit, site: str) -> None:
    if site:
        visit.go(f"/sites/{site}")


def _switch(title: str, options: dict[str, str], initial: str, call: str) -> None:
    """Done by the browser: it outlasts the page."""
    with parts.tag("label", classes="field field-select"):
        parts.tag("span", title, "field-title")
        with parts.tag("select", classes="input") as drawn:
            for value, text in options.items():
                chosen: dict[str, parts.Prop] = {"^selected": True} if value == initial else {}
                parts.tag("option", text, value=value).props.update(chosen)
    drawn.on("change", js_handler=f"(e) => {call}(e.target.value)")


def _who(words: Words, name: str, role: str) -> str:
    return words("Signed in as {name} ({role})", name=name, role=words(ROLES.get(role, role)))


ROLES = {"viewer": later("viewer"), "operator": later("operator"), "admin": later("admin")}
