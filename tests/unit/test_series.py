"""Where a reading belongs: measurement, tags, stored time."""

import pytest

from telemetry.admission.admit import admit
from telemetry.catalogue.metric import Kind
from telemetry.message import Message, Reason
from telemetry.reading import NS_PER_MS, Quality, Reading
from telemetry.series import LIMIT_NS, Point, event_time_ns, quality_field, split
from telemetry.topics import Channel, topic
from tests.builders import device, metric, registry

T = 1_763_800_000_123 * NS_PER_MS
KNOWN = registry(
    device("d", site="s"),
    metrics=[
        metric("warmth_c", measurement="air"),
        metric("damp_pct", measurement="air"),
        metric("power_w", measurement="meters"),
        metric("pressed", kind=Kind.EVENT, measurement="events"),
        metric("spilled", kind=Kind.EVENT, measurement="air"),
    ],
)


def test_two_measurements_are_two_points() -> None:
    reading = Reading("d", T, 3, {"warmth_c": 1.0, "power_w": 2.0, "damp_pct": 3.0}, {"power_w": Quality.SUSPECT})
    assert split(reading, KNOWN).points == [
        Point("air", "s", "d", T, {"warmth_c": 1.0, "damp_pct": 3.0}, {}),
        Point("meters", "s", "d", T, {"power_w": 2.0}, {"power_w": Quality.SUSPECT}),
    ]


def test_events_stand_apart_even_in_one_measurement() -> None:
    reading = Reading("d", T, 41, {"warmth_c": 1.0, "spilled": 1.0, "pressed": 1.0}, {})
    found = [(point.measurement, point.time_ns, list(point.values)) for point in split(reading, KNOWN).points]
    assert found == [("air", T, ["warmth_c"]), ("air", T + 41, ["spilled"]), ("events", T + 41, ["pressed"])]


@pytest.mark.parametrize(
    ("time_ns", "seq", "stored"),
    [
        (T, None, T),
        (T, 0, T),
        (T, 999_999, T + 999_999),
        (T, 1_000_000, T),
        (T, 2**62 + 1, T + (2**62 + 1) % NS_PER_MS),
        (T + 5, 7, T + 7),
        (-NS_PER_MS, 1, -NS_PER_MS + 1),
        (-1, 1, -NS_PER_MS + 1),
    ],
)
def test_stored_time_of_an_event(time_ns: int, seq: int | None, stored: int) -> None:
    assert event_time_ns(time_ns, seq) == stored


def test_only_what_is_not_good_has_a_quality() -> None:
    reading = Reading("d", T, None, {"warmth_c": 1.0}, {"warmth_c": Quality.GOOD, "damp_pct": Quality.SUSPECT})
    (point,) = split(reading, KNOWN).points
    assert point.quality == {}
    assert quality_field("warmth_c") == "warmth_c_q"


@pytest.mark.parametrize(
    ("time_ns", "fits"), [(LIMIT_NS, True), (-LIMIT_NS, True), (LIMIT_NS + 1, False), (-(2**63), False)]
)
def test_times_that_no_store_holds(time_ns: int, fits: bool) -> None:
    parts = split(Reading("d", time_ns, None, {"warmth_c": 1.0}, {}), KNOWN)
    assert bool(parts.points) is fits
    assert bool(parts.faults) is not fits


def test_a_number_beyond_all_floats_is_a_fault() -> None:
    parts = split(Reading("d", T, None, {"warmth_c": 10**400}, {}), KNOWN)
    assert parts.faults == ["'warmth_c' is not a finite number"]


ALERT: dict[str, float | str] = {"alert_severity": 3.0, "alert_state": 2.0, "alert_rule": "odour"}


def test_the_rule_of_an_alert_is_no_value() -> None:
    parts = split(Reading("d", T, 7, ALERT, dict.fromkeys(ALERT, Quality.ARRIVAL_TIME)), KNOWN)
    values = {"alert_severity": 3.0, "alert_state": 2.0}
    quality = dict.fromkeys(values, Quality.ARRIVAL_TIME)
    assert parts.points == [Point("alert", "s", "d", T, values, quality, "odour")]
    assert not parts.faults


@pytest.mark.parametrize(
    ("values", "fault"),
    [
        ({"alert_severity": 3.0, "alert_state": 2.0}, "'alert_severity', 'alert_state' without 'alert_rule'"),
        ({"alert_state": 2.0, "alert_rule": ""}, "'alert_rule' is no rule's id: ''"),
        ({"alert_state": 2.0, "alert_rule": "Odour 1"}, "'alert_rule' is no rule's id: 'Odour 1'"),
        ({"alert_state": 2.0, "alert_rule": "odour\n"}, "'alert_rule' is no rule's id: 'odour\\n'"),
        ({"alert_state": 2.0, "alert_rule": "x" * 65}, "'alert_rule' is no rule's id: 'xxx"),
        ({"alert_rule": "odour"}, "'alert_rule' alone says nothing"),
        ({"alert_state": 2.0, "alert_rule": 1.0}, "'alert_rule' is a number, but the catalogue says text"),
    ],
)
def test_an_alert_of_no_known_rule_is_a_fault_and_costs_nothing_else(
    values: dict[str, float | str], fault: str
) -> None:
    parts = split(Reading("d", T, None, {"warmth_c": 1.0, **values}, {}), KNOWN)
    assert parts.points == [Point("air", "s", "d", T, {"warmth_c": 1.0}, {})]
    assert parts.faults[0].startswith(fault)
    assert len(parts.faults[0]) < 150


def test_what_the_alert_engine_publishes_becomes_a_point_and_a_device_cannot_say_it() -> None:
    payload = (
        b'{"time": 1763800000123, "seq": 7, "values": {"alert_severity": 3, "alert_state": 2, "alert_rule": "odour"}}'
    )
    said = admit(Message(topic("s", "d", Channel.ALERTS), payload, retained=False, received_ns=T), KNOWN)
    assert said.readings == [Reading("d", T, 7, ALERT, {})]
    assert not said.rejections
    assert [point.rule for point in split(said.readings[0], KNOWN).points] == ["odour"]
    forged = admit(Message(topic("s", "d"), payload, retained=False, received_ns=T), KNOWN)
    assert not forged.readings
    assert [(one.reason, one.readings) for one in forged.rejections] == [(Reason.WRONG_SOURCE, 1)]
