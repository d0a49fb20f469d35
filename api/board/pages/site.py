"""A site: each kind has a page of its own; what the board does not know is a list of areas and devices."""

from collections.abc import Sequence

from api.access.caller import Role
from api.board import parts
from api.board.frame import Board, Visit
from api.board.in_grafana import link_to_site
from api.board.pages import air, building, toilet
from api.queries import places
from api.queries.answer import time_ns_of
from api.queries.devices import DeviceBrief
from api.queries.places import SiteDetail
from api.queries.readers import require_reader, site_of
from api.queries.trends import Trends


def add(board: Board) -> None:
    """Register it."""
    trends = Trends(board.sources)

    @board.page("/sites/{site}", "Site")
    async def build(visit: Visit, site: str) -> None:
        caller = await visit.caller()
        require_reader(caller)
        place = site_of(visit.sources, caller, site)
        visit.title(visit.words.name(place.names, site))
        match place.kind:
            case "toilet":
                await toilet.build_site(visit, site, trends)
            case "building":
                await building.build_site(visit, site)
            case "air":
                await air.build_site(visit, site)
            case _:
                await any_site(visit, site)
        link_to_site(visit, site)
        if place.areas and caller.role >= Role.OPERATOR and not visit.wall:
            parts.link(visit.words("Codes to print"), f"/codes?site={site}", "more-link")


async def any_site(visit: Visit, site: str) -> None:
    """Its areas, and in each its devices."""

    async def build() -> None:
        words = visit.words
        found = await places.site(visit.sources, await visit.caller(), site)
        parts.link(words("Overview"), "/", "crumb")
        with parts.tag("div", classes="heading"):
            parts.tag("h1", words.name(found.names, found.id))
            parts.state(found.state, words)
        if not found.parts:
            parts.empty(words("No device of this site is set up yet."), words("Connect a device"), "/connect")
        for area in found.areas:
            _devices(visit, words.name(area.names, area.id), found, [one for one in found.parts if one.area == area.id])
        elsewhere = [one for one in found.parts if one.area not in {area.id for area in found.areas}]
        _devices(visit, words("Elsewhere") if found.areas else words("Devices"), found, elsewhere)

    await visit.live(build, [site])


def _devices(visit: Visit, title: str, place: SiteDetail, inside: Sequence[DeviceBrief]) -> None:
    words = visit.words
    if not inside:
        return
    with parts.section(title):
        columns = [parts.Column(words("Device")), parts.Column(words("State")), parts.Column(words("Last heard"))]
        parts.table(columns, [_row(visit, place, one) for one in inside], title)


def _row(visit: Visit, place: SiteDetail, one: DeviceBrief) -> Sequence[parts.Cell]:
    words = visit.words
    if one.spoke is None:
        heard = words("never")
    else:
        spoke_ns = time_ns_of(one.spoke)
        heard = words.moment(spoke_ns, visit.zone(place.id)) if place.archive else words.ago(spoke_ns, visit.now_ns())
    return [
        lambda: parts.link(words.name(one.names, one.id), f"/devices/{one.id}"),
        lambda: parts.state(one.state, words),
        heard,
    ]
