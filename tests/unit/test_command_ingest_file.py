import io
import json
from collections.abc import Sequence
from zoneinfo import ZoneInfo

import pytest

from caretaker.ingest_file import FileLine, FileUnusableError, read_csv, read_ndjson
from telemetry.admission.admit import admit
from telemetry.admission.limits import DAY_NS, Limits
from telemetry.catalogue.metric import Kind, Metric, Privacy, Source
from telemetry.message import Reason
from telemetry.reading import Reading
from telemetry.registry.models import Device, Registry, Site
from telemetry.topics import topic

NOW_NS = 1_795_000_000_000_000_000


def metric(name: str, kind: Kind = Kind.GAUGE) -> Metric:
    return Metric(name, "1", kind, "air", Source.DEVICE, Privacy.OPEN, {"en": name}, 1, -1e6, 1e6, -1e6, 1e6)


@pytest.fixture
def registry() -> Registry:
    devices = {
        "air-1": Device("air-1", "mong-kok", "air_station"),
        "meter-1": Device("meter-1", "berkeley", "meter"),
    }
    return Registry(
        metrics={name: metric(name) for name in ("pm2_5_ugm3", "rain_mm")}
        | {"firmware": metric("firmware", Kind.TEXT)},
        sites={
            "mong-kok": Site("mong-kok", {"en": "Mong Kok"}, ZoneInfo("Asia/Hong_Kong"), {}),
            "berkeley": Site("berkeley", {"en": "Berkeley"}, ZoneInfo("America/Los_Angeles"), {}),
        },
        devices=devices,
        by_topic={topic(device.site, device.id): device for device in devices.values()},
    )


def ndjson(registry: Registry, *lines: str | bytes) -> list[FileLine]:
    body = b"\n".join(line.encode() if isinstance(line, str) else line for line in lines)
    return list(read_ndjson(io.BytesIO(body), registry, NOW_NS))


def table(registry: Registry, text: str | bytes, device: str | None = None) -> list[FileLine]:
    body = text.encode() if isinstance(text, str) else text
    return list(read_csv(io.BytesIO(body), registry, NOW_NS, device))


def readings(lines: Sequence[FileLine], registry: Registry) -> list[Reading]:
    limits = Limits(max_age_ns=100 * 365 * DAY_NS)
    assert [line.rejection for line in lines if line.rejection] == []
    admitted = [admit(line.message, registry, limits) for line in lines]
    assert [rejection for one in admitted for rejection in one.rejections] == []
    return [reading for one in admitted for reading in one.readings]


def test_a_line_with_a_device_is_what_the_device_would_have_published(registry: Registry) -> None:
    lines = ndjson(registry, '{"device": "air-1", "time": 1794999999000, "seq": 7, "values": {"pm2_5_ugm3": 0.1}}')
    assert readings(lines, registry) == [Reading("air-1", 1_794_999_999_000_000_000, 7, {"pm2_5_ugm3": 0.1}, {})]


def test_a_line_with_a_topic_keeps_its_payload_and_first_arrival(registry: Registry) -> None:
    line = {
        "topic": "caretaker/v1/mong-kok/air-1/readings",
        "received": "2026-11-01T00:00:00Z",
        "payload": {"values": {"rain_mm": 2}},
    }
    (reading,) = readings(ndjson(registry, json.dumps(line)), registry)
    assert reading.time_ns == 1_793_491_200_000_000_000


def test_bytes_that_are_no_json_come_back_from_base64(registry: Registry) -> None:
    (line,) = ndjson(registry, '{"topic": "caretaker/v1/mong-kok/air-1/readings", "payload_base64": "/w=="}')
    assert line.message.payload == b"\xff"


def test_empty_lines_and_a_byte_order_mark_are_passed_over_and_numbers_still_agree(registry: Registry) -> None:
    good = '{"device": "air-1", "time": 1794999999000, "values": {"rain_mm": 1}}'
    lines = ndjson(registry, b"\xef\xbb\xbf" + good.encode(), "", "   ", good)
    assert [line.number for line in lines] == [1, 4]
    assert len(readings(lines, registry)) == 2


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("{", Reason.NOT_JSON),
        (b'{"device": "\xff"}', Reason.NOT_UTF8),
        ("[1]", Reason.NOT_A_READING),
        ("{}", Reason.NOT_A_READING),
        ('{"device": 5}', Reason.NOT_A_READING),
        ('{"device": "air-1", "values": {"rain_mm": 1}}', Reason.NOT_A_READING),
        ('{"device": "air-9", "time": 1, "values": {}}', Reason.UNKNOWN_DEVICE),
        ('{"topic": "x"}', Reason.NOT_A_READING),
        ('{"topic": "x", "payload_base64": "?"}', Reason.NOT_A_READING),
        ('{"a":' * 100_000, Reason.NOT_JSON),
    ],
)
def test_a_line_that_is_no_message_has_its_reason_and_its_text(
    registry: Registry, line: str | bytes, reason: Reason
) -> None:
    (read,) = ndjson(registry, line)
    assert read.rejection is not None
    assert read.rejection.reason is reason
    assert read.rejection.readings == 1
    assert read.text


def test_a_number_beyond_json_costs_its_value_and_not_the_line(registry: Registry) -> None:
    (line,) = ndjson(
        registry, '{"device": "air-1", "time": 1794999999000, "values": {"rain_mm": 1e999, "pm2_5_ugm3": 3}}'
    )
    admitted = admit(line.message, registry)
    assert [reading.values for reading in admitted.readings] == [{"pm2_5_ugm3": 3.0}]
    assert [rejection.reason for rejection in admitted.rejections] == [Reason.NOT_FINITE]


def test_a_column_for_each_metric(registry: Registry) -> None:
    lines = table(
        registry,
        "device,time,seq,pm2_5_ugm3,firmware\nair-1,2026-11-01T08:00+08:00,3,4.5,1.10\nair-1,1793491201000,,,2\n",
    )
    assert readings(lines, registry) == [
        Reading("air-1", 1_793_491_200_000_000_000, 3, {"pm2_5_ugm3": 4.5, "firmware": "1.10"}, {}),
        Reading("air-1", 1_793_491_201_000_000_000, None, {"firmware": "2"}, {}),
    ]


def test_a_row_for_each_value(registry: Registry) -> None:
    lines = table(registry, "device,time,metric,value,quality\nair-1,2026-11-01T00:00Z,rain_mm,1.5,good\n")
    assert [reading.values for reading in readings(lines, registry)] == [{"rain_mm": 1.5}]


def test_the_hour_that_autumn_repeats_is_kept_twice(registry: Registry) -> None:
    text = "local_time,rain_mm\n2020-11-01T00:30,1\n2020-11-01T01:30,2\n2020-11-01T01:30,3\n2020-11-01T02:30,4\n"
    hours = [reading.time_ns // 3_600_000_000_000 for reading in readings(table(registry, text, "meter-1"), registry)]
    assert [hour - hours[0] for hour in hours] == [0, 1, 2, 3]


def test_the_hour_that_spring_skips_is_refused(registry: Registry) -> None:
    (line,) = table(registry, "local_time,rain_mm\n2020-03-08T02:30,1\n", "meter-1")
    assert line.rejection is not None
    assert "America/Los_Angeles" in line.rejection.detail


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("air-1,2026-11-01T08:00,1", Reason.NOT_A_READING),
        ("air-1,soon,1", Reason.NOT_A_READING),
        ("air-1,2026-11-01T00:00Z,", Reason.NOT_A_READING),
        ("air-1,2026-11-01T00:00Z", Reason.NOT_A_READING),
        ("air-9,2026-11-01T00:00Z,1", Reason.UNKNOWN_DEVICE),
    ],
)
def test_a_row_that_is_no_message_has_its_reason(registry: Registry, row: str, reason: Reason) -> None:
    (line,) = table(registry, f"device,time,rain_mm\n{row}\n")
    assert line.rejection is not None
    assert line.rejection.reason is reason
    assert line.number == 2


@pytest.mark.parametrize("cell", ["nan", "inf", "1e999", "1_000", "twelve"])
def test_a_cell_that_is_no_number_is_left_to_admission(registry: Registry, cell: str) -> None:
    (line,) = table(registry, f"time,rain_mm\n1793491201000,{cell}\n", "air-1")
    assert [rejection.reason for rejection in admit(line.message, registry).rejections] == [Reason.WRONG_TYPE]


def test_a_cell_that_is_not_utf8_costs_its_row(registry: Registry) -> None:
    lines = table(registry, b"time,firmware\n1793491201000,\xff\n1793491202000,ok\n", "air-1")
    assert [line.rejection.reason if line.rejection else None for line in lines] == [Reason.NOT_UTF8, None]


@pytest.mark.parametrize(
    ("header", "device", "says"),
    [
        ("time,rain_mm", None, "--device"),
        ("device,time,rain_mm", "air-1", "leave --device out"),
        ("time,rain_mm", "air-9", "registry"),
        ("device,rain_mm", None, "local_time"),
        ("device,time,local_time,rain_mm", None, "local_time"),
        ("device,time,value", None, "come together"),
        ("device,time,rain", None, "rain"),
        ("device,time", None, "metric"),
        ("device,time,rain_mm,rain_mm", None, "twice"),
    ],
)
def test_a_header_that_cannot_be_understood_stops_at_once(
    registry: Registry, header: str, device: str | None, says: str
) -> None:
    with pytest.raises(FileUnusableError, match=says):
        table(registry, header + "\n", device)
