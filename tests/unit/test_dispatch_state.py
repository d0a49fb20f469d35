"""What is remembered between two looks, also where it can't be read, or where the configuration has moved on."""

from datetime import time

import pytest
from msgspec.structs import replace

from alerts.alert import Severity
from alerts.dispatch.group import speaks_ns
from alerts.dispatch.identity import message_id
from alerts.dispatch.routing import Digest, Step
from alerts.dispatch.state import Talk, untold
from alerts.notice import Cause, Channel, Muted
from telemetry.registry.models import Registry
from tests.builders import device, registry, site
from tests.unit.dispatch_play import HOUR, MINUTE, Play, person, route

S = 10**9
WARNING, CRITICAL = Severity.WARNING, Severity.CRITICAL


@pytest.mark.parametrize(
    ("sent", "wait", "causes", "speaks"),
    [
        pytest.param(None, 30, [Cause.NEW], 130, id="the first waits for others"),
        pytest.param(None, 0, [Cause.NEW], 100, id="or does not"),
        pytest.param(90, 30, [Cause.MORE], 390, id="later ones wait for the interval"),
        pytest.param(-500, 30, [Cause.MORE], 130, id="and for others at least"),
        pytest.param(90, 0, [Cause.MORE], 100, id="a second call for help does not wait"),
        pytest.param(90, 0, [Cause.ROSE, Cause.RESOLVED], 100, id="nor does what rises"),
        pytest.param(90, 0, [Cause.RESOLVED], 390, id="an end does"),
    ],
)
def test_when_a_group_speaks(sent: int | None, wait: int, causes: list[Cause], speaks: int) -> None:
    plain = route(group_wait_ns=wait, group_interval_ns=300)
    assert speaks_ns(Talk(None, sent), plain, causes, 100) == speaks


def test_an_id_has_the_form_that_receivers_expect() -> None:
    made = message_id("new", "attendant", "x")
    assert made == message_id("new", "attendant", "x")
    assert made != message_id("newattendant", "x")
    assert made.startswith("msg_")
    assert len(made) == 30
    assert set(made[4:]) <= set("abcdefghijklmnopqrstuvwxyz234567")


@pytest.mark.parametrize("data", [b"", b"\x02\x80", b"\x01\xff", b"\x01\x91\x01", b"\x01\x81\xa4told\x05"])
def test_what_cannot_be_read_was_told_just_now(data: bytes) -> None:
    play = Play()
    alert = play.raised()
    assert [line.cause for line in play.at(5 * HOUR)] == [Cause.NEW, Cause.REPEAT]
    play.groups = dict.fromkeys(play.groups, data)
    play.look(6 * HOUR)
    assert play.at(10 * HOUR - 1) == [], "not again within the repeat interval"
    assert [line.cause for line in play.at(15 * HOUR)] == [Cause.REPEAT, Cause.REPEAT]
    play.resolved(alert)
    assert [line.cause for line in play.at(16 * HOUR)] == [Cause.RESOLVED]
    assert len({delivery.id for delivery in play.deliveries}) == len(play.deliveries)


def test_other_records_that_cannot_be_read_stop_nothing() -> None:
    play = Play(cap_an_hour=1)
    play.raised("a-1", flapping=True)
    play.raised("b-1")
    play.at(30)
    assert {key.split()[0] for key in play.groups} == {"alert", "group", "series", "held"}
    play.groups = {key: data if key.startswith("alert") else b"\x09" for key, data in play.groups.items()}
    play.groups["of a later version"] = b"\x09"
    play.at(5 * HOUR)
    assert Cause.REPEAT in play.notified


def test_the_cursor_goes_on_with_the_news_and_stays_without() -> None:
    play = Play()
    assert play.look(0).cursor is None
    play.raised()
    assert play.look(1).cursor == 1
    assert play.look(2).cursor is None


def test_nothing_changed_nothing_written() -> None:
    play = Play()
    play.raised()
    play.at(30)
    planned = play.look(31)
    assert (planned.groups, planned.deliveries, planned.figures) == ({}, [], {})
    assert planned.next_ns is not None


def test_a_rise_on_another_route_is_one_story() -> None:
    critical = route(name="root/critical", match={"severity": "critical"}, to=("attendant", "manager"), group_wait_ns=0)
    play = Play(route(critical))
    alert = play.raised()
    play.at(100)
    play.turned(alert, CRITICAL)
    play.at(150)
    play.turned(alert, WARNING)
    play.at(200)
    play.resolved(alert)
    play.at(HOUR)
    assert [(line.person, line.cause) for line in play.lines] == [
        ("attendant", Cause.NEW),
        ("attendant", Cause.ROSE),
        ("manager", Cause.NEW),
        ("attendant", Cause.RESOLVED),
        ("manager", Cause.RESOLVED),
    ]


def test_new_routes_take_over_what_is_active() -> None:
    play = Play(route(escalate=(Step(10 * MINUTE * S, ("technician",)),)))
    alert = play.raised()
    play.at(30)
    other = route(name="root/odour", match={"rule": "odour"}, to=("manager", "attendant"), escalate=())
    play.routing = replace(play.routing, root=route(other))
    play.at(2 * MINUTE)
    # One who is gone from the routes learns the end of what they know, and nothing else.
    play.routing = replace(play.routing, root=route(replace(other, to=("manager",))))
    play.at(9 * HOUR)
    play.resolved(alert)
    play.at(10 * HOUR)
    told = [(line.person, line.cause) for line in play.lines]
    assert told[:2] == [("attendant", Cause.NEW), ("manager", Cause.NEW)]
    assert ("technician", Cause.ESCALATED) not in told
    assert {one for one in told if one[0] == "attendant"} == {("attendant", Cause.NEW), ("attendant", Cause.RESOLVED)}


def test_an_escalation_on_another_route_counts_from_the_move() -> None:
    play = Play()
    play.raised()
    play.at(HOUR)
    moved = route(name="root/odour", match={"rule": "odour"}, escalate=(Step(10 * MINUTE * S, ("manager",)),))
    play.routing = replace(play.routing, root=route(moved))
    play.at(HOUR + 1)
    assert [line[:3] for line in play.at(2 * HOUR)] == [(HOUR + 1 + 10 * MINUTE, "manager", Cause.ESCALATED)]


def without(play: Play, name: str) -> Registry:
    kept = [one for one in play.registry.devices.values() if one.id != name]
    return registry(*kept, sites=play.registry.sites.values(), people=play.registry.people.values())


def test_a_device_and_a_rule_that_are_gone_end_where_they_began() -> None:
    elsewhere = route(name="root/a", match={"site": "a", "rule": "odour"}, to=("manager",))
    play = Play(route(elsewhere))
    alert = play.raised()
    play.at(30)
    play.registry = without(play, "a-1")
    play.rules = {}
    play.look(HOUR)
    play.at(2 * HOUR - 60)
    play.resolved(alert)
    play.at(2 * HOUR)
    assert [(line.person, line.cause) for line in play.lines] == [("manager", Cause.NEW), ("manager", Cause.RESOLVED)]


def test_a_person_who_is_gone_is_told_nothing() -> None:
    play = Play(route(to=("attendant", "manager"), escalate=(Step(600 * S, ("manager",)),)), cap_an_hour=1)
    play.raised("a-1")
    play.raised("b-1")
    play.at(30)
    people = {name: one for name, one in play.registry.people.items() if name != "manager"}
    play.registry = registry(*play.registry.devices.values(), sites=[site("a"), site("b")], people=people.values())
    assert {line.person for line in play.at(5 * HOUR)} == {"attendant", "technician"}, "somebody is told instead"


def test_the_first_receiver_says_how() -> None:
    known = registry(
        device("a-1", "a"),
        people=[
            person("inbox"),
            person("mail", receivers=("mailto:desk@example.org", "inbox")),
            person("hook", receivers=("https://example.org/hook",)),
            person("chat", receivers=("tgram://token/chat",)),
        ],
    )
    play = Play(route(to=("inbox", "mail", "hook", "chat")), known)
    play.raised()
    play.at(30)
    assert {(one.person, one.place, one.channel) for one in play.deliveries if one.person} == {
        ("inbox", 0, Channel.INBOX),
        ("mail", 0, Channel.EMAIL),
        ("hook", 0, Channel.WEBHOOK),
        ("chat", 0, Channel.APPRISE),
    }


def test_what_cannot_wait_is_not_capped() -> None:
    urgent = route(name="root/c", match={"severity": "critical"}, group_wait_ns=0, group_by=("device",))
    play = Play(route(urgent, escalate=(Step(60 * S, ("attendant",)),)), cap_an_hour=1)
    for name in ("a-1", "a-2", "b-1"):
        play.raised(name, severity=CRITICAL)
    play.raised("b-2")
    assert [line.cause for line in play.at(0)] == [Cause.NEW] * 3
    play.at(MINUTE)
    assert play.muted[Muted.OVER_CAP] == 1
    told = play.at(HOUR)
    assert [line[:3] for line in told] == [(90, "attendant", Cause.ESCALATED), (HOUR, "attendant", Cause.SUMMARY)]


def test_a_summary_tells_how_things_are_by_then() -> None:
    play = Play(route(group_by=("device",)), cap_an_hour=1)
    play.raised("a-1")
    play.at(30)
    held = play.raised("a-2")
    play.at(10 * MINUTE)
    play.turned(held, CRITICAL)
    play.at(20 * MINUTE)
    play.resolved(held)
    play.at(HOUR)
    play.at(2 * HOUR)
    summaries = [notice for notice in play.notices if notice.cause is Cause.SUMMARY]
    assert [[(alert.device, alert.active, cause) for alert, cause in one.alerts] for one in summaries] == [
        [("a-2", False, Cause.RESOLVED)]
    ]


def test_two_summaries_of_the_same_alerts_are_two_messages() -> None:
    play = Play(route(group_by=("device",), repeat_interval_ns=HOUR * S), cap_an_hour=1)
    for name in ("a-1", "a-2", "b-1"):
        play.raised(name)
    play.at(10 * HOUR)
    assert play.notified[Cause.SUMMARY] >= 5
    assert len({delivery.id for delivery in play.deliveries}) == len(play.deliveries)
    assert len([one for one in play.deliveries if one.person]) <= 11


def test_a_long_list_says_how_many_more() -> None:
    known = registry(*(device(f"d-{number}", "a") for number in range(30)), people=[person()])
    play = Play(known=known)
    for number in range(30):
        play.raised(f"d-{number}", severity=CRITICAL if number == 29 else WARNING)
    play.at(30)
    (notice,) = play.notices
    assert (len(notice.alerts), notice.also) == (20, 10)
    assert notice.alerts[0][0].device == "d-29", "most severe first"
    assert len(next(one for one in play.deliveries if one.person).alerts) == 30


def test_a_digest_is_late_after_an_outage_of_ours_and_comes_once() -> None:
    play = Play(digest=Digest(time(9), ("manager",)))
    play.at(0)
    play.next_s = None
    assert [line.cause for line in play.at(60 * HOUR)] == [Cause.DIGEST]
    assert [line.at_s for line in play.at(74 * HOUR)] == [73 * HOUR]


def test_a_digest_is_about_the_persons_own_sites() -> None:
    known = registry(device("a-1", "a"), device("b-1", "b"), people=[person("manager", sites=("b",))])
    play = Play(known=known, digest=Digest(time(9), ("manager",)))
    play.silent, play.batteries = ["a-1", "b-1"], [("a-1", 3.0), ("b-1", 4.0)]
    play.at(0)
    play.at(2 * HOUR)
    (notice,) = play.notices
    assert (notice.silent_devices, notice.low_batteries, notice.alerts) == (["b-1"], [("b-1", 4.0)], [])


def test_who_is_not_told_and_why_can_be_looked_up() -> None:
    play = Play(route(to=("attendant", "manager"), group_by=("device",)), cap_an_hour=1)
    first = play.raised("a-1")
    play.at(30)
    assert untold(play.groups, first) == {}, "all of them know it"
    play.silence(40, HOUR, device="a-2")
    silent, capped = play.clock(40).raised("a-2"), play.raised("b-1")
    play.at(80)
    assert untold(play.groups, silent) == dict.fromkeys(("attendant", "manager"), Muted.SILENCED)
    assert untold(play.groups, capped) == dict.fromkeys(("attendant", "manager"), Muted.OVER_CAP)
    assert untold(play.groups, "none") == {}
    play.at(3 * HOUR)
    assert untold(play.groups, silent) == untold(play.groups, capped) == {}
