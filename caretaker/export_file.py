"""Stored values as files that `caretaker import` reads again."""

import csv
import json
from collections.abc import AsyncIterator, Collection, Iterable, Iterator, Sequence
from typing import TextIO

from caretaker.moments import utc_text
from caretaker.values import quality_text
from telemetry.catalogue.metric import Kind, Source
from telemetry.reading import ENTERED_BY, NS_PER_MS, NS_PER_S, Quality, Reading
from telemetry.registry.models import Registry
from telemetry.stores.store import Sample, StoreReader

WINDOW_NS = 86_400 * NS_PER_S
"""Read at first at a time of one device; then as suits how much there was."""
FEW, MANY = 5_000, 50_000
"""Values of a window: below, the next one is longer; above, shorter. So memory is bounded, whatever is asked for."""
ASKED_AT_ONCE = 100
"""Devices in one question for what there is."""
CSV_COLUMNS = ("device", "time", "seq", "metric", "value", "quality", "by")


async def stored_readings(
    reader: StoreReader, registry: Registry, devices: Sequence[str], start_ns: int, end_ns: int
) -> AsyncIterator[tuple[str, int, list[Reading]]]:
    """Device after device, window after window in order of time: (device, end of the window, its readings).

    Only what devices say themselves, of which the store has a value: that is what `caretaker import` takes. What was
    computed can be computed again, and alerts have their own history.
    """
    said = {name for name, metric in registry.metrics.items() if metric.source is Source.DEVICE}
    async for device, metrics in _measured(reader, devices, said):
        begin_ns, window_ns = start_ns, WINDOW_NS
        while metrics and begin_ns < end_ns:
            until_ns = min(begin_ns + window_ns, end_ns)
            samples = [sample async for sample in reader.history(device, metrics, begin_ns, until_ns)]
            yield device, until_ns, joined(samples, registry)
            begin_ns = until_ns
            if len(samples) < FEW:
                window_ns *= 2
            elif len(samples) > MANY:
                window_ns = max(window_ns // 2, NS_PER_S)


async def _measured(
    reader: StoreReader, devices: Sequence[str], wanted: Collection[str]
) -> AsyncIterator[tuple[str, list[str]]]:
    """Each device with those of the wanted metrics of which the store has a value."""
    for start in range(0, len(devices), ASKED_AT_ONCE):
        page = devices[start : start + ASKED_AT_ONCE]
        found: dict[str, list[str]] = {device: [] for device in page}
        for sample in await reader.latest(page):
            if sample.metric in wanted:
                found[sample.device].append(sample.metric)
        for device, metrics in found.items():
            yield device, metrics


def joined(samples: Iterable[Sample], registry: Registry) -> list[Reading]:
    """The values of one device and moment as one reading again; an event's count is below its millisecond.

    Whoever entered them by hand stands in each reading of that moment that has such values.
    """
    found: dict[tuple[str, int, int | None], tuple[dict[str, float | str], dict[str, Quality]]] = {}
    authors: dict[tuple[str, int], float | str] = {}
    for sample in samples:
        if sample.metric == ENTERED_BY:
            authors[sample.device, sample.time_ns] = sample.value
            continue
        metric = registry.metrics.get(sample.metric)
        event = metric is not None and metric.kind is Kind.EVENT
        seq = sample.time_ns % NS_PER_MS if event else None
        values, quality = found.setdefault((sample.device, sample.time_ns // NS_PER_MS * NS_PER_MS, seq), ({}, {}))
        values[sample.metric] = sample.value
        if sample.quality:
            quality[sample.metric] = sample.quality
    for (device, time_ns, _), (values, quality) in found.items():
        if (device, time_ns) in authors and any(Quality.MANUAL in one for one in quality.values()):
            values[ENTERED_BY] = authors[device, time_ns]
    order = sorted(found, key=lambda key: (key[0], key[1], -1 if key[2] is None else key[2]))
    return [Reading(*key, *found[key]) for key in order]


def write_ndjson(readings: Iterable[Reading], file: TextIO) -> None:
    """A reading a line."""
    for reading in readings:
        line: dict[str, object] = {"device": reading.device, "time": utc_text(reading.time_ns)}
        if reading.seq is not None:
            line["seq"] = reading.seq
        values = dict(reading.values)
        if ENTERED_BY in values:
            line["by"] = values.pop(ENTERED_BY)
        line["values"] = values
        if reading.quality:
            line["quality"] = {metric: quality_text(quality) for metric, quality in reading.quality.items()}
        file.write(json.dumps(line, ensure_ascii=False) + "\n")


def write_csv(readings: Iterable[Reading], file: TextIO) -> None:
    """A value a row, under `CSV_COLUMNS`; the header is the caller's."""
    csv.writer(file, lineterminator="\n").writerows(row for reading in readings for row in _csv_rows(reading))


def _csv_rows(reading: Reading) -> Iterator[tuple[object, ...]]:
    time = utc_text(reading.time_ns)
    author = reading.values.get(ENTERED_BY)
    for metric, value in reading.values.items():
        if metric != ENTERED_BY:
            quality = reading.quality.get(metric, Quality.GOOD)
            by = author if Quality.MANUAL in quality else None
            yield reading.device, time, reading.seq, metric, value, quality_text(quality), by
