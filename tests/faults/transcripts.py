"""The judge of the alerts: the transitions that there should be against those that there are."""

from collections import Counter
from dataclasses import dataclass

from tests.faults.report import Figures
from tests.faults.story import Transcript


@dataclass(frozen=True, slots=True)
class Difference:
    """In transitions; what was found is compared with what was expected, rule by rule and device by device."""

    expected: int
    missing: int
    extra: int
    doubled: int
    """Of `extra`: found more often than expected, but not strange."""
    out_of_order: int
    """Rules on devices whose transitions are all there, in another order."""

    def write(self, figures: Figures, promise: str, at_least: int) -> None:
        """The figures that every scenario has."""
        figures.at_least(promise, "transitions compared", self.expected, at_least)
        figures.exactly(promise, "transitions missing", self.missing, 0)
        figures.exactly(promise, "transitions that should not be", self.extra, 0)
        figures.exactly(promise, "of them doubled", self.doubled, 0)
        figures.exactly(promise, "out of the order of event time", self.out_of_order, 0)


def compare(expected: Transcript, found: Transcript) -> Difference:
    """What differs."""
    missing = extra = doubled = out_of_order = 0
    for key in expected.keys() | found.keys():
        wanted, there = Counter(expected.get(key, ())), Counter(found.get(key, ()))
        missing += (wanted - there).total()
        extra += (there - wanted).total()
        doubled += sum(count for row, count in (there - wanted).items() if row in wanted)
        out_of_order += wanted == there and list(expected.get(key, ())) != list(found.get(key, ()))
    return Difference(sum(map(len, expected.values())), missing, extra, doubled, out_of_order)


def until(transcript: Transcript, until_ns: int) -> Transcript:
    """What of it was true by a moment of event time."""
    cut = {key: [row for row in rows if _at_ns(row) <= until_ns] for key, rows in transcript.items()}
    return {key: rows for key, rows in cut.items() if rows}


def _at_ns(row: tuple[object, ...]) -> int:
    at_ns = row[3]
    assert isinstance(at_ns, int)
    return at_ns
