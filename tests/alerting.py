"""Rules, readings and a clock for tests of the alerts: say what matters, get the rest."""

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec.structs import replace

from alerts.alert import Severity, Transition
from alerts.judge.judge import Judge
from alerts.judge.judged import Judged, Remembered
from alerts.rules.rule import Condition, Level, Rule, Rules, Selector, Side, Value
from telemetry.reading import NS_PER_S, Reading
from telemetry.registry.models import Registry

S = NS_PER_S
M = 60 * S
T0 = 1_795_334_400 * S
"""2026-11-22 08:00 UTC, 16:00 in Hong Kong, a Sunday."""
WARNING, CRITICAL = Severity.WARNING, Severity.CRITICAL


def level(
    raise_at: float | None = 3.0,
    clear_at: float | None = 2.0,
    for_s: float = 0,
    clear_for_s: float = 0,
    severity: Severity = WARNING,
) -> Level:
    """A level; thresholds in the metric's unit."""
    return Level(severity, raise_at, clear_at, round(for_s * S), round(clear_for_s * S))


def rule(condition: Condition | None = None, *levels: Level, **fields: Any) -> Rule:
    """A rule on ammonia above 3 ppm, where nothing else is said."""
    plain = Rule(
        id="odour",
        names={"en": "Odour"},
        why="A test.",
        where=Selector(),
        condition=condition or Value("nh3_ppm"),
        side=Side.ABOVE,
        levels=levels or (level(),),
    )
    return replace(plain, **fields)


def reading(at_s: float, device: str = "nh3-1", seq: int | None = None, **values: float) -> Reading:
    """A reading `at_s` seconds after `T0`."""
    return Reading(device, T0 + round(at_s * S), seq, {name: float(value) for name, value in values.items()}, {})


def merged(kept: Remembered, judged: Judged) -> Remembered:
    """What a database would remember after keeping `judged` too."""
    for old, new in ((kept.devices, judged.devices), (kept.areas, judged.areas)):
        _merge(old, new)
    _merge(kept.states, judged.states)
    _merge(kept.windows, judged.windows)
    kept.figures |= judged.figures
    alerts = {alert.id: alert for alert in kept.alerts} | dict(judged.alerts)
    kept.alerts = [alert for alert in alerts.values() if alert.active]
    kept.silences += judged.silences
    return kept


def _merge(kept: dict[Any, bytes], changed: Mapping[Any, bytes | None]) -> None:
    for key, data in changed.items():
        if data is None:
            kept.pop(key, None)
        else:
            kept[key] = data


class Played:
    """A judge, what a database would have kept of it, and the transcript so far. Times in seconds after `T0`."""

    def __init__(self, registry: Registry, *rules: Rule, gap_s: float = 10, **settings: Any) -> None:
        self.registry = registry
        self.rules = Rules(rules, **settings)
        self.gap_ns = round(gap_s * S)
        self.judge = Judge(registry, self.rules, gap_ns=self.gap_ns)
        self.kept = Remembered()
        self.transitions: list[Transition] = []

    def read(self, *readings: Reading, retained: bool = False) -> None:
        """Each arrives at its own time, or at the clock where that is later."""
        for one in readings:
            self.judge.read(one, max(one.time_ns, self.judge.clock_ns), retained=retained)
        self._take()

    def tick(self, at_s: float) -> None:
        """The alert clock comes to `at_s`."""
        self.judge.tick(T0 + round(at_s * S))
        self._take()

    def run(self, until_s: float, readings: Sequence[Reading] = (), from_s: float = 0, step_s: float = 1) -> None:
        """Readings at their times, and the clock every `step_s`."""
        waiting = sorted(readings, key=lambda one: one.time_ns)
        moment_s = from_s
        while moment_s <= until_s:
            while waiting and waiting[0].time_ns < T0 + round(moment_s * S):
                self.read(waiting.pop(0))
            self.tick(moment_s)
            moment_s += step_s
        self.read(*waiting)

    def restart(self) -> None:
        """A new judge goes on where the old one was."""
        self.judge = Judge(self.registry, self.rules, self.kept, gap_ns=self.gap_ns)

    def reload(self, *rules: Rule, registry: Registry | None = None) -> None:
        """Other rules, or another registry."""
        self.rules, self.registry = Rules(rules), registry or self.registry
        self.judge.configure(self.registry, self.rules)
        self._take()

    def said(self) -> list[tuple[float, str, str, str]]:
        """Seconds, device, change, severity of all so far."""
        return [((one.at_ns - T0) / S, one.device, str(one.change), one.severity.word) for one in self.transitions]

    def _take(self) -> None:
        judged = self.judge.take()
        self.transitions += judged.transitions
        self.kept = merged(self.kept, judged)
