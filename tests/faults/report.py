"""Figures: what was measured, what it had to be, and whether it holds. A table for people, JSON for programs."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table


@dataclass(frozen=True, slots=True)
class Figure:
    """One number with its goal."""

    promise: str
    """As in the contract: R1."""
    name: str
    value: float | str
    unit: str
    goal: str
    holds: bool | None
    """None: not measured here, `value` says why."""


class Figures:
    """Collects the figures of one promise after another."""

    def __init__(self) -> None:
        self.all: list[Figure] = []

    def exactly(self, promise: str, name: str, value: float, goal: float, unit: str = "") -> None:
        self._add(promise, name, value, unit, f"= {goal:,}", holds=value == goal)

    def at_least(self, promise: str, name: str, value: float, goal: float, unit: str = "") -> None:
        self._add(promise, name, value, unit, f">= {goal:,}", holds=value >= goal)

    def at_most(self, promise: str, name: str, value: float, goal: float, unit: str = "") -> None:
        self._add(promise, name, value, unit, f"<= {goal:,}", holds=value <= goal)

    def says(self, promise: str, name: str, value: str, goal: str) -> None:
        """`goal` must stand in the text."""
        shown = goal if goal in value else value[-200:]
        self._add(promise, name, shown, "", f"says {goal!r}", holds=goal in value)

    def _add(self, promise: str, name: str, value: float | str, unit: str, goal: str, *, holds: bool) -> None:
        shown = round(value, 2) if isinstance(value, float) else value
        self.all.append(Figure(promise, name, shown, unit, goal, holds))


def skipped(promise: str, name: str, why: str) -> Figure:
    """What could not be measured on this machine."""
    return Figure(promise, name, why, "", "", None)


def failed(promise: str, name: str, why: str) -> Figure:
    """A scenario that could not come to its end."""
    return Figure(promise, name, why, "", "comes to its end", holds=False)


def print_table(console: Console, results: Sequence[tuple[str, Sequence[Figure]]]) -> None:
    """`results`: what was done, and what came of it."""
    table = Table(title="What goes wrong, and what Caretaker promises of it", show_lines=False)
    for heading in ("promise", "what", "figure", "goal", "holds"):
        table.add_column(heading, overflow="fold")
    for done, figures in results:
        table.add_section()
        table.add_row("", f"[bold]{done}[/bold]", "", "", "")
        for figure in figures:
            table.add_row(figure.promise, figure.name, _shown(figure), figure.goal, _MARKS[figure.holds])
    console.print(table)


_MARKS = {True: "[green]yes[/green]", False: "[bold red]NO[/bold red]", None: "[yellow]not run[/yellow]"}


def _shown(figure: Figure) -> str:
    value = figure.value if isinstance(figure.value, str) else f"{figure.value:,}"
    return f"{value} {figure.unit}".rstrip()


def write_json(path: Path, figures: Sequence[Figure]) -> None:
    """A list of objects with name, value, unit, goal, holds."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = [
        {
            "name": f"{figure.promise}: {figure.name}",
            "value": figure.value,
            "unit": figure.unit,
            "goal": figure.goal,
            "holds": figure.holds,
        }
        for figure in figures
    ]
    path.write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")
