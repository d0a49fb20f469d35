"""Rules tried on the past: what they would have raised, and for how long. Pure: readings are handed in.

The engine's own judge runs over the readings of one site after the other, with a clock that goes from reading to
reading. Transitions carry the moment at which they became true, so a finer clock finds the same; only silence is a
matter of the clock itself, and where it is asked for the clock is heard every few seconds.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from statistics import median
from typing import NamedTuple

from msgspec import Struct
from msgspec.structs import replace

from alerts.alert import Change, Severity, Transition
from alerts.judge.judge import PAST_BEAT_NS, PAST_GAP_NS, Judge
from alerts.judge.plans import Plan, plans
from alerts.rules.rule import NoData, Rule, Rules
from telemetry.reading import NS_PER_S, Reading
from telemetry.registry.models import Registry

SETTLES = 3
"""Looks until nothing more comes to light: a reading that had waited, what it makes due, what follows from that."""


class Episode(Struct):
    """One alert that would have been there."""

    rule: str
    device: str
    steps: list[tuple[int, Severity]]
    """When it took which severity, event time in ns UTC; the first is the raise."""
    flapping: bool = False
    """One too many within a short time: nobody would have been told."""
    end_ns: int | None = None
    """When it was resolved; of one that is still there: how far the trial went."""
    active: bool = True
    """Still there at the end."""

    @property
    def start_ns(self) -> int:
        """Of the raise."""
        return self.steps[0][0]

    @property
    def until_ns(self) -> int:
        """The end, once there is one."""
        return self.start_ns if self.end_ns is None else self.end_ns

    @property
    def worst(self) -> Severity:
        """The highest that it had."""
        return max(severity for _, severity in self.steps)


class Summary(NamedTuple):
    """What one rule would have raised."""

    raised: int
    by_severity: Mapping[Severity, int]
    """Each alert counts once, under the highest severity that it had."""
    devices: int
    """On which it would have been raised."""
    total_ns: int
    """All alerts together, those at the same time added up; one still there counts until the end."""
    longest_ns: int
    median_ns: int
    active: int
    """Still there at the end."""
    flapping: int
    first_ns: int | None
    """The first raise and the last, event time UTC; None: there was none."""
    last_ns: int | None


class Bar(NamedTuple):
    """A time in which a rule had an alert on some device, and the worst severity then."""

    start_ns: int
    end_ns: int
    severity: Severity


class Trial:
    """The rules on the devices of one registry, from `start_ns` on."""

    def __init__(self, registry: Registry, rules: Rules, start_ns: int) -> None:
        self._judge = Judge(registry, rules, gap_ns=PAST_GAP_NS)
        self._listens = any(is_no_data(rule) for rule in rules.rules)
        self._clock_ns = start_ns
        self._open: dict[str, Episode] = {}
        self._episodes: list[Episode] = []
        self._judge.tick(start_ns)

    def play(self, readings: Iterable[Reading], until_ns: int) -> None:
        """Readings in order of event time, of all devices, and then the clock up to `until_ns`."""
        for reading in readings:
            self._tick(reading.time_ns)
            self._judge.read(reading, reading.time_ns)
        self._tick(until_ns)
        self._take()

    def episodes(self) -> Sequence[Episode]:
        """All so far, in the order in which they were noticed."""
        end_ns = self._clock_ns
        for _ in range(SETTLES):
            self._tick(self._clock_ns + 1)
        self._take()
        for episode in self._open.values():
            episode.end_ns = max(end_ns, episode.steps[-1][0])
        return self._episodes

    def _tick(self, now_ns: int) -> None:
        while self._listens and self._clock_ns + PAST_BEAT_NS < now_ns:
            self._clock_ns += PAST_BEAT_NS
            self._judge.tick(self._clock_ns)
        if now_ns > self._clock_ns:
            self._clock_ns = now_ns
            self._judge.tick(now_ns)

    def _take(self) -> None:
        for transition in self._judge.take().transitions:
            self._note(transition)

    def _note(self, transition: Transition) -> None:
        if transition.change is Change.RAISED:
            episode = Episode(transition.rule, transition.device, [], transition.flapping)
            self._open[transition.alert] = episode
            self._episodes.append(episode)
        if transition.change is Change.RESOLVED:
            episode = self._open.pop(transition.alert)
            episode.end_ns, episode.active = transition.at_ns, False
        else:
            self._open[transition.alert].steps.append((transition.at_ns, transition.severity))


def is_no_data(rule: Rule) -> bool:
    """Whether it asks for silence. A store can't tell a silent device from an outage of ours."""
    return isinstance(rule.condition, NoData)


def part_of(registry: Registry, site: str, spacing_s: Mapping[str, float]) -> Registry:
    """The devices of a site and the gateways through which they speak.

    `spacing_s` is how far apart the stored readings of a device are, where that is further than its interval: a value
    then holds for as many of these as it would of the interval.
    """
    own = [device for device in registry.devices.values() if device.site == site]
    above = [registry.devices[device.parent] for device in own if device.parent is not None]
    devices = {
        device.id: replace(device, interval_s=spacing_s.get(device.id, device.interval_s)) for device in (*own, *above)
    }
    return Registry(registry.metrics, registry.sites, devices)


def read_by(registry: Registry, rules: Rules) -> Mapping[str, Sequence[str]]:
    """Device to the metrics that these rules need of it; devices of which they need none are not in it."""
    pausing = {rule.pause.metric for rule in rules.rules if rule.pause is not None}
    listens = any(is_no_data(rule) for rule in rules.rules)
    wanted = {
        name: sorted(pausing.intersection(plan.place.device.metrics).union(_metrics(plan)))
        if not listens
        else plan.place.device.metrics
        for name, plan in plans(registry, rules).items()
    }
    return {name: metrics for name, metrics in wanted.items() if metrics}


def summary(episodes: Sequence[Episode]) -> Summary:
    """Of one rule's alerts."""
    lasted_ns = [episode.until_ns - episode.start_ns for episode in episodes]
    raised_ns = [episode.start_ns for episode in episodes]
    return Summary(
        raised=len(episodes),
        by_severity=Counter(episode.worst for episode in episodes),
        devices=len({episode.device for episode in episodes}),
        total_ns=sum(lasted_ns),
        longest_ns=max(lasted_ns, default=0),
        median_ns=round(median(lasted_ns)) if lasted_ns else 0,
        active=sum(episode.active for episode in episodes),
        flapping=sum(episode.flapping for episode in episodes),
        first_ns=min(raised_ns, default=None),
        last_ns=max(raised_ns, default=None),
    )


def bars(episodes: Iterable[Episode]) -> Sequence[Bar]:
    """When alerts were there, in order of time, without overlaps; where several were, the worst severity."""
    changes: dict[int, Counter[Severity]] = {}
    for episode in episodes:
        ends = [*(moment_ns for moment_ns, _ in episode.steps[1:]), episode.until_ns]
        for (moment_ns, severity), end_ns in zip(episode.steps, ends, strict=True):
            changes.setdefault(moment_ns, Counter())[severity] += 1
            changes.setdefault(end_ns, Counter())[severity] -= 1
    return list(_joined(changes))


def spacing_s(moments_ns: Sequence[int]) -> float | None:
    """How far apart readings usually are, s; None: there are too few to say. Moments in order."""
    steps = [after - before for before, after in pairwise(moments_ns) if after > before]
    return median(steps) / NS_PER_S if steps else None


def _joined(changes: Mapping[int, Counter[Severity]]) -> Iterator[Bar]:
    there: Counter[Severity] = Counter()
    begun: tuple[int, Severity] | None = None
    for moment_ns in sorted(changes):
        there.update(changes[moment_ns])
        worst = max((severity for severity, count in there.items() if count > 0), default=None)
        if begun is not None and worst != begun[1]:
            yield Bar(begun[0], moment_ns, begun[1])
            begun = None
        if begun is None and worst is not None:
            begun = moment_ns, worst


def _metrics(plan: Plan) -> Iterator[str]:
    for lane in plan.lanes:
        yield from (metric for metric, _ in lane.watch)
    for rule in plan.latches:
        yield from rule.metrics
