"""Hour, weekday and month as arithmetic: the texts that go into InfluxQL, worked out here, against the calendar."""

import math
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from grafana import clock
from grafana.clock import END_MS, FIRST_YEAR, HOUR_MS, LAST_YEAR, Width, clock_of
from grafana.matrix import Side, grouped_bars, heat, hours, laid_out, weekdays
from grafana.queries import InfluxQuery, Shape
from grafana.words import words_of

EPOCH = date(1970, 1, 1)
ZONES = ("Asia/Hong_Kong", "Europe/London", "Australia/Adelaide", "Asia/Kolkata", "UTC")
ROWS = InfluxQuery("SELECT 1", Shape.TABLE)


def worked_out(text: str) -> float:
    """As InfluxQL does: numbers are floats there, and `%` of what is positive is the same."""
    return float(eval(text, {"__builtins__": {}, "floor": math.floor}))  # noqa: S307  # our own arithmetic


def test_every_day_is_where_the_calendar_has_it() -> None:
    first, last = date(FIRST_YEAR, 1, 1), date(LAST_YEAR, 12, 31)
    place, number, month = (_compiled(made("day")) for made in (clock.weekday, clock.day_of_month, clock.month))
    for day in range((first - EPOCH).days, (last - EPOCH).days + 1):
        shown = EPOCH + timedelta(days=day)
        assert place(day) == shown.weekday()
        assert number(day) == shown.day
        assert month(day) == (shown.year - 2000) * 12 + shown.month - 3


def test_weeks_begin_on_monday_and_follow_each_other() -> None:
    sunday, monday = ((date(2026, 11, day) - EPOCH).days for day in (22, 23))
    assert worked_out(clock.week(str(monday))) == worked_out(clock.week(str(sunday))) + 1
    assert worked_out(clock.week(str(monday + 6))) == worked_out(clock.week(str(monday)))


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("width", Width)
def test_a_window_has_the_hour_that_clocks_showed(zone: str, width: Width) -> None:
    clocks, place = clock_of(zone), ZoneInfo(zone)
    for moment in _around_changes(zone):
        moment_ms = round(moment.timestamp() * 1000)
        number = str((moment_ms + clocks.offset_ms) // width.ms)
        local = worked_out(clocks.changed(number, width))
        shown = moment.astimezone(place)
        day = worked_out(clock.day(str(int(local)), width))
        assert (EPOCH + timedelta(days=day), worked_out(clock.hour(str(int(local)), width))) == (
            shown.date(),
            shown.hour,
        ), shown
        assert worked_out(clocks.last(width).replace(END_MS, str(moment_ms))) == local


def test_the_first_window_is_that_in_which_the_span_begins() -> None:
    end = datetime(2026, 11, 12, 6, 41, tzinfo=UTC)
    text = clock_of("Asia/Hong_Kong").first(Width.HOUR, 28).replace(END_MS, str(round(end.timestamp() * 1000)))
    begin = (end - timedelta(days=28)).astimezone(ZoneInfo("Asia/Hong_Kong"))
    assert worked_out(text) % 24 == begin.hour
    assert EPOCH + timedelta(days=worked_out(text) // 24) == begin.date()


@pytest.mark.parametrize(
    ("zone", "changes"), [("Asia/Hong_Kong", 0), ("Europe/London", 2 * (LAST_YEAR - FIRST_YEAR + 1))]
)
def test_all_changes_of_clocks_are_known(zone: str, changes: int) -> None:
    found = clock_of(zone).changes
    assert len(found) == changes
    assert {abs(change.by_ms) for change in found} <= {HOUR_MS}
    for change in found:
        before, after = (datetime.fromtimestamp(change.at_ms / 1000 - ago, ZoneInfo(zone)) for ago in (1, 0))
        assert before.utcoffset() != after.utcoffset()


def test_a_change_of_less_than_a_window_is_passed_over() -> None:
    assert clock_of("Australia/Lord_Howe").changed("n", Width.HOUR) == "(n)"
    assert clock_of("Australia/Lord_Howe").changed("n", Width.HALF_HOUR) != "(n)"


def test_each_device_counts_the_same_in_a_sum_of_means() -> None:
    down, across = weekdays(words_of("en")), hours()
    first, second, order, matrix, columns = laid_out([ROWS], down, across, ["mean", "sum"])
    assert set(_fields(first)) == {"weekday", "hour", "device", "value"}
    assert _fields(first)["value"] == {"aggregations": ["mean"], "operation": "aggregate"}
    assert set(_fields(second)) == {"weekday", "hour", "value (mean)"}
    assert order.options["sort"] == [{"field": "weekday", "desc": False}]  # type: ignore[index]  # options are a mapping
    assert matrix.options == {"rowField": "weekday", "columnField": "hour", "valueField": "value (mean) (sum)"}
    places = columns.options["indexByName"]  # type: ignore[index]  # as above
    assert list(places) == ["weekday\\hour", *(str(hour) for hour in range(24))]


def test_targets_of_several_zones_become_one_table_first() -> None:
    steps = laid_out([ROWS, ROWS], Side("site", {}), hours(), ["mean"])
    assert [step.id_val for step in steps] == ["merge", "groupBy", "sortBy", "groupingToMatrix", "organize"]


def test_names_stand_for_numbers() -> None:
    words = words_of("zh-Hant")
    built = heat("t", "d.", [ROWS], weekdays(words), hours(), ["mean"], 70).build()
    titles = {one.matcher.options: one.properties for one in built.field_config.overrides}
    mappings: Any = next(one.value for one in titles["weekday\\hour"] if one.id_val == "mappings")
    (mapping,) = mappings
    assert [mapping.options[str(day)].text for day in range(7)] == list("一二三四五六日")
    assert titles["7"][0].value == "07"
    bars = grouped_bars("t", "d.", [ROWS], weekdays(words), Side("ago", {"1": "before", "0": "now"}), ["#1", "#2"])
    shown = {
        one.matcher.options: [prop.value for prop in one.properties] for one in bars.build().field_config.overrides
    }
    assert shown["0"] == ["now", {"mode": "fixed", "fixedColor": "#2"}]


def _compiled(text: str) -> Callable[[int], float]:
    code = compile(text, "influxql", "eval")
    return lambda day: float(eval(code, {"__builtins__": {}, "floor": math.floor, "day": day}))  # noqa: S307  # as above


def _around_changes(zone: str) -> Sequence[datetime]:
    """Every half hour of the days around some changes, and an ordinary day."""
    changes = clock_of(zone).changes
    days = [datetime(2026, 7, 1, tzinfo=UTC)]
    days += [datetime.fromtimestamp(changes[place].at_ms / 1000 - 43_200, UTC) for place in (12, -1) if changes]
    return [day + timedelta(minutes=30 * slot) for day in days for slot in range(49)]


def _fields(step: object) -> dict[str, object]:
    fields: dict[str, object] = step.options["fields"]  # type: ignore[attr-defined]  # a transformation of ours
    return fields
