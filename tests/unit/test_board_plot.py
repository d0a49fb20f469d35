"""Plots: what stands where, what is a gap, what is told of it."""

from collections.abc import Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from babel import Locale

from api.board.plot.element import Scene, course_of, locale_of, told
from api.board.plot.picture import Course, Curve, Line, Look, Picture, Shape, Tone, picture, runs, within
from api.board.plot.scale import TICKS_MOST, time_ticks, value_steps
from api.board.words import words_of
from api.queries.history import Series

HONG_KONG, LONDON = ZoneInfo("Asia/Hong_Kong"), ZoneInfo("Europe/London")
BRITISH = Locale.parse("en_GB")
MINUTE, HOUR = 60_000, 3_600_000
DAY = 24 * HOUR
MIDNIGHT = 1_795_276_800_000  # 2026-11-22 00:00 in Hong Kong
english = words_of("en")


def drawn(curve: Curve, end_ms: int = DAY, lines: Sequence[Line] = ()) -> Picture:
    return picture([curve], 0, end_ms, lines=lines, zone=HONG_KONG, locale=BRITISH)


def every(step: int, count: int, *, start: int = 0, value: float = 1.0) -> Course:
    return Course([start + i * step for i in range(count)], [value + i for i in range(count)], step_ms=float(step))


@pytest.mark.parametrize(
    ("low", "high", "steps"),
    [
        (0.0, 4.2, [0.0, 1.0, 2.0, 3.0, 4.0]),
        (4.55, 5.45, [4.6, 4.8, 5.0, 5.2, 5.4]),
        (-5.0, 108.0, [0.0, 50.0, 100.0]),
        (0.001, 0.0022, [0.001, 0.0015, 0.002]),
    ],
)
def test_values_are_told_at_round_steps(low: float, high: float, steps: Sequence[float]) -> None:
    assert list(value_steps(low, high)) == pytest.approx(steps)


@pytest.mark.parametrize(
    ("hours", "texts"),
    [
        (1, ["22 Nov", "00:10", "00:20", "00:30", "00:40", "00:50", "01:00"]),
        (24, ["22 Nov", "03:00", "06:00", "09:00", "12:00", "15:00", "18:00", "21:00", "23 Nov"]),
        (24 * 7, [f"{day} Nov" for day in range(22, 30)]),
        (24 * 365, ["2027", "Mar", "May", "Jul", "Sept", "Nov"]),
    ],
)
def test_times_are_told_by_the_sites_clock(hours: int, texts: Sequence[str]) -> None:
    found = [tick.text for tick in time_ticks(MIDNIGHT, MIDNIGHT + hours * HOUR, HONG_KONG, BRITISH)]
    assert found == texts
    assert len(found) <= TICKS_MOST + 1


@pytest.mark.parametrize("day", [(2026, 3, 29), (2026, 10, 25)])
def test_a_day_with_changed_clocks_has_rising_ticks(day: tuple[int, int, int]) -> None:
    start = int(datetime(*day, tzinfo=LONDON).timestamp() * 1000)
    at = [tick.at for tick in time_ticks(start, start + DAY, LONDON, BRITISH)]
    assert at == sorted(set(at))


def test_values_next_to_each_other_are_one_line() -> None:
    assert list(runs(every(MINUTE, 10))) == [range(10)]


def test_a_gap_stays_a_gap() -> None:
    course = Course([0, MINUTE, 2 * MINUTE, 9 * MINUTE, 10 * MINUTE], [1.0] * 5, step_ms=MINUTE)
    assert list(runs(course)) == [range(3), range(3, 5)]
    (curve,) = drawn(Curve(course), 10 * MINUTE).curves
    assert curve.path.count("M") == 2
    assert curve.alone == ""


def test_a_past_that_was_filled_in_more_coarsely_is_no_gap() -> None:
    past = [i * 15 * MINUTE for i in range(40)]
    live = [past[-1] + 5_000 * (i + 1) for i in range(200)]
    course = Course([*past, *live], [1.0] * 240, step_ms=5_000)
    assert len(list(runs(course))) == 1


def test_an_outage_among_frequent_values_is_a_gap_though_the_past_is_coarse() -> None:
    past = [i * 15 * MINUTE for i in range(40)]
    live = [past[-1] + 5_000 * (i + 1) for i in range(100)]
    after = [live[-1] + 2 * MINUTE + 5_000 * i for i in range(100)]
    course = Course([*past, *live, *after], [1.0] * 240, step_ms=5_000)
    assert [len(part) for part in runs(course)] == [140, 100]


def test_a_value_without_neighbours_is_a_dot() -> None:
    course = Course([*range(0, 10 * MINUTE, MINUTE), HOUR, 2 * HOUR], [1.0] * 12, step_ms=MINUTE)
    (curve,) = drawn(Curve(course), 2 * HOUR).curves
    assert curve.alone.count("h0") == 2


def test_suspect_values_are_marked_in_their_places() -> None:
    course = Course([0, HOUR, 2 * HOUR], [1.0, 2.0, 3.0], suspect=frozenset({1}))
    (curve,) = drawn(Curve(course), 2 * HOUR).curves
    assert curve.suspect.startswith("M500.0 ")
    assert curve.suspect.count("M") == 1


def test_what_lies_outside_of_the_range_is_left_out_and_marks_move_with_it() -> None:
    course = Course([0, 1, 2, 3], [1.0, 2.0, 3.0, 4.0], (), (), frozenset({2}), 1.0)
    inside = within(course, 1, 2)
    assert list(inside.values) == [2.0, 3.0]
    assert inside.suspect == frozenset({1})


def test_the_range_of_windows_is_an_area_within_the_picture() -> None:
    course = Course([0, HOUR], [2.0, 3.0], [1.0, 2.0], [9.0, 4.0], step_ms=HOUR)
    (curve,) = drawn(Curve(course), HOUR).curves
    heights = [float(pair.split()[1]) for pair in curve.area.strip("MZ").split("L")]
    assert len(heights) == 4
    assert all(0 <= height <= 1000 for height in heights)


@pytest.mark.parametrize(
    ("shape", "letters"), [(Shape.LINE, "ML"), (Shape.STEP, "MHV"), (Shape.BARS, "MVhZ"), (Shape.DOTS, "")]
)
def test_each_shape_has_its_path(shape: Shape, letters: str) -> None:
    (curve,) = drawn(Curve(every(HOUR, 3), shape=shape), 3 * HOUR).curves
    assert {letter for letter in curve.path if letter.isalpha()} == set(letters)
    assert bool(curve.alone) == (shape is Shape.DOTS)


def test_a_band_is_nothing_but_its_area() -> None:
    course = Course([0, HOUR], [2.0, 2.0], [1.0, 1.0], [3.0, 3.0], step_ms=HOUR)
    (curve,) = drawn(Curve(course, look=Look.BAND), HOUR).curves
    assert curve.area
    assert curve.path == curve.alone == ""


def test_between_yes_and_no_there_is_nothing() -> None:
    curve = Curve(Course([0, HOUR], [0.0, 1.0]), shape=Shape.STEP)
    found = picture([curve], 0, HOUR, zone=HONG_KONG, locale=BRITISH, decimals=0)
    assert [tick.text for tick in found.values] == ["0", "1"]


def test_bars_stand_on_zero() -> None:
    found = drawn(Curve(Course([0, HOUR], [90.0, 100.0], step_ms=HOUR), shape=Shape.BARS), 2 * HOUR)
    assert found.values[0].text == "0"
    assert found.values[0].at == 0.0


def test_a_line_that_is_near_is_in_the_picture() -> None:
    course = Course([0, HOUR], [1.0, 2.0])
    (line,) = drawn(Curve(course), HOUR, [Line(4.0, "limit 4", Tone.ATTENTION)]).lines
    assert 0 < line.at < 1
    assert not line.outside


def test_a_line_that_is_far_is_told_at_the_edge() -> None:
    course = Course([0, HOUR], [1.0, 2.0])
    lines = [Line(1_000.0 * n, f"limit {n}", Tone.CRITICAL) for n in (3, 2, -1)] + [Line(500.0, "ends", Tone.CLEAR)]
    found = drawn(Curve(course), HOUR, lines).lines
    assert [(line.text, line.at, line.outside) for line in found] == [("limit -1", 0.0, True), ("limit 2", 1.0, True)]


def test_two_lines_close_together_have_their_texts_apart() -> None:
    course = Course([0, HOUR], [0.0, 10.0])
    found = drawn(Curve(course), HOUR, [Line(5.0, "a", Tone.CLEAR), Line(5.2, "b", Tone.ATTENTION)]).lines
    assert [line.below for line in found] == [True, False]


@pytest.mark.parametrize(("values", "left"), [([9.0, 5.0], True), ([5.0, 9.0], False), ([5.2, 5.2], False)])
def test_a_lines_text_stands_where_no_curve_runs_through_it(values: list[float], left: bool) -> None:
    (line,) = drawn(Curve(Course([0, HOUR], [*values])), HOUR, [Line(4.9, "limit", Tone.GUIDELINE)]).lines
    assert line.left is left


def test_a_picture_of_nothing_has_its_ticks() -> None:
    found = drawn(Curve(Course((), ())), HOUR)
    assert found.times
    assert found.values
    assert found.curves[0].path == ""


def test_equal_values_are_a_level_line() -> None:
    (curve,) = drawn(Curve(Course([0, HOUR], [7.0, 7.0])), HOUR).curves
    assert curve.y[0] == curve.y[1]
    assert 0 < curve.y[0] < 1


def test_windows_are_drawn_in_their_middle() -> None:
    windows = Series([0, HOUR], [1.0, 2.0], [0.5, 1.0], [2.0, 3.0], frozenset(), 3_600)
    assert list(course_of(windows).times_ms) == [HOUR // 2, HOUR + HOUR // 2]
    assert list(course_of(windows, end_ms=HOUR + MINUTE).times_ms) == [HOUR // 2, HOUR + MINUTE]
    single = Series([0, HOUR], [1.0, 2.0], (), (), frozenset(), None)
    assert list(course_of(single, 10.0).times_ms) == [0, HOUR]
    assert course_of(single, 10.0).step_ms == 10_000


def test_who_does_not_see_it_is_told_the_least_the_most_and_the_last() -> None:
    scene = Scene("Ammonia", 0, HOUR, HONG_KONG, "[ppm]", 1, [Line(4.0, "alert", Tone.ATTENTION)])
    said = told([Curve(Course([0, HOUR], [1.0, 2.0], [0.5, 1.5], [3.0, 2.5]))], scene, english)
    for part in ("Ammonia", "0.5 ppm", "3.0 ppm", "last 2.0 ppm", "4.0 ppm: alert"):
        assert part in said
    assert "no values" in told([Curve(Course((), ()))], scene, english)


def test_dates_are_written_as_in_hong_kong() -> None:
    (_, tick, *_) = time_ticks(MIDNIGHT - 1, MIDNIGHT + 3 * DAY, HONG_KONG, locale_of("zh-Hant"))
    assert "月" in "".join(
        one.text for one in time_ticks(MIDNIGHT, MIDNIGHT + 3 * DAY, HONG_KONG, locale_of("zh-Hant"))
    )
    assert tick.text
