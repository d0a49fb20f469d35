from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from telemetry.reading import NS_PER_S
from telemetry.registry.hours import parse_hours

HONG_KONG = ZoneInfo("Asia/Hong_Kong")


def at(text: str, zone: ZoneInfo = HONG_KONG) -> int:
    return round(datetime.fromisoformat(text).replace(tzinfo=zone).timestamp()) * NS_PER_S


def shown(time_ns: int, zone: ZoneInfo = HONG_KONG) -> str:
    return datetime.fromtimestamp(time_ns / NS_PER_S, UTC).astimezone(zone).strftime("%a %H:%M")


@pytest.mark.parametrize(
    ("text", "moment", "holds"),
    [
        ("08:00-18:00", "2026-11-23T08:00", True),
        ("08:00-18:00", "2026-11-23T18:00", False),
        ("22:00-06:00", "2026-11-23T23:00", True),
        ("22:00-06:00", "2026-11-23T05:59", True),
        ("22:00-06:00", "2026-11-23T06:00", False),
        ("mon-fri 08:00-18:00", "2026-11-22T12:00", False),  # a Sunday
        ("sun 22:00-06:00", "2026-11-23T05:00", True),  # Monday morning belongs to Sunday's span
        ("mon 22:00-06:00", "2026-11-23T05:00", False),
        ("sat-mon 00:00-24:00", "2026-11-22T12:00", True),
        ("sat-mon 00:00-24:00", "2026-11-24T12:00", False),
        ("mon,wed 10:00-11:00", "2026-11-25T10:30", True),
    ],
)
def test_whether_a_moment_is_within(text: str, moment: str, holds: bool) -> None:
    assert parse_hours(text).hold(at(moment), HONG_KONG) is holds


@pytest.mark.parametrize("text", ["", "8-20", "08:00", "25:00-26:00", "mon-xyz 08:00-09:00", "mon 08:00-09:60"])
def test_other_texts_are_told_what_is_expected(text: str) -> None:
    with pytest.raises(ValueError, match="hours such as"):
        parse_hours(text)


def test_the_next_change_follows_the_clocks_of_the_site_over_a_change_of_the_clocks() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    night = parse_hours("22:00-06:00")
    evening = at("2026-03-28T22:00", berlin)
    morning = night.next_change_ns(evening, berlin)
    assert shown(morning, berlin) == "Sun 06:00"
    assert (morning - evening) / NS_PER_S == 7 * 3600


def test_between_two_changes_nothing_changes() -> None:
    hours = parse_hours("mon-fri 09:30-17:00")
    moment = at("2026-11-20T00:00")
    for _ in range(40):
        after = hours.next_change_ns(moment, HONG_KONG)
        states = {hours.hold(moment + (after - moment) * part // 10, HONG_KONG) for part in range(10)}
        assert len(states) == 1
        moment = after
