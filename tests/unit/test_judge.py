from collections.abc import Sequence

import pytest

from alerts.alert import Change, Ending
from alerts.judge.judge import GAP_NS
from alerts.judge.judged import Act, Action
from alerts.rules.rule import (
    Aggregate,
    Flapping,
    Guard,
    Happening,
    Imbalance,
    NoData,
    Pause,
    Rate,
    Rule,
    Side,
    State,
    Value,
    Window,
)
from telemetry.reading import Quality, Reading
from telemetry.registry.hours import parse_hours
from telemetry.registry.models import Outage, Person
from tests.alerting import CRITICAL, T0, M, Played, S, level, reading, rule
from tests.builders import device, registry

SENSOR = device(interval_s=10.0)
LADDER = (level(3, 2, for_s=60, clear_for_s=30), level(6, 4, for_s=20, severity=CRITICAL))
BARE = level(None, None)


def course(*steps: tuple[float, float], until_s: float, every_s: float = 10) -> list[Reading]:
    """Ammonia, constant from each (second, value) to the next."""
    moments = [number * every_s for number in range(int(until_s / every_s) + 1)]
    return [
        reading(moment, nh3_ppm=[value for start, value in steps if start <= moment][-1])
        for moment in moments
        if moment >= steps[0][0]
    ]


def played(*rules: Rule, readings: Sequence[Reading] = (), until_s: float = 0) -> Played:
    found = Played(registry(SENSOR), *rules)
    found.run(until_s, readings)
    return found


def test_one_alert_rises_and_falls_through_its_severities_at_the_moments_at_which_it_became_true() -> None:
    found = played(
        rule(None, *LADDER),
        readings=course((0, 1), (100, 4), (200, 7), (300, 5), (320, 3), (400, 1), until_s=600),
        until_s=600,
    )
    assert found.said() == [
        (160, "nh3-1", "raised", "warning"),
        (220, "nh3-1", "rose", "critical"),
        (320, "nh3-1", "fell", "warning"),
        (430, "nh3-1", "resolved", "warning"),
    ]
    assert len({one.alert for one in found.transitions}) == 1
    assert [one.threshold for one in found.transitions] == [3, 6, 4, 2]


def test_a_critical_that_is_reached_first_makes_one_alert_and_falls_to_the_lower_severity() -> None:
    found = played(rule(None, *LADDER), readings=course((0, 1), (100, 7), (130, 3.5), until_s=300), until_s=300)
    assert [(at, change, word) for at, _, change, word in found.said()] == [
        (120, "raised", "critical"),
        (130, "fell", "warning"),
    ]


def test_between_raise_and_clear_nothing_is_pending_and_nothing_clears() -> None:
    found = played(
        rule(None, *LADDER), readings=course((0, 2.5), (100, 4), (150, 2.5), (160, 4), until_s=400), until_s=400
    )
    assert [at for at, *_ in found.said()] == [220]
    found = played(rule(), readings=course((0, 4), (100, 2.5), until_s=300), until_s=300)
    assert [change for _, _, change, _ in found.said()] == ["raised"]


def test_a_value_holds_until_the_device_counts_as_silent_and_no_longer() -> None:
    still = rule(None, level(for_s=25))
    assert played(still, readings=[reading(0, nh3_ppm=4)], until_s=100).said() == [(25, "nh3-1", "raised", "warning")]
    longer = rule(None, level(for_s=35))
    assert played(longer, readings=[reading(0, nh3_ppm=4)], until_s=100).said() == []


def test_missing_data_never_resolves() -> None:
    found = played(
        rule(None, level(clear_for_s=20)), readings=[reading(0, nh3_ppm=4), reading(10, nh3_ppm=1)], until_s=900
    )
    assert [change for _, _, change, _ in found.said()] == ["raised", "resolved"]
    silent = played(
        rule(None, level(clear_for_s=50)), readings=[reading(0, nh3_ppm=4), reading(10, nh3_ppm=1)], until_s=900
    )
    assert [change for _, _, change, _ in silent.said()] == ["raised"]


def test_a_duplicate_and_an_older_reading_change_nothing_and_are_counted() -> None:
    found = played(rule())
    found.tick(0)
    found.read(reading(10, nh3_ppm=1), reading(10, nh3_ppm=9), reading(5, nh3_ppm=9))
    assert found.said() == []
    assert found.judge.counts.late == 2


def test_what_was_overtaken_within_the_lateness_is_judged_in_order() -> None:
    patient = rule(None, level(for_s=10), lateness_ns=5 * S)
    found = played(patient)
    for second in range(8):
        found.tick(second)
    found.read(reading(7, nh3_ppm=4), reading(4, nh3_ppm=1), reading(2, nh3_ppm=4))
    for second in range(8, 40):
        found.tick(second)
    assert found.said() == [(17, "nh3-1", "raised", "warning")]


def test_a_reading_ahead_of_its_arrival_is_not_judged() -> None:
    found = played(rule(), until_s=1)
    found.judge.read(reading(32, nh3_ppm=9), T0 + S)
    assert (found.judge.counts.ahead, found.judge.take().transitions) == (1, [])
    found.judge.read(reading(31, nh3_ppm=9), T0 + S)
    assert len(found.judge.take().transitions) == 1


def test_behind_a_backlog_a_reading_is_not_ahead_of_a_clock_that_stood_still() -> None:
    found = played(rule(), until_s=1)
    found.read(reading(3_600, nh3_ppm=9))
    assert found.said() == [(3_600, "nh3-1", "raised", "warning")]


def test_a_slow_clock_neither_ends_a_for_nor_makes_a_device_silent() -> None:
    rules = (rule(None, level(for_s=120)), rule(NoData(None, None), BARE, id="silent"))
    found = Played(registry(SENSOR), *rules)
    for second in range(400):
        found.tick(second)
        if second % 10 == 0:
            found.read(reading(second - 90, nh3_ppm=4))
    assert found.said() == [(30, "nh3-1", "raised", "warning")]


SILENT = rule(NoData(None, None), BARE, id="silent")
BEHIND = device(interval_s=10.0, parent="gateway-1")
GATEWAY = device("gateway-1", kind="gateway", interval_s=10.0, metrics=("online",))


def test_a_device_is_silent_after_three_intervals_and_back_with_its_next_reading() -> None:
    found = played(SILENT, readings=[reading(0, nh3_ppm=1), reading(100, nh3_ppm=1)], until_s=120)
    assert found.said() == [(30, "nh3-1", "raised", "warning"), (100, "nh3-1", "resolved", "warning")]
    assert found.transitions[0].reading_ns == T0


def test_missed_intervals_can_be_set_by_kind_and_by_rule() -> None:
    found = Played(registry(SENSOR), SILENT, missed_intervals={"toilet_odour": 5.0})
    found.run(60, [reading(0, nh3_ppm=1)])
    assert [at for at, *_ in found.said()] == [50]
    own = played(rule(NoData(2.0, None), BARE), readings=[reading(0, nh3_ppm=1)], until_s=60)
    assert [at for at, *_ in own.said()] == [20]


def test_a_device_that_was_never_heard_is_not_silent() -> None:
    assert played(SILENT, until_s=900).said() == []


def test_an_outage_of_ours_makes_no_device_silent() -> None:
    found = played(SILENT, readings=[reading(0, nh3_ppm=1)], until_s=20)
    found.tick(600)
    assert found.judge.counts.gaps == 1
    for second in range(600, 629):
        found.tick(second)
    assert found.said() == []
    found.tick(631)
    assert [at for at, *_ in found.said()] == [630], "but who stays away after it is"


def test_a_short_outage_makes_no_device_silent_that_speaks_every_second() -> None:
    quick = device(interval_s=1.0)
    found = Played(registry(quick), SILENT, gap_s=GAP_NS / S)
    found.run(10, [reading(second, nh3_ppm=1) for second in range(11)])
    found.tick(15)  # the broker was away for five seconds, and the readings of that time are lost
    found.run(40, [reading(second + 0.9, nh3_ppm=1) for second in range(16, 41)], from_s=16)
    assert found.said() == []
    for late in (2.9, 3.0):  # a beat that is late is no outage yet, and no silence either
        found.tick(41 + late)
        found.read(reading(41 + late, nh3_ppm=1))
    assert found.said() == []


def test_a_restart_goes_on_with_the_deadline_and_a_long_one_begins_it_anew() -> None:
    found = played(SILENT, readings=[reading(0, nh3_ppm=1)], until_s=25)
    found.restart()
    found.tick(31)
    assert [at for at, *_ in found.said()] == [30]


def test_behind_a_gateway_that_is_away_a_device_is_unknown_not_silent() -> None:
    found = Played(registry(BEHIND, GATEWAY), SILENT)
    found.run(300, [reading(0, nh3_ppm=1), reading(3, "gateway-1", online=1)])
    assert [name for _, name, *_ in found.said()] == ["gateway-1"]
    found.read(reading(301, "gateway-1", online=1))
    found.run(325, [reading(310, "gateway-1", online=1), reading(320, "gateway-1", online=1)], from_s=302)
    assert [name for _, name, *_ in found.said()] == ["gateway-1", "gateway-1"]
    found.run(360, [reading(second, "gateway-1", online=1) for second in range(330, 360, 10)], from_s=326)
    assert found.said()[-1][1:] == ("nh3-1", "raised", "warning"), "the gateway is back, and the device is not"


def test_a_device_is_silent_only_when_its_gateway_was_heard_after_its_deadline() -> None:
    found = Played(registry(BEHIND, GATEWAY), rule(NoData(None, None), BARE, id="silent"))
    found.run(34, [reading(0, nh3_ppm=1), reading(28, "gateway-1", online=1)])
    assert found.said() == []
    found.run(40, [reading(38, "gateway-1", online=1)], from_s=35)
    assert found.said() == [(30, "nh3-1", "raised", "warning")]


def test_the_last_will_of_a_gateway_makes_its_devices_unknown_and_is_no_sign_of_life() -> None:
    found = Played(registry(BEHIND, GATEWAY), SILENT)
    found.run(200, [reading(0, nh3_ppm=1), reading(1, "gateway-1", online=1), reading(5, "gateway-1", online=0)])
    assert [(at, name) for at, name, *_ in found.said()] == [(31, "gateway-1")]


def test_a_device_that_measures_after_its_last_will_is_back() -> None:
    sensor = device(interval_s=10.0, metrics=("nh3_ppm", "online"))
    found = Played(registry(sensor), SILENT)
    found.run(60, [reading(0, nh3_ppm=1), reading(5, online=0), reading(40, nh3_ppm=1), reading(50, nh3_ppm=1)])
    assert [(at, change) for at, _, change, _ in found.said()] == [(30, "raised"), (40, "resolved")]


def test_a_retained_message_is_no_sign_of_life() -> None:
    found = Played(registry(GATEWAY), SILENT)
    found.run(40, [reading(0, "gateway-1", online=1)])
    found.read(reading(41, "gateway-1", online=1), retained=True)
    assert [change for _, _, change, _ in found.said()] == ["raised"]


def test_an_event_latches_counts_once_and_ends_by_hand_or_by_time() -> None:
    button = device("b-1", kind="toilet_button", interval_s=None, metrics=("assistance",))
    help_ = rule(Happening("assistance", 1, 1), level(None, None, severity=CRITICAL), id="help", expire_after_ns=10 * M)
    found = Played(registry(button), help_)
    found.run(100, [reading(5, "b-1", 1, assistance=1), reading(6, "b-1", 2, assistance=1)])
    assert found.said() == [(5, "b-1", "raised", "critical")]
    alert = found.transitions[0].alert
    found.judge.act(Action(1, Act.RESOLVE, T0, "duty manager", alert, "all is well"))
    found.tick(101)
    assert found.transitions[-1].ending is Ending.BY_HAND
    assert (found.transitions[-1].by, found.transitions[-1].comment) == ("duty manager", "all is well")
    found.read(reading(6, "b-1", 2, assistance=1), reading(5, "b-1", 1, assistance=1))
    assert len(found.transitions) == 2, "the same presses again are no new ones"
    found.read(reading(4, "b-1", 0, assistance=1))
    assert found.transitions[-1].change is Change.RAISED, "late, but young enough, and never seen"
    found.run(800, from_s=110, step_s=5)
    assert (found.transitions[-1].ending, found.said()[-1][0]) == (Ending.EXPIRED, 604)
    found.read(reading(150, "b-1", 3, assistance=1))
    assert found.said()[-1][0] == 604, "older than expire_after: too late to help"


def test_a_call_that_came_late_expires_when_its_time_is_over() -> None:
    button = device("b-1", kind="toilet_button", interval_s=None, metrics=("assistance",))
    found = Played(registry(button), rule(Happening("assistance", 1, 1), BARE, id="help", expire_after_ns=10 * M))
    found.run(400)
    found.read(reading(100, "b-1", 1, assistance=1))
    found.run(705, from_s=401)
    assert [(at, change) for at, _, change, _ in found.said()] == [(100, "raised"), (700, "resolved")]


def test_only_what_latches_can_be_resolved_by_hand() -> None:
    found = played(rule(), readings=[reading(0, nh3_ppm=4)], until_s=1)
    found.judge.act(Action(7, Act.RESOLVE, T0, "duty manager", found.transitions[0].alert))
    number, why = found.judge.take().done[0]
    assert (number, why is not None and "acknowledge" in why) == (7, True)


def test_a_rule_rests_after_an_event_in_the_same_area() -> None:
    here = device(interval_s=10.0, area="male", kind="toilet_odour")
    button = device("b-1", area="male", kind="toilet_button", interval_s=None, metrics=("cleaned",))
    elsewhere = device("b-2", area="female", kind="toilet_button", interval_s=None, metrics=("cleaned",))
    pausing = rule(None, level(for_s=60), pause=Pause("cleaned", 100 * S))
    readings = course((0, 4), until_s=400)
    for panel, raised in (("b-1", 150), ("b-2", 60)):
        found = Played(registry(here, button, elsewhere), pausing)
        found.run(400, [*readings, reading(40, panel, 1, cleaned=1)])
        # Cleaned at 40: pending from the reading at 140 on, which is where the pause ends.
        assert [at for at, *_ in found.said()] == [200 if panel == "b-1" else raised]


def test_outside_its_hours_a_rule_raises_nothing_and_its_alert_ends() -> None:
    hours = parse_hours("16:01-16:03")
    found = played(rule(hours=hours), readings=course((0, 4), until_s=300), until_s=300)
    assert [(at, change) for at, _, change, _ in found.said()] == [(60, "raised"), (180, "resolved")]
    assert found.transitions[-1].ending is Ending.OUTSIDE_HOURS


def test_out_of_service_nothing_is_raised_and_nothing_resolved() -> None:
    resting = device(interval_s=10.0, out_of_service=(Outage(T0 + 50 * S, T0 + 150 * S, "maintenance"),))
    found = Played(registry(resting), rule())
    found.run(300, course((0, 1), (60, 4), (200, 1), until_s=300))
    assert [(at, change) for at, _, change, _ in found.said()] == [(150, "raised"), (200, "resolved")]


def test_a_guard_that_is_not_met_is_a_condition_that_does_not_hold() -> None:
    meter = device("m-1", kind="meter_power", interval_s=10.0, metrics=("power_factor", "power_kw"))
    guard = Guard("power_kw", Side.ABOVE, 20.0)
    low = rule(Value("power_factor"), level(0.85, 0.9), id="pf", side=Side.BELOW, guard=guard)
    found = Played(registry(meter), low)
    found.tick(0)
    found.read(reading(1, "m-1", power_factor=0.5, power_kw=5))
    assert found.said() == []
    found.read(reading(11, "m-1", power_factor=0.5, power_kw=50), reading(21, "m-1", power_factor=0.5, power_kw=5))
    assert [change for _, _, change, _ in found.said()] == ["raised", "resolved"]


@pytest.mark.parametrize(("values", "rate"), [((10, 20), 6), ((20, 10), None)])
def test_a_rate_is_per_period_and_none_where_a_counter_fell(values: tuple[float, float], rate: float | None) -> None:
    meter = device("m-1", kind="meter_water", interval_s=100.0, metrics=("water_m3",))
    found = Played(registry(meter), rule(Rate("water_m3", M), level(5, 4)))
    found.tick(0)
    found.read(reading(1, "m-1", water_m3=values[0]), reading(101, "m-1", water_m3=values[1]))
    assert [one.value for one in found.transitions] == ([] if rate is None else [pytest.approx(rate)])


def test_an_imbalance_is_the_largest_deviation_from_the_mean() -> None:
    phases = ("current_l1_a", "current_l2_a", "current_l3_a")
    meter = device("m-1", kind="meter_power", interval_s=10.0, metrics=phases)
    found = Played(registry(meter), rule(Imbalance(phases), level(20, 15)))
    found.tick(0)
    found.read(reading(1, "m-1", current_l1_a=10, current_l2_a=10, current_l3_a=13))
    found.read(reading(11, "m-1", current_l1_a=10, current_l2_a=10, current_l3_a=16))
    assert [one.value for one in found.transitions] == [pytest.approx(100 / 3)]


def test_a_state_is_judged_by_what_it_equals() -> None:
    rope = device("leak-1", kind="toilet_leak", interval_s=60.0, metrics=("leak",))
    found = Played(registry(rope), rule(State("leak", 1.0), BARE, id="leak"))
    found.tick(0)
    found.read(reading(1, "leak-1", leak=0), reading(2, "leak-1", leak=1), reading(3, "leak-1", leak=0))
    assert [change for _, _, change, _ in found.said()] == ["raised", "resolved"]
    assert found.transitions[0].value == 1.0


MEAN = Window("nh3_ppm", Aggregate.MEAN, 60 * S, S, 0.75)


def test_a_window_is_unknown_until_it_was_watched_whole_and_then_exact() -> None:
    found = played(rule(MEAN, level(3, 2)), readings=course((0, 4), until_s=200), until_s=200)
    assert found.said() == [(60, "nh3-1", "raised", "warning")]
    assert found.transitions[0].value == pytest.approx(4.0)
    found = played(rule(MEAN, level(3, 2)), readings=course((0, 0), (100, 6), until_s=200), until_s=200)
    # 6 for 30 of 60 seconds is exactly 3: above it is a second later.
    assert [at for at, *_ in found.said()] == [131]


def test_a_window_with_too_little_data_is_unknown() -> None:
    found = played(rule(MEAN, level(3, 2)), readings=[reading(0, nh3_ppm=1), reading(70, nh3_ppm=9)], until_s=200)
    assert found.said() == [], "30 s of 60 are known at most, where three quarters are asked for"


def test_a_count_watches_from_the_first_moment_on() -> None:
    button = device("b-1", kind="toilet_button", interval_s=None, metrics=("cleaned",))
    overdue = rule(Window("cleaned", Aggregate.COUNT, 60 * S, S, 0.0), level(1, 1), id="overdue", side=Side.BELOW)
    found = Played(registry(button), overdue)
    found.run(200, [reading(100.5, "b-1", 1, cleaned=1)])
    assert [(at, change) for at, _, change, _ in found.said()] == [(60, "raised"), (101, "resolved"), (161, "raised")]


def test_after_a_loss_on_the_way_a_count_knows_nothing_for_a_window() -> None:
    button = device("b-1", kind="toilet_button", interval_s=None, metrics=("cleaned",))
    overdue = rule(Window("cleaned", Aggregate.COUNT, 60 * S, S, 0.0), level(1, 1), id="overdue", side=Side.BELOW)
    found = Played(registry(button), overdue)
    found.run(50)
    found.judge.lost()
    found.run(105, from_s=51)
    assert found.said() == []
    found.run(115, from_s=106)
    assert [at for at, *_ in found.said()] == [110]


def test_a_part_of_the_months_peak_is_known_from_the_fourth_day_on_and_every_peak_raises_once() -> None:
    meter = device("m-1", kind="meter_power", interval_s=60.0, metrics=("apparent_power_kva",))
    peak = Window("apparent_power_kva", Aggregate.MEAN, 1_800 * S, 30 * S, 0.75, part_of_month_peak=True)
    found = Played(registry(meter), rule(peak, level(1.0, 0.95), id="peak"))
    hour = 3_600
    # T0 is the 22nd. What is a record on the first day is none yet; that of the fourth is one.
    records = (10, 82)
    readings = [
        reading(moment, "m-1", apparent_power_kva=150 + moment / hour if moment // hour in records else 100)
        for moment in range(0, 90 * hour, 60)
    ]
    found.run(90 * hour, readings, step_s=600)
    changes = [(at / hour, change) for at, _, change, _ in found.said()]
    assert [change for _, change in changes] == ["raised", "resolved"]
    assert 82 < changes[0][0] < 82.5


def test_flapping_is_marked_beyond_the_limit_and_ends_with_fewer_raises() -> None:
    restless = rule(flapping=Flapping(2, 100 * S))
    readings = [reading(number * 10, nh3_ppm=4 if number % 2 else 1) for number in range(10)]
    found = played(restless, readings=[*readings, reading(300, nh3_ppm=1), reading(310, nh3_ppm=4)], until_s=320)
    raised = [one for one in found.transitions if one.change is Change.RAISED]
    assert [one.flapping for one in raised] == [False, False, True, True, True, False]


def test_acknowledging_is_for_a_time_and_comments_stay() -> None:
    found = played(rule(), readings=[reading(0, nh3_ppm=4)], until_s=5)
    alert = found.transitions[0].alert
    found.judge.act(Action(1, Act.ACKNOWLEDGE, T0, "attendant", alert, "on my way", T0 + 20 * S))
    found.judge.act(Action(2, Act.COMMENT, T0, "attendant", alert, "the fan is off"))
    found.tick(6)
    kept = found.judge.standing.active[alert]
    assert (kept.acknowledged_by, kept.comment) == ("attendant", "the fan is off")
    found.run(21, from_s=7)
    assert found.judge.standing.active[alert].acknowledged_by is None
    assert [one.change for one in found.transitions][1:] == [
        Change.ACKNOWLEDGED,
        Change.COMMENTED,
        Change.ACKNOWLEDGEMENT_ENDED,
    ]


def test_an_alert_is_given_to_a_person_of_the_registry_and_to_the_next() -> None:
    people = [Person(name, name, "en", (), ()) for name in ("attendant", "technician")]
    found = Played(registry(SENSOR, people=people), rule())
    found.run(5, [reading(0, nh3_ppm=4)])
    alert = found.transitions[0].alert
    found.judge.act(Action(1, Act.ACKNOWLEDGE, T0, "night shift", alert, None, T0 + 20 * S))
    found.judge.act(Action(2, Act.ASSIGN, T0, "shift leader", alert, "pump room", to="technician"))
    kept = found.judge.standing.active[alert]
    assert (kept.acknowledged_by, kept.acknowledged_until_ns, kept.comment) == ("technician", None, "pump room")
    assert kept.acknowledged_ns == T0 + 5 * S
    found.judge.act(Action(3, Act.ASSIGN, T0, "shift leader", alert, to="stranger"))
    found.run(30, from_s=6)
    assert found.judge.standing.active[alert] == kept, "the end of the acknowledgement before is no longer meant"
    found.judge.act(Action(4, Act.ASSIGN, T0, "technician", alert, to="attendant"))
    found.reload(rule(), registry=registry(SENSOR))
    found.judge.act(Action(5, Act.ASSIGN, T0, "technician", alert, to="technician"))
    found.tick(31)
    given = [(one.by, one.to) for one in found.transitions if one.change is Change.ASSIGNED]
    assert given == [("shift leader", "technician"), ("technician", "attendant")]


def test_why_an_alert_could_not_be_given_is_said() -> None:
    found = Played(registry(SENSOR, people=[Person("attendant", "Attendant", "en", (), ())]), rule())
    found.run(5, [reading(0, nh3_ppm=4)])
    alert = found.transitions[0].alert
    for number, (name, to) in enumerate(((alert, "attendant"), (alert, "stranger"), ("gone", "attendant"))):
        found.judge.act(Action(number, Act.ASSIGN, T0, "shift leader", name, to=to))
    assert found.judge.take().done == [
        (0, None),
        (1, "there is no person 'stranger': people.yaml has those that there are"),
        (2, "the alert is resolved already"),
    ]


def test_another_threshold_keeps_an_alert_and_another_condition_ends_it() -> None:
    found = played(rule(), readings=[reading(0, nh3_ppm=4)], until_s=1)
    found.reload(rule(None, level(3.5, 2.5)))
    assert len(found.transitions) == 1
    found.reload(rule(MEAN, level(3.5, 2.5)))
    assert found.transitions[-1].ending is Ending.RULE_GONE


def test_alerts_of_a_rule_or_a_device_that_is_gone_end_saying_so() -> None:
    found = played(rule(), readings=[reading(0, nh3_ppm=4)], until_s=1)
    found.reload()
    assert found.transitions[-1].ending is Ending.RULE_GONE
    found = played(rule(), readings=[reading(0, nh3_ppm=4)], until_s=1)
    found.reload(rule(), registry=registry(device("nh3-2")))
    assert found.transitions[-1].ending is Ending.DEVICE_GONE
    assert found.kept.devices == {}


def test_a_suspect_value_is_judged_and_the_transition_says_so() -> None:
    found = played(rule(), until_s=1)
    doubtful = reading(2, nh3_ppm=90)
    found.read(Reading(doubtful.device, doubtful.time_ns, None, doubtful.values, {"nh3_ppm": Quality.SUSPECT}))
    assert found.transitions[0].suspect
