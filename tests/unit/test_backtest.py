"""A backtest finds what the engine would have found; what is made of it adds up; its picture can be read."""

from collections.abc import Sequence
from datetime import timedelta
from xml.etree import ElementTree as ET
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.alert import Severity
from alerts.backtest import Bar, Episode, Trial, bars, part_of, read_by, spacing_s, summary
from alerts.rules.rule import Aggregate, Flapping, NoData, Pause, Rule, Rules, Selector, Value, Window
from caretaker.backtest_picture import COLOURS, LEFT, RIGHT, TICKS_MOST, WIDTH, Row, draw, ticks
from caretaker.backtest_run import Found
from caretaker.backtest_words import CELLS, NOTHING, PEOPLE, PROGRAMS, for_people, for_picture, for_programs, strips
from caretaker.moments import from_ns, to_ns
from telemetry.reading import Reading
from telemetry.registry.hours import parse_hours
from tests.alerting import CRITICAL, T0, WARNING, M, Played, S, level, reading, rule
from tests.builders import device, registry

HONG_KONG = ZoneInfo("Asia/Hong_Kong")
BARE = level(None, None)
PANEL = device("panel", kind="toilet_button", interval_s=None, metrics=("cleaned",))
PLACE = registry(device(), PANEL)
HOUR, DAY = 3600, 86_400

RULES = [
    rule(None, level(for_s=60, clear_for_s=30), level(6, 4, for_s=20, severity=CRITICAL)),
    rule(None, level(for_s=30), hours=parse_hours("16:02-16:06")),
    rule(None, level(for_s=30), pause=Pause("cleaned", 60 * S)),
    rule(Window("nh3_ppm", Aggregate.MEAN, 2 * M, 2 * S, 0.5), level()),
    rule(None, level(for_s=20), lateness_ns=30 * S),
    rule(NoData(3, None), BARE, where=Selector(kinds=("toilet_odour",))),
]
COURSES = st.lists(
    st.tuples(st.integers(1, 60), st.sampled_from([1.0, 2.5, 4.0, 8.0]), st.sampled_from([0, 0, 0, 1])),
    min_size=1,
    max_size=15,
)


def tried(found: Trial) -> list[tuple[float, str, str]]:
    """Second, change and severity, as a transcript would say."""
    said: list[tuple[float, str, str]] = []
    for one in found.episodes():
        said += [((moment_ns - T0) / S, "is", severity.word) for moment_ns, severity in one.steps]
        said += [] if one.active else [((one.until_ns - T0) / S, "resolved", one.steps[-1][1].word)]
    return sorted(said)


@settings(max_examples=120, deadline=None)
@given(course=COURSES, one=st.sampled_from(RULES), parts=st.integers(1, 4))
def test_a_clock_that_goes_from_reading_to_reading_finds_what_one_of_every_second_finds(
    course: list[tuple[int, float, int]], one: Rule, parts: int
) -> None:
    readings: list[Reading] = []
    at_s = 0
    for passed_s, value, cleaned in course:
        at_s += passed_s
        readings += [reading(at_s, "panel", at_s, cleaned=1)] if cleaned else []
        readings.append(reading(at_s + 0.25, nh3_ppm=value))
    until_s = at_s + 300
    live = Played(PLACE, one)
    live.run(until_s, readings, step_s=0.25)

    trial = Trial(PLACE, Rules((one,)), T0)
    for number in range(parts):
        begin_s, end_s = until_s * number / parts, until_s * (number + 1) / parts
        here = [one for one in readings if begin_s <= (one.time_ns - T0) / S < end_s]
        trial.play(here, T0 + round(end_s * S))

    said = [(at_s, "resolved" if change == "resolved" else "is", word) for at_s, _, change, word in live.said()]
    assert tried(trial) == sorted(said)


def episode(*steps: tuple[float, Severity], until_s: float, name: str = "nh3-1", active: bool = False) -> Episode:
    return Episode(
        "odour",
        name,
        [(T0 + round(at_s * S), severity) for at_s, severity in steps],
        False,
        T0 + round(until_s * S),
        active,
    )


def spans(found: Sequence[Bar]) -> list[tuple[float, float, str]]:
    return [((one.start_ns - T0) / S, (one.end_ns - T0) / S, one.severity.word) for one in found]


def test_an_alert_that_is_still_there_lasts_until_the_trial_ends() -> None:
    trial = Trial(PLACE, Rules((rule(),)), T0)
    trial.play([reading(10, nh3_ppm=4), reading(20, nh3_ppm=4)], T0 + 25 * S)
    (found,) = trial.episodes()
    assert (found.active, found.start_ns, found.until_ns) == (True, T0 + 10 * S, T0 + 25 * S)
    trial.play([reading(30, nh3_ppm=1)], T0 + 40 * S)
    (found,) = trial.episodes()
    assert (found.active, found.until_ns) == (False, T0 + 30 * S)


def test_what_flaps_is_counted_and_said_to_have_been_told_to_nobody() -> None:
    one = rule(flapping=Flapping(2, HOUR * S))
    trial = Trial(PLACE, Rules((one,)), T0)
    trial.play([reading(at_s, nh3_ppm=4 if at_s % 20 else 1) for at_s in range(10, 100, 10)], T0 + 100 * S)
    about = summary(trial.episodes())
    assert (about.raised, about.flapping) == (5, 3)


def test_figures_of_a_rule_add_up() -> None:
    about = summary(
        [
            episode((0, WARNING), (60, CRITICAL), until_s=100),
            episode((50, WARNING), until_s=70, name="nh3-2"),
            episode((200, WARNING), until_s=500, active=True),
        ]
    )
    assert about.by_severity == {CRITICAL: 1, WARNING: 2}
    assert (about.raised, about.devices, about.active) == (3, 2, 1)
    assert [one // S for one in (about.total_ns, about.longest_ns, about.median_ns)] == [420, 300, 100]
    assert (about.first_ns, about.last_ns) == (T0, T0 + 200 * S)
    assert summary([]).first_ns is None


def test_where_alerts_overlap_the_worst_is_drawn() -> None:
    found = bars(
        [
            episode((0, WARNING), (60, CRITICAL), (80, WARNING), until_s=100),
            episode((50, WARNING), until_s=120, name="nh3-2"),
            episode((200, WARNING), until_s=300),
        ]
    )
    assert spans(found) == [(0, 60, "warning"), (60, 80, "critical"), (80, 120, "warning"), (200, 300, "warning")]


def test_only_what_the_rules_need_is_read() -> None:
    sensor = device(metrics=("nh3_ppm", "h2s_ppm"), parent="gw")
    gateway = device("gw", kind="gateway", metrics=("online", "uptime_s"))
    known = registry(sensor, gateway, PANEL, device("idle", metrics=("co2_ppm",)))
    odour = rule(pause=Pause("cleaned", 60 * S))
    assert read_by(known, Rules((odour,))) == {"nh3-1": ["nh3_ppm"], "panel": ["cleaned"]}
    silent = rule(NoData(3, None), BARE, id="silent", where=Selector(kinds=("toilet_odour",)))
    assert read_by(known, Rules((odour, silent))) == {
        "nh3-1": ("nh3_ppm", "h2s_ppm"),
        "gw": ("online", "uptime_s"),
        "panel": ("cleaned",),
        "idle": ("co2_ppm",),
    }


def test_a_part_is_a_site_with_the_gateways_of_its_devices() -> None:
    known = registry(device(parent="gw"), device("gw", "other", kind="gateway"), device("else", "other"))
    part = part_of(known, "toilet-1", {"nh3-1": 900.0})
    assert {name: one.interval_s for name, one in part.devices.items()} == {"nh3-1": 900.0, "gw": 10.0}


def test_spacing_is_what_is_usual() -> None:
    assert spacing_s([T0, T0 + 10 * S, T0 + 20 * S, T0 + 500 * S, T0 + 510 * S]) == 10.0
    assert spacing_s([T0]) is None
    assert spacing_s([T0, T0]) is None


def found_of(*episodes: Episode, heard: int = 2) -> Found:
    return Found(
        {"odour": episodes, "leak": ()}, {"odour": 3, "leak": 1}, {"odour": heard, "leak": 0}, (T0, T0 + DAY * S), {}
    )


def test_rows_say_what_was_raised_on_how_many_of_those_that_spoke() -> None:
    found = found_of(episode((0, WARNING), (60, CRITICAL), until_s=7260), episode((9000, WARNING), until_s=9060))
    odour, leak = (dict(zip(PEOPLE, row, strict=True)) for row in for_people(found, PLACE))
    assert odour["of these"] == "1 critical, 1 warning"
    assert (odour["devices"], odour["in all"], odour["longest"]) == ("1 of 2", "2 h 2 min", "2 h 1 min")
    assert odour["last"] == "2026-11-22 18:30"
    assert (leak["raised"], leak["devices"], leak["longest"]) == (0, "no readings", None)
    odour, leak = (dict(zip(PROGRAMS, row, strict=True)) for row in for_programs(found))
    assert (odour["devices_raised"], odour["devices_with_readings"], odour["devices_selected"]) == (1, 2, 3)
    assert (odour["total_s"], odour["longest_s"], odour["first"]) == (7320.0, 7260.0, "2026-11-22T08:00:00.000Z")
    assert (leak["raised"], leak["median_s"], leak["first"]) == (0, None, None)


def test_a_strip_is_as_high_as_the_worst_severity_of_each_part() -> None:
    hour_cells = CELLS // 24
    found = found_of(episode((0, WARNING), (6 * HOUR, CRITICAL), until_s=7 * HOUR))
    scale, lines = strips(found, (T0, T0 + DAY * S), HONG_KONG)
    ((name, strip),) = lines
    assert name == "odour"
    assert len(str(strip)) == CELLS
    assert str(strip).startswith("▅" * 6 * hour_cells)
    assert str(strip).count("█") == pytest.approx(hour_cells, abs=2)
    assert str(strip).endswith(NOTHING * 16 * hour_cells)
    assert "Mon 23 Nov" in scale
    assert scale.index("Mon 23 Nov") == 8 * CELLS // 24, "midnight in Hong Kong is 8 hours after 16:00"


@pytest.mark.parametrize("length", [600, HOUR, 6 * HOUR, DAY, 3 * DAY, 14 * DAY, 90 * DAY, 400 * DAY])
@pytest.mark.parametrize("zone", [HONG_KONG, ZoneInfo("Europe/Paris"), ZoneInfo("UTC")])
def test_ticks_are_few_in_order_and_on_whole_hours_of_the_zone(length: int, zone: ZoneInfo) -> None:
    start_ns = to_ns(from_ns(T0, zone) - timedelta(days=40))
    found = ticks(start_ns, start_ns + length * S, zone)
    moments = [one.time_ns for one in found]
    assert len(found) <= TICKS_MOST
    assert moments == sorted(moments)
    assert all(start_ns <= moment_ns < start_ns + length * S for moment_ns in moments)
    assert all(
        (from_ns(one.time_ns, zone).minute, bool(from_ns(one.time_ns, zone).hour)) == (0, not one.day) for one in found
    )
    assert len(found) >= 2 or length < 2 * HOUR


def drawn(rows: Sequence[Row]) -> ET.Element:
    text = draw(rows, (T0, T0 + DAY * S), HONG_KONG, "a test & more")
    return ET.fromstring(text)  # noqa: S314 - our own text


def test_the_picture_holds_each_bar_in_its_colour_and_place() -> None:
    bar = Bar(T0 + 6 * HOUR * S, T0 + 12 * HOUR * S, CRITICAL)
    short = Bar(T0 + 20 * HOUR * S, T0 + 20 * HOUR * S + S, WARNING)
    root = drawn([Row("Odour <1>", "2 alerts\x07", [bar, short]), Row("異味" * 40, "never, 2 devices", [])])
    texts = [one.text for one in root.iterfind(".//{*}text")]
    assert "Odour <1>" in texts
    assert "2 alerts" in texts, "what no XML can hold is left out"
    assert any(one is not None and one.startswith("異味") and one.endswith("…") for one in texts)
    rects = [one for one in root.iterfind(".//{*}rect") if one.find("{*}title") is not None]
    assert [one.get("fill") for one in rects] == [COLOURS[CRITICAL], COLOURS[WARNING]]
    room = WIDTH - RIGHT - LEFT
    assert float(rects[0].get("x", "")) == pytest.approx(LEFT + room / 4, abs=0.1)
    assert float(rects[0].get("width", "")) == pytest.approx(room / 4, abs=0.1)
    assert float(rects[1].get("width", "")) >= 2, "a second of a day is still seen"
    title = rects[0].find("{*}title")
    assert title is not None
    assert title.text == "critical, 2026-11-22 22:00:00 to 2026-11-23 04:00:00"


def test_the_picture_keeps_to_its_edges() -> None:
    root = drawn([Row("Odour", "1 alert", [Bar(T0 - DAY * S, T0 + 2 * DAY * S, WARNING)])])
    (rect,) = (one for one in root.iterfind(".//{*}rect") if one.find("{*}title") is not None)
    assert float(rect.get("x", "")) == LEFT
    assert float(rect.get("x", "")) + float(rect.get("width", "")) == pytest.approx(WIDTH - RIGHT)


def test_the_picture_names_rules_in_the_language_asked_for() -> None:
    names = {"odour": rule(names={"en": "Odour", "zh-Hant": "異味"}), "leak": rule(Value("leak"), id="leak")}
    rows = list(for_picture(found_of(episode((0, WARNING), until_s=60)), names, "zh-Hant"))
    assert [(one.name, one.note) for one in rows] == [
        ("異味", "1 alert on 1 of 2 devices, 1 min in all"),
        ("Odour", "no readings"),
    ]
