"""Values that are possible and not plausible, by device and metric. InfluxQL, pure.

A query names its metric by a number, its place in a list: InfluxQL has no constant texts.
"""

from collections.abc import Iterable, Sequence

from grafana.queries import DEVICE, InfluxQuery, Scope, Shape, group
from telemetry.catalogue.metric import Kind, Metric, Privacy
from telemetry.reading import Quality
from telemetry.series import quality_field
from telemetry.stores.influxdb.influxql import identifier, select

METRIC, COUNT = "metric", "suspect"


def may_be_suspect(metric: Metric) -> bool:
    """Whether anything possible is not plausible, and it is no matter of single people."""
    ends = (metric.possible_min, metric.possible_max) != (metric.plausible_min, metric.plausible_max)
    return metric.kind is not Kind.TEXT and metric.privacy is not Privacy.PERSONAL and ends


def suspects(metrics: Sequence[Metric], scope: Scope) -> Iterable[InfluxQuery]:
    """For each metric a table of the devices with suspect values in the range: how many, and the metric's place."""
    for place, metric in enumerate(metrics):
        quality = identifier(quality_field(metric.name))
        what = f"count({quality}) AS {COUNT}, count({quality}) * 0 + {place} AS {METRIC}"
        marked = f"{quality} & {Quality.SUSPECT:d} = {Quality.SUSPECT:d}"
        query = select(what, metric.measurement, f"{scope.where(marked)} {group(DEVICE)}")
        yield InfluxQuery(query, Shape.TABLE, ref_id=metric.name)
