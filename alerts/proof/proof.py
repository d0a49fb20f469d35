"""Tests of rules, run: given these readings, exactly these alerts at these moments and no others.

They run through the engine's own judge, with a clock of their own: a month takes seconds. How a test is written stands
in `proof_written.py`.
"""

from collections.abc import Iterator, Sequence

from msgspec import Struct

from alerts.judge.judge import PAST_BEAT_NS, PAST_GAP_NS, Judge
from alerts.proof.file import CHANGES, Expected, Proof
from telemetry.reading import NS_PER_S

UNITS = (("d", 86_400), ("h", 3_600), ("m", 60))


class Outcome(Struct, frozen=True):
    """What became of a test."""

    proof: Proof
    complaints: Sequence[str]
    """What was found against what was expected, a sentence each; none: it holds."""

    @property
    def holds(self) -> bool:
        """Whether exactly what was expected happened."""
        return not self.complaints


def prove(proof: Proof) -> Outcome:
    """Run one test."""
    return Outcome(proof, tuple(_complaints(proof.expected, _found(proof))))


def _found(proof: Proof) -> list[Expected]:
    """All that the judge says, in order."""
    judge = Judge(proof.registry, proof.rules, gap_ns=PAST_GAP_NS)
    clock_ns = _run(judge, proof.start_ns, proof.start_ns)
    for received_ns, reading in proof.arrivals:
        if received_ns > proof.end_ns:
            break
        clock_ns = _run(judge, clock_ns, received_ns)
        judge.read(reading, received_ns)
    _run(judge, clock_ns, proof.end_ns)
    return [
        Expected(
            (transition.at_ns - proof.start_ns) / NS_PER_S,
            transition.rule,
            transition.device,
            transition.change,
            transition.severity,
        )
        for transition in judge.take().transitions
        if transition.change in CHANGES
    ]


def _run(judge: Judge, clock_ns: int, until_ns: int) -> int:
    """Let the clock run to `until_ns`, which is given back."""
    for moment_ns in range(clock_ns + PAST_BEAT_NS, until_ns, PAST_BEAT_NS):
        judge.tick(moment_ns)
    judge.tick(until_ns)
    return until_ns


def _complaints(expected: Sequence[Expected], found: Sequence[Expected]) -> Iterator[str]:
    """What is missing, with what there was instead, and what is too much."""
    rest = list(found)
    missing = []
    for one in expected:
        if one in rest:
            rest.remove(one)
        else:
            missing.append(one)
    for one in missing:
        near = [
            other for other in rest if (other.rule, other.device, other.change) == (one.rule, one.device, one.change)
        ]
        if near:
            other = min(near, key=lambda each: abs(each.at_s - one.at_s))
            rest.remove(other)
            yield f"expected {_words(one)}; it was {other.severity.word}, at {span_text(other.at_s)}"
        else:
            yield f"expected {_words(one)}; it was not"
    for one in rest:
        yield f"not expected: {_words(one)}"


def _words(one: Expected) -> str:
    return f"{one.rule} of {one.device} {one.change} as {one.severity.word} at {span_text(one.at_s)}"


def span_text(seconds: float) -> str:
    """A span as tests write it: `1h30m`, `45s`, `0s`."""
    rest = round(abs(seconds), 3)
    text = "-" if seconds < 0 else ""
    for unit, size in UNITS:
        number, rest = int(rest // size), rest % size
        text += f"{number}{unit}" if number else ""
    return f"{text}{rest:g}s" if rest or not text.lstrip("-") else text
