"""Readings as line protocol. The hot path: about 2 us a reading of six values.

Names (measurement, tags, field keys) come from the registry and the catalogue, values from devices. Whatever text
arrives, the store must read back exactly what was given, or the reading is refused here.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

import msgspec
from msgspec import Struct

from telemetry.reading import Reading
from telemetry.registry.models import Registry
from telemetry.series import LIMIT_NS, Point, event_time_ns, quality_field, split
from telemetry.stores.influxdb.names import escape_measurement, escape_name, serialise_tags
from telemetry.stores.influxdb.shapes import Shape, shape
from telemetry.stores.store import Refusal
from telemetry.topics import ID

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
        self._site_tags: dict[str, str] = {}
        self._odd_devices: frozenset[str] = frozenset()
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
            made = self._short_way(reading, registry)
            if made is not None:
                lines += made
                owners += [index] * len(made)
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
            self._site_tags = {name: f"site={name}" for name in registry.sites if ID.fullmatch(name)}
            self._odd_devices = frozenset(name for name in registry.devices if not ID.fullmatch(name))
        return registry

    def _short_way(self, reading: Reading, registry: Registry) -> Sequence[str] | None:
        """The lines of a reading of numbers, one for each of its measurements; None: take the long way."""
        values, quality, device, time_ns = reading.values, reading.quality, reading.device, reading.time_ns
        metrics = (*values,)
        known_shape = self._shapes.get(metrics)
        if known_shape is None:
            known_shape = self._learn_shape(metrics, registry)
        known = registry.devices.get(device)
        if known_shape is None or known is None or not -LIMIT_NS <= time_ns <= LIMIT_NS:
            return None
        site_tag = self._site_tags.get(known.site)
        if site_tag is None or device in self._odd_devices:
            return None
        try:
            numbers = NUMERALS((*values.values(),))
        except (ValueError, OverflowError):  # a broken text or a giant whole number, where the catalogue has a float
            return None
        if numbers.translate(None, NUMERIC):
            return None
        filling = (
            f"device={device},{site_tag}",
            time_ns,
            event_time_ns(time_ns, reading.seq) if known_shape.has_event else time_ns,
            *numbers[1:-1].decode().split(","),
        )
        if not quality and device not in self._stating:
            return [line.template % line.pick(filling) for line in known_shape.lines]
        stating = self._note_doubts(device, [name for name, doubt in quality.items() if doubt and name in values])
        stated = {name: int(quality.get(name, 0)) for name in metrics if name in stating}
        return [line.with_quality(filling, stated) for line in known_shape.lines]

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
        learnt = self._shapes[metrics] = shape(metrics, registry)
        return learnt

    def _long_way(self, point: Point) -> str:
        stating = self._note_doubts(point.device, point.quality)
        quality = {metric: int(point.quality.get(metric, 0)) for metric in point.values if metric in stating}
        return serialise(point, quality)


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
    start = f"{escape_measurement(point.measurement)},{serialise_tags(point.device, point.site, point.rule)}"
    return f"{start} {','.join(fields)} {point.time_ns}"
