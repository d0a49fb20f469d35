"""A model device's values depend on the moment and on nothing that was asked before."""

from math import isclose
from pathlib import Path
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st

from simulators.models.city import City
from simulators.models.days import Calendar
from simulators.models.noise import between, smooth, unit
from simulators.models.profile import Profile, Register, Running
from simulators.models.visits import Area
from telemetry.registry.load import load_registry

REGISTRY = load_registry(Path(__file__).parents[2] / "examples" / "hong-kong")
ASKED_BEFORE = City(REGISTRY, 3)
"""Shared by all examples: it remembers everything it was ever asked."""
START_MS, END_MS = 1_767_225_600_000, 1_830_000_000_000  # 2026 and 2027
MOMENTS = st.integers(START_MS, END_MS)
KINDS = sorted({device.kind for device in ASKED_BEFORE.devices} - {"toilet_button"})
ZONES = st.sampled_from(["Asia/Hong_Kong", "America/Los_Angeles", "Europe/Berlin", "Australia/Lord_Howe", "UTC"])


@settings(max_examples=40, deadline=None)
@given(MOMENTS, st.sampled_from(KINDS))
def test_values_do_not_depend_on_what_was_asked_before(moment_ms: int, kind: str) -> None:
    fresh = City(REGISTRY, 3)
    name = next(device.id for device in fresh.devices if device.kind == kind)

    assert fresh.tickers[name].values(moment_ms, 900_000) == ASKED_BEFORE.tickers[name].values(moment_ms, 900_000)


@settings(max_examples=30, deadline=None)
@given(MOMENTS, st.integers(1, 90_000_000), st.integers(1, 90_000_000))
def test_events_do_not_depend_on_how_time_is_cut(start_ms: int, first_ms: int, second_ms: int) -> None:
    presser = next(iter(ASKED_BEFORE.pressers.values()))
    middle_ms, end_ms = start_ms + first_ms, start_ms + first_ms + second_ms
    parts = [*presser.samples(start_ms, middle_ms), *presser.samples(middle_ms, end_ms)]

    assert parts == list(presser.samples(start_ms, end_ms))


@settings(max_examples=60, deadline=None)
@given(ZONES, st.lists(st.integers(START_MS, START_MS + 400 * 86_400_000), min_size=2, max_size=6))
def test_registers_count_up_over_days_and_changes_of_the_clocks(zone: str, moments: list[int]) -> None:
    calendar = Calendar(ZoneInfo(zone))
    shape = Profile([(0, 1), (12, 3), (24, 1)])

    def register() -> Register:
        running = Running(5.0, (1, 2, 1, 1, 1, 0.4, 0.3), 3, 99, 0.1)
        return Register(
            calendar,
            before=lambda number: running.before(number) * shape.total,
            so_far=lambda day, time_ms: running.of(day.number) * shape.until(day.hour(time_ms)),
            start_key=1,
            rollover=1e12,
        )

    one, again = register(), register()
    marks = {moment: one.at(moment) for moment in moments}
    ordered = [marks[moment] for moment in sorted(marks)]
    assert ordered == sorted(ordered)
    assert {moment: again.at(moment) for moment in reversed(moments)} == marks


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**64 - 1), st.integers(-400, 4000))
def test_the_parts_of_days_make_the_sum(key: int, day: int) -> None:
    running = Running(10.0, (1, 1, 1, 1, 1, 0.5, 0.3), 4, key, 0.14)

    assert all(running.of(n) >= 0 for n in range(day, day + 8))
    assert isclose(running.before(day + 8) - running.before(day), sum(running.of(n) for n in range(day, day + 8)))


@given(ZONES, MOMENTS)
def test_every_moment_lies_in_its_local_day(zone: str, moment_ms: int) -> None:
    calendar = Calendar(ZoneInfo(zone))
    day = calendar.at(moment_ms)

    assert day.start_ms <= moment_ms < day.end_ms
    assert calendar.day(day.number + 1).start_ms == day.end_ms
    assert 0 <= day.hour(moment_ms) < 24
    assert day.length_ms in {int(hours * 3_600_000) for hours in (23, 23.5, 24, 24.5, 25)}


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 500), st.sampled_from(["male", "female", "accessible", "family", "other"]), st.integers(0, 6))
def test_a_day_of_visits_holds_together(number: int, kind: str, cubicles: int) -> None:
    calendar = Calendar(ZoneInfo("Asia/Hong_Kong"))
    area = Area(5, "site", "area", kind, cubicles, calendar)
    day = calendar.day(number)
    plan = area.plan(day)

    visitors = area.visitors_before(number + 1) - area.visitors_before(number)
    assert len(plan.arrivals) == len(plan.leaves) == visitors
    assert list(plan.arrivals) == sorted(plan.arrivals)
    for arrived, left in zip(plan.arrivals, plan.leaves, strict=True):
        assert day.start_ms <= arrived <= left < day.end_ms
    for cubicle, (starts, ends) in enumerate(plan.cubicles):
        uses = area.cubicle_uses_before(number + 1, cubicle) - area.cubicle_uses_before(number, cubicle)
        assert len(starts) == uses
        assert all(start <= end for start, end in zip(starts, ends, strict=True))
        assert all(end <= start for end, start in zip(ends, starts[1:], strict=False)), "one at a time"


@given(st.integers(0, 2**64 - 1), st.integers(-(2**40), 2**40), st.floats(0, 2e9), st.floats(1, 1e6))
def test_noise_stays_within_its_bounds(key: int, number: int, time_s: float, step_s: float) -> None:
    assert 0 <= unit(key, number) < 1
    assert -1 <= smooth(key, time_s, step_s) <= 1
    assert 3 <= between(key, number, 3, 4) <= 4


@settings(max_examples=50)
@given(st.integers(0, 2**64 - 1), st.floats(0, 2e9))
def test_smooth_noise_has_no_steps(key: int, time_s: float) -> None:
    assert abs(smooth(key, time_s + 1.0, 1000.0) - smooth(key, time_s, 1000.0)) < 0.01
