"""Figures: put together over repetitions, shown to people, written for programs."""

import json
import platform
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

import psutil
from rich.console import Console
from rich.table import Table

FILE = Path("build/bench.json")
PAGE = Path("build/bench.md")
"""The same for docs/benchmarks.md."""
GIB = 1 << 30


@dataclass(frozen=True)
class Figure:
    """One result of one run."""

    name: str
    what: str
    """For a person, with the load at which it was measured."""
    value: float | None
    """None: not measured, `note` says why."""
    unit: str
    at_most: float | None = None
    """The goal, if it has one."""
    note: str = ""
    wrong: bool = False
    """What was stored is not what was sent: whatever the value is, the goal is missed."""


@dataclass(frozen=True)
class Summary:
    """One result over all runs: their median."""

    figure: Figure
    value: float | None
    low: float | None
    high: float | None

    @property
    def holds(self) -> bool | None:
        """Whether the goal is reached; None where there is none, or nothing was measured."""
        if self.figure.at_most is None or self.value is None:
            return None
        return self.value <= self.figure.at_most and not self.figure.wrong


def summarise(figures: Iterable[Figure]) -> list[Summary]:
    """The figures of all runs by name, in the order of their first appearance. A wrong run stays in sight."""
    by_name: dict[str, list[Figure]] = {}
    for figure in figures:
        by_name.setdefault(figure.name, []).append(figure)
    summaries = []
    for runs in by_name.values():
        shown = next((run for run in runs if run.wrong), runs[-1])
        found = [run.value for run in runs if run.value is not None]
        if found:
            summaries.append(Summary(shown, median(found), min(found), max(found)))
        else:
            summaries.append(Summary(shown, None, None, None))
    return summaries


def ratio(summaries: Sequence[Summary], of: str, to: str, what: str, at_most: float | None = None) -> list[Summary]:
    """The quotient of two results of the same run, where both were measured."""
    found = {summary.figure.name: summary for summary in summaries}
    above, below = found.get(of), found.get(to)
    if above is None or below is None or above.value is None or not below.value:
        return []
    wrong = above.figure.wrong or below.figure.wrong
    note = "of a wrong result: means nothing" if wrong else ""
    figure = Figure(f"{of}/{to}", what, above.value / below.value, "x", at_most, note, wrong=wrong)
    return [Summary(figure, figure.value, None, None)]


def machine() -> str:
    """On what it was measured."""
    cpuinfo = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    model = next((line.partition(":")[2].strip() for line in cpuinfo if line.startswith("model name")), "processor")
    memory_gib = psutil.virtual_memory().total / GIB
    return (
        f"{psutil.cpu_count()} cores of {model}, {memory_gib:.0f} GiB, {platform.system()} {platform.release()}, "
        f"Python {platform.python_version()}"
    )


def show(summaries: Sequence[Summary], conditions: str) -> None:
    """The table."""
    console = Console(width=None if Console().is_terminal else 160)
    table = Table(title=conditions, title_justify="left", title_style="")
    for heading in ("", "measured", "min..max", "goal", ""):
        table.add_column(heading, justify="left" if not heading else "right", overflow="fold")
    for summary in summaries:
        style = "red" if summary.figure.wrong or summary.holds is False else None
        table.add_row(*_cells(summary), style=style)
    console.print(table)


def _cells(summary: Summary) -> tuple[str, str, str, str, str]:
    figure = summary.figure
    measured = "-" if summary.value is None else f"{number(summary.value)} {figure.unit}"
    spread = "" if summary.low == summary.high else f"{number(summary.low)}..{number(summary.high)}"
    goal = "" if figure.at_most is None else f"<= {number(figure.at_most)}"
    holds = {None: "", True: "holds", False: "MISSED"}[summary.holds]
    return figure.what, measured, spread, goal, "; ".join(part for part in (holds, figure.note) if part)


def page(summaries: Sequence[Summary], when: datetime, conditions: str) -> str:
    """The table in Markdown."""
    head = [f"{when:%Y-%m-%d %H:%M} UTC; {machine()}; {conditions}.", "", "| | measured | min..max | goal | |"]
    rows = ["| " + " | ".join(_cells(summary)) + " |" for summary in summaries]
    return "\n".join([*head, "|---|---:|---:|---:|---|", *rows, ""])


def number(value: float | None) -> str:
    """Three digits that matter, thousands apart."""
    if value is None:
        return "-"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def write(summaries: Sequence[Summary], conditions: str) -> None:
    """`build/bench.json` and `build/bench.md`."""
    now = datetime.now(UTC)
    document = {
        "date": now.isoformat(timespec="seconds"),
        "machine": machine(),
        "conditions": conditions,
        "figures": [
            {
                "name": summary.figure.name,
                "value": summary.value,
                "unit": summary.figure.unit,
                "goal": summary.figure.at_most,
                "holds": summary.holds,
                "low": summary.low,
                "high": summary.high,
                "wrong": summary.figure.wrong,
                "what": summary.figure.what,
                "note": summary.figure.note,
            }
            for summary in summaries
        ],
    }
    FILE.parent.mkdir(exist_ok=True)
    FILE.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    PAGE.write_text(page(summaries, now, conditions), encoding="utf-8")
