"""Links between the dashboards, to the board, and from an alert to the panel that shows what it is about."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from grafana_foundation_sdk.builders.dashboard import DashboardLink
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models import dashboard as models

from grafana.deployment import Deployment
from grafana.shown import ANY, uid

TAG = "caretaker"
"""Every dashboard has it, and beside it its language: the menu lists those of one language."""
TOILETS, BUILDINGS, AIR, ALERTS, DEVICES, PLATFORM, CITY = (
    "toilets", "buildings", "air", "alerts", "devices", "platform", "city",
)  # fmt: skip


def uid_of(deployment: Deployment, page: str) -> str:
    """Of a dashboard in the deployment's language: `caretaker-city`, `caretaker-city-zh`."""
    return uid(page, deployment.language)


def tags(deployment: Deployment) -> list[str]:
    """By which the menu finds the dashboards of the language."""
    return [TAG, f"{TAG}-{deployment.language}"]


def menu(deployment: Deployment) -> Sequence[DashboardLink]:
    """At the head of each dashboard: the others, which keep the range, and the board.

    What is chosen stays behind: sites, areas and devices of one page are on few of the others.
    """
    words = deployment.words
    return [
        DashboardLink(words("Dashboards"))
        .type(models.DashboardLinkType.DASHBOARDS)
        .tags([tags(deployment)[1]])
        .as_dropdown(True)
        .keep_time(True)
        .include_vars(False)
        .icon("apps"),
        DashboardLink(words("Board"))
        .type(models.DashboardLinkType.LINK)
        .url(deployment.board_url)
        .icon("external link")
        .tooltip(words("The live board: what is the matter now, and what to do"))
        .target_blank(True),
    ]


class Link(models.DashboardLink, Builder[models.DashboardLink]):
    """A data link: what opens at a click on a series or a cell. The SDK's has much that only the menu uses."""

    def __init__(self, title: str, url: str, *, new_tab: bool = False) -> None:
        super().__init__(title=title, url=url, target_blank=new_tab)

    def build(self) -> models.DashboardLink:
        """Itself: there is nothing to assemble."""
        return self

    def to_json(self) -> dict[str, object]:
        """As field options hold it."""
        return {"title": self.title, "url": self.url, "targetBlank": self.target_blank}


def device_links(deployment: Deployment, device: str = "${__field.labels.device}") -> Sequence[Link]:
    """From a series, or a cell, to its device: the dashboard of devices and the board."""
    words = deployment.words
    return [
        Link(words("The device's dashboard"), f"{page(deployment, DEVICES)}?var-device={device}&${{__url_time_range}}"),
        Link(words("The device on the board"), f"{deployment.board_url}/devices/{device}", new_tab=True),
    ]


def site_links(deployment: Deployment, target: str | None, site: str = "${__field.labels.site}") -> Sequence[Link]:
    """From a series, or a cell, to its site: the dashboard `target`, where there is one, and the board."""
    words = deployment.words
    board = Link(words("The site on the board"), f"{deployment.board_url}/sites/{site}", new_tab=True)
    if target is None:
        return [board]
    return [
        Link(words("The site's dashboard"), f"{page(deployment, target)}?var-site={site}&${{__url_time_range}}"),
        board,
    ]


CELL = "${__value.raw}"
"""In a link of a table's column: the value of the very cell, an id where it shows a name."""


def cell(name: str) -> str:
    """In a link of a table: what another column shows in the same row, so that a column with names gives the name.

    For an id select it once more under another name, in a column that has no names and is hidden.
    """
    return f'${{__data.fields["{name}"]}}'


def page(deployment: Deployment, name: str) -> str:
    """The path of a dashboard within Grafana."""
    return f"/d/{uid_of(deployment, name)}"


@dataclass(frozen=True)
class Place:
    """A panel of a dashboard."""

    uid: str
    panel: int


Places = Mapping[tuple[str, str], Place]
"""Kind of site, or `ANY`, and catalogue metric to where it is drawn."""


def place_of(places: Places, kind: str, metric: str) -> Place | None:
    """Where a metric of a site of the kind is drawn; None: nowhere."""
    return places.get((kind, metric)) or places.get((ANY, metric))
