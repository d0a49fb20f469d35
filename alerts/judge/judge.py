"""The judge: readings and the clock in, states, alerts and transitions out. In memory, and pure: time is given.

    reading -> is it ahead? -> heard -> rests -> events -> lanes (by lateness) -> evaluate -> standing
    tick    -> what is due: lanes, silence, rules  ------------------------------^

What changed is taken with `take`, and kept by whoever runs it; what was kept makes a judge that goes on.
"""

from bisect import insort
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from msgspec.structs import replace

from alerts.alert import Ending
from alerts.judge import lifecycle, plans
from alerts.judge.evaluate import begin, evaluate
from alerts.judge.hearing import Later, hear, low_batteries, silence, silent_devices
from alerts.judge.judged import Act, Action, AreaKey, Judged, Remembered
from alerts.judge.keeping import Keeping
from alerts.judge.memory import NEVER, DeviceMemory, Key, Lane
from alerts.judge.plans import LanePlan, Plan
from alerts.judge.schedule import Entry, Schedule, What
from alerts.judge.standing import Standing
from alerts.judge.state import Event, RuleState, Silent, Tick
from alerts.rules.rule import Rule, Rules
from telemetry.reading import NS_PER_S, Reading
from telemetry.registry.models import Registry

AHEAD_NS = 30 * NS_PER_S
"""A reading further ahead of its arrival is not judged: its device's clock is wrong."""
GAP_NS = 3 * NS_PER_S
"""A longer step of the alert clock was an outage of ours or the broker's: nobody was silent in it."""
PAST_GAP_NS = 10 * NS_PER_S
PAST_BEAT_NS = PAST_GAP_NS // 2
"""The same for who plays a past: transitions carry the moment at which they became true, so its clock may beat less."""


@dataclass(slots=True)
class Counts:
    """Readings since the start."""

    judged: int = 0
    unwatched: int = 0
    ahead: int = 0
    late: int = 0
    """Values no newer than what was judged: duplicates, and what came too late."""
    gaps: int = 0


class Judge:
    """All rules on all devices."""

    def __init__(
        self, registry: Registry, rules: Rules, remembered: Remembered | None = None, *, gap_ns: int = GAP_NS
    ) -> None:
        """With `remembered` it goes on where the last one was. A step of the clock over `gap_ns` was an outage."""
        self._gap_ns = gap_ns
        kept = remembered or Remembered()
        self.counts = Counts()
        self.standing = Standing(kept.alerts, kept.silences)
        self._kept = Keeping(kept)
        self._schedule = Schedule()
        self.configure(registry, rules)

    @property
    def clock_ns(self) -> int:
        """The alert clock; 0: it has not been heard yet."""
        return self._kept.clock_ns

    def configure(self, registry: Registry, rules: Rules) -> None:
        """From now on judge by these. Alerts of what is no longer there end."""
        self._plans: Mapping[str, Plan] = plans.plans(registry, rules)
        self.standing.people = registry.people
        self._shapes = {rule.id: plans.shape(rule) for rule in rules.rules}
        resting = [rule for rule in rules.rules if rule.pause is not None]
        self._pausing = frozenset(rule.pause.metric for rule in resting if rule.pause is not None)
        self._rest_ns = max((rule.pause.for_ns + rule.lateness_ns for rule in resting if rule.pause), default=0)
        self._by_area: dict[AreaKey, list[Plan]] = {}
        for plan in self._plans.values():
            key = _area_of(plan)
            plan.place.pauses = self._kept.areas.setdefault(key, [])
            if any(rule.pause is not None for rule in plan.rules.values()):
                self._by_area.setdefault(key, []).append(plan)
        self._let_go(registry)
        self._reschedule()

    def read(self, reading: Reading, received_ns: int, *, retained: bool = False) -> None:
        """Judge a reading that arrived at `received_ns`, wall clock; `retained`: the broker had it stored."""
        plan = self._plans.get(reading.device)
        if plan is None:
            self.counts.unwatched += 1
            return
        if reading.time_ns > max(received_ns, self.clock_ns) + AHEAD_NS:
            self.counts.ahead += 1
            return
        self.counts.judged += 1
        device = self._kept.device(reading.device)
        heard = hear(device, reading, self.clock_ns, plan.silent_ns, retained=retained)
        if not self._pausing.isdisjoint(reading.values):
            self._rest(plan, reading)
        for rule in plan.latches:
            if rule.metrics[0] in reading.values:
                self._judge(rule, plan, reading)
        for lane in plan.lanes:
            self._take_in(plan, device, lane, reading)
        if heard:
            for rule, limit_ns in plan.silence:
                if (rule.id, reading.device) in self._kept.states:
                    self._judge(rule, plan, reading)
                when_ns = self.clock_ns + limit_ns + rule.lateness_ns
                self._schedule.put(Entry(What.SILENCE, reading.device, rule.id), when_ns)

    def watches(self, device: str) -> bool:
        """Whether anything reads this device: a rule, or rules of others that depend on it."""
        return device in self._plans

    def tick(self, now_ns: int) -> None:
        """The alert clock is at `now_ns`: work out all that is due by now. A clock that goes back stands still."""
        if now_ns - self.clock_ns > self._gap_ns:
            self.counts.gaps += self.clock_ns > 0
            self._kept.resumed_ns = now_ns
        self._kept.clock_ns = max(now_ns, self.clock_ns)
        while self._unwatched:
            rule, plan = self._unwatched.pop()
            self._keep(rule, plan, begin(rule, self.clock_ns, self._shapes[rule.id]))
        for entry in self._schedule.due(self.clock_ns):
            plan_due = self._plans.get(entry.device)
            if plan_due is not None:
                self._look(entry, plan_due)
        self.standing.end_acknowledgements(self.clock_ns)

    def act(self, action: Action) -> None:
        """Fulfil a wish, or say why not."""
        if action.act is not Act.RESOLVE:
            self.standing.act(action, self.clock_ns)
            return
        alert = self.standing.active.get(action.alert or "")
        plan = None if alert is None else self._plans.get(alert.device)
        if alert is None or plan is None or (alert.rule, alert.device) not in self._kept.states:
            self.standing.refuse(action, "the alert is resolved already")
            return
        rule = plan.rules[alert.rule]
        if not rule.latches:
            self.standing.refuse(action, "it ends by itself when its condition does: acknowledge it, or silence it")
            return
        state = self._kept.states[rule.id, alert.device]
        person, now_ns = lifecycle.Person(action.by, action.comment), self.clock_ns
        life, transitions = lifecycle.end(rule, alert.device, state.life, Ending.BY_HAND, now_ns, now_ns, person)
        self.standing.note(*transitions)
        self._keep(rule, plan, replace(state, life=life, due_ns=None))
        self.standing.fulfilled(action)

    def lost(self) -> None:
        """Messages were lost on the way: what is counted over a window is not known until a whole one has passed."""
        for key, state in list(self._kept.states.items()):
            plan = self._plans[key[1]]
            if state.course is not None and plans.counts(plan.rules[key[0]]):
                course = replace(state.course, observed_ns=max(self.clock_ns, state.course.cursor_ns))
                self._keep(plan.rules[key[0]], plan, replace(state, course=course))

    def state(self, rule: str, device: str) -> RuleState | None:
        """What a rule remembers of a device; None: nothing."""
        return self._kept.states.get((rule, device))

    def silent_devices(self) -> Sequence[str]:
        """Those that were heard once, and have missed too many of their intervals."""
        limits = ((name, plan.silent_ns) for name, plan in self._plans.items() if plan.silent_ns is not None)
        return silent_devices(self._kept.devices, limits, self.clock_ns)

    def low_batteries(self) -> Sequence[tuple[str, float]]:
        """Devices and what is left in percent, lowest first."""
        return low_batteries(self._kept.devices)

    def take(self) -> Judged:
        """All that has changed since the last time. Whoever takes it has to keep it, or to give up this judge."""
        return self.standing.take_into(self._kept.take())

    # Readings.

    def _rest(self, plan: Plan, reading: Reading) -> None:
        """An event that puts rules of its area to rest."""
        key = _area_of(plan)
        pauses = self._kept.area(key)
        for metric in self._pausing.intersection(reading.values):
            if (reading.time_ns, metric) not in pauses:
                insort(pauses, (reading.time_ns, metric))
        pauses[:] = [pause for pause in pauses if pause[0] > self.clock_ns - 2 * self._rest_ns]
        for other in self._by_area.get(key, ()):
            for rule in other.rules.values():
                if rule.pause is not None:
                    self._schedule.put(Entry(What.RULE, other.place.device.id, rule.id), self.clock_ns)

    def _take_in(self, plan: Plan, device: DeviceMemory, lane: LanePlan, reading: Reading) -> None:
        """Judge now, or let it wait while it may be overtaken."""
        kept = device.lanes.get(lane.key)
        if kept is None:
            kept = device.lanes[lane.key] = Lane()
        if not lane.waits:
            self._judge_lane(plan, lane, kept, reading)
            return
        insort(kept.waiting, reading, key=_key)
        self._flush(plan, device, lane)

    def _flush(self, plan: Plan, device: DeviceMemory, lane: LanePlan) -> None:
        """Judge what waited and can no longer be overtaken, in order."""
        kept = device.lanes.get(lane.key)
        if kept is None or not kept.waiting:
            return
        until_ns = (self.clock_ns if lane.by_clock else self._now_ns(device)) - lane.lateness_ns
        ready = 0
        while ready < len(kept.waiting) and kept.waiting[ready].time_ns <= until_ns:
            self._judge_lane(plan, lane, kept, kept.waiting[ready])
            ready += 1
        if ready:
            del kept.waiting[:ready]
            self._kept.device(plan.place.device.id)
        if kept.waiting:
            when_ns = kept.waiting[0].time_ns + lane.lateness_ns + (0 if lane.by_clock else device.lag_ns)
            self._schedule.put(Entry(What.LANE, plan.place.device.id, ""), max(when_ns, self.clock_ns + 1))

    def _judge_lane(self, plan: Plan, lane: LanePlan, kept: Lane, reading: Reading) -> None:
        """Give a reading to the rules that read something new in it."""
        key, values, last, states = _key(reading), reading.values, kept.last, self._kept.states
        hit: dict[str, Rule] = {}
        stale: list[str] = []
        for metric, watchers in lane.watch:
            value = values.get(metric)
            if value is None:
                continue
            if key <= last.get(metric, NEVER):
                stale.append(metric)
                continue
            last[metric] = key
            for watcher in watchers:
                # The quiet case, which nearly all are: nothing bad, and nothing remembered.
                quiet = isinstance(value, float) and watcher.low <= value <= watcher.high
                if not quiet or (watcher.rule.id, reading.device) in states:
                    hit[watcher.rule.id] = watcher.rule
        self.counts.late += len(stale)
        if hit and stale:
            fresh = {metric: value for metric, value in values.items() if metric not in stale}
            reading = replace(reading, values=fresh)
        for rule in hit.values():
            self._judge(rule, plan, reading)

    # Time.

    def _now_ns(self, device: DeviceMemory) -> int:
        """The moment until which everything of this device is here: the clock, less what the device is behind it."""
        return max(device.heard_ns, self.clock_ns - device.lag_ns)

    def _look(self, entry: Entry, plan: Plan) -> None:
        """At something that is due."""
        name = entry.device
        device = self._kept.devices.get(name) or DeviceMemory()
        for lane in plan.lanes:
            if lane.waits:
                self._flush(plan, device, lane)
        rule = plan.rules.get(entry.rule)
        if rule is None:
            return
        if entry.what is What.SILENCE:
            self._look_for_silence(rule, plan, device)
        elif (rule.id, name) in self._kept.states:
            self._judge(rule, plan, Tick(self.clock_ns - plans.behind_ns(rule, device.lag_ns)))

    def _look_for_silence(self, rule: Rule, plan: Plan, device: DeviceMemory) -> None:
        """Whether the device counts as silent by now; if not yet, look again when it may."""
        if not device.heard_ns:  # never: it is not silent, it is not there yet
            return
        name, parent = plan.place.device.id, plan.place.device.parent
        state = self._kept.states.get((rule.id, name))
        if state is not None and state.now is not None and state.now.value:
            return
        gateway = None if parent is None else self._kept.devices.get(parent)
        above = None if gateway is None or parent is None else (gateway, self._plans[parent].silent_ns)
        limit_ns = next(limit_ns for one, limit_ns in plan.silence if one.id == rule.id)
        found = silence(device, limit_ns, self.clock_ns, self._kept.resumed_ns, above, rule.lateness_ns)
        if isinstance(found, Later):
            self._schedule.put(Entry(What.SILENCE, name, rule.id), max(found.again_ns, self.clock_ns + 1))
        else:
            self._judge(rule, plan, Silent(found, device.heard_ns))

    # States.

    def _judge(self, rule: Rule, plan: Plan, event: Event) -> None:
        before = self._kept.states.get((rule.id, plan.place.device.id))
        state, transitions = evaluate(
            rule, before or begin(rule, event.time_ns, self._shapes[rule.id]), event, plan.place, self.clock_ns
        )
        self.standing.note(*transitions)
        if state is not before:
            self._keep(rule, plan, state)
        elif state.due_ns is not None:
            self._put(rule, plan, state.due_ns)

    def _keep(self, rule: Rule, plan: Plan, state: RuleState) -> None:
        self._kept.keep((rule.id, plan.place.device.id), state)
        if state.due_ns is not None:
            self._put(rule, plan, state.due_ns)

    def _put(self, rule: Rule, plan: Plan, due_ns: int) -> None:
        """Look at a rule when it is due in its device's own time."""
        name = plan.place.device.id
        device = self._kept.devices.get(name)
        behind_ns = plans.behind_ns(rule, 0 if device is None else device.lag_ns)
        self._schedule.put(Entry(What.RULE, name, rule.id), max(due_ns + behind_ns, self.clock_ns + 1))

    def _let_go(self, registry: Registry) -> None:
        """Of states whose rule or device is gone, or whose rule asks for something else now."""
        for key in list(self._kept.states):
            plan = self._plans.get(key[1])
            if plan is None or key[0] not in plan.rules or self._kept.states[key].shape != self._shapes[key[0]]:
                self._kept.forget(key)
        for alert in list(self.standing.active.values()):
            if (alert.rule, alert.device) not in self._kept.states:
                gone = Ending.RULE_GONE if alert.device in registry.devices else Ending.DEVICE_GONE
                self.standing.resolve(alert, gone, self.clock_ns)
        for name in [name for name in self._kept.devices if name not in registry.devices]:
            self._kept.forget_device(name)

    def _reschedule(self) -> None:
        """Look at everything once, at the next tick."""
        self._schedule.clear()
        for (rule_id, name), state in self._kept.states.items():
            if state.due_ns is not None:
                self._schedule.put(Entry(What.RULE, name, rule_id), self.clock_ns)
        for name, plan in self._plans.items():
            if plan.lanes and name in self._kept.devices:
                self._schedule.put(Entry(What.LANE, name, ""), self.clock_ns)
            for rule, _ in plan.silence:
                self._schedule.put(Entry(What.SILENCE, name, rule.id), self.clock_ns)
        # A rule that counts watches from the first moment on, not from the first reading.
        self._unwatched = [
            (rule, plan)
            for name, plan in self._plans.items()
            for rule in plan.rules.values()
            if plans.counts(rule) and (rule.id, name) not in self._kept.states
        ]


def _key(reading: Reading) -> Key:
    return reading.time_ns, -1 if reading.seq is None else reading.seq


def _area_of(plan: Plan) -> AreaKey:
    device = plan.place.device
    return device.site, device.area or ""
