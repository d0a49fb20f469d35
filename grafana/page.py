"""One dashboard in the making: panels with ids that stay, laid out on Grafana's grid, and what every dashboard has."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

from grafana_foundation_sdk.builders.dashboard import Dashboard as Draft
from grafana_foundation_sdk.builders.dashboard import Row, TimePicker
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import DashboardCursorSync, GridPos
from grafana_foundation_sdk.models.dashboard import Panel as Built

from grafana.annotations import alerts_raised
from grafana.deployment import Deployment
from grafana.links import Place, Places, menu, tags, uid_of
from grafana.queries import Scope, Variable
from grafana.shown import ANY
from grafana.variables import variables
from telemetry.registry.models import Device, Site

COLUMNS = 24
"""Of Grafana's grid; a unit of height is 30 px, and 8 units between."""
SCHEMA = 37
"""What Grafana 9.3 writes itself; newer ones migrate from it."""
LIVE, CALM = "5s", "1m"
"""How often a dashboard asks again: of operations, at Grafana's least interval, and of analysis."""
FOLDERS: Mapping[str, str] = {"en": "Caretaker", "zh-Hant": "Caretaker 管理平台"}


@dataclass(frozen=True)
class Dashboard:
    """A dashboard as Grafana stores it."""

    folder_uid: str
    folder_title: str
    uid: str
    title: str
    document: Mapping[str, Any]
    """Grafana's JSON, without `id` and `version`, which are a server's own."""
    drawn: Places
    """The first panel that draws each metric."""


class Page:
    """A dashboard that is filled row by row, from left to right."""

    def __init__(
        self,
        deployment: Deployment,
        name: str,
        title: str,
        description: str,
        *,
        sites: Sequence[Site],
        devices: Sequence[Device],
        choose: Sequence[Variable] = (Variable.SITE, Variable.AREA, Variable.DEVICE),
        refresh: str = LIVE,
        start: str = "now-24h",
        marked: bool = True,
    ) -> None:
        """`choose`: its variables, with these sites and devices. `start`: of the usual range, which ends now.

        `marked`: whether plots show where alerts were raised before anybody asks for it by the switch at the head.
        """
        self.deployment = deployment
        self.uid = uid_of(deployment, name)
        self.title = title
        if len(sites) == len(deployment.sites()):
            self._kinds: Sequence[str] = (ANY,)
            self.scope = Scope(tuple(choose), archives=deployment.archives)
        else:
            self._kinds = tuple(dict.fromkeys(site.kind for site in sites))
            self.scope = Scope(tuple(choose), tuple(site.id for site in sites))
        """What the queries of its panels are about: its sites, as its variables narrow them."""
        self._draft = (
            Draft(title)
            .uid(self.uid)
            .description(description)
            .tags(tags(deployment))
            .timezone(deployment.zone)
            .week_start("monday")
            .tooltip(DashboardCursorSync.CROSSHAIR)
            .time(start, "now")
            .refresh(refresh)
            .timepicker(TimePicker().refresh_intervals(["5s", "10s", "30s", "1m", "5m", "15m", "1h"]))
            .links(list(menu(deployment)))
            .annotations([alerts_raised(deployment, self.scope).enable(marked)])
            .variables(list(variables(deployment, choose, sites, devices)))
        )
        self._filled = [0] * COLUMNS
        self._ids: set[int] = set()
        self._drawn: dict[tuple[str, str], Place] = {}
        self._heading: Row | None = None

    def row(self, panel_id: int, title: str) -> None:
        """A heading over what is added next; without anything under it there is none."""
        self._heading = Row(title).id(self._take(panel_id))

    def add(self, panel_id: int, panel: Builder[Built], *, width: int, height: int, draws: Sequence[str] = ()) -> None:
        """A panel at the highest free place, of those the leftmost: right of the one before, or under a lower one.

        `panel_id` is its own for ever: links point to it. `draws`: the metrics for which an alert may point here, since
        it shows whichever device of the page's sites is chosen.
        """
        if self._heading is not None:
            y = max(self._filled)
            self._draft.with_row(self._heading.grid_pos(GridPos(h=1, w=COLUMNS, x=0, y=y)))
            self._filled = [y + 1] * COLUMNS
            self._heading = None
        x, y = self._place(width)
        built = panel.build()
        built.id_val = self._take(panel_id)
        built.grid_pos = GridPos(h=height, w=width, x=x, y=y)
        self._draft.with_panel(_Finished(built))
        self._filled[x : x + width] = [y + height] * width
        for key in product(self._kinds, draws):
            self._drawn.setdefault(key, Place(self.uid, panel_id))

    def build(self) -> Dashboard:
        """The dashboard; the same for the same deployment, to the byte."""
        draft = self._draft.build()
        draft.schema_version = SCHEMA
        document = json.loads(json.dumps(draft, cls=JSONEncoder, sort_keys=True))
        for panel in document.setdefault("panels", []):
            if "timeFrom" in panel:
                # The panel's words say it; Grafana would write it into the corner in English.
                panel["hideTimeOverride"] = True
            if panel["type"] not in {"row", "table"}:
                # Else Grafana says it in English. In a table it would stand in every empty cell.
                panel["fieldConfig"]["defaults"].setdefault("noValue", self.deployment.words("No data"))
        deployment = self.deployment
        folder = FOLDERS[deployment.language]
        return Dashboard(f"caretaker{deployment.suffix}", folder, self.uid, self.title, document, self._drawn)

    def _place(self, width: int) -> tuple[int, int]:
        tops = [max(self._filled[x : x + width]) for x in range(COLUMNS - width + 1)]
        y = min(tops)
        return tops.index(y), y

    def _take(self, panel_id: int) -> int:
        if panel_id in self._ids:
            raise ValueError(f"{self.uid}: two panels have the id {panel_id}")
        self._ids.add(panel_id)
        return panel_id


class _Finished(Builder[Built]):
    """A panel that is built already."""

    def __init__(self, panel: Built) -> None:
        self._panel = panel

    def build(self) -> Built:
        return self._panel
