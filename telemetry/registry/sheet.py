"""Devices as a CSV sheet: UTF-8 with or without a byte order mark, any line end, a header, a device a row.

| column | what | |
|---|---|---|
| `id` | unique in the deployment: 1 to 64 of a-z, 0-9, _ and - | needed |
| `site` | id of its site | needed |
| `kind` | what it is, as in toilet_odour | needed |
| `metrics` | what it measures, separated by spaces | needed |
| `area` | id of an area of its site | |
| `parent` | id of the gateway through which it speaks | |
| `unit` | serial number of the physical unit of which it is one channel | |
| `interval_s` | expected seconds between readings; empty: it speaks when something happens | |
| `name_en`, `name_zh`, `name_<tag>` | what people call it; `zh` alone means zh-Hant | |
| `labels` | `key=value`, separated by spaces | |
| `out_of_service` | `start/end reason`, separated by `;`, as 2026-11-22T08:00/ (no end) in the site's time | |

Empty rows are passed over. A hundred thousand rows are usual, so a row is checked by hand and not by pydantic, and
what many rows share is kept once.
"""

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from telemetry.catalogue.load import language_tag
from telemetry.document import DocumentError, Problem, nearest, show
from telemetry.marked import MarkedError, read_text
from telemetry.registry.written import (
    ID_EXPECTED,
    INTERVAL_EXPECTED,
    KIND,
    KIND_EXPECTED,
    MAX_INTERVAL_S,
    TIME_EXPECTED,
    UNIT,
    UNIT_EXPECTED,
    moment,
)
from telemetry.topics import ID

NEEDED = ("id", "site", "kind", "metrics")
COLUMNS = (*NEEDED, "area", "parent", "unit", "interval_s", "labels", "out_of_service")
MAX_PROBLEMS = 1_000
"""After so many, a sheet is not read on: one wrong column would give a hundred thousand."""

Period = tuple[datetime, datetime | None, str]


class Row(NamedTuple):
    """A device as written, its values well formed; whether what it names exists is asked later."""

    line: int
    id: str
    site: str
    kind: str
    area: str | None
    parent: str | None
    unit: str | None
    interval_s: float | None
    metrics: tuple[str, ...]
    names: Mapping[str, str]
    labels: Mapping[str, str]
    out_of_service: tuple[Period, ...]


class _BadCellError(Exception):
    """One cell can't be used."""

    def __init__(self, column: str, found: str, expected: str) -> None:
        super().__init__(column, found, expected)


class Sheet:
    """One CSV file. Iterating gives its rows; the rows that can't be used are in `problems`."""

    def __init__(self, path: Path, name: str) -> None:
        """Open it and read its header.

        Raises:
            DocumentError: it can't be read, or its header is wrong.
        """
        self.name = name
        self.problems: list[Problem] = []
        try:
            text = read_text(path)
        except MarkedError as error:
            fault = error.fault
            raise DocumentError([Problem(name, fault.line, "", fault.found, fault.expected)]) from None
        self._reader = csv.reader(io.StringIO(text, newline=""), strict=True)
        self._header: list[str] = []
        self._shared: dict[str, tuple[str, ...]] = {}
        self._labels: dict[str, Mapping[str, str]] = {"": {}}
        self._read_header()

    def __iter__(self) -> Iterator[Row]:
        header, width, reader = self._header, len(self._header), self._reader
        languages = self._languages()
        end = reader.line_num
        try:
            for cells in reader:
                if len(self.problems) >= MAX_PROBLEMS:
                    return
                line, end = end + 1, reader.line_num
                if not any(cells):
                    continue
                if len(cells) != width:
                    self._report(line, "", f"{len(cells)} cells", f"{width}, as in the header")
                    continue
                try:
                    yield self._row(line, dict(zip(header, map(str.strip, cells), strict=True)), languages)
                except _BadCellError as error:
                    self._report(line, *error.args)
        except csv.Error as error:
            self._report(reader.line_num, "", str(error), "CSV")

    def _read_header(self) -> None:
        try:
            self._header = [cell.strip() for cell in next(self._reader, [])]
        except csv.Error as error:
            self._report(1, "", str(error), "CSV")
            raise DocumentError(self.problems) from None
        if not self._header:
            self._report(1, "", "nothing", f"a header with the columns {', '.join(NEEDED)}")
        for index, column in enumerate(self._header):
            if column in self._header[:index]:
                self._report(1, column, "the column a second time", "each column once")
            elif column not in COLUMNS and _language(column) is None:
                close = nearest(column, [*COLUMNS, "name_en", "name_zh"])
                expected = f"a known column, perhaps {close!r}" if close else f"one of {', '.join(COLUMNS)}, name_en"
                self._report(1, "", f"the column {show(column)}", expected)
        for column in NEEDED if self._header else ():
            if column not in self._header:
                self._report(1, column, "no such column", f"the columns {', '.join(NEEDED)}")
        if self.problems:
            raise DocumentError(self.problems)

    def _languages(self) -> Sequence[tuple[str, str]]:
        return [(column, tag) for column in self._header if (tag := _language(column)) is not None]

    def _report(self, line: int, column: str, found: str, expected: str) -> None:
        self.problems.append(Problem(self.name, line, column, found, expected))

    def _row(self, line: int, cells: dict[str, str], languages: Sequence[tuple[str, str]]) -> Row:
        get = cells.get
        if not ID.fullmatch(cells["id"]):
            raise _bad(cells, "id", ID_EXPECTED)
        if not cells["site"]:
            raise _bad(cells, "site", "the id of a site")
        if not KIND.fullmatch(cells["kind"]):
            raise _bad(cells, "kind", KIND_EXPECTED)
        unit = get("unit") or None
        if unit is not None and not UNIT.fullmatch(unit):
            raise _bad(cells, "unit", UNIT_EXPECTED)
        metrics = cells["metrics"]
        if metrics not in self._shared:
            self._shared[metrics] = tuple(metrics.split())
        periods = get("out_of_service")
        return Row(
            line,
            cells["id"],
            cells["site"],
            cells["kind"],
            get("area") or None,
            get("parent") or None,
            unit,
            _interval(cells) if get("interval_s") else None,
            self._shared[metrics],
            {tag: cells[column] for column, tag in languages if cells[column]},
            self._labels_of(cells),
            tuple(_period(cells, part.strip()) for part in periods.split(";") if part.strip()) if periods else (),
        )

    def _labels_of(self, cells: Mapping[str, str]) -> Mapping[str, str]:
        text = cells.get("labels", "")
        if text not in self._labels:
            pairs = [part.partition("=") for part in text.split()]
            if not all(KIND.fullmatch(key) and value for key, _, value in pairs):
                raise _bad(cells, "labels", "key=value, separated by spaces")
            self._labels[text] = {key: value for key, _, value in pairs}
        return self._labels[text]


def _bad(cells: Mapping[str, str], column: str, expected: str) -> _BadCellError:
    return _BadCellError(column, show(cells[column] or None), expected)


def _language(column: str) -> str | None:
    """The language of a column of names: `name_zh` is what people in Hong Kong write for zh-Hant."""
    if not column.startswith("name_"):
        return None
    tag = column.removeprefix("name_")
    try:
        return "zh-Hant" if tag == "zh" else language_tag(tag)
    except ValueError:
        return None


def _interval(cells: Mapping[str, str]) -> float:
    try:
        seconds = float(cells["interval_s"])
    except ValueError:
        raise _bad(cells, "interval_s", INTERVAL_EXPECTED) from None
    if not 0 < seconds <= MAX_INTERVAL_S:
        raise _bad(cells, "interval_s", INTERVAL_EXPECTED)
    return seconds


def _period(cells: Mapping[str, str], text: str) -> Period:
    times, _, reason = text.partition(" ")
    start, slash, end = times.partition("/")
    try:
        if slash:
            return moment(start), moment(end) if end else None, reason.strip() or "out of service"
    except ValueError:
        pass
    raise _bad(cells, "out_of_service", f"start/end reason, each {TIME_EXPECTED}")
