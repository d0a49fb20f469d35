"""What a rule is said to think of a device is what the judge does with it, and every reason has its case."""

from collections.abc import Callable
from itertools import product
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.alert import Severity
from alerts.explain.explain import Explanation, Facts, Stored, Thought, explain
from alerts.explain.misfit import Part, misfits
from alerts.explain.reason import Why, reason
from alerts.judge.evaluate import signal
from alerts.judge.lifecycle import Known
from alerts.judge.memory import DeviceMemory, decode_area, decode_device
from alerts.judge.plans import Plan, plans
from alerts.rules.rule import (
    Aggregate,
    Guard,
    Happening,
    NoData,
    Pause,
    Rate,
    Rule,
    Selector,
    Side,
    State,
    Value,
    Window,
)
from alerts.rules.select import concerns, selects
from caretaker.explain_words import PARTS, WHYS, misfit_text
from telemetry.reading import Reading
from telemetry.registry.hours import parse_hours
from telemetry.registry.models import Device, Outage, Registry
from tests.alerting import CRITICAL, T0, M, Played, S, level, reading, rule
from tests.builders import area, device, registry, site

DAY = 86_400
BARE = level(None, None)
GATEWAY = device("gw", kind="gateway", metrics=("online",))
PANEL = device("panel", kind="toilet_button", interval_s=None, metrics=("cleaned", "assistance"))
SENSOR = device(metrics=("nh3_ppm", "occupied"))
MEAN = Window("nh3_ppm", Aggregate.MEAN, 10 * M, M, 0.75)


def asked(found: Played, name: str = "nh3-1", stored: dict[str, Stored] | None = None, **rules: Rule) -> Explanation:
    """What the first rule of a played judge thinks of a device, from what a database would have kept."""
    about = rules.get("rule") or found.rules.rules[0]
    plan = planned(found, name)
    kept = found.kept
    parent = plan.place.device.parent
    facts = Facts(
        memory=memory(found, name),
        clock_ns=kept.figures["clock_ns"],
        resumed_ns=kept.figures["resumed_ns"],
        gateway=None if parent is None else (memory(found, parent), planned(found, parent).silent_ns),
        stored=stored or {},
    )
    return explain(about, found.judge.state(about.id, name), plan, facts)


def planned(found: Played, name: str) -> Plan:
    plan = plans(found.registry, found.rules)[name]
    pauses = found.kept.areas.get((plan.place.device.site, plan.place.device.area or ""))
    plan.place.pauses = [] if pauses is None else decode_area(pauses)
    return plan


def memory(found: Played, name: str) -> DeviceMemory:
    return decode_device(found.kept.devices[name]) if name in found.kept.devices else DeviceMemory()


def played(one: Rule, *readings: Reading, until_s: float = 0, known: Registry | None = None) -> Played:
    found = Played(known or registry(SENSOR), one)
    found.run(until_s, readings)
    return found


def every(step_s: int, until_s: int, value: float = 1.0, **more: Any) -> list[Reading]:
    return [reading(at_s, nh3_ppm=value, **more) for at_s in range(0, until_s, step_s)]


def test_a_value_within_bounds_is_quiet_and_comes_from_the_store() -> None:
    found = played(rule(), *every(10, 61), until_s=65)
    answer = asked(found, stored={"nh3_ppm": Stored(T0 + 60 * S, 1.0)})
    assert (answer.thought, answer.reason, answer.severity) == (Thought.QUIET, None, None)
    assert answer.stored
    assert answer.now == Known(1.0, 1.0, T0 + 60 * S)
    assert answer.judged_ns == T0 + 60 * S, "the judge has seen the reading, and had nothing to remember"


def test_without_a_store_a_quiet_rule_still_says_until_when_it_judged() -> None:
    answer = asked(played(rule(), *every(10, 61), until_s=65))
    assert answer.now is None
    assert answer.judged_ns == T0 + 60 * S


def test_pending_says_since_when_and_when_it_will_be_raised() -> None:
    one = rule(None, level(for_s=600), level(9, 5, for_s=60, severity=CRITICAL))
    answer = asked(played(one, *every(10, 61, 4.0), until_s=65))
    assert (answer.thought, answer.severity, answer.alert) == (Thought.PENDING, Severity.WARNING, None)
    assert [(one.since_ns, one.due_ns) for one in answer.levels] == [(T0, T0 + 600 * S), (None, None)]


def test_raised_and_clearing_say_so_of_the_highest_level() -> None:
    one = rule(None, level(clear_for_s=60), level(9, 5, clear_for_s=120, severity=CRITICAL))
    found = played(one, *every(10, 31, 10.0), until_s=30)
    answer = asked(found)
    assert (answer.thought, answer.severity) == (Thought.RAISED, CRITICAL)
    assert answer.alert == found.transitions[0].alert
    found.run(50, [reading(40, nh3_ppm=4.0)], from_s=31)
    answer = asked(found)
    assert (answer.thought, answer.levels[1].due_ns) == (Thought.CLEARING, T0 + 160 * S)
    assert answer.levels[0].due_ns is None, "4 ppm is still above the warning's clear"


def test_a_window_says_how_much_of_it_is_known() -> None:
    answer = asked(played(rule(MEAN), *every(10, 1201, 2.0), until_s=1205))
    assert answer.thought is Thought.QUIET
    assert answer.now is not None
    assert answer.now.value == 2.0
    assert answer.share is not None
    assert (answer.share.known, answer.share.needed) == (1.0, 0.75)
    assert answer.share.step_ns == T0 + 1260 * S


def test_an_event_says_when_it_ends_by_itself() -> None:
    one = rule(Happening("assistance", 1, 1), BARE, expire_after_ns=7200 * S)
    found = played(one, reading(5, "panel", 1, assistance=1), until_s=60, known=registry(PANEL))
    answer = asked(found, "panel")
    assert (answer.thought, answer.expires_ns, answer.judged_ns) == (Thought.RAISED, T0 + 7205 * S, T0 + 5 * S)
    assert asked(played(one, until_s=9, known=registry(PANEL)), "panel").thought is Thought.QUIET


def test_a_device_counts_as_silent_when_it_is_said_to() -> None:
    one = rule(NoData(3, None), BARE)
    found = played(one, *every(10, 61), until_s=65)
    answer = asked(found)
    assert answer.thought is Thought.QUIET
    assert answer.silent_ns is not None
    found.run((answer.silent_ns - T0) / S + 1, from_s=65)
    assert [(one[0], one[2]) for one in found.said()] == [((answer.silent_ns - T0) / S, "raised")]
    assert asked(found).thought is Thought.RAISED


def test_a_rule_that_was_changed_meanwhile_is_not_explained_by_the_old_state() -> None:
    found = played(rule(), *every(10, 61, 4.0), until_s=65)
    answer = asked(found, rule=rule(None, level(), level(9, 5, severity=CRITICAL)))
    assert answer.reason is not None
    assert (answer.thought, answer.reason.why) == (Thought.UNKNOWN, Why.CHANGED)


def changed() -> Explanation:
    return asked(played(rule(), *every(10, 61, 4.0), until_s=65), rule=rule(None, level(severity=CRITICAL)))


def off() -> Explanation:
    return asked(played(rule(hours=parse_hours("01:00-05:00")), *every(10, 31, 4.0), until_s=30))


def paused() -> Explanation:
    one = rule(None, level(for_s=900), pause=Pause("cleaned", 600 * S))
    found = played(
        one, reading(20, "panel", 1, cleaned=1), *every(10, 31, 4.0), until_s=35, known=registry(SENSOR, PANEL)
    )
    return asked(found)


def out_of_service() -> Explanation:
    broken = device(out_of_service=(Outage(T0 - S, None, "repair"),))
    return asked(played(rule(), *every(10, 31, 4.0), until_s=30, known=registry(broken)))


def silent() -> Explanation:
    return asked(played(rule(), *every(10, 31, 4.0), until_s=100))


def one_reading() -> Explanation:
    return asked(played(rule(Rate("nh3_ppm", 3600 * S)), reading(0, nh3_ppm=1), until_s=5))


def window_not_full() -> Explanation:
    return asked(played(rule(MEAN), *every(10, 301), until_s=305))


def too_little_known() -> Explanation:
    return asked(played(rule(MEAN), *every(200, 1300), until_s=1300))


def no_peak() -> Explanation:
    window = Window("nh3_ppm", Aggregate.MEAN, 10 * M, M, 0.75, part_of_month_peak=True)
    return asked(played(rule(window), *every(10, 601), until_s=605))


def guarded(*readings: Reading, until_s: float = 30) -> Explanation:
    one = rule(guard=Guard("occupied", Side.ABOVE, 0.5))
    return asked(played(one, *readings, until_s=until_s))


def gateway_away() -> Explanation:
    behind = device(parent="gw")
    both = [
        reading(at_s, name, **{metric: 1})
        for at_s in range(0, 61, 10)
        for name, metric in (("nh3-1", "nh3_ppm"), ("gw", "online"))
    ]
    found = played(
        rule(NoData(3, None), BARE, where=Selector(kinds=("toilet_odour",))),
        *both,
        until_s=200,
        known=registry(behind, GATEWAY),
    )
    return asked(found)


REASONS: dict[Why, tuple[Callable[[], Explanation], Thought, tuple[float | None, float | None]]] = {
    Why.CHANGED: (changed, Thought.UNKNOWN, (None, None)),
    Why.OUTSIDE_HOURS: (off, Thought.OFF, (None, 9 * 3600)),
    Why.PAUSED: (paused, Thought.UNKNOWN, (20, 620)),
    Why.OUT_OF_SERVICE: (out_of_service, Thought.UNKNOWN, (-1, None)),
    Why.NEVER_HEARD: (lambda: asked(played(rule(), until_s=5)), Thought.UNKNOWN, (None, None)),
    Why.SILENT: (silent, Thought.RAISED, (60, None)),
    Why.ONE_READING: (one_reading, Thought.UNKNOWN, (0, None)),
    Why.WINDOW_NOT_FULL: (window_not_full, Thought.UNKNOWN, (0, 600)),
    Why.TOO_LITTLE_KNOWN: (too_little_known, Thought.UNKNOWN, (None, None)),
    Why.NO_PEAK: (no_peak, Thought.UNKNOWN, (None, None)),
    Why.GUARD_UNKNOWN: (lambda: guarded(*every(10, 31, 4.0)), Thought.UNKNOWN, (None, None)),
    Why.GUARD_NOT_MET: (lambda: guarded(*every(10, 31, 4.0, occupied=0)), Thought.QUIET, (30, None)),
    Why.GATEWAY_AWAY: (gateway_away, Thought.UNKNOWN, (90, None)),
}


@pytest.mark.parametrize("why", Why)
def test_each_reason_has_its_case_and_its_moments(why: Why) -> None:
    make, thought, moments = REASONS[why]
    answer = make()
    assert answer.reason is not None
    assert (answer.reason.why, answer.thought) == (why, thought)
    assert tuple(None if one is None else (one - T0) / S for one in answer.reason[1:]) == moments


def test_each_reason_and_each_part_has_its_words() -> None:
    assert set(WHYS) == set(Why)
    assert set(PARTS) == set(Part)


MOMENTS = st.lists(st.tuples(st.integers(1, 90), st.sampled_from([0.0, 2.5, 4.0]), st.booleans()), max_size=12)
RULES: list[Rule] = [
    rule(),
    rule(hours=parse_hours("16:01-16:05")),
    rule(pause=Pause("cleaned", 60 * S)),
    rule(guard=Guard("occupied", Side.ABOVE, 0.5)),
    rule(Rate("nh3_ppm", 60 * S)),
    rule(Window("nh3_ppm", Aggregate.MEAN, 2 * M, 2 * S, 0.75)),
    rule(State("occupied", 1), BARE),
]


@settings(max_examples=60, deadline=None)
@given(steps=MOMENTS, one=st.sampled_from(RULES))
def test_a_reason_is_given_exactly_where_the_judge_has_no_value_that_counts(
    steps: list[tuple[int, float, bool]], one: Rule
) -> None:
    found = Played(registry(SENSOR, PANEL), one)
    at_s = 0
    for passed_s, value, occupied in steps:
        at_s += passed_s
        found.tick(at_s)
        found.read(reading(at_s, nh3_ppm=value, occupied=occupied))
        if value == 2.5:
            found.read(reading(at_s, "panel", at_s, cleaned=1))
        found.tick(at_s + 0.5)
        state = found.judge.state(one.id, "nh3-1")
        if state is not None:
            place, now_ns = planned(found, "nh3-1").place, found.judge.clock_ns
            counts = isinstance(signal(one, state, place, now_ns), Known)
            assert (reason(one, state, place, now_ns) is None) is counts


WHERES: list[tuple[Part | None, dict[str, Any]]] = [
    (None, {}),
    (None, {"kinds": ("toilet_*",), "areas": ("male",), "labels": {"floor": "1|2"}}),
    (Part.KIND, {"kinds": ("meter_*",)}),
    (Part.SITE, {"sites": ("other",)}),
    (Part.SITE_KIND, {"site_kinds": ("building",)}),
    (Part.AREA, {"areas": ("female",)}),
    (Part.AREA_TYPE, {"area_types": ("roof",)}),
    (Part.DEVICE, {"devices": ("nh3-2",)}),
    (Part.LABEL, {"labels": {"floor": "3"}}),
]
ABOUT: list[tuple[Part | None, dict[str, Any]]] = [
    (None, {}),
    (Part.METRIC, {"condition": Value("co2_ppm")}),
    (Part.GUARD, {"guard": Guard("power_kw", Side.ABOVE, 1)}),
    (Part.INTERVAL, {"condition": NoData(3, None), "levels": (BARE,)}),
]


@pytest.mark.parametrize("archive", [False, True])
@pytest.mark.parametrize(("where", "about"), list(product(WHERES, ABOUT)))
def test_a_rule_is_said_to_leave_a_device_out_exactly_where_it_does(
    where: tuple[Part | None, dict[str, Any]], about: tuple[Part | None, dict[str, Any]], archive: bool
) -> None:
    place = site(areas=[area()], archive=archive, kind="toilet")
    one: Device = device(area="male", labels={"floor": "2"}, interval_s=None, archive=archive)
    fields = dict(about[1])
    asking = rule(fields.pop("condition", None), *fields.pop("levels", ()), where=Selector(**where[1]), **fields)
    found = misfits(asking, one, place)
    expected = {part for part in (where[0], about[0], Part.ARCHIVE if archive else None) if part is not None}
    assert {misfit.part for misfit in found} == expected
    assert (not found) is (concerns(asking, one) and selects(asking.where, one, place))
    assert all(misfit_text(misfit) for misfit in found)
