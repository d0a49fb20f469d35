"""What is always the same in the lines of readings that hold the same metrics."""

from collections.abc import Callable, Mapping, Sequence
from operator import itemgetter
from typing import Any

from msgspec import Struct

from telemetry.catalogue.metric import Kind
from telemetry.registry.models import Registry
from telemetry.series import ALERT, quality_field
from telemetry.stores.influxdb.names import escape_measurement, escape_name

TAGS, TIME, EVENT_TIME, NUMBERS = 0, 1, 2, 3
"""Where they stand in what a template is filled with: the tags, both times, then the numbers of the reading."""


class Field(Struct, frozen=True, gc=False):
    """The parts of a metric's fields that are always the same."""

    metric: str
    place: int
    """Of its number among those of the reading."""
    start: str
    """`name=`"""
    quality_start: str
    """`name_q=`"""


class Line(Struct, frozen=True):
    """One line of a shape: the metrics that share a measurement and a stored time."""

    measurement: str
    fields: tuple[Field, ...]
    is_event: bool
    template: str
    """The whole line where no quality is stated."""
    pick: Callable[[Sequence[Any]], tuple[Any, ...]]
    """What `template` is filled with, from what there is."""

    def with_quality(self, filling: Sequence[Any], quality: Mapping[str, int]) -> str:
        """The line, with the quality of the metrics in `quality` beside them."""
        fields = []
        for field in self.fields:
            fields.append(f"{field.start}{filling[NUMBERS + field.place]}")
            if field.metric in quality:
                fields.append(f"{field.quality_start}{quality[field.metric]}i")
        time_ns = filling[EVENT_TIME if self.is_event else TIME]
        return f"{self.measurement},{filling[TAGS]} {','.join(fields)} {time_ns}"


class Shape(Struct, frozen=True):
    """The lines of all readings that hold the same metrics in the same order."""

    lines: tuple[Line, ...]
    has_event: bool


def shape(metrics: Sequence[str], registry: Registry) -> Shape | None:
    """The shape of readings that hold `metrics`, in this order; None when one is a text, unknown or unspeakable.

    Alerts have none either: their tags differ from reading to reading.
    """
    groups: dict[tuple[str, bool], list[Field]] = {}
    try:
        for place, name in enumerate(metrics):
            metric = registry.metrics.get(name)
            if metric is None or metric.kind is Kind.TEXT or metric.measurement == ALERT:
                return None
            field = Field(name, place, f"{escape_name(name)}=", f"{escape_name(quality_field(name))}=")
            groups.setdefault((metric.measurement, metric.kind is Kind.EVENT), []).append(field)
        lines = tuple(_line(measurement, fields, is_event) for (measurement, is_event), fields in groups.items())
    except ValueError:  # the long way says why
        return None
    return Shape(lines, any(line.is_event for line in lines))


def _line(measurement: str, fields: Sequence[Field], is_event: bool) -> Line:  # noqa: FBT001 - a column of the key
    start = escape_measurement(measurement)
    shown = ",".join(field.start.replace("%", "%%") + "%s" for field in fields)
    places = (NUMBERS + field.place for field in fields)
    return Line(
        measurement=start,
        fields=tuple(fields),
        is_event=is_event,
        template=f"{start.replace('%', '%%')},%s {shown} %d",
        pick=itemgetter(TAGS, *places, EVENT_TIME if is_event else TIME),
    )
