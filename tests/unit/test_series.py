"""Where a reading belongs: measurement, tags, stored time."""

import pytest

from telemetry.catalogue.metric import Kind
from telemetry.reading import NS_PER_MS, Quality, Reading
from telemetry.series import LIMIT_NS, Point, event_time_ns, quality_field, split
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
