"""Admission by example: every reason, every channel, every kind of value."""

import json
from typing import Any

import pytest

from telemetry.admission.admit import admit
from telemetry.admission.limits import MAX_DEPTH, MAX_PAYLOAD_BYTES, MAX_READINGS, depth
from telemetry.message import Admitted, Message, Reason
from telemetry.reading import NS_PER_MS, NS_PER_S, Quality
from telemetry.registry.models import Registry
from telemetry.topics import Channel, topic
from tests.builders import device, registry, site

NOW_NS = 1_795_334_400_123_456_789
NOW_MS = NOW_NS // NS_PER_MS
DAY_MS = 86_400_000
TOPIC = topic("toilet-1", "nh3-1")
REGISTRY = registry(device(), device("nh3-old", "museum", archive=True), sites=[site(), site("museum", archive=True)])


def admitted(payload: bytes | dict[str, Any] | list[Any], to: str = TOPIC, *, retained: bool = False) -> Admitted:
    raw = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    return admit(Message(to, raw, retained, NOW_NS), REGISTRY)


def reading_of(**values: Any) -> dict[str, Any]:
    return {"time": NOW_MS, "values": values}


def reasons(result: Admitted) -> dict[Reason, int]:
    return {rejection.reason: rejection.readings for rejection in result.rejections}


WHOLE_MESSAGES: list[tuple[bytes, Reason]] = [
    (b'{"values": {"nh3_ppm": "\xff"}}', Reason.NOT_UTF8),
    (b"", Reason.NOT_JSON),
    (b'{"values": {"nh3_ppm": 1}', Reason.NOT_JSON),
    (b'\xef\xbb\xbf{"values": {"nh3_ppm": 1}}', Reason.NOT_JSON),
    (b"[" * (MAX_DEPTH + 1) + b"]" * (MAX_DEPTH + 1), Reason.TOO_DEEP),
    (b'{"values": ' + b'{"a":' * 30_000 + b"1" + b"}" * 30_000 + b"}", Reason.TOO_LARGE),
    (b'{"values": ' + b'{"a":' * 9_000 + b"1" + b"}" * 9_000 + b"}", Reason.TOO_DEEP),
    (b'{"values": {"nh3_ppm": 1}}' + b" " * MAX_PAYLOAD_BYTES, Reason.TOO_LARGE),
    (b"3", Reason.NOT_A_READING),
    (b"null", Reason.NOT_A_READING),
    (b'"nh3"', Reason.NOT_A_READING),
    (b"[]", Reason.NOT_A_READING),
    (b"{}", Reason.NOT_A_READING),
    (b'{"values": {}}', Reason.NOT_A_READING),
    (b'{"values": [1]}', Reason.NOT_A_READING),
    (b'{"vaules": {"nh3_ppm": 1}}', Reason.NOT_A_READING),
    (b'{"values": {"nh3_ppm": 1}, "time": "2026-11-22T08:00:00"}', Reason.NOT_A_READING),
    (b'{"values": {"nh3_ppm": 1}, "time": "yesterday"}', Reason.NOT_A_READING),
    (b'{"values": {"nh3_ppm": 1}, "time": true}', Reason.NOT_A_READING),
    (b'{"values": {"nh3_ppm": 1}, "time": 1e300}', Reason.NOT_A_READING),
    (b'{"values": {"nh3_ppm": 1}, "time": NaN}', Reason.NOT_A_READING),
    (b'{"values": {"nh3_ppm": 1}, "seq": -1}', Reason.NOT_A_READING),
    (b'{"values": {"nh3_ppm": 1}, "seq": 9223372036854775808}', Reason.NOT_A_READING),
    (b'{"values": {"nh3_ppm": 1}, "seq": ' + b"9" * 5_000 + b"}", Reason.NOT_A_READING),
    (b'{"values": {"nh3_ppm": 1}, "seq": 1.5}', Reason.NOT_A_READING),
    (b'{"values": {"nh3_ppm": 1}, "by": ""}', Reason.NOT_A_READING),
    (b'{"values": {"nh3_ppm": 1}, "by": "  "}', Reason.NOT_A_READING),
    (b'{"values": {"nh3_ppm": 1}, "by": "night\\nshift"}', Reason.NOT_A_READING),
    (b'{"values": {"nh3_ppm": 1}, "by": "\\u202eshift"}', Reason.NOT_A_READING),
    (b'{"values": {"nh3_ppm": 1}, "by": "\\ud800"}', Reason.NOT_A_READING),
    (b'{"values": {"nh3_ppm": 1}, "by": "' + b"x" * 65 + b'"}', Reason.NOT_A_READING),
    (b'{"values": {"nh3_ppm": 1}, "by": 7}', Reason.NOT_A_READING),
    (b'{"values": {"nh3_ppm": 1}, "by": ["shift"]}', Reason.NOT_A_READING),
    (b'{"values": {}, "by": "shift"}', Reason.NOT_A_READING),
    (b'{"values": {"entered_by": "shift"}}', Reason.WRONG_SOURCE),
    (b'{"values": {"nh3_ppm": 1}, "device": "nh3-2"}', Reason.IDENTITY_CONFLICT),
    (b'{"values": {"nh3_ppm": 1}, "site": "toilet-2"}', Reason.IDENTITY_CONFLICT),
    (b'{"values": {"nh3_ppm": 1}, "device": "\\ud800"}', Reason.IDENTITY_CONFLICT),
    (b'{"values": {"nh3": 1}}', Reason.UNKNOWN_METRIC),
    (b'{"values": {"aqhi": 3}}', Reason.WRONG_SOURCE),
    (b'{"values": {"nh3_ppm": "0.4"}}', Reason.WRONG_TYPE),
    (b'{"values": {"nh3_ppm": null}}', Reason.WRONG_TYPE),
    (b'{"values": {"nh3_ppm": true}}', Reason.WRONG_TYPE),
    (b'{"values": {"nh3_ppm": [1]}}', Reason.WRONG_TYPE),
    (b'{"values": {"firmware": 1}}', Reason.WRONG_TYPE),
    (b'{"values": {"firmware": "\\ud800"}}', Reason.NOT_UTF8),
    (b'{"values": {"nh3_ppm": NaN}}', Reason.NOT_FINITE),
    (b'{"values": {"nh3_ppm": -Infinity}}', Reason.NOT_FINITE),
    (b'{"values": {"nh3_ppm": 1e999}}', Reason.NOT_FINITE),
    (b'{"values": {"nh3_ppm": ' + b"9" * 5_000 + b"}}", Reason.NOT_FINITE),
    (b'{"values": {"nh3_ppm": -99}}', Reason.IMPOSSIBLE_VALUE),
    (b'{"values": {"nh3_ppm": 1180591620717411303424}}', Reason.IMPOSSIBLE_VALUE),
]


@pytest.mark.parametrize(("payload", "reason"), WHOLE_MESSAGES)
def test_a_bad_message_has_its_reason_and_is_counted_once(payload: bytes, reason: Reason) -> None:
    result = admitted(payload)
    assert result.readings == () or list(result.readings) == []
    assert reasons(result) == {reason: 1}
    (rejection,) = result.rejections
    assert rejection.message.payload == payload
    assert rejection.detail.isascii()
    assert len(rejection.detail) < 400


def test_every_reason_but_those_of_other_stages_has_an_example() -> None:
    elsewhere = {Reason.REFUSED_BY_STORE, Reason.DEFECT}
    by_topic = {Reason.UNKNOWN_TOPIC, Reason.UNKNOWN_DEVICE, Reason.RETAINED, Reason.HEARTBEAT, Reason.CLEARED}
    by_time = {Reason.TOO_OLD, Reason.IN_FUTURE}
    assert {reason for _, reason in WHOLE_MESSAGES} == set(Reason) - elsewhere - by_topic - by_time


@pytest.mark.parametrize(
    ("to", "reason"),
    [
        ("caretaker/v1/toilet-1/nh3-1/reading", Reason.UNKNOWN_TOPIC),
        ("caretaker/v2/toilet-1/nh3-1/readings", Reason.UNKNOWN_TOPIC),
        ("caretaker/v1/Toilet-1/nh3-1/readings", Reason.UNKNOWN_TOPIC),
        ("caretaker/v1/toilet-1//readings", Reason.UNKNOWN_TOPIC),
        ("caretaker/v1/toilet-1/nh3-1/extra/readings", Reason.UNKNOWN_TOPIC),
        ("\u5ec1\u6240", Reason.UNKNOWN_TOPIC),
        ("caretaker/v1/toilet-1/nh3-9/readings", Reason.UNKNOWN_DEVICE),
        ("caretaker/v1/museum/nh3-1/readings", Reason.UNKNOWN_DEVICE),
        ("caretaker/v1/_caretaker/clock/readings", Reason.HEARTBEAT),
        ("caretaker/v1/toilet-1/nh3-1/derived", Reason.WRONG_SOURCE),
        ("caretaker/v1/toilet-1/nh3-1/alerts", Reason.WRONG_SOURCE),
    ],
)
def test_the_topic_says_who_speaks(to: str, reason: Reason) -> None:
    assert reasons(admitted(reading_of(nh3_ppm=0.4), to)) == {reason: 1}


def test_derived_and_alerts_admit_what_is_theirs() -> None:
    for metric, channel in (("aqhi", Channel.DERIVED), ("alert_severity", Channel.ALERTS)):
        result = admitted(reading_of(**{metric: 1}), topic("toilet-1", "nh3-1", channel))
        assert [dict(reading.values) for reading in result.readings] == [{metric: 1.0}]


def test_retained_readings_are_refused_and_retained_states_are_not() -> None:
    assert reasons(admitted(reading_of(nh3_ppm=0.4), retained=True)) == {Reason.RETAINED: 1}
    status = topic("toilet-1", "nh3-1", Channel.STATUS)
    (reading,) = admitted({"values": {"online": False}}, status, retained=True).readings
    assert reading.values == {"online": 0.0}
    assert reasons(admitted(b"", status, retained=False)) == {Reason.CLEARED: 1}
    assert Reason.CLEARED.ignored


def test_a_good_reading_is_taken_as_it_is() -> None:
    payload = {"time": NOW_MS - 7, "seq": 41, "values": {"nh3_ppm": 0.4, "uses": 12}, "colour": "blue"}
    (reading,) = admitted(payload).readings
    assert (reading.device, reading.seq) == ("nh3-1", 41)
    assert reading.time_ns == (NOW_MS - 7) * NS_PER_MS
    assert reading.values == {"nh3_ppm": 0.4, "uses": 12.0}
    assert all(type(value) is float for value in reading.values.values())
    assert reading.quality == {}


def test_identity_may_be_repeated_inside() -> None:
    payload = {**reading_of(nh3_ppm=0.4), "device": "nh3-1", "site": "toilet-1"}
    assert len(admitted(payload).readings) == 1


@pytest.mark.parametrize(
    ("time", "expected_ms"),
    [
        ("2026-11-22T08:00:00Z", 1_795_334_400_000),
        ("2026-11-22T16:00:00+08:00", 1_795_334_400_000),
        ("2026-11-22T08:00:00.123999Z", 1_795_334_400_123),
        ("2026-11-22T07:59:59.9999994Z", 1_795_334_399_999),
        (1_795_334_400_001, 1_795_334_400_001),
        (1_795_334_400_001.9, 1_795_334_400_001),
    ],
)
def test_times_are_truncated_to_milliseconds(time: str | float, expected_ms: int) -> None:
    (reading,) = admitted({"time": time, "values": {"nh3_ppm": 0.4}}).readings
    assert reading.time_ns == expected_ms * NS_PER_MS


def test_without_a_time_the_arrival_stands_in_and_is_marked() -> None:
    (reading,) = admitted({"values": {"nh3_ppm": 0.4, "uses": 1}}).readings
    assert reading.time_ns == NOW_MS * NS_PER_MS
    assert reading.quality == {"nh3_ppm": Quality.ARRIVAL_TIME, "uses": Quality.ARRIVAL_TIME}


@pytest.mark.parametrize(
    ("offset_ms", "reason"),
    [
        (300_000, None),
        (301_000, Reason.IN_FUTURE),
        (-30 * DAY_MS + 1_000, None),
        (-30 * DAY_MS - 1_000, Reason.TOO_OLD),
        (10**17, Reason.IN_FUTURE),
        (-(10**17), Reason.TOO_OLD),
    ],
)
def test_clock_skew_is_contained(offset_ms: int, reason: Reason | None) -> None:
    result = admitted({"time": NOW_MS + offset_ms, "values": {"nh3_ppm": 0.4}})
    assert reasons(result) == ({} if reason is None else {reason: 1})
    assert len(result.readings) == (reason is None)


def test_an_archive_takes_old_times_and_no_future_ones() -> None:
    to = topic("museum", "nh3-old")
    assert len(admitted({"time": "2005-07-24T00:00:00Z", "values": {"nh3_ppm": 1}}, to).readings) == 1
    assert reasons(admitted({"time": -1, "values": {"nh3_ppm": 1}}, to)) == {Reason.TOO_OLD: 1}
    assert reasons(admitted({"time": NOW_MS + 301_000, "values": {"nh3_ppm": 1}}, to)) == {Reason.IN_FUTURE: 1}


def test_one_bad_value_costs_that_value() -> None:
    result = admitted(b'{"time":%d,"values":{"nh3_ppm":0.4,"uses":NaN,"x":1,"firmware":"1.2","leak":true}}' % NOW_MS)
    (reading,) = result.readings
    assert reading.values == {"nh3_ppm": 0.4, "firmware": "1.2", "leak": 1.0}
    assert reasons(result) == {Reason.NOT_FINITE: 0, Reason.UNKNOWN_METRIC: 0}


def test_a_reading_without_a_good_value_is_lost_once() -> None:
    result = admitted(reading_of(nh3_ppm=None, x=1))
    assert not result.readings
    assert sum(rejection.readings for rejection in result.rejections) == 1
    assert set(reasons(result)) == {Reason.WRONG_TYPE, Reason.UNKNOWN_METRIC}


def test_possible_but_not_plausible_is_suspect() -> None:
    metric = REGISTRY.metrics["nh3_ppm"]
    between = (metric.plausible_max + metric.possible_max) / 2
    (reading,) = admitted(reading_of(nh3_ppm=between, uses=1)).readings
    assert reading.quality == {"nh3_ppm": Quality.SUSPECT}
    (edge,) = admitted(reading_of(nh3_ppm=metric.plausible_max)).readings
    assert edge.quality == {}


@pytest.mark.parametrize("author", ["attendant", "夜更主任", "x", "x" * 64, 'O\'Neill "=1+1" <b>'])
def test_what_a_person_enters_is_marked_and_has_an_author(author: str) -> None:
    between = (REGISTRY.metrics["nh3_ppm"].plausible_max + REGISTRY.metrics["nh3_ppm"].possible_max) / 2
    (reading,) = admitted({**reading_of(nh3_ppm=between, cleaned=True), "seq": 5, "by": author}).readings
    assert reading.values == {"nh3_ppm": between, "cleaned": 1.0, "entered_by": author}
    assert reading.quality == {
        "nh3_ppm": Quality.SUSPECT | Quality.MANUAL,
        "cleaned": Quality.MANUAL,
        "entered_by": Quality.MANUAL,
    }
    (untimed,) = admitted({"values": {"cleaned": 1}, "by": author}).readings
    assert set(untimed.quality.values()) == {Quality.MANUAL | Quality.ARRIVAL_TIME}


def test_nobody_is_no_author() -> None:
    (reading,) = admitted({**reading_of(nh3_ppm=0.4), "by": None}).readings
    assert (reading.values, reading.quality) == ({"nh3_ppm": 0.4}, {})


@pytest.mark.parametrize(
    ("channel", "metric"), [(Channel.STATUS, "online"), (Channel.DERIVED, "aqhi"), (Channel.ALERTS, "alert_severity")]
)
def test_only_readings_are_entered_by_hand(channel: Channel, metric: str) -> None:
    result = admitted({**reading_of(**{metric: 1}), "by": "attendant"}, topic("toilet-1", "nh3-1", channel))
    assert reasons(result) == {Reason.NOT_A_READING: 1}
    assert not result.readings


def test_a_list_is_judged_one_by_one() -> None:
    items = [
        reading_of(nh3_ppm=1),
        {"time": NOW_MS + DAY_MS, "values": {"nh3_ppm": 1}},
        5,
        {"values": {"nh3_ppm": 1}},
        {"time": NOW_MS - 1, "seq": 2, "values": {"nh3_ppm": 2}},
    ]
    result = admitted(items)
    assert [reading.values["nh3_ppm"] for reading in result.readings] == [1.0, 2.0]
    assert reasons(result) == {Reason.IN_FUTURE: 1, Reason.NOT_A_READING: 2}


def test_a_list_has_a_bound() -> None:
    item = {"time": NOW_MS, "values": {"uses": 1}}
    assert len(admitted([item] * MAX_READINGS).readings) == MAX_READINGS
    assert reasons(admitted([item] * (MAX_READINGS + 1))) == {Reason.TOO_LARGE: 1}


def test_details_stay_short_however_much_is_wrong() -> None:
    result = admitted(reading_of(**{f"metric_{number}": number for number in range(2_000)}))
    (rejection,) = result.rejections
    assert rejection.detail.endswith("and more")
    assert len(rejection.detail) < 400


def test_depth_looks_past_strings() -> None:
    assert depth(b'{"a": [1, "[[[[", "\\"[["]}') == 2
    assert depth(b"3") == 0


def test_a_user_metric_of_any_name_is_judged_like_the_shipped_ones(empty_registry: Registry) -> None:
    result = admit(Message(TOPIC, b'{"values":{"nh3_ppm":1}}', False, NOW_NS), empty_registry)
    assert reasons(result) == {Reason.UNKNOWN_DEVICE: 1}


@pytest.fixture
def empty_registry() -> Registry:
    return Registry(REGISTRY.metrics, {}, {})


def test_the_limit_of_the_future_is_five_minutes() -> None:
    (reading,) = admitted({"time": (NOW_NS + 300 * NS_PER_S) // NS_PER_MS, "values": {"uses": 1}}).readings
    assert reading.time_ns <= NOW_NS + 300 * NS_PER_S
