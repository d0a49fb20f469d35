"""PromQL for what the services say of themselves: the panels of the platform."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.cog.variants import Dataquery
from grafana_foundation_sdk.models.dashboard import DataSourceRef

PROMETHEUS = DataSourceRef(type_val="prometheus", uid="caretaker-prometheus")
"""The data source of the services' own figures."""


class Span(Enum):
    """What is asked for."""

    RANGE = "range"
    NOW = "now"


@dataclass(frozen=True)
class PromQuery(Dataquery, Builder["PromQuery"]):
    """A target of a panel. The SDK's own has fields that Grafana 9.3 does not know."""

    expr: str
    legend: str = ""
    """Name of a series; `{{reason}}` is a label's value."""
    ref_id: str = "A"
    span: Span = Span.RANGE

    def build(self) -> "PromQuery":
        """Itself: there is nothing to assemble."""
        return self

    def to_json(self) -> dict[str, object]:
        """As dashboards hold it."""
        return {
            "datasource": PROMETHEUS,
            "expr": self.expr,
            "legendFormat": self.legend,
            "range": self.span is Span.RANGE,
            "instant": self.span is Span.NOW,
            "refId": self.ref_id,
        }


def asked(*queries: tuple[str, str]) -> Sequence[PromQuery]:
    """Targets from expressions and legends, in order."""
    return [PromQuery(expr, legend, chr(ord("A") + place)) for place, (expr, legend) in enumerate(queries)]


def rate(counter: str, by: str = "") -> str:
    """Per second over the window that Grafana chooses, never less than four scrapes; summed over what `by` leaves."""
    summed = f"sum by ({by})" if by else "sum"
    return f"{summed} (rate({counter}[$__rate_interval]))"
