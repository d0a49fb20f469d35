"""How every command answers: tables for people, JSON or CSV for programs, one style for what went wrong."""

import csv
import io
import json
import sys
from collections.abc import Iterable, Sequence
from enum import IntEnum, StrEnum
from typing import Annotated, NoReturn, Self

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

PIPE_WIDTH = 10_000
Cell = str | int | float | bool | None


class Format(StrEnum):
    """Who reads the answer."""

    TABLE = "table"
    JSON = "json"
    CSV = "csv"


class Exit(IntEnum):
    """What a script may rely on."""

    OK = 0
    PROBLEM = 1
    """The command ran and found something wrong."""
    USAGE = 2
    """It was asked for something that cannot be: a wrong option, a file that is not there."""
    UNAVAILABLE = 3
    """Something it needs does not answer: a broker, a store, a service."""


class Coloured(str):
    """A word that a person's table shows in a colour. To programs, and through a pipe, a word as any other."""

    __slots__ = ("colour",)
    colour: str

    def __new__(cls, word: str, colour: str) -> Self:
        """`colour` as Rich has it."""
        self = super().__new__(cls, word)
        self.colour = colour
        return self


FormatOption = Annotated[
    Format, typer.Option("--format", "-f", help="table for people, json or csv for programs.", case_sensitive=False)
]


def rows(columns: Sequence[str], rows: Iterable[Sequence[Cell]], format: Format = Format.TABLE) -> None:  # noqa: A002 - the option's name
    """Print rows under their columns on stdout.

    `json`: a list of objects, numbers and None kept as they are. `csv`: a header line, None is empty.
    `table`: numbers to the right, None as a dash.
    """
    match format:
        case Format.JSON:
            document([dict(zip(columns, row, strict=True)) for row in rows])
        case Format.CSV:
            writer = csv.writer(sys.stdout, lineterminator="\n")
            writer.writerow(columns)
            writer.writerows(rows)
        case Format.TABLE:
            _table(columns, [tuple(row) for row in rows])


def document(value: object) -> None:
    """Print one JSON document on stdout."""
    sys.stdout.write(json.dumps(value, ensure_ascii=False, indent=2, allow_nan=False) + "\n")


def say(text: str) -> None:
    """One plain sentence on stdout, for people."""
    sys.stdout.write(text + "\n")


def note(text: str) -> None:
    """One plain sentence on stderr: progress and hints that must not mix with an answer."""
    sys.stderr.write(text + "\n")


def report(message: str, mend: str | None = None) -> None:
    """Say on stderr what was found and where, and on the next line what to do."""
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    console.print(Text.assemble(("error: ", "bold red"), message))
    if mend:
        console.print(Text.assemble(("  mend: ", "bold"), mend))


def fail(message: str, mend: str | None = None, code: Exit = Exit.PROBLEM) -> NoReturn:
    """Report and leave with `code`. A user's mistake ends here, never in a traceback."""
    report(message, mend)
    raise typer.Exit(code)


def _table(columns: Sequence[str], lines: Sequence[Sequence[Cell]]) -> None:
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for number, name in enumerate(columns):
        numeric = any(_is_number(line[number]) for line in lines)
        table.add_column(name, justify="right" if numeric else "left", overflow="fold")
    for line in lines:
        table.add_row(*(Text(_cell(cell), cell.colour if isinstance(cell, Coloured) else "") for cell in line))
    # A pipe has no width: there, nothing is folded.
    on_screen = sys.stdout.isatty()
    buffer = io.StringIO()
    Console(file=buffer, width=Console().width if on_screen else PIPE_WIDTH, force_terminal=on_screen).print(table)
    sys.stdout.write("".join(line.rstrip() + "\n" for line in buffer.getvalue().splitlines()))


def _cell(cell: Cell) -> str:
    if cell is None:
        return "–"  # noqa: RUF001 - a dash, not a minus
    if isinstance(cell, bool):
        return "yes" if cell else "no"
    return f"{cell:.6g}" if isinstance(cell, float) else str(cell)


def _is_number(cell: Cell) -> bool:
    return isinstance(cell, int | float) and not isinstance(cell, bool)
