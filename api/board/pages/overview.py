"""Overview: is everything all right, and if not, where?"""

from collections.abc import Mapping, Sequence

from nicegui import ui

from api.board import parts
from api.board.frame import Board, Visit
from api.board.plot import spark
from api.board.words import NOTHING, Words
from api.queries.answer import time_ns_of
from api.queries.figures import Figure, FigureKind
from api.queries.overview import Overview, Overviews, Reason, Tile
from api.queries.standing import State
from telemetry.wording import later

NAMED_MOST = 3
"""Sites that the sentence names."""
WALL_TURN_S = 12.0
"""How long a wall screen shows one screenful."""
WALL_TILES = 6

FIGURES: Mapping[FigureKind, str] = {
    FigureKind.CUBICLES_FREE: later("Cubicles free"),
    FigureKind.ODOUR: later("Ammonia, highest"),
    FigureKind.POWER_NOW: later("Power now"),
    FigureKind.ENERGY_TODAY: later("Today"),
    FigureKind.WORST_POLLUTANT: later("Worst pollutant"),
    FigureKind.DEVICES_HEARD: later("Devices heard"),
}
EDGES: Mapping[State, str] = {
    State.CRITICAL: "edge-critical",
    State.ATTENTION: "edge-attention",
    State.UNKNOWN: "edge-unknown",
    State.OUT_OF_SERVICE: "edge-out",
    State.FINE: "",
}


def add(board: Board) -> None:
    """Register it."""
    overviews = Overviews(board.sources)

    @board.page("/", "Overview")
    async def build(visit: Visit) -> None:
        await draw(visit, overviews)


async def draw(visit: Visit, overviews: Overviews) -> None:
    """One sentence, and a tile for each site, worst first."""
    turn = 0

    async def build() -> None:
        seen = await overviews.of(await visit.caller())
        verdict(visit, seen)
        if not seen.tiles:
            parts.empty(
                visit.words("No site is set up yet: they stand in sites.yaml, and devices beside them."),
                visit.words("Connect a device"),
                "/connect",
            )
        with parts.tag("ul", classes="tiles", aria_label=visit.words("Sites")):
            for tile in _on_screen(visit, seen.tiles, turn):
                with parts.tag("li", data_key=tile.id, classes=f"tile edge {EDGES[tile.state]}"):
                    _tile(visit, tile)

    live = await visit.live(build)
    if visit.wall:

        async def rotate() -> None:
            nonlocal turn
            turn += 1
            await live.draw()

        ui.timer(WALL_TURN_S, rotate, immediate=False)


def _on_screen(visit: Visit, tiles: Sequence[Tile], turn: int) -> Sequence[Tile]:
    """On a wall: those that need someone in turns, and where none does, all of them in turns."""
    if not visit.wall:
        return tiles
    chosen = [one for one in tiles if one.needs_someone] or tiles
    pages = max(1, -(-len(chosen) // WALL_TILES))
    start = turn % pages * WALL_TILES
    return chosen[start : start + WALL_TILES]


def verdict(visit: Visit, seen: Overview) -> None:
    """The sentence above the tiles."""
    words = visit.words
    needing = [one for one in seen.tiles if one.needs_someone]
    with parts.tag("div", classes="verdict"):
        if not seen.alerts_known:
            parts.tag("h1", words("Whether anybody is needed is not known just now"))
            parts.tag("p", words("The alerts can't be asked. Values below are live; states go by silence alone."))
        elif needing:
            parts.tag("h1", _needing(words, needing))
        elif seen.active:
            parts.tag("h1", words("Nobody is needed"))
            parts.tag("p", words.many("{n} alert is active.", "{n} alerts are active.", seen.active))
        else:
            silent = sum(one.silent > 0 for one in seen.tiles)
            some = words.many(
                "No alert, but {n} site has silent devices", "No alert, but {n} sites have silent devices", silent
            )
            parts.tag("h1", some if silent else words("All is fine"))
            parts.tag("p", _watching(visit, seen))


def _needing(words: Words, needing: Sequence[Tile]) -> str:
    named = [
        words("{what} at {site}", what=_inside(words, _what(words, one.reasons[0])), site=_name(words, one))
        for one in needing[:NAMED_MOST]
        if one.reasons
    ]
    if len(needing) > NAMED_MOST:
        named.append(words("{n} more", n=len(needing) - NAMED_MOST))
    return words.many(
        "{n} site needs someone: {where}", "{n} sites need someone: {where}", len(needing), where=words.list(named)
    )


def _watching(visit: Visit, seen: Overview) -> str:
    words = visit.words
    rules = words.many("{n} rule is watching.", "{n} rules are watching.", seen.rules)
    if seen.last_alert is None:
        return rules
    ago = words.ago(time_ns_of(seen.last_alert), visit.now_ns())
    return words("The last alert was {ago}.", ago=ago) + " " + rules


def _tile(visit: Visit, tile: Tile) -> None:
    words = visit.words
    with parts.tag("div", classes="tile-head"):
        parts.tag("a", _name(words, tile), "tile-name", href=f"/sites/{tile.id}")
        parts.state(tile.state, words)
    why = _why(visit, tile)
    if why:
        parts.tag("p", why, "tile-why")
    with parts.tag("div", classes="tile-foot"):
        with parts.tag("dl", classes="figures"):
            for figure in tile.figures:
                with parts.tag("div", classes="figure"):
                    _figure(words, figure)
        if any(value is not None for value in tile.trend):
            spark(tile.trend)


def _why(visit: Visit, tile: Tile) -> str:
    """What is wrong first; then how much more."""
    words = visit.words
    if tile.reasons:
        first = tile.reasons[0]
        place = words.name(first.place_names)
        text = words.list([one for one in (_what(words, first), place) if one])
        since = words.ago(time_ns_of(first.raised), visit.now_ns())
        rest = sum(tile.alerts.model_dump().values()) - 1
        more = words(" and {n} more", n=rest) if rest else ""
        has_it = words(" · {name} has it", name=first.has_it) if first.has_it else ""
        return f"{text} · {since}{more}{has_it}"
    if tile.silent:
        return words.many("{n} device is silent", "{n} devices are silent", tile.silent)
    if tile.archive:
        return words("Old measurements, played again")
    return ""


def _figure(words: Words, figure: Figure) -> None:
    named = words.name(figure.names)
    parts.tag("dt", named or words(FIGURES[figure.kind]))
    with parts.tag("dd"):
        if figure.needs_operator:
            parts.tag("span", words("needs operator"), "words quiet")
        elif figure.out_of is not None:
            shown = NOTHING if figure.value is None else words.number(figure.value, 0)
            text = words("{n} of {all}", n=shown, all=figure.out_of)
            parts.value(words, text, stale=figure.stale)
        else:
            parts.value(
                words,
                figure.value,
                unit=figure.unit,
                decimals=figure.decimals,
                stale=figure.stale,
                suspect=figure.suspect,
            )


def _what(words: Words, reason: Reason) -> str:
    return words.name(reason.rule_names, reason.rule)


def _inside(words: Words, name: str) -> str:
    """A name within a sentence: `Odour` is `odour`, `PM2.5` stays."""
    if words.language != "en" or name[1:2] != name[1:2].lower() or not name[:1].isalpha():
        return name
    return name[:1].lower() + name[1:]


def _name(words: Words, tile: Tile) -> str:
    return words.name(tile.names, tile.id)
