"""What the pages about alerts say and show, without a browser."""

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from alerts.desk import AlertWords, Change, Channel, Ending, Severity, Side, Status
from api.board import alert_deeds
from api.board.alert_words import step_text
from api.board.pages.alert import CHANNELS, STATUSES, lines_of, span_of
from api.board.pages.quarantine import REASONS, plain, told
from api.board.plot import Tone
from api.board.words import words_of
from api.queries.alert_values import Line, SeverityWord, Step
from api.queries.alerts import AlertDetail
from api.queries.quarantine import Replayed
from telemetry.message import Reason
from tests.alerting import rule
from tests.builders import device, registry, site

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
HONG_KONG = ZoneInfo("Asia/Hong_Kong")
ENGLISH, CHINESE = words_of("en"), words_of("zh-Hant")


def detail(**fields: Any) -> AlertDetail:
    """An odour above 3 ppm since noon, of which nothing else is known."""
    plain_one: dict[str, Any] = {
        "id": "ab12",
        "rule": "odour",
        "rule_names": {"en": "Odour"},
        "device": "nh3-1",
        "device_names": {},
        "site": "toilet-1",
        "severity": SeverityWord.WARNING,
        "worst": SeverityWord.WARNING,
        "raised": NOON,
        "changed": NOON,
        "metric": "nh3_ppm",
        "steps": (),
        "deliveries": (),
        "lines": (),
        "why": "",
    }
    return AlertDetail.model_construct(**{**dict.fromkeys(AlertDetail.model_fields), **plain_one, **fields})


def step(change: Change, **fields: Any) -> Step:
    """At noon."""
    one: dict[str, Any] = {
        "alert": "ab12",
        "rule": "odour",
        "device": "nh3-1",
        "change": change,
        "severity": SeverityWord.WARNING,
        "at": NOON,
        "noticed": NOON,
        "suspect": False,
        "flapping": False,
    }
    return Step.model_construct(**{**dict.fromkeys(Step.model_fields), **one, **fields})


def test_a_plot_begins_before_the_raise_and_ends_after_the_end() -> None:
    now = NOON + timedelta(hours=8)
    start, end = span_of(detail(), now)
    assert (start, end) == (NOON - timedelta(hours=2), now), "still there"
    start, end = span_of(detail(resolved=NOON + timedelta(minutes=30)), now)
    assert (start, end) == (NOON - timedelta(hours=1), NOON + timedelta(hours=1)), "over"


@pytest.mark.parametrize("days", [1, 6, 8, 30, 400])
def test_a_plot_of_what_lasts_long_is_bounded_and_shows_the_raise(days: int) -> None:
    for resolved in (None, NOON + timedelta(days=days)):
        start, end = span_of(detail(resolved=resolved), NOON + timedelta(days=days, hours=1))
        assert start < NOON < end
        assert end - start <= timedelta(days=7)


def test_lines_are_drawn_where_the_rule_raises_and_clears() -> None:
    lines = (
        Line(metric="nh3_ppm", severity=SeverityWord.WARNING, raise_at=4, clear_at=2.5, side=Side.ABOVE),
        Line(metric="nh3_ppm", severity=SeverityWord.CRITICAL, raise_at=10, clear_at=10, side=Side.ABOVE),
        Line(metric="h2s_ppm", severity=SeverityWord.CRITICAL, raise_at=1, clear_at=1, side=Side.ABOVE),
    )
    drawn = [(one.value, one.text, one.tone) for one in lines_of(detail(lines=lines), ENGLISH)]
    assert drawn == [
        (4, "Warning", Tone.ATTENTION),
        (2.5, "Warning ends", Tone.CLEAR),
        (10, "Critical", Tone.CRITICAL),
    ]


def test_what_happened_is_said_with_its_person_and_its_value() -> None:
    known = registry(device(), sites=[site()])
    words = AlertWords(known, {"odour": rule(names={"en": "Odour"})}, "en")
    assert step_text(step(Change.RAISED, value=5.0, threshold=3.0), words, ENGLISH) == (
        "Raised, warning",
        "Ammonia: 5 ppm, above 3 ppm",
    )
    assert step_text(step(Change.RAISED), words, ENGLISH) == ("Raised, warning", ""), "not for this caller"
    assert step_text(step(Change.ACKNOWLEDGED, by="Duty manager"), words, ENGLISH)[0] == "Duty manager is on it"
    given = step(Change.ASSIGNED, by="Duty manager", to="Duty attendant")
    assert step_text(given, words, ENGLISH)[0] == "Duty manager gave it to Duty attendant"
    assert step_text(given, words, CHINESE)[0] == "Duty manager 交由 Duty attendant 跟進"
    over = step(Change.RESOLVED, ending=Ending.CLEARED)
    assert step_text(over, words, ENGLISH)[0].startswith("Resolved: ")


@pytest.mark.parametrize("change", list(Change))
def test_every_change_has_its_words(change: Change) -> None:
    known = registry(device(), sites=[site()])
    words = AlertWords(known, {"odour": rule()}, "en")
    for by in (None, "somebody"):
        what, _ = step_text(step(change, by=by, to="somebody else"), words, ENGLISH)
        assert what
        assert "{" not in what


@pytest.mark.parametrize(
    ("length", "hours"),
    [("1", 1), ("4", 4), ("168", 168), ("tomorrow", 12)],
)
def test_a_silence_ends_by_the_clocks_of_its_site(length: str, hours: int) -> None:
    assert alert_deeds.end_of(length, NOON, HONG_KONG) == NOON + timedelta(hours=hours), "noon is 20:00 there"


def test_after_midnight_tomorrow_is_the_next_day() -> None:
    night = datetime(2026, 11, 22, 17, tzinfo=UTC)  # 01:00 on the 23rd
    assert alert_deeds.end_of("tomorrow", night, HONG_KONG) == datetime(2026, 11, 24, 0, tzinfo=UTC)


def test_every_length_of_a_silence_has_an_end() -> None:
    assert all(alert_deeds.end_of(length, NOON, HONG_KONG) > NOON for length in alert_deeds.LENGTHS)


def test_every_channel_status_and_reason_has_its_words() -> None:
    assert set(CHANNELS) == set(Channel)
    assert set(STATUSES) == set(Status)
    assert set(REASONS) == set(Reason)
    assert {one.severity for one in SeverityWord} == set(Severity)


@pytest.mark.parametrize(
    ("sent", "shown"),
    [
        ('<script>alert("x")</script>', '<script>alert("x")</script>'),
        ("bell \x07, colour \x1b[31m", "bell \\x07, colour \\x1b[31m"),
        ("turned \u202e round", "turned \\u202e round"),
        ("\\xff\\xfe", "\\xff\\xfe"),
        ("廁所\n{\t}", "廁所\n{\t}"),
    ],
)
def test_what_strangers_sent_is_shown_as_text(sent: str, shown: str) -> None:
    assert plain(sent, keep="\n\t") == shown


def test_what_came_of_a_replay() -> None:
    some = Replayed.model_construct(replayed=2, still_refused={"still refused": 3, "not there": 1})
    assert told(some, ENGLISH) == "2 messages were taken in. Still refused: 3. No longer there: 1."
    assert told(Replayed.model_construct(replayed=1, still_refused={}), CHINESE) == "已接收 1 則訊息。"
