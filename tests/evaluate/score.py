"""What was raised against what was the case. Pure."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from statistics import median

from msgspec import Struct

from tests.evaluate.planted import Allowed, Expected, Planted

MS_PER_S = 1000


class Claim(Struct, frozen=True):
    """What a rule said of a device: times in epoch ms UTC."""

    rule: str
    device: str
    severity: int
    """After it; 0: resolved."""
    raises: bool
    """Raised, or risen to this severity."""
    at_ms: int
    """From when it says that it is the case."""
    noticed_ms: int
    """When it said so."""


class Finding(Struct, frozen=True):
    """What became of one expectation."""

    planted: Planted
    expected: Expected
    delay_s: float | None
    """Until it was known; None: it was not, or too late."""


class Score(Struct, frozen=True):
    """Of one rule, or of all together."""

    findings: Sequence[Finding]
    claims: int
    """How often something was raised, or rose."""
    false: Sequence[Claim]

    @property
    def found(self) -> int:
        """Expectations that were met in time."""
        return sum(finding.delay_s is not None for finding in self.findings)

    @property
    def recall(self) -> float | None:
        """None: nothing was expected."""
        return self.found / len(self.findings) if self.findings else None

    @property
    def precision(self) -> float | None:
        """None: nothing was raised."""
        return 1.0 - len(self.false) / self.claims if self.claims else None

    @property
    def delays_s(self) -> tuple[float, float] | None:
        """Median and worst."""
        delays = [finding.delay_s for finding in self.findings if finding.delay_s is not None]
        return (median(delays), max(delays)) if delays else None


def scores(ledger: Sequence[Planted], claims: Sequence[Claim], start_ms: int, end_ms: int) -> Mapping[str, Score]:
    """By rule, of what was noticed in start <= time < end; in alphabetical order."""
    of_place: dict[tuple[str, str], list[Claim]] = defaultdict(list)
    for claim in sorted(claims, key=lambda one: one.noticed_ms):
        of_place[claim.rule, claim.device].append(claim)
    allowed: dict[tuple[str, str], list[Allowed]] = defaultdict(list)
    for planted in ledger:
        for one in planted.may:
            allowed[one.rule, one.device].append(one)
    findings: dict[str, list[Finding]] = defaultdict(list)
    for planted in ledger:
        for expected in planted.must:
            if expected.by_ms < end_ms:
                delay_s = _delay_s(expected, of_place[expected.rule, expected.device])
                findings[expected.rule].append(Finding(planted, expected, delay_s))
    raised: dict[str, list[Claim]] = defaultdict(list)
    for claim in claims:
        if claim.raises and start_ms <= claim.noticed_ms < end_ms:
            raised[claim.rule].append(claim)
    return {
        rule: Score(
            findings[rule],
            len(raised[rule]),
            [claim for claim in raised[rule] if not _is_true(claim, allowed[claim.rule, claim.device])],
        )
        for rule in sorted({*findings, *raised})
    }


def total(parts: Iterable[Score]) -> Score:
    """All together."""
    parts = list(parts)
    return Score(
        [finding for part in parts for finding in part.findings],
        sum(part.claims for part in parts),
        [claim for part in parts for claim in part.false],
    )


def only(score: Score, severity: int) -> Score:
    """The expectations of one severity, and what was raised falsely as that."""
    return Score(
        [finding for finding in score.findings if finding.expected.severity == severity],
        score.claims,
        [claim for claim in score.false if claim.severity == severity],
    )


def near_misses(ledger: Iterable[Planted]) -> Sequence[Planted]:
    """Of which nobody may hear."""
    return [one for one in ledger if one.is_near_miss]


def around(claim: Claim, ledger: Iterable[Planted], tail_ms: int = 3_600_000) -> Planted | None:
    """What was going on at the device of a false claim; None: an ordinary hour."""
    return next(
        (one for one in ledger if claim.device in one.devices and one.begin_ms <= claim.at_ms <= one.end_ms + tail_ms),
        None,
    )


def _delay_s(expected: Expected, claims: Sequence[Claim]) -> float | None:
    """From when it was the case until an alert of that severity stood; 0: it stood already."""
    standing = 0
    for claim in claims:
        if claim.noticed_ms > expected.since_ms:
            break
        standing = claim.severity
    if standing >= expected.severity:
        return 0.0
    for claim in claims:
        if expected.since_ms < claim.noticed_ms <= expected.by_ms and claim.severity >= expected.severity:
            return (claim.noticed_ms - expected.since_ms) / MS_PER_S
    return None


def _is_true(claim: Claim, allowed: Iterable[Allowed]) -> bool:
    return any(claim.severity <= one.severity and one.from_ms <= claim.at_ms <= one.to_ms for one in allowed)
