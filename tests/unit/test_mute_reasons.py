"""What keeps an alert from being told, each by itself: silences, outages, gateways, quiet hours, duty."""

from zoneinfo import ZoneInfo

import pytest

from alerts.alert import Severity, Silence
from alerts.dispatch.routing import QuietHours
from alerts.mute.duty import audience
from alerts.mute.inhibit import behind, gateways_down, outage_at, says_silent
from alerts.mute.quiet_hours import quiet_until_ns
from alerts.mute.silence import silenced_until_ns
from alerts.rules.rule import Condition, Happening, State, Value
from telemetry.registry.hours import parse_hours
from telemetry.registry.models import Outage
from tests.builders import device, registry
from tests.unit.dispatch_play import HOUR, OFFLINE, SILENT, START_S, Play, person, rule

S = 10**9
MORNING_NS = START_S * S
"""08:00 in Hong Kong, 00:00 in London, a Sunday."""
HONG_KONG, LONDON = ZoneInfo("Asia/Hong_Kong"), ZoneInfo("Europe/London")


def silence(start: int, end: int, **matchers: str) -> Silence:
    return Silence("s", matchers, start, end, "someone", "works")


@pytest.mark.parametrize(
    ("now", "labels", "until"),
    [
        (9, {"site": "a"}, None),
        (10, {"site": "a"}, 30),
        (19, {"site": "a"}, 30),
        (29, {"site": "a"}, 30),
        (30, {"site": "a"}, None),
        (15, {"site": "b"}, None),
    ],
)
def test_the_last_silence_that_holds_counts(now: int, labels: dict[str, str], until: int | None) -> None:
    silences = [silence(10, 20, site="a"), silence(15, 30, site="a*"), silence(0, 99, site="c")]
    if now < 15:
        silences[0] = silence(10, 30, site="a")
    assert silenced_until_ns(silences, labels, now) == until


@pytest.mark.parametrize(("now", "held"), [(9, False), (10, True), (19, True), (20, False), (40, True), (10**12, True)])
def test_out_of_service_with_and_without_an_end(*, now: int, held: bool) -> None:
    repaired = device(out_of_service=(Outage(10, 20, "repair"), Outage(40, None, "taken down")))
    assert (outage_at(repaired, now) is not None) is held


@pytest.mark.parametrize(
    ("condition", "silent"),
    [
        (SILENT, True),
        (OFFLINE, True),
        (State("online", 1.0), False),
        (State("leak", 0.0), False),
        (Value("nh3_ppm"), False),
        (Happening("assistance", 1.0, 1.0), False),
    ],
)
def test_which_rules_a_gateways_outage_explains(*, condition: Condition, silent: bool) -> None:
    assert says_silent(rule("x", condition)) is silent
    assert not says_silent(None)


def test_a_gateway_is_down_while_an_alert_says_so() -> None:
    play = Play()
    devices = play.registry.devices
    alert = play.raised("gw", "silent")
    play.raised("b-1", "silent")
    play.raised("a-1")
    assert gateways_down(play.alerts.values(), play.rules, devices) == {"gw"}
    play.resolved(alert)
    assert gateways_down(play.alerts.values(), play.rules, devices) == frozenset()
    assert gateways_down(play.alerts.values(), {}, devices) == frozenset()


def test_gateways_stand_behind_gateways() -> None:
    known = registry(
        device("far", parent="near"),
        device("near", parent="top"),
        device("top"),
        device("alone"),
        device("ring-1", parent="ring-2"),
        device("ring-2", parent="ring-1"),
        device("lost", parent="unknown"),
    ).devices
    down = frozenset({"top"})
    assert [name for name, one in known.items() if behind(one, down, known)] == ["far", "near"]


NIGHT = QuietHours(parse_hours("22:00-07:00"), frozenset({Severity.INFORMATION, Severity.WARNING}))
SUNDAY = QuietHours(parse_hours("sun 00:00-24:00"), frozenset({Severity.INFORMATION}))


@pytest.mark.parametrize(
    ("severity", "zone", "at_s", "until_s"),
    [
        pytest.param(Severity.WARNING, HONG_KONG, 0, None, id="morning"),
        pytest.param(Severity.WARNING, HONG_KONG, 14 * HOUR, 23 * HOUR, id="22:00 is night"),
        pytest.param(Severity.WARNING, HONG_KONG, 23 * HOUR, None, id="07:00 is not"),
        pytest.param(Severity.WARNING, LONDON, 0, 7 * HOUR, id="by the clocks of the site"),
        pytest.param(Severity.CRITICAL, LONDON, 0, None, id="not for what is critical"),
        pytest.param(Severity.INFORMATION, HONG_KONG, 0, 16 * HOUR, id="a whole day"),
        pytest.param(Severity.INFORMATION, HONG_KONG, 15 * HOUR, 23 * HOUR, id="the later of two ends"),
    ],
)
def test_when_quiet_hours_end(severity: Severity, zone: ZoneInfo, at_s: int, until_s: int | None) -> None:
    until_ns = quiet_until_ns((NIGHT, SUNDAY), severity, zone, (START_S + at_s) * S)
    assert until_ns == (None if until_s is None else (START_S + until_s) * S)


def test_duty_changes_when_the_first_of_them_comes_or_goes() -> None:
    people = [
        person("early", hours=parse_hours("06:00-14:00")),
        person("late", hours=parse_hours("14:00-22:00")),
        person("always"),
    ]
    known = registry(device("a-1", "a"), people=people)
    found = audience(("early", "late", "always"), "a", HONG_KONG, known, MORNING_NS)
    assert found.people == ("early", "always")
    assert found.changes_ns == MORNING_NS + 6 * HOUR * S
    assert audience(("always",), "a", HONG_KONG, known, MORNING_NS).changes_ns is None
