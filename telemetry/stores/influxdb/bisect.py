"""From what InfluxDB says of a batch to what becomes of each line.

InfluxDB answers with a count, never with the points, and its versions differ in what they have written when they
answer 400 (1.13: the rest; 2.9: nothing). Writes are idempotent, so a batch that is refused is halved until single
lines stand alone.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum

from msgspec import Struct

from telemetry.stores.influxdb.client import AWAY, Answer


class Verdict(StrEnum):
    """What an answer means for the lines that were sent."""

    WRITTEN = "written"
    REFUSED = "refused"
    """At least one line will never be taken."""
    TOO_LARGE = "too_large"
    SICK = "sick"
    """The store failed; the lines may be the cause."""
    AWAY = "away"
    """No answer, or "later"."""
    DENIED = "denied"
    """Nothing can be written as things are set up."""
    LIMITED = "limited"
    """A limit on series or tag values is reached."""


LIMIT_WORDS = ("max-series-per-database", "max-values-per-tag", "series limit", "series cardinality")
"""How 1.x and 2.x name their limits on series and tags."""

FEW_LINES = 20
"""Up to so many refused lines are always single faults: one device with a wrong type must not pause a city whose
batches are small just then."""
MANY_SHARE = 0.1
"""Above this share of a batch the fault is not in the lines but in the store or in the catalogue: pause and alarm."""
FAILURES_WITHOUT_PASS = 64
"""So many failures and not one success while halving: the store is sick, not the lines. `FEW_LINES` bad lines at the
head of a batch of 10,000 need fewer before the first good one."""


class Fate(Struct, frozen=True):
    """What became of a batch of lines."""

    refused: Mapping[int, str] = {}
    """Index of a line to what the store said."""
    undecided: Sequence[int] = ()
    """Lines to be tried again; all of them when the batch as a whole is at fault."""
    cause: Answer | None = None
    """The answer that ended the attempt early."""
    too_many: bool = False
    """More refused than single faults can explain."""


def judge(answer: Answer) -> Verdict:
    """The verdict on one answer. Every status has its branch."""
    status = answer.status
    if 200 <= status < 300:  # noqa: PLR2004  # the class of HTTP statuses
        return Verdict.WRITTEN
    if status == AWAY:
        return Verdict.DENIED if answer.lasting else Verdict.AWAY
    if status in {400, 422}:
        # What stands in quotes is not the store's own word: names and values of the line.
        said = re.split("[\"']", answer.message, maxsplit=1)[0]
        limited = any(word in said for word in LIMIT_WORDS)
        return Verdict.LIMITED if limited else Verdict.REFUSED
    if status == 413:  # noqa: PLR2004
        return Verdict.TOO_LARGE
    if status in {408, 425, 429, 503}:
        return Verdict.AWAY
    if status >= 500:  # noqa: PLR2004
        return Verdict.SICK
    return Verdict.DENIED


def bisect(lines: Sequence[str], first: Answer, send: Callable[[Sequence[str]], Answer]) -> Fate:
    """Halve until each line's fate is known. `first` is what the store said of all lines together.

    Goes from left to right, so that of two values of one point the later is also the one written last.
    """
    if len(lines) == 1:
        return _alone(first)
    refused: dict[int, str] = {}
    limit = max(FEW_LINES, int(len(lines) * MANY_SHARE))
    passed = failures = 0
    failed: Answer | None = None
    pending = _halves(0, len(lines))  # ranges still to be sent, the next one last
    while pending:
        start, end = pending.pop()
        answer = send(lines[start:end])
        verdict = judge(answer)
        if verdict is Verdict.WRITTEN:
            passed += 1
            continue
        if verdict in {Verdict.AWAY, Verdict.DENIED, Verdict.LIMITED}:
            rest = [(start, end), *pending]
            return Fate(refused, sorted(index for part in rest for index in range(*part)), answer)
        if verdict is Verdict.SICK:
            failures += 1
            failed = answer
            if not passed and failures >= FAILURES_WITHOUT_PASS:
                break
        if end - start > 1:
            pending += _halves(start, end)
            continue
        refused[start] = answer.message or f"status {answer.status}"
        if len(refused) > limit:
            return Fate(undecided=range(len(lines)), cause=answer, too_many=True)
    if failed is not None and not passed:  # no line has shown that the store is well, so none is to blame
        return Fate(undecided=range(len(lines)), cause=failed)
    return Fate(refused)


def _alone(answer: Answer) -> Fate:
    """A single line has no neighbours that could show that the store is well."""
    if judge(answer) is Verdict.SICK:
        return Fate(undecided=[0], cause=answer)
    return Fate({0: answer.message or f"status {answer.status}"})


def _halves(start: int, end: int) -> list[tuple[int, int]]:
    middle = (start + end) // 2
    return [(middle, end), (start, middle)] if middle > start else []
