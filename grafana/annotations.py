"""Alerts as marks in every plot."""

from grafana_foundation_sdk.builders.dashboard import AnnotationQuery as Draft
from grafana_foundation_sdk.models.dashboard import AnnotationQuery, AnnotationTarget

from grafana.alert_queries import raised
from grafana.deployment import Deployment
from grafana.queries import INFLUXDB, Scope
from grafana.thresholds import AMBER


class InfluxMarks(AnnotationTarget):
    """An InfluxQL query whose rows are marks: the SDK knows those of Grafana's own store only."""

    def __init__(self, query: str, text: str, tags: str) -> None:
        """`text` and `tags` are columns."""
        super().__init__()
        self._held: dict[str, object] = {
            "datasource": INFLUXDB,
            "fromAnnotations": True,
            "query": query,
            "rawQuery": True,
            "refId": "Anno",
            "tagsColumn": tags,
            "textColumn": text,
            "titleColumn": "",
            "timeEndColumn": "",
        }

    def to_json(self) -> dict[str, object]:
        """As dashboards hold it."""
        return self._held


class _Marks(Draft):
    def __init__(self, target: InfluxMarks) -> None:
        super().__init__()
        self._target = target

    def build(self) -> AnnotationQuery:
        built = super().build()
        built.target = self._target
        return built


def alerts_raised(deployment: Deployment, scope: Scope) -> Draft:
    """A mark where an alert of a chosen device began to fire; a switch at the head of the dashboard hides them.

    Rule and device stand in it by their ids: a mark's text comes from the store as it is.
    """
    return (
        _Marks(InfluxMarks(raised(scope), text="rule", tags="device"))
        .name(deployment.words("Alerts raised"))
        .datasource(INFLUXDB)
        .enable(True)
        .hide(False)
        .icon_color(AMBER)
    )
