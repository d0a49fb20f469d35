"""The life of one alert: what a rule's levels say at one moment, and what that changes. Pure.

Each severity has a phase of its own; the alert's severity is that of the highest level that is active. A level that is
active makes those below it active too, so that an alert falls step by step and is one alert all the way.

    idle -> pending (for) -> active -> clearing (clear_for) -> idle

Missing data ends what is pending, and never clears what is active.
"""

from collections.abc import Sequence
from enum import IntEnum
from typing import NamedTuple

from msgspec import Struct
from msgspec.structs import replace

from alerts.alert import Change, Ending, Severity, Transition, alert_id
from alerts.rules.rule import Flapping, Level, Rule, Side


class Phase(IntEnum):
    """Where one level stands."""

    IDLE = 0
    PENDING = 1
    ACTIVE = 2
    CLEARING = 3


class Stage(Struct, frozen=True, gc=False, array_like=True):
    """A level's phase, and since when, event time in ns."""

    phase: Phase
    since_ns: int

    @property
    def active(self) -> bool:
        """Whether this level counts."""
        return self.phase >= Phase.ACTIVE


IDLE = Stage(Phase.IDLE, 0)


class Life(Struct, frozen=True, array_like=True):
    """Of the alert of one rule on one device; also when there is none."""

    stages: tuple[Stage, ...]
    """One for each level of the rule."""
    alert: str | None = None
    """Id of the active alert."""
    severity: int = 0
    """0: no active alert."""
    last_ns: int = 0
    """Of the last transition: none comes before it."""
    raises: tuple[int, ...] = ()
    """When the last alerts were raised, no more than decide about flapping."""
    flapping: bool = False
    """Whether the active alert is one too many."""


class Known(Struct, frozen=True, gc=False):
    """What a rule compares at a moment."""

    value: float
    """Where the rule has no thresholds: 1 when its condition holds, 0 when not."""
    shown: float | None = None
    """What people are told: the metric's value; None: there is none."""
    reading_ns: int | None = None
    suspect: bool = False


class Verdict(IntEnum):
    """What stands instead of a value."""

    UNKNOWN = 0
    """No data, out of service, or a pause."""
    NOT = 1
    """The condition does not hold, whatever the value: the guard is not met."""
    OFF = 2
    """Outside the rule's hours."""


Signal = Known | Verdict


class Person(NamedTuple):
    """Who ends an alert by hand, and what they say to it."""

    name: str | None
    comment: str | None


NOBODY = Person(None, None)


def born(rule: Rule) -> Life:
    """Nothing has happened yet."""
    return Life(tuple(IDLE for _ in rule.levels))


def holds(level: Level, side: Side, value: float) -> bool | None:
    """Whether a value is beyond the level's threshold; None between raise and clear."""
    if level.raise_at is None or level.clear_at is None:
        return value != 0.0
    if side is Side.ABOVE:
        return True if value > level.raise_at else False if value <= level.clear_at else None
    return True if value < level.raise_at else False if value >= level.clear_at else None


def is_bad(rule: Rule, value: float) -> bool:
    """Whether a value is beyond the threshold of any of the rule's levels."""
    side = rule.side
    for level in rule.levels:  # noqa: SIM110 - half the time of `any`, at every step of every window
        if holds(level, side, value):
            return True
    return False


def step(
    rule: Rule, device: str, life: Life, signal: Signal, at_ns: int, noticed_ns: int
) -> tuple[Life, list[Transition]]:
    """The life after `signal` at event time `at_ns`, and what changed. `noticed_ns` is the alert clock."""
    if is_idle(life) and not (isinstance(signal, Known) and is_bad(rule, signal.value)):
        return life, []
    stages = tuple(
        IDLE if signal is Verdict.OFF else _next(stage, level, _says(level, rule.side, signal), at_ns)
        for stage, level in zip(life.stages, rule.levels, strict=True)
    )
    top = max((place for place, stage in enumerate(stages) if stage.active), default=-1)
    stages = tuple(
        _held(before, stage, signal, at_ns) if place < top else stage
        for place, (before, stage) in enumerate(zip(life.stages, stages, strict=True))
    )
    severity = 0 if top < 0 else int(rule.levels[top].severity)
    if severity == life.severity:
        return (life if stages == life.stages else replace(life, stages=stages)), []
    return _changed(rule, device, replace(life, stages=stages), severity, signal, at_ns, noticed_ns)


def due_ns(rule: Rule, life: Life, after_ns: int) -> int | None:
    """When time alone changes something next, event time, later than `after_ns`.

    A level that has cleared below one that has not waits for that one, and not for a moment of its own.
    """
    moments = []
    for stage, level in zip(life.stages, rule.levels, strict=True):
        if stage.phase is Phase.PENDING:
            moments.append(stage.since_ns + level.for_ns)
        elif stage.phase is Phase.CLEARING:
            moments.append(stage.since_ns + level.clear_for_ns)
    return min((moment for moment in moments if moment > after_ns), default=None)


def is_idle(life: Life) -> bool:
    """Whether nothing is pending or active."""
    if life.alert is not None:
        return False
    for stage in life.stages:  # noqa: SIM110 - half the time of `all`, at every step of every window
        if stage.phase:
            return False
    return True


def end(
    rule: Rule, device: str, life: Life, ending: Ending, at_ns: int, noticed_ns: int, person: Person = NOBODY
) -> tuple[Life, list[Transition]]:
    """Resolve the active alert from outside: by hand, by time, or because rule or device are gone."""
    if life.alert is None:
        return replace(life, stages=tuple(IDLE for _ in life.stages)), []
    moment_ns = max(at_ns, life.last_ns)
    transition = Transition(
        alert=life.alert,
        rule=rule.id,
        device=device,
        change=Change.RESOLVED,
        severity=Severity(life.severity),
        at_ns=moment_ns,
        noticed_ns=noticed_ns,
        flapping=life.flapping,
        ending=ending,
        by=person.name,
        comment=person.comment,
    )
    idle = tuple(IDLE for _ in life.stages)
    return replace(life, stages=idle, alert=None, severity=0, last_ns=moment_ns, flapping=False), [transition]


def _says(level: Level, side: Side, signal: Signal) -> bool | None:
    """Beyond the threshold, back, or neither: between raise and clear, or not known."""
    if isinstance(signal, Known):
        return holds(level, side, signal.value)
    return None if signal is Verdict.UNKNOWN else False


def _next(stage: Stage, level: Level, says: bool | None, at_ns: int) -> Stage:  # noqa: FBT001 - three answers
    """The stage that follows. While the answer is neither, nothing is pending and nothing is clearing."""
    phase = stage.phase
    if says is True:
        if phase is Phase.ACTIVE:
            return stage
        since_ns = at_ns if phase is Phase.IDLE else stage.since_ns
        fulfilled = phase is Phase.CLEARING or at_ns - since_ns >= level.for_ns
        return Stage(Phase.ACTIVE, at_ns) if fulfilled else Stage(Phase.PENDING, since_ns)
    if says is False:
        if not stage.active:
            return IDLE
        since_ns = at_ns if phase is Phase.ACTIVE else stage.since_ns
        return IDLE if at_ns - since_ns >= level.clear_for_ns else Stage(Phase.CLEARING, since_ns)
    if phase is Phase.PENDING:
        return IDLE
    return Stage(Phase.ACTIVE, at_ns) if phase is Phase.CLEARING else stage


def _held(before: Stage, stage: Stage, signal: Signal, at_ns: int) -> Stage:
    """The stage of a level below one that is active: it is active too, and may have cleared when that one does."""
    if stage.active:
        return stage
    if before.phase is Phase.CLEARING:
        return before
    cleared = before.active and signal is not Verdict.UNKNOWN
    return Stage(Phase.CLEARING if cleared else Phase.ACTIVE, at_ns)


def _changed(
    rule: Rule, device: str, life: Life, severity: int, signal: Signal, at_ns: int, noticed_ns: int
) -> tuple[Life, list[Transition]]:
    before, moment_ns = life.severity, max(at_ns, life.last_ns)
    alert, flapping, raises = life.alert, life.flapping, life.raises
    if before == 0:
        change = Change.RAISED
        moment_ns = max(at_ns, life.last_ns + 1)  # its id is made of it: no two may have the same
        alert = alert_id(rule.id, device, moment_ns)
        raises, flapping = _flaps(rule.flapping, raises, moment_ns)
    elif severity == 0:
        change = Change.RESOLVED
    else:
        change = Change.ROSE if severity > before else Change.FELL
    assert alert is not None, "an alert that is active has an id"
    known = signal if isinstance(signal, Known) else None
    transition = Transition(
        alert=alert,
        rule=rule.id,
        device=device,
        change=change,
        severity=Severity(severity or before),
        at_ns=moment_ns,
        noticed_ns=noticed_ns,
        value=None if known is None else known.shown,
        threshold=_threshold(rule.levels, severity, before),
        reading_ns=None if known is None else known.reading_ns,
        suspect=known is not None and known.suspect,
        flapping=flapping,
        ending=None if severity else Ending.OUTSIDE_HOURS if signal is Verdict.OFF else Ending.CLEARED,
    )
    after = replace(
        life,
        alert=alert if severity else None,
        severity=severity,
        last_ns=moment_ns,
        raises=raises,
        flapping=flapping and severity > 0,
    )
    return after, [transition]


def _flaps(flapping: Flapping | None, raises: tuple[int, ...], at_ns: int) -> tuple[tuple[int, ...], bool]:
    """The raises that still count, this one among them, and whether they are too many."""
    if flapping is None:
        return (), False
    counted = (*(moment for moment in raises if at_ns - moment < flapping.within_ns), at_ns)
    return counted[-flapping.raises - 1 :], len(counted) > flapping.raises


def _threshold(levels: Sequence[Level], severity: int, before: int) -> float | None:
    """What was crossed: on the way up the threshold of the new level, on the way down the clear of the one left."""
    if severity > before:
        return next(level.raise_at for level in levels if level.severity == severity)
    return next(level.clear_at for level in levels if level.severity == before)
