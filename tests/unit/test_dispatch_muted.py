"""Why somebody is not told: each reason, how long it holds, and what comes when it ends."""

from collections.abc import Callable
from zoneinfo import ZoneInfo

import pytest

from alerts.alert import Severity
from alerts.dispatch.routing import QuietHours, Step
from alerts.mute.duty import EVERYBODY, audience
from alerts.notice import Cause, Channel, Muted
from telemetry.registry.hours import parse_hours
from telemetry.registry.models import Outage, Person, Registry
from tests.builders import device, registry, site
from tests.unit.dispatch_play import HOUR, MINUTE, OFFLINE, START_S, Play, person, route

S = 10**9
NIGHT = QuietHours(parse_hours("22:00-07:00"), frozenset({Severity.INFORMATION, Severity.WARNING}))
TEN_PM = 14 * HOUR
"""The plays begin at 08:00 in Hong Kong."""
SEVEN_AM = 23 * HOUR


def people(*given: Person) -> Registry:
    devices = [device("gw", "a", kind="gateway"), device("a-1", "a", parent="gw"), device("b-1", "b")]
    return registry(*devices, sites=[site("a"), site("b")], people=given)


def in_repair(until_s: float | None) -> Registry:
    end_ns = None if until_s is None else round((START_S + until_s) * S)
    repaired = device("a-1", "a", out_of_service=(Outage(START_S * S, end_ns, "repair"),))
    return registry(repaired, people=[person()])


def silenced() -> Play:
    play = Play()
    play.silence(0, HOUR, rule="odour", site="a*")
    play.raised()
    return play


def acknowledged() -> Play:
    play = Play()
    play.acknowledged(play.raised(), until_s=HOUR)
    return play


def flapping() -> Play:
    play = Play(route(group_wait_ns=0))
    play.resolved(play.raised(flapping=True), flapping=True)
    play.at(0)
    play.clock(1).raised(flapping=True)
    return play


def at_night() -> Play:
    play = Play(quiet_hours=(NIGHT,))
    play.clock(TEN_PM).raised()
    return play


def out_of_service() -> Play:
    play = Play(known=in_repair(HOUR))
    play.raised()
    return play


def gateway_down() -> Play:
    play = Play()
    play.raised("gw", "offline")
    play.raised("a-1", "silent")
    return play


def off_duty() -> Play:
    known = people(person(hours=parse_hours("09:00-17:00")), person("manager"))
    play = Play(route(to=("attendant", "manager")), known)
    play.raised()
    return play


def not_their_site() -> Play:
    known = people(person(sites=("b",)), person("manager"))
    play = Play(route(to=("attendant", "manager")), known)
    play.raised()
    return play


def over_cap() -> Play:
    play = Play(cap_an_hour=1)
    play.raised()
    play.raised("b-1")
    return play


def gone() -> Play:
    play = Play()
    alert = play.raised()
    play.clock(29).resolved(alert)
    return play


REASONS: dict[Muted, tuple[Callable[[], Play], int]] = {
    Muted.SILENCED: (silenced, 0),
    Muted.ACKNOWLEDGED: (acknowledged, 0),
    Muted.FLAPPING: (flapping, 1),
    Muted.QUIET_HOURS: (at_night, 0),
    Muted.OUT_OF_SERVICE: (out_of_service, 0),
    Muted.GATEWAY_DOWN: (gateway_down, 1),
    Muted.OFF_DUTY: (off_duty, 1),
    Muted.NOT_THEIR_SITE: (not_their_site, 1),
    Muted.OVER_CAP: (over_cap, 1),
    Muted.GONE: (gone, 0),
}
"""By reason: a play in which it is the only one, and how many messages there are all the same."""


def test_every_reason_has_its_play() -> None:
    assert REASONS.keys() == set(Muted)


@pytest.mark.parametrize("why", Muted)
def test_nobody_is_told_and_it_is_counted_once(why: Muted) -> None:
    begin, told = REASONS[why]
    play = begin()
    play.at(play._now_s + 5 * MINUTE)
    assert len(play.lines) == told
    assert play.muted[why] >= 1
    assert set(play.muted) <= {why, Muted.FLAPPING}
    counted = play.muted[why]
    for _ in range(3):
        play.at(play._now_s + 1)
    assert play.muted[why] == counted, "looking again is no new reason"


@pytest.mark.parametrize(
    ("why", "told_s"),
    [
        (Muted.SILENCED, HOUR + 30),
        (Muted.ACKNOWLEDGED, HOUR + 30),
        (Muted.OUT_OF_SERVICE, HOUR + 30),
        (Muted.QUIET_HOURS, SEVEN_AM + 30),
    ],
)
def test_what_is_still_there_when_that_ends_is_new(why: Muted, told_s: int) -> None:
    play = REASONS[why][0]()
    play.at(told_s)
    assert [line[:3] for line in play.lines] == [(told_s, "attendant", Cause.NEW)]


def test_whoever_comes_on_duty_learns_what_is_open() -> None:
    play = off_duty()
    play.at(2 * HOUR)
    assert [line[:3] for line in play.lines] == [(30, "manager", Cause.NEW), (HOUR + 30, "attendant", Cause.NEW)]


def test_devices_behind_a_gateway_are_told_when_it_is_back_and_they_are_not() -> None:
    play = Play()
    down = play.raised("gw", "offline")
    for name in ("a-1", "a-2"):
        play.raised(name, "silent")
    assert [line.alerts for line in play.at(MINUTE)] == [(("gw", Cause.NEW),)]
    play.resolved(down)
    told = play.at(HOUR)
    assert [line.alerts for line in told if line.cause is Cause.NEW] == [(("a-1", Cause.NEW), ("a-2", Cause.NEW))]


def test_a_device_that_is_heard_again_before_its_gateway_is_told() -> None:
    play = Play()
    alert = play.raised("a-1", "silent")
    play.at(MINUTE)
    play.raised("gw", "offline")
    play.at(2 * MINUTE)
    play.resolved(alert)
    assert [line.alerts for line in play.at(HOUR)] == [(("a-1", Cause.RESOLVED),)]


def test_other_alerts_behind_a_gateway_that_is_down_are_as_true_as_before() -> None:
    play = Play()
    play.raised("gw", "offline")
    play.raised("a-1")
    assert len(play.at(MINUTE)) == 2


def test_a_device_that_nothing_speaks_through_takes_nobody_with_it() -> None:
    play = Play()
    play.raised("a-2", "offline")
    play.raised("a-1", "silent")
    assert len(play.at(MINUTE)) == 2
    assert OFFLINE.metric == "online"


@pytest.mark.parametrize(("severity", "at_s"), [(Severity.WARNING, SEVEN_AM + 30), (Severity.CRITICAL, TEN_PM + 30)])
def test_quiet_hours_are_by_severity(severity: Severity, at_s: int) -> None:
    play = Play(quiet_hours=(NIGHT,))
    play.clock(TEN_PM).raised(severity=severity)
    play.at(30 * HOUR)
    assert play.lines[0].at_s == at_s


def test_a_route_may_have_no_quiet_hours_and_its_escalation_goes_past_them_too() -> None:
    steps = (Step(120 * S, ("manager",)),)
    play = Play(route(quiet_hours=False, group_wait_ns=0, escalate=steps), quiet_hours=(NIGHT,))
    play.clock(TEN_PM).raised()
    assert [line[:3] for line in play.at(TEN_PM + HOUR)] == [
        (TEN_PM, "attendant", Cause.NEW),
        (TEN_PM + 120, "manager", Cause.ESCALATED),
    ]


def test_an_escalation_waits_for_the_end_of_quiet_hours() -> None:
    play = Play(route(escalate=(Step(600 * S, ("manager",)),)), quiet_hours=(NIGHT,))
    play.clock(TEN_PM - 60).raised()
    assert [line[:3] for line in play.at(SEVEN_AM)] == [
        (TEN_PM - 30, "attendant", Cause.NEW),
        (SEVEN_AM, "attendant", Cause.REPEAT),
        (SEVEN_AM, "manager", Cause.ESCALATED),
    ]


def test_an_end_at_night_is_told_in_the_morning() -> None:
    play = Play(quiet_hours=(NIGHT,))
    alert = play.clock(TEN_PM - 60).raised()
    play.at(TEN_PM + 60)
    play.resolved(alert)
    assert [line[:3] for line in play.at(30 * HOUR)] == [(SEVEN_AM + 30, "attendant", Cause.RESOLVED)]


def test_an_end_under_a_silence_is_told_to_nobody() -> None:
    play = Play()
    alert = play.raised()
    play.at(MINUTE)
    play.silence(0, 2 * HOUR, device="a-1")
    play.resolved(alert)
    assert play.at(10 * HOUR) == []
    assert play.muted == {Muted.SILENCED: 1}
    assert play.groups == {}


@pytest.mark.parametrize("looked_between", [False, True])
def test_short_and_silenced_is_silenced_and_not_gone(*, looked_between: bool) -> None:
    play = silenced()
    if looked_between:
        play.at(5)
    play.resolved(next(iter(play.alerts)))
    play.at(10)
    assert play.muted == {Muted.SILENCED: 1}


ZONE = ZoneInfo("Asia/Hong_Kong")
NINE_TO_FIVE, FIVE_TO_NINE = parse_hours("09:00-17:00"), parse_hours("17:00-09:00")


@pytest.mark.parametrize(
    ("given", "to", "told", "absent"),
    [
        pytest.param([person("x")], ("x",), ("x",), {}, id="always on duty"),
        pytest.param(
            [person("x", hours=NINE_TO_FIVE), person("y", hours=FIVE_TO_NINE)],
            ("x", "y"),
            ("y",),
            {"x": Muted.OFF_DUTY},
            id="one is off duty",
        ),
        pytest.param([person("x", hours=NINE_TO_FIVE)], ("x",), ("x",), {}, id="nobody on duty: all"),
        pytest.param(
            [person("x", sites=("b",)), person("y", sites=("a",))],
            ("x", "y"),
            ("y",),
            {"x": Muted.NOT_THEIR_SITE},
            id="another's site",
        ),
        pytest.param([person("x", sites=("b",))], ("x",), ("x",), {}, id="nobody's site: all who are named"),
        pytest.param(
            [person("x", sites=("b",)), person("y", sites=("a",), hours=NINE_TO_FIVE)],
            ("x", "y"),
            ("y",),
            {"x": Muted.NOT_THEIR_SITE},
            id="off duty goes before another's site",
        ),
        pytest.param([person("x"), person("y", sites=("b",))], ("gone",), ("x",), {}, id="all who are named are gone"),
        pytest.param([person("x"), person("y", sites=("b",))], (), ("x",), {}, id="nobody named: whose site it is"),
        pytest.param([person("x", sites=("b",))], (), ("x",), {}, id="nobody named, nobody's site: everybody"),
        pytest.param([], ("gone",), (EVERYBODY,), {}, id="no people at all"),
    ],
)
def test_never_nobody(
    given: list[Person], to: tuple[str, ...], told: tuple[str, ...], absent: dict[str, Muted]
) -> None:
    found = audience(to, "a", ZONE, people(*given), START_S * S)
    assert (found.people, dict(found.absent)) == (told, absent)


def test_without_people_the_inbox_is_told() -> None:
    play = Play(known=people())
    play.resolved(play.raised())
    play.raised("b-1")
    play.at(HOUR)
    messages = [delivery for delivery in play.deliveries if delivery.channel is not Channel.MQTT]
    assert [(delivery.person, delivery.channel) for delivery in messages] == [(EVERYBODY, Channel.INBOX)]
