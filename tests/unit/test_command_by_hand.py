"""What people entered by hand goes out and comes in again with its author."""

import io
from collections.abc import Callable, Iterable, Iterator
from typing import BinaryIO, TextIO

import pytest

from caretaker.export_file import CSV_COLUMNS, joined, write_csv, write_ndjson
from caretaker.ingest_file import FileLine, read_csv, read_ndjson
from telemetry.admission.admit import admit
from telemetry.message import Message
from telemetry.reading import NS_PER_MS, Quality, Reading
from telemetry.registry.models import Registry
from telemetry.series import split
from telemetry.stores.store import Sample
from telemetry.topics import topic
from tests.builders import device, registry

NOW_NS = 1_795_334_400_123_000_000
REGISTRY = registry(device())
PAYLOADS = (
    b'{"time":%d,"seq":7,"by":"night shift","values":{"cleaned":1,"nh3_ppm":60,"firmware":"2.1"}}',
    b'{"time":%d,"seq":8,"values":{"nh3_ppm":0.4}}',
)


def read_table(file: BinaryIO, known: Registry, received_ns: int) -> Iterator[FileLine]:
    return read_csv(file, known, received_ns, None)


def samples_of(readings: Iterable[Reading]) -> list[Sample]:
    """As a store would give them back."""
    return [
        Sample(point.device, metric, point.time_ns, value, point.quality.get(metric, Quality.GOOD))
        for reading in readings
        for point in split(reading, REGISTRY).points
        for metric, value in point.values.items()
    ]


def admitted(payloads: Iterable[bytes]) -> list[Reading]:
    messages = (Message(topic("toilet-1", "nh3-1"), payload, False, NOW_NS) for payload in payloads)
    return [reading for message in messages for reading in admit(message, REGISTRY).readings]


@pytest.mark.parametrize(("write", "read"), [(write_ndjson, read_ndjson), (write_csv, read_table)])
def test_an_export_says_who_entered_it_and_the_import_knows(
    write: Callable[[Iterable[Reading], TextIO], None], read: Callable[[BinaryIO, Registry, int], Iterable[FileLine]]
) -> None:
    first = admitted(payload % (NOW_NS // NS_PER_MS - place) for place, payload in enumerate(PAYLOADS))
    stored = samples_of(first)
    file = io.StringIO()
    if write is write_csv:
        file.write(",".join(CSV_COLUMNS) + "\n")
    write(joined(stored, REGISTRY), file)
    assert "entered_by" not in file.getvalue()
    lines = list(read(io.BytesIO(file.getvalue().encode()), REGISTRY, NOW_NS))
    results = [admit(line.message, REGISTRY) for line in lines]
    assert not any(result.rejections for result in results)
    again = samples_of(reading for result in results for reading in result.readings)
    assert {(one.metric, one.time_ns, one.value, one.quality) for one in again} == {
        (one.metric, one.time_ns, one.value, one.quality) for one in stored
    }
