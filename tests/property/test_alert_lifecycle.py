"""The life cycle of alerts, against what must hold of any, and against a slow judge that looks at every second."""

from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant
from hypothesis.stateful import rule as step

from alerts.alert import Change, Ending, Severity, Transition
from alerts.judge.judged import Act, Action
from alerts.judge.lifecycle import holds
from alerts.rules.rule import Aggregate, Happening, NoData, Pause, Rule, Side, Window
from telemetry.reading import Reading
from telemetry.registry.hours import parse_hours
from telemetry.registry.models import Outage, Person
from tests.alerting import CRITICAL, T0, WARNING, Played, S, level, reading, rule
from tests.builders import device, registry

SENSOR = device(interval_s=10.0, area="male")
BUTTON = device("b-1", kind="toilet_button", area="male", interval_s=None, metrics=("cleaned", "assistance"))
PEOPLE = [Person(name, name, "en", (), ()) for name in ("attendant", "manager")]
LADDER = rule(None, level(3, 2, 30, 20), level(6, 4, 10, 0, CRITICAL), id="ladder")
RULES = (
    LADDER,
    rule(None, level(5, 5), id="plain"),
    rule(None, level(3, 2, 15), id="late", lateness_ns=7 * S),
    rule(None, level(3, 2, 20), id="resting", pause=Pause("cleaned", 40 * S)),
    rule(Window("nh3_ppm", Aggregate.MEAN, 60 * S, S, 0.5), level(3, 2), id="mean"),
    rule(NoData(None, None), level(None, None), id="silent"),
    rule(Happening("assistance", 1, 1), level(None, None, severity=CRITICAL), id="help", expire_after_ns=120 * S),
)
BY_ID = {one.id: one for one in RULES}


class LifeCycle(RuleBasedStateMachine):
    """Readings, late ones, silence, wishes and restarts, in any order."""

    @initialize()
    def start(self) -> None:
        self.played = Played(registry(SENSOR, BUTTON, people=PEOPLE), *RULES)
        self.now_s = 0.0
        self.sent: list[Reading] = []
        self.seq = 0
        self.judged = 0
        self.active: dict[tuple[str, str], Transition] = {}
        self.last: dict[tuple[str, str], int] = {}
        self.ids: set[str] = set()
        self.held: dict[str, str] = {}
        self.played.tick(0)

    def send(self, one: Reading) -> None:
        self.sent.append(one)
        self.played.read(one)

    @step(value=st.sampled_from((0.0, 2.0, 2.5, 3.0, 3.5, 4.0, 5.0, 6.0, 6.5)), after_s=st.integers(0, 25))
    def measure(self, value: float, after_s: int) -> None:
        self.pass_time(after_s)
        self.send(reading(self.now_s, nh3_ppm=value))

    @step(value=st.sampled_from((0.0, 4.0, 7.0)), late_s=st.integers(1, 40))
    def measure_late(self, value: float, late_s: int) -> None:
        self.send(reading(self.now_s - late_s, nh3_ppm=value))

    @step(number=st.integers(0, 1_000))
    def deliver_again(self, number: int) -> None:
        if self.sent:
            self.played.read(self.sent[number % len(self.sent)])

    @step(metric=st.sampled_from(("cleaned", "assistance")), late_s=st.sampled_from((0, 0, 5, 130)))
    def press(self, metric: str, late_s: int) -> None:
        self.seq += 1
        self.send(reading(self.now_s - late_s, "b-1", self.seq, **{metric: 1}))

    @step(seconds=st.integers(1, 60))
    def pass_time(self, seconds: int) -> None:
        for _ in range(seconds):
            self.now_s += 1
            self.played.tick(self.now_s)

    @step()
    def outage(self) -> None:
        self.now_s += 90
        self.played.tick(self.now_s)

    @step(act=st.sampled_from((Act.ACKNOWLEDGE, Act.COMMENT, Act.RESOLVE)), number=st.integers(0, 50))
    def wish(self, act: Act, number: int) -> None:
        active = sorted(self.played.judge.standing.active)
        if active:
            alert = active[number % len(active)]
            self.played.judge.act(Action(1, act, T0, "attendant", alert, "seen", T0 + round(self.now_s * S) + 30 * S))
            self.pass_time(1)

    @step(to=st.sampled_from(("attendant", "manager", "stranger")), number=st.integers(0, 50))
    def assign(self, to: str, number: int) -> None:
        active = sorted(self.played.judge.standing.active)
        if active:
            alert = active[number % len(active)]
            before = self.played.judge.standing.active[alert]
            self.played.judge.act(Action(1, Act.ASSIGN, T0, "shift leader", alert, to=to))
            after = self.played.judge.standing.active[alert]
            if to == "stranger":
                assert after == before, "a person that nobody knows gets nothing"
            else:
                assert (after.acknowledged_by, after.acknowledged_until_ns) == (to, None)
                self.held[alert] = to
            self.pass_time(1)

    @step()
    def restart(self) -> None:
        self.played.restart()

    @invariant()
    def every_transition_follows_from_the_one_before(self) -> None:
        if not hasattr(self, "played"):
            return
        for one in self.played.transitions[self.judged :]:
            self.check(one)
        self.judged = len(self.played.transitions)

    @invariant()
    def there_is_one_active_alert_of_a_rule_and_device_at_most(self) -> None:
        if hasattr(self, "played"):
            standing = [(alert.rule, alert.device) for alert in self.played.judge.standing.active.values()]
            assert len(standing) == len(set(standing))
            assert set(standing) == set(self.active)
            assert sorted(alert.id for alert in self.played.kept.alerts) == sorted(
                one.alert for one in self.active.values()
            )

    @invariant()
    def what_was_given_to_a_person_stays_theirs_until_somebody_takes_it(self) -> None:
        if hasattr(self, "played"):
            standing = self.played.judge.standing.active
            self.held = {alert: to for alert, to in self.held.items() if alert in standing}
            assert all(standing[alert].acknowledged_by == to for alert, to in self.held.items())

    def check(self, one: Transition) -> None:
        key = (one.rule, one.device)
        if one.change is Change.ACKNOWLEDGED:
            self.held.pop(one.alert, None)
        assert (one.change is Change.ASSIGNED) == (one.to is not None)
        before = self.active.get(key)
        if one.change in {Change.RAISED, Change.ROSE, Change.FELL, Change.RESOLVED}:  # what people do is at the clock
            assert one.at_ns >= self.last.get(key, 0), "in order of event time"
            self.last[key] = one.at_ns
        if one.change is Change.RAISED:
            assert before is None
            assert one.alert not in self.ids
            self.ids.add(one.alert)
            self.active[key] = one
        else:
            assert before is not None, "nothing happens to an alert that is not raised"
            assert one.alert == before.alert
            self.active[key] = one
            if one.change is Change.RESOLVED:
                del self.active[key]
        self.check_value(BY_ID[one.rule], one, before)

    @staticmethod
    def check_value(judged: Rule, one: Transition, before: Transition | None) -> None:
        """Hysteresis: up beyond the raise of the new severity, down past the clear of the one that is left."""
        if one.change in {Change.RAISED, Change.ROSE} and one.value is not None and not judged.latches:
            reached = next(each for each in judged.levels if each.severity == one.severity)
            assert holds(reached, judged.side, one.value) is True
            assert before is None or one.severity > before.severity
        if one.change is Change.FELL or one.ending is Ending.CLEARED:
            assert before is not None
            left = next(each for each in judged.levels if each.severity == before.severity)
            if one.value is not None:
                assert holds(left, judged.side, one.value) is False
            assert one.change is Change.RESOLVED or one.severity < before.severity
        if one.ending is Ending.CLEARED:
            assert not judged.latches


TestLifeCycle = LifeCycle.TestCase
TestLifeCycle.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)


@dataclass
class Second:
    """One level of the slow judge."""

    since: int | None = None
    active: bool = False
    clearing: int | None = None


@dataclass
class SlowJudge:
    """Looks at every second, keeps no deadlines: what the quick one must agree with. All moments are whole seconds."""

    judged: Rule
    hold_s: int
    resting: list[tuple[int, int]]
    levels: list[Second] = field(default_factory=list)
    said: list[tuple[int, str, str]] = field(default_factory=list)

    def run(self, readings: dict[int, float], until_s: int) -> list[tuple[int, str, str]]:
        self.levels = [Second() for _ in self.judged.levels]
        severity = 0
        last: tuple[int, float] | None = None
        for now in range(until_s + 1):
            if now in readings:
                last = (now, readings[now])
            value = None if last is None or now >= last[0] + self.hold_s else last[1]
            hours = self.judged.hours
            off = hours is not None and not hours.hold(T0 + now * S, registry(SENSOR).sites["toilet-1"].timezone)
            if any(start <= now < end for start, end in self.resting):
                value = None
            found = self._look(now, value, off=off)
            if found != severity:
                change = (
                    "raised" if not severity else "resolved" if not found else "rose" if found > severity else "fell"
                )
                self.said.append((now, change, Severity(found or severity).word))
                severity = found
        return self.said

    def _look(self, now: int, value: float | None, *, off: bool) -> int:
        top = -1
        for number, (one, kept) in enumerate(zip(self.judged.levels, self.levels, strict=True)):
            answer = None if value is None else holds(one, self.judged.side, value)
            if off:
                kept.since, kept.active, kept.clearing = None, False, None
            elif answer is True:
                kept.clearing = None
                kept.since = now if kept.since is None else kept.since
                kept.active = kept.active or now - kept.since >= one.for_ns // S
            elif answer is False:
                kept.since = None
                if kept.active:
                    kept.clearing = now if kept.clearing is None else kept.clearing
                    kept.active = now - kept.clearing < one.clear_for_ns // S
            else:
                kept.since, kept.clearing = None, None
            if kept.active:
                top = number
        for kept in self.levels[: max(top, 0)]:
            kept.active = True  # it goes on clearing, if it was
        return 0 if top < 0 else int(self.judged.levels[top].severity)


VALUES = st.sampled_from((1.0, 2.0, 2.5, 3.0, 3.5, 4.0, 5.0, 6.0, 6.5))


@st.composite
def ladders(draw: st.DrawFn) -> Rule:
    durations = st.sampled_from((0, 0, 5, 17, 40))
    above = draw(st.booleans())
    low = level(3, draw(st.sampled_from((2, 3))), draw(durations), draw(durations), WARNING)
    high = level(6, draw(st.sampled_from((4, 6))), draw(durations), draw(durations), CRITICAL)
    if not above:
        low = level(5, draw(st.sampled_from((5, 6))), draw(durations), draw(durations), WARNING)
        high = level(2.5, draw(st.sampled_from((2.5, 4))), draw(durations), draw(durations), CRITICAL)
    hours = draw(st.sampled_from((None, None, parse_hours("16:01-16:04"), parse_hours("16:03-16:02"))))
    return rule(
        None, low, *((high,) if draw(st.booleans()) else ()), side=Side.ABOVE if above else Side.BELOW, hours=hours
    )


@settings(max_examples=250, deadline=None)
@given(
    judged=ladders(),
    readings=st.dictionaries(st.integers(0, 300), VALUES, max_size=40),
    outage=st.none() | st.tuples(st.integers(0, 200), st.integers(1, 100)),
    tick_s=st.sampled_from((1, 7, 100, 1_000)),
)
def test_it_is_what_a_look_at_every_second_finds(
    judged: Rule, readings: dict[int, float], outage: tuple[int, int] | None, tick_s: int
) -> None:
    """However seldom the clock ticks: what a tick brings to light happened when it happened."""
    resting = [] if outage is None else [(outage[0], outage[0] + outage[1])]
    outages = tuple(Outage(T0 + start * S, T0 + end * S, "maintenance") for start, end in resting)
    sensor = device(interval_s=10.0, out_of_service=outages)
    expected = SlowJudge(judged, 30, resting).run(readings, 400)
    found = Played(registry(sensor), judged)
    sent = sorted(readings)
    moments = sorted({*range(0, 401, tick_s), 400})
    found.tick(0)
    for moment in moments:
        while sent and sent[0] <= moment:
            second = sent.pop(0)
            found.read(reading(second, nh3_ppm=readings[second]))
        found.tick(moment)
    said = [(round((one.at_ns - T0) / S), str(one.change), one.severity.word) for one in found.transitions]
    assert said == expected
