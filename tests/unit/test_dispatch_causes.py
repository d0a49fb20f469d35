"""Why somebody is told: each cause, when it comes and when not."""

import json
from datetime import time
from typing import Any

import pytest
from msgspec.structs import replace

from alerts.alert import Alert, Severity
from alerts.dispatch.news import WEIGHT, news
from alerts.dispatch.routing import Digest, Step
from alerts.dispatch.state import Told
from alerts.notice import Cause, Channel, Muted
from tests.unit.dispatch_play import HOUR, MINUTE, Line, Play, route

W, C, INFO = Severity.WARNING, Severity.CRITICAL, Severity.INFORMATION
REPEAT = 100
ALERT = Alert("x", "odour", "a-1", W, W, 0, 0, None, None, None, None, False, None, None, None, None, None)


@pytest.mark.parametrize(
    ("alert", "told", "group_told", "cause"),
    [
        pytest.param(ALERT, None, False, Cause.NEW, id="nobody said anything yet"),
        pytest.param(ALERT, None, True, Cause.MORE, id="its group is known"),
        pytest.param(replace(ALERT, resolved_ns=9), None, True, None, id="over before they knew"),
        pytest.param(ALERT, Told(W, 0, 0), True, None, id="they know"),
        pytest.param(replace(ALERT, severity=C), Told(W, 0, 0), True, Cause.ROSE, id="worse than they know"),
        pytest.param(replace(ALERT, severity=INFO), Told(W, 0, 0), True, None, id="better alone is no news"),
        pytest.param(replace(ALERT, resolved_ns=9), Told(W, 0, 0), True, Cause.RESOLVED, id="over"),
        pytest.param(ALERT, Told(W, -REPEAT, -REPEAT + 11), True, None, id="just before it is repeated"),
        pytest.param(ALERT, Told(W, -REPEAT, -REPEAT + 10), True, Cause.REPEAT, id="repeated"),
        pytest.param(
            replace(ALERT, acknowledged_by="b"), Told(W, -REPEAT, -REPEAT), True, None, id="acknowledged: no reminder"
        ),
        pytest.param(
            replace(ALERT, acknowledged_by="b", acknowledged_until_ns=10),
            Told(W, -REPEAT, -REPEAT),
            True,
            Cause.REPEAT,
            id="that ran out",
        ),
        pytest.param(
            replace(ALERT, acknowledged_by="b", severity=C), Told(W, 0, 0), True, Cause.ROSE, id="acknowledged, worse"
        ),
        pytest.param(
            replace(ALERT, acknowledged_by="b", resolved_ns=9), Told(W, 0, 0), True, Cause.RESOLVED, id="their end too"
        ),
    ],
)
def test_what_is_news_to_a_person(*, alert: Alert, told: Told | None, group_told: bool, cause: Cause | None) -> None:
    assert news(alert, told, REPEAT, 10, group_told=group_told) is cause


def test_every_cause_of_an_alert_has_its_weight() -> None:
    assert set(WEIGHT) == set(Cause) - {Cause.SUMMARY, Cause.DIGEST}


def test_new_waits_for_others_and_more_for_the_interval() -> None:
    play = Play()
    play.raised("a-1")
    assert play.at(0) == []
    play.clock(20).raised("a-2")
    assert play.at(29) == []
    both = (("a-1", Cause.NEW), ("a-2", Cause.NEW))
    assert play.at(30) == [Line(30, "attendant", Cause.NEW, both)]

    play.clock(60).raised("a-1", "silent")
    play.clock(61).raised("a-2", "silent")
    assert [line.at_s for line in play.at(100)] == [90], "another group has a wait of its own"

    play.clock(110).raised("gw")
    assert play.at(329) == []
    assert play.at(330) == [Line(330, "attendant", Cause.MORE, (("gw", Cause.MORE),))]


def test_more_in_a_group_that_has_long_been_silent_waits_for_others_all_the_same() -> None:
    play = Play()
    play.raised("a-1")
    play.at(HOUR)
    play.raised("a-2")
    assert play.at(HOUR) == []
    assert [line.at_s for line in play.at(HOUR + MINUTE)] == [HOUR + 30]


def test_rose_falls_silently_and_resolves() -> None:
    play = Play()
    alert = play.raised()
    play.at(30)
    play.clock(400).turned(alert, C)
    assert [line[:3] for line in play.at(430)] == [(430, "attendant", Cause.ROSE)]
    play.clock(800).turned(alert, W)
    play.clock(900).turned(alert, C)
    assert play.at(1800) == [], "they were told of critical, and of nothing since"
    play.resolved(alert)
    assert [line[:3] for line in play.at(2000)] == [(1830, "attendant", Cause.RESOLVED)]
    assert play.groups == {}, "nothing is kept of what is over"


def test_what_comes_again_is_new() -> None:
    play = Play()
    for at_s in (0, 1000):
        alert = play.clock(at_s).raised()
        play.at(at_s + 40)
        play.resolved(alert)
        play.at(at_s + 900)
    assert [line.cause for line in play.lines] == [Cause.NEW, Cause.RESOLVED] * 2
    ids = [delivery.id for delivery in play.deliveries]
    assert len(set(ids)) == len(ids)


def test_repeat_until_it_is_acknowledged_and_again_when_that_ends() -> None:
    play = Play()
    alert = play.raised()
    play.at(30)
    assert [line[:3] for line in play.at(9 * HOUR)] == [
        (30 + 4 * HOUR, "attendant", Cause.REPEAT),
        (30 + 8 * HOUR, "attendant", Cause.REPEAT),
    ]
    play.acknowledged(alert, until_s=24 * HOUR)
    assert play.at(24 * HOUR - 1) == []
    assert [line[:3] for line in play.at(25 * HOUR)] == [(24 * HOUR, "attendant", Cause.REPEAT)]
    assert len({delivery.id for delivery in play.deliveries}) == len(play.deliveries)


def test_repetitions_of_a_group_go_together() -> None:
    play = Play()
    play.raised("a-1")
    play.at(30)
    play.clock(100).raised("a-2")
    play.at(HOUR)
    assert play.at(8 * HOUR) == [
        Line(30 + 4 * HOUR, "attendant", Cause.REPEAT, (("a-1", Cause.REPEAT), ("a-2", Cause.REPEAT)))
    ]


STEPS = (Step(120 * 10**9, ("manager",)), Step(600 * 10**9, ("technician", "manager")))


def test_escalated_at_once_and_told_of_the_end() -> None:
    play = Play(route(escalate=STEPS))
    alert = play.raised()
    assert [line[:3] for line in play.at(700)] == [
        (30, "attendant", Cause.NEW),
        (150, "manager", Cause.ESCALATED),
        (630, "technician", Cause.ESCALATED),
        (630, "manager", Cause.ESCALATED),
    ]
    play.resolved(alert)
    ends = play.at(2000)
    assert {line.person for line in ends if line.cause is Cause.RESOLVED} == {"attendant", "manager", "technician"}
    assert len({delivery.id for delivery in play.deliveries}) == len(play.deliveries)


@pytest.mark.parametrize("end", ["acknowledged", "resolved"])
def test_nothing_escalates_after(end: str) -> None:
    play = Play(route(escalate=STEPS))
    alert = play.raised()
    play.at(149)
    getattr(play, end)(alert)
    play.at(4 * HOUR)
    assert Cause.ESCALATED not in play.notified


def test_after_an_outage_of_ours_a_person_hears_once_of_all_steps_that_are_due() -> None:
    play = Play(route(escalate=STEPS))
    play.raised()
    play.at(30)
    play.next_s = None
    assert [line[:3] for line in play.at(HOUR)] == [
        (HOUR, "manager", Cause.ESCALATED),
        (HOUR, "technician", Cause.ESCALATED),
    ]
    assert play.at(HOUR + MINUTE) == []


def test_whoever_was_told_by_escalation_is_reminded_too() -> None:
    play = Play(route(escalate=STEPS[:1]))
    play.raised()
    play.at(HOUR)
    told = {(line.person, line.cause) for line in play.at(5 * HOUR)}
    assert told == {("attendant", Cause.REPEAT), ("manager", Cause.REPEAT)}


def test_flapping_is_told_once_then_counted() -> None:
    play = Play(route(group_wait_ns=0))
    for at_s in range(0, 10 * MINUTE, MINUTE):
        flapping = at_s >= 5 * MINUTE
        alert = play.clock(at_s).raised(flapping=flapping)
        play.at(at_s + 1)
        play.resolved(alert, flapping=flapping)
        play.at(at_s + 2)
    assert play.notified[Cause.FLAPPING] == 1
    assert [line.at_s for line in play.lines if line.cause is Cause.FLAPPING] == [5 * MINUTE]
    assert [line for line in play.lines if line.at_s > 5 * MINUTE and line.cause is not Cause.RESOLVED] == []
    assert play.muted[Muted.FLAPPING] >= 4


def test_what_flapped_and_stays_is_repeated_and_then_its_end_is_told() -> None:
    play = Play(route(group_wait_ns=0))
    first = play.raised(flapping=True)
    play.at(0)
    play.resolved(first, flapping=True)
    play.at(10)
    second = play.clock(60).raised(flapping=True)
    assert [line[:3] for line in play.at(5 * HOUR)] == [(4 * HOUR, "attendant", Cause.REPEAT)]
    play.resolved(second, flapping=True)
    assert [line.cause for line in play.at(6 * HOUR)] == [Cause.RESOLVED]


def test_a_calm_raise_ends_the_flapping() -> None:
    play = Play(route(group_wait_ns=0))
    alert = play.raised(flapping=True)
    play.at(0)
    play.resolved(alert, flapping=True)
    play.at(10)
    play.clock(HOUR).raised()
    assert [line.cause for line in play.at(HOUR)] == [Cause.NEW]
    assert not any(key.startswith("series") for key in play.groups)


def test_flapping_faster_than_the_group_waits_is_told_too() -> None:
    play = Play()
    for at_s in range(0, 60, 10):
        alert = play.clock(at_s).raised(flapping=True)
        play.at(at_s)
        play.clock(at_s + 5).resolved(alert, flapping=True)
        play.at(at_s + 5)
    assert [line[:3] for line in play.lines] == [(30, "attendant", Cause.FLAPPING)]


def test_whoever_hears_of_what_flaps_by_escalation_gets_no_notice_after_its_end() -> None:
    critical = route(
        name="root/c", match={"severity": "critical"}, to=("manager",), escalate=(Step(60 * 10**9, ("attendant",)),)
    )
    play = Play(route(critical))
    alert = play.raised(severity=C, flapping=True)
    assert [line[1:3] for line in play.at(100)] == [("manager", Cause.FLAPPING), ("attendant", Cause.ESCALATED)]
    play.turned(alert, W)
    play.at(HOUR)
    play.resolved(alert, flapping=True)
    assert [line[1:3] for line in play.at(2 * HOUR)] == [("attendant", Cause.RESOLVED)]


def test_a_summary_when_the_hour_allows_it() -> None:
    play = Play(route(group_by=("device", "rule")), cap_an_hour=2)
    for at_s, name in enumerate(("a-1", "a-2", "b-1", "b-2")):
        play.clock(at_s).raised(name)
        play.at(at_s)
    assert [line.cause for line in play.at(HOUR)] == [Cause.NEW, Cause.NEW]
    told = play.at(2 * HOUR)
    assert told == [
        Line(HOUR + 30, "attendant", Cause.SUMMARY, (("b-1", Cause.NEW), ("b-2", Cause.NEW))),
    ]


def test_the_digest_comes_once_a_day_at_its_hour() -> None:
    at = time(9)
    play = Play(digest=Digest(at, ("manager", "gone")))
    play.silent, play.batteries = ["b-2"], [("a-1", 12.0), ("a-2", 4.0)]
    play.raised()
    play.at(30)
    told = [line for line in play.at(50 * HOUR) if line.person == "manager"]
    assert [line[:3] for line in told] == [(day * 24 * HOUR + HOUR, "manager", Cause.DIGEST) for day in range(3)]
    notice = next(notice for notice in play.notices if notice.cause is Cause.DIGEST)
    assert notice.silent_devices == ["b-2"]
    assert notice.low_batteries == [("a-2", 4.0), ("a-1", 12.0)]
    assert [alert.device for alert, _ in notice.alerts] == ["a-1"]


def published(play: Play) -> list[dict[str, Any]]:
    """What goes out on MQTT, in order."""
    return [json.loads(one.message.data) for one in play.deliveries if one.channel is Channel.MQTT]


def test_every_change_of_severity_goes_out_on_mqtt() -> None:
    play = Play()
    play.silence(0, HOUR, rule="*")
    alert = play.raised()
    play.turned(alert, C)
    play.turned(alert, W)
    play.resolved(alert)
    play.at(0)
    sent = [delivery for delivery in play.deliveries if delivery.channel is Channel.MQTT]
    assert [delivery.message.severity for delivery in sent] == [W, C, W, None]
    assert sent[0].message.data == (
        b'{"alert":"' + alert.encode() + b'","rule":"odour","device":"a-1","site":"a","severity":2,"state":2,'
        b'"time_ms":1795305600000,"seq":1}'
    )
    assert b'"severity":0,"state":0' in sent[-1].message.data
    assert {(delivery.person, delivery.message.title) for delivery in sent} == {("", "")}


@pytest.mark.parametrize("first", ["acknowledged", "assigned"])
def test_the_first_acknowledgement_of_an_alert_says_how_long_it_took(first: str) -> None:
    play = Play()
    alert = play.raised()
    play.clock(12.5)
    getattr(play, first)(alert)
    play.clock(20).acknowledged(alert, until_s=30)
    play.assigned(alert)
    play.at(20)
    play.clock(40).acknowledged(alert)
    play.at(40)
    raised, taken = published(play)
    assert taken == {
        "alert": alert,
        "rule": "odour",
        "device": "a-1",
        "site": "a",
        "acknowledge_s": 12.5,
        "time_ms": 1_795_305_612_500,
        "seq": 2,
    }, "of severity and state nothing: a change that is noticed later may have come true before"
    assert "acknowledge_s" not in raised


def test_the_end_of_an_alert_says_how_long_it_took_and_each_episode_counts_once() -> None:
    play = Play()
    for at_s, took_s, flapping in ((0, 1.25, False), (10, 2.0, True), (20, 0.0, True)):
        alert = play.clock(at_s).raised(flapping=flapping)
        if took_s:
            play.clock(at_s + took_s / 2).acknowledged(alert)
        play.clock(at_s + took_s).resolved(alert, flapping=flapping)
        play.at(at_s + took_s)
    said = published(play)
    assert [one["resolve_s"] for one in said if "resolve_s" in one] == [1.25, 2.0, 0.0]
    assert [one["acknowledge_s"] for one in said if "acknowledge_s" in one] == [0.625, 1.0]
    assert [one.get("state") for one in said] == [2, None, 0, 2, None, 0, 2, 0]


def test_of_an_alert_that_is_forgotten_its_end_goes_out_without_a_length() -> None:
    play = Play()
    alert = play.raised()
    play.at(0)
    play.resolved(alert)
    del play.alerts[alert]
    play.at(1)
    assert [(one["state"], "resolve_s" in one) for one in published(play)] == [(2, False), (0, False)]


def test_an_end_that_is_seen_before_its_news_is_told_when_they_come() -> None:
    play = Play()
    alert = play.raised()
    play.at(30)
    kept = play.alerts.pop(alert)
    play.at(400)
    play.alerts[alert] = kept
    play.resolved(alert)
    assert [line.cause for line in play.at(500)] == [Cause.RESOLVED]
