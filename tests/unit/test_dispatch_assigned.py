"""Who is given an alert is told: at once, whatever else would stand against it, once, and as long as it is theirs."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from alerts.alert import Severity
from alerts.dispatch.routing import QuietHours, Step
from alerts.notice import Cause, Muted
from telemetry.registry.hours import parse_hours
from telemetry.registry.models import Outage
from tests.builders import device, registry, site
from tests.unit.dispatch_play import HOUR, MINUTE, START_S, Line, Play, person, route

S = 10**9
W, C = Severity.WARNING, Severity.CRITICAL
YOURS = (("a-1", Cause.ASSIGNED),)


def test_at_once_and_only_who_it_was_given_to() -> None:
    play = Play()
    alert = play.raised()
    play.assigned(alert, "technician")
    assert play.at(0) == [Line(0, "technician", Cause.ASSIGNED, YOURS)]
    assert play.notices[-1].by == "someone"
    assert play.at(5 * HOUR) == [], "it is acknowledged: nobody else is told, nobody is reminded"
    assert play.muted[Muted.ACKNOWLEDGED] > 0


def silenced() -> Play:
    play = Play()
    play.silence(0, HOUR, rule="odour")
    return play


def off_duty_at_another_site() -> Play:
    known = registry(
        device("a-1", "a"),
        sites=[site("a"), site("b")],
        people=[person(), person("technician", sites=("b",), hours=parse_hours("22:00-23:00"))],
    )
    return Play(known=known)


def quiet() -> Play:
    return Play(quiet_hours=(QuietHours(parse_hours("00:00-24:00"), frozenset(Severity)),))


def in_repair() -> Play:
    repaired = device("a-1", "a", out_of_service=(Outage(START_S * S, None, "repair"),))
    return Play(known=registry(repaired, people=[person(), person("technician")]))


def over_the_cap() -> Play:
    play = Play(route(to=("technician",), group_by=("device",)), cap_an_hour=1)
    play.raised("b-1")
    play.at(40)
    assert [line.person for line in play.lines] == ["technician"]
    return play


@pytest.mark.parametrize("against", [silenced, off_duty_at_another_site, quiet, in_repair, over_the_cap])
def test_nothing_stands_against_it(against: Callable[[], Play]) -> None:
    play = against()
    play.assigned(play.raised(), "technician")
    assert [line[1:] for line in play.at(50)] == [("technician", Cause.ASSIGNED, YOURS)]


def test_nor_that_its_gateway_is_down_or_that_it_flaps() -> None:
    play = Play(route(to=("technician",), group_wait_ns=0))
    play.raised("gw", "silent")
    play.assigned(play.raised("a-1", "silent"), "technician")
    assert ("technician", Cause.ASSIGNED, YOURS) in [line[1:] for line in play.at(0)]
    play.resolved(play.raised("b-1", flapping=True), flapping=True)
    play.at(1)
    play.assigned(play.raised("b-1", flapping=True), "technician")
    assert [line.cause for line in play.at(2)] == [Cause.ASSIGNED]


def test_once_for_each_time_it_is_given_and_never_twice_under_one_id() -> None:
    play = Play()
    alert = play.raised()
    for at_s in (0, 10, 20):
        play.clock(at_s).assigned(alert, "technician")
        assert [line[:3] for line in play.at(at_s)] == [(at_s, "technician", Cause.ASSIGNED)]
        assert play.at(at_s + 1) == []
    play.clock(30).assigned(alert, "technician")
    first, again = play.planned(30), play.planned(35)
    assert [one.id for one in first.deliveries] == [one.id for one in again.deliveries], "worked out again, the same"
    play.at(40)
    assert len({one.id for one in play.deliveries}) == len(play.deliveries) == 6, "two lines for MQTT among them"


def test_who_has_it_hears_that_it_gets_worse_and_of_its_end_and_the_one_before_of_its_end() -> None:
    play = Play(route(group_wait_ns=0))
    alert = play.raised()
    play.assigned(alert, "technician")
    play.at(0)
    play.clock(10).turned(alert, C)
    assert [line[1:3] for line in play.at(400)] == [("technician", Cause.ROSE)]
    play.clock(500).assigned(alert, "manager")
    assert [line[1:3] for line in play.at(500)] == [("manager", Cause.ASSIGNED)]
    play.clock(600).turned(alert, W)
    play.at(700)
    play.clock(800).turned(alert, C)
    assert play.at(2000) == [], "as bad as both were told"
    play.resolved(alert)
    ends = [line[1:3] for line in play.at(3000)]
    assert sorted(ends) == [("manager", Cause.RESOLVED), ("technician", Cause.RESOLVED)]
    assert play.groups == {}, "nothing is kept of what is over"


def test_the_one_before_is_not_told_that_it_gets_worse() -> None:
    play = Play(route(group_wait_ns=0))
    alert = play.raised()
    play.assigned(alert, "technician")
    play.at(0)
    play.clock(10).assigned(alert, "manager")
    play.at(10)
    play.clock(20).turned(alert, C)
    assert [line[1:3] for line in play.at(1000)] == [("manager", Cause.ROSE)]


def taken_by_another(play: Play, alert: str) -> None:
    play.acknowledged(alert)


def given_to_another(play: Play, alert: str) -> None:
    play.assigned(alert, "manager")


def resolved(play: Play, alert: str) -> None:
    play.resolved(alert)


@pytest.mark.parametrize(
    ("then", "told", "muted"),
    [
        (taken_by_another, [], Muted.ACKNOWLEDGED),
        (given_to_another, ["manager"], Muted.ACKNOWLEDGED),
        (resolved, [], Muted.GONE),
    ],
)
def test_what_is_not_theirs_any_more_is_not_told(
    then: Callable[[Play, str], None], told: list[str], muted: Muted
) -> None:
    play = Play()
    alert = play.raised()
    play.assigned(alert, "technician")
    then(play, alert)
    assert [line.person for line in play.at(0)] == told
    assert play.muted[muted] > 0
    assert [line.person for line in play.at(HOUR)] == []


def test_whom_the_end_overtook_while_others_knew_it_is_counted() -> None:
    play = Play()
    alert = play.raised()
    play.at(30)
    play.clock(60).assigned(alert, "technician")
    play.resolved(alert)
    assert [line[1:3] for line in play.at(HOUR)] == [("attendant", Cause.RESOLVED)]
    assert play.muted == {Muted.GONE: 1}


def test_who_is_given_what_got_worse_hears_it_once() -> None:
    play = Play(route(group_wait_ns=0))
    alert = play.raised()
    play.at(0)
    play.clock(10).turned(alert, C)
    play.assigned(alert, "attendant")
    assert [line[1:3] for line in play.at(HOUR)] == [("attendant", Cause.ASSIGNED)]


def test_who_left_people_yaml_meanwhile_is_told_nothing() -> None:
    play = Play()
    play.assigned(play.raised(), "technician")
    people = {name: one for name, one in play.registry.people.items() if name != "technician"}
    play.registry = replace(play.registry, people=people)
    assert play.at(HOUR) == []


def test_alerts_of_a_group_that_one_hand_gave_share_a_message() -> None:
    play = Play()
    for name in ("a-1", "a-2", "b-1"):
        play.assigned(play.raised(name), "technician")
    play.assigned(play.raised("gw"), "technician", by="manager")
    assert sorted(len(line.alerts) for line in play.at(0)) == [1, 1, 2]
    assert sorted(notice.by or "" for notice in play.notices) == ["manager", "someone", "someone"]


def test_nothing_escalates_while_somebody_has_it_and_it_goes_on_when_they_let_go() -> None:
    play = Play(route(escalate=(Step(120 * S, ("manager",)),)))
    alert = play.raised()
    play.assigned(alert, "technician")
    assert [line.cause for line in play.at(HOUR)] == [Cause.ASSIGNED]
    play.acknowledged(alert, until_s=HOUR + 10 * MINUTE)
    assert ("manager", Cause.ESCALATED) in [line[1:3] for line in play.at(2 * HOUR)]


def test_it_is_told_after_a_restart_between_the_news_and_the_look() -> None:
    play = Play()
    alert = play.raised()
    play.at(30)
    play.clock(60).assigned(alert, "technician")
    play.next_s = None
    assert [line[1:3] for line in play.at(HOUR)] == [("technician", Cause.ASSIGNED)]
