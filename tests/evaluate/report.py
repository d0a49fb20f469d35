"""The scores as a table for people and as figures for programs."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from rich.console import Console
from rich.table import Table

from alerts.alert import Severity
from tests.evaluate.planted import Planted
from tests.evaluate.score import MS_PER_S, Claim, Score, around, near_misses, only, total
from tests.faults.report import Figure

ZONE = ZoneInfo("Asia/Hong_Kong")
RECALL, PRECISION, CRITICAL_RECALL = 0.95, 0.95, 1.0
"""Set before the first run."""
ANY_RULE = 0.75
"""A single rule below this, with three or more to find, is of no use to anybody."""
FEW = 3


def print_scores(console: Console, scores: Mapping[str, Score], ledger: Sequence[Planted]) -> None:
    """A line for each rule, then everything that was missed or false, by name."""
    table = Table(title="A week of the example city: what was the case, and what its rules made of it")
    table.add_column("rule")
    for heading in ("to find", "found", "missed", "raised", "false", "recall", "precision", "median", "worst"):
        table.add_column(heading, justify="right")
    for rule, score in scores.items():
        table.add_row(rule, *_cells(score))
    table.add_section()
    everything = total(scores.values())
    table.add_row("[bold]all[/bold]", *_cells(everything))
    console.print(table)
    missed = [finding for finding in everything.findings if finding.delay_s is None]
    if missed:
        console.print("Missed, or too late:")
    for finding in missed:
        one = finding.expected
        said = f"{_at(one.since_ms)}  {finding.planted.trouble} at {one.device}: no {one.rule} as {_word(one.severity)}"
        console.print(f"  {said} by {_at(one.by_ms)}", highlight=False)
    if everything.false:
        console.print("False:")
    for claim in sorted(everything.false, key=lambda one: one.at_ms):
        console.print(
            f"  {_at(claim.at_ms)}  {claim.rule} of {claim.device} as {_word(claim.severity)}: {_during(claim, ledger)}"
        )


def figures(scores: Mapping[str, Score], ledger: Sequence[Planted]) -> Iterator[Figure]:
    """What has to hold."""
    everything = total(scores.values())
    yield _least("all rules", "recall", everything.recall, RECALL)
    yield _least("all rules", "recall of what is critical", only(everything, Severity.CRITICAL).recall, CRITICAL_RECALL)
    yield _least("all rules", "precision", everything.precision, PRECISION)
    quiet = near_misses(ledger)
    said = {id(around(claim, quiet)) for claim in everything.false} - {id(None)}
    yield Figure("all rules", f"near misses of {len(quiet)} that raised something", len(said), "", "= 0", not said)
    for rule, score in scores.items():
        yield _least(rule, f"recall of {len(score.findings)}", score.recall, ANY_RULE, few=len(score.findings) < FEW)
        yield _least(rule, f"precision of {score.claims}", score.precision, ANY_RULE, few=score.claims < FEW)
        if score.delays_s is not None:
            yield Figure(rule, "median delay", round(score.delays_s[0], 1), "s", "", None)
            yield Figure(rule, "worst delay", round(score.delays_s[1], 1), "s", "", None)


def _least(rule: str, name: str, value: float | None, goal: float, *, few: bool = False) -> Figure:
    if value is None or few:
        return Figure(rule, name, "too few" if value is None else round(value, 3), "", "", None)
    return Figure(rule, name, round(value, 3), "", f">= {goal:g}", value >= goal)


def _cells(score: Score) -> Sequence[str]:
    missed = len(score.findings) - score.found
    median, worst = ("", "") if score.delays_s is None else map(_span, score.delays_s)
    counts = (len(score.findings), score.found, missed, score.claims, len(score.false))
    return (*map(str, counts), _share(score.recall), _share(score.precision), median, worst)


def _share(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"


def _span(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def _word(severity: int) -> str:
    return Severity(severity).word


def _at(time_ms: int) -> str:
    return f"{datetime.fromtimestamp(time_ms / MS_PER_S, ZONE):%a %d %H:%M}"


def _during(claim: Claim, ledger: Sequence[Planted]) -> str:
    found = around(claim, ledger)
    return "an ordinary hour" if found is None else f"during or after {found.trouble}"
