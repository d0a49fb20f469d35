"""Overview: is everything all right, and if not, where?"""

from api.board import parts
from api.board.frame import Board, Visit
from api.queries import places


def add(board: Board) -> None:
    """Register it."""
    board.page("/", "Overview")(overview)


async def overview(visit: Visit) -> None:
    """A tile for each site, worst first."""

    async def build() -> None:
        found = await places.sites(visit.sources, await visit.caller())
        parts.heading(visit.words("Overview"))
        with parts.tag("ul", classes="tiles"):
            for site in found:
                with parts.tag("li", classes="tile", data_key=site.id):
                    parts.link(visit.words.name(site.names, site.id), f"/sites/{site.id}")
                    parts.state(site.state, visit.words)

    await visit.live(build)
