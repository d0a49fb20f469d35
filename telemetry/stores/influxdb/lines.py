"""Readings as line protocol. The hot path: about 2 us a reading of six values.

Names (measurement, tags, field keys) come from the registry and the catalogue, values from devices. Whatever text
arrives, the store must read back exactly what was given, or the reading is refused here.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

import msgspec
from msgspec import Struct

from telemetry.catalogue.metric import Kind
from telemetry.reading import Reading
from telemetry.registry.models import Registry
from telemetry.series import LIMIT_NS, Point, event_time_ns, quality_field, split
from telemetry.stores.store import Refusal

NAME_ESCAPES = str.maketrans({",": r"\,", "=": r"\=", " ": r"\ "})
MEASUREMENT_ESCAPES = str.maketrans({",": r"\,", " ": r"\ "})
TEXT_ESCAPES = str.maketrans({'"': r"\"", "\\": r"\\"})

MAX_SHAPES = 4_096
"""Combinations of metrics remembered. Devices choose what they send together, so it needs a bound."""
NUMERALS = msgspec.json.Encoder().encode
"""Shortest text that reads back as the same float, at a fifth of `repr`'s time."""
NUMERIC = b"0123456789.,-+e[]"
"""All that a list of finite numbers is written with: true, null and texts need more."""


class Lines(Struct):
    """A batch as lines."""

    lines: list[str]
    owners: list[int]
    """For each line the index of its reading; rising."""
    refused: list[Refusal]
    """Readings that have no line, or not all of theirs."""


class Field(Struct, frozen=True, gc=False):
    """The parts of a metric's fields that are always the same."""

    metric: str
    start: str
    """`name=`"""
    quality_start: str
    """`name_q=`"""


class Shape(Struct, frozen=True, gc=False):
    """The line of all readings that hold the same metrics: only the device, the numbers and the time are missing."""

    measurement: str
    fields: tuple[Field, ...]
    is_event: bool
    template: str
    """The whole line where no quality is stated."""


class LineEncoder:
    """Turns readings into lines, and remembers which series have ever stated a quality.

    InfluxDB merges the fields of two writes of one point. A good value that replaces a suspect one therefore has to say
    that it is good. Whether a point is replaced is not known here, so a series that ever held a value that was not good
    states its quality always. What another process writes meanwhile is learnt at the next start.
    """

    def __init__(self, registry: Callable[[], Registry]) -> None:
        self._registry_in_force = registry
        self._registry: Registry | None = None
        self._shapes: dict[tuple[str, ...], Shape | None] = {}
        self._tags: dict[str, str] = {}
        self._stating: dict[str, set[str]] = {}

    def state_quality(self, device: str, metric: str) -> None:
        """From now on every value of this series says how far to trust it."""
        self._stating.setdefault(device, set()).add(metric)

    def encode(self, readings: Sequence[Reading]) -> Lines:
        """The lines of a batch, in its order."""
        registry = self._follow_registry()
        lines: list[str] = []
        owners: list[int] = []
        refused: list[Refusal] = []
        for index, reading in enumerate(readings):
            line = self._short_way(reading, registry)
            if line is not None:
                lines.append(line)
                owners.append(index)
                continue
            parts = split(reading, registry)
            faults = list(parts.faults)
            for point in parts.points:
                try:
                    lines.append(self._long_way(point))
                    owners.append(index)
                except ValueError as error:
                    faults.append(str(error))
            if faults:
                refused.append(Refusal(reading, "; ".join(faults)))
        return Lines(lines, owners, refused)

    def _follow_registry(self) -> Registry:
        registry = self._registry_in_force()
        if registry is not self._registry:
            self._registry = registry
            self._shapes.clear()
            self._tags.clear()
        return registry

    def _short_way(self, reading: Reading, registry: Registry) -> str | None:
        """The line of a reading of numbers that share one line, which nearly all are; None: take the long way."""
        values = reading.values
        device = reading.device
        metrics = (*values,)
        shape = self._shapes.get(metrics)
        if shape is None:
            shape = self._learn_shape(metrics, registry)
        tags = self._tags.get(device)
        if tags is None:
            tags = self._learn_tags(device, registry)
        time_ns = reading.time_ns
        if shape is None or tags is None or not -LIMIT_NS <= time_ns <= LIMIT_NS:
            return None
        try:
            numbers = NUMERALS((*values.values(),))
        except (ValueError, OverflowError):  # a broken text or a giant whole number, where the catalogue has a float
            return None
        if numbers.translate(None, NUMERIC):
            return None
        if shape.is_event:
            time_ns = event_time_ns(time_ns, reading.seq)
        texts = numbers[1:-1].decode().split(",")
        if not reading.quality and device not in self._stating:
            return shape.template % (tags, *texts, time_ns)
        stating = self._note_doubts(
            device, [name for name, doubt in reading.quality.items() if doubt and name in values]
        )
        fields = []
        for field, text in zip(shape.fields, texts, strict=True):
            fields.append(field.start + text)
            if field.metric in stating:
                fields.append(f"{field.quality_start}{int(reading.quality.get(field.metric, 0))}i")
        return f"{shape.measurement},{tags} {','.join(fields)} {time_ns}"

    def _note_doubts(self, device: str, metrics: Iterable[str]) -> Collection[str]:
        """From now on these state their quality; gives all of the device that do."""
        for metric in metrics:
            self.state_quality(device, metric)
        return self._stating.get(device, ())

    def _learn_shape(self, metrics: tuple[str, ...], registry: Registry) -> Shape | None:
        if metrics in self._shapes:
            return self._shapes[metrics]
        if len(self._shapes) >= MAX_SHAPES:
            self._shapes.clear()
        shape = self._shapes[metrics] = _shape(metrics, registry)
        return shape

    def _learn_tags(self, device_id: str, registry: Registry) -> str | None:
        device = registry.devices.get(device_id)
        if device is None:
            return None
        try:
            tags = self._tags[device_id] = serialise_tags(device.id, device.site)
        except ValueError:  # the long way says why
            return None
        return tags

    def _long_way(self, point: Point) -> str:
        stating = self._note_doubts(point.device, point.quality)
        quality = {metric: int(point.quality.get(metric, 0)) for metric in point.values if metric in stating}
        return serialise(point, quality)


def _shape(metrics: tuple[str, ...], registry: Registry) -> Shape | None:
    """None when the metrics do not share one line, or one of them is a text or unknown."""
    found = [registry.metrics.get(name) for name in metrics]
    if any(metric is None or metric.kind is Kind.TEXT for metric in found):
        return None
    belongings = {(metric.measurement, metric.kind is Kind.EVENT) for metric in found if metric is not None}
    if len(belongings) != 1:
        return None
    ((measurement, is_event),) = belongings
    try:
        start = escape_measurement(measurement)
        fields = tuple(Field(name, f"{escape_name(name)}=", f"{escape_name(quality_field(name))}=") for name in metrics)
    except ValueError:  # the long way says why
        return None
    shown = ",".join(field.start.replace("%", "%%") + "%s" for field in fields)
    return Shape(start, fields, is_event, f"{start.replace('%', '%%')},%s {shown} %d")


def serialise(point: Point, quality: Mapping[str, int]) -> str:
    """One point as one line; `quality` are the metrics whose quality is stated.

    Raises `ValueError` on a name that line protocol cannot carry.
    """
    fields = []
    for metric, value in point.values.items():
        text = f'"{value.translate(TEXT_ESCAPES)}"' if isinstance(value, str) else repr(value)
        fields.append(f"{escape_name(metric)}={text}")
        if metric in quality:
            fields.append(f"{escape_name(quality_field(metric))}={quality[metric]}i")
    start = f"{escape_measurement(point.measurement)},{serialise_tags(point.device, point.site)}"
    return f"{start} {','.join(fields)} {point.time_ns}"


def serialise_tags(device: str, site: str) -> str:
    """The tags, in the order of their names, in which InfluxDB keeps them."""
    return f"device={escape_name(device)},site={escape_name(site)}"


def escape_name(name: str) -> str:
    """A tag value or a field key. Raises `ValueError` on one that line protocol cannot carry."""
    _check_name(name)
    return name.translate(NAME_ESCAPES)


def escape_measurement(name: str) -> str:
    """A measurement. Raises `ValueError` on one that line protocol cannot carry."""
    _check_name(name)
    if name.startswith("#"):  # a comment: the store would drop the line without a word
        raise ValueError(f"a measurement cannot start with #: {name!r}")
    return name.translate(MEASUREMENT_ESCAPES)


def _check_name(name: str) -> None:
    # A backslash in a name has no escape of its own; the store reads it by what follows.
    if not name or "\\" in name or not name.isprintable():
        raise ValueError(f"a name that line protocol cannot carry: {name!r}")
