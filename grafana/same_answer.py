"""A panel that shows another panel's answer in its own way: what is asked once is not asked again."""

from dataclasses import dataclass

from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.cog.variants import Dataquery
from grafana_foundation_sdk.models.dashboard import DataSourceRef

OF_THE_DASHBOARD = DataSourceRef(type_val="datasource", uid="-- Dashboard --")
"""Grafana's own, the panels beside it."""


@dataclass(frozen=True)
class SameAnswer(Dataquery, Builder["SameAnswer"]):
    """The answer to the queries of a panel of the same dashboard, before its transformations."""

    panel: int
    """Its id."""

    def build(self) -> "SameAnswer":
        """Itself: there is nothing to assemble."""
        return self

    def to_json(self) -> dict[str, object]:
        """As dashboards hold it."""
        return {"datasource": OF_THE_DASHBOARD, "panelId": self.panel, "refId": "A"}
