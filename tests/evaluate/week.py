"""A stretch of days of one site, judged: payloads through admission into the engine's own judge, with its clock.

Store, broker and alert database add nothing to what is raised; what they must not take away is what `make faults` is
about. Sites know nothing of each other, so each has a judge of its own, and two can run at a time.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from alerts.alert import Change, Transition
from alerts.judge.judge import PAST_BEAT_NS, PAST_GAP_NS, Judge
from alerts.rules.load import load_rules
from alerts.rules.rule import Rules
from simulators.settings import load_simulation
from telemetry.admission.admit import admit
from telemetry.message import Message
from telemetry.reading import NS_PER_MS, NS_PER_S
from telemetry.registry.load import load_registry
from telemetry.registry.models import Registry
from tests.evaluate.city import SiteCity, of_site
from tests.evaluate.plant import MS_PER_DAY
from tests.evaluate.planted import Planted
from tests.evaluate.score import Claim
from tests.evaluate.truth import own_truth, yielding

CITY = Path(__file__).parents[2] / "examples" / "hong-kong"
WARM_UP_DAYS = 1
"""Before it, so that windows of a day are whole."""
COUNTED = {Change.RAISED, Change.ROSE, Change.FELL, Change.RESOLVED}


class Stretch(NamedTuple):
    """What is judged of one site. `start_ms` is a local midnight, epoch ms UTC."""

    site: str
    month_start_ms: int
    """Main meters are watched from here on: the month's peak is theirs."""
    start_ms: int
    end_ms: int
    planted: tuple[Planted, ...]
    """Of this site."""
    warm_up_days: int = WARM_UP_DAYS


class Judged(NamedTuple):
    """What came of it."""

    site: str
    claims: Sequence[Claim]
    messages: int
    readings: int


def truth_of(stretch: Stretch) -> Sequence[Planted]:
    """What happens at the site by itself."""
    registry = of_site(load_registry(CITY), stretch.site, stretch.planted)
    place = SiteCity(registry, load_simulation(CITY), stretch.planted)
    sites = {device.id: device.site for device in registry.devices.values()}
    own = own_truth(place.city, place.changes, stretch.start_ms, stretch.end_ms, stretch.month_start_ms)
    return [yielding(one, stretch.planted, sites) for one in own]


def judge_site(stretch: Stretch, rules: Rules | None = None) -> Judged:
    """All that is raised, risen, fallen and resolved in it. By default by the example's rules."""
    everything = load_registry(CITY)
    rules = rules or load_rules(CITY, everything)
    registry = of_site(everything, stretch.site, stretch.planted)
    place = SiteCity(registry, load_simulation(CITY), stretch.planted)
    run = _Run(registry, rules)
    warm_ms = stretch.start_ms - stretch.warm_up_days * MS_PER_DAY
    mains = [device.id for device in registry.devices.values() if device.labels.get("supply") == "main"]
    if mains and stretch.month_start_ms < warm_ms:
        run.go(place.messages(stretch.month_start_ms, warm_ms, mains), warm_ms)
    run.go(place.messages(warm_ms, stretch.end_ms), stretch.end_ms)
    claims = [_claim(one) for one in run.judge.take().transitions if one.change in COUNTED]
    return Judged(stretch.site, claims, run.messages, run.readings)


class _Run:
    """A judge and its clock."""

    def __init__(self, registry: Registry, rules: Rules) -> None:
        self.judge = Judge(registry, rules, gap_ns=PAST_GAP_NS)
        self.messages = self.readings = 0
        self._registry = registry

    def go(self, messages: Iterable[Message], end_ms: int) -> None:
        """Everything in the order of arrival, the clock in between."""
        judge = self.judge
        for message in messages:
            received_ns = message.received_ns
            self._until(received_ns - received_ns % NS_PER_S)
            self.messages += 1
            for reading in admit(message, self._registry).readings:
                self.readings += 1
                judge.read(reading, received_ns)
        self._until(end_ms * NS_PER_MS)

    def _until(self, clock_ns: int) -> None:
        judge = self.judge
        while judge.clock_ns and judge.clock_ns + PAST_BEAT_NS < clock_ns:
            judge.tick(judge.clock_ns + PAST_BEAT_NS)
        if judge.clock_ns < clock_ns:
            judge.tick(clock_ns)


def _claim(one: Transition) -> Claim:
    return Claim(
        rule=one.rule,
        device=one.device,
        severity=0 if one.change is Change.RESOLVED else int(one.severity),
        raises=one.change in {Change.RAISED, Change.ROSE},
        at_ms=one.at_ns // NS_PER_MS,
        noticed_ms=one.noticed_ns // NS_PER_MS,
    )
