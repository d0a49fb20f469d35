"""Reads a recording: a CSV file of measurements, one row a moment, one column a metric of the catalogue.

The first column is `time` (RFC 3339 with an offset) or `local_time` (without one, in the time zone of the device's
site). An empty cell is a value that is missing. In the hour that a change of the clocks repeats, local times count as
the first pass until they go backwards, and from there as the second; a file that has it only once means the first.
"""

import csv
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from math import isfinite
from pathlib import Path
from zoneinfo import ZoneInfo

from msgspec import Struct

from simulators.encode import Sample
from simulators.models.model import Value
from telemetry.catalogue.metric import Kind, Metric
from telemetry.document import DocumentError, Problem, nearest, show
from telemetry.registry.models import Device, Registry

TIME, LOCAL_TIME = "time", "local_time"
MOST_PROBLEMS = 20


class Track(Struct, frozen=True):
    """A recording, read and checked, with the device in whose name it is played."""

    device: Device
    file: str
    samples: Sequence[Sample]
    """In the order of the file; `seq` is the row, from 1. Rows without any value are left out."""


def read_track(path: Path, device: Device, registry: Registry) -> Track:
    """The whole file. Raises `DocumentError` with file, line, column, what was found and what is expected."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            return Track(device, path.name, _read(file, path.name, device, registry))
    except OSError as error:
        raise DocumentError([Problem(path.name, 0, "", error.strerror or str(error), "a file to read")]) from None
    except UnicodeDecodeError as error:
        raise DocumentError([Problem(path.name, 0, "", f"byte {error.start} not in UTF-8", "UTF-8 text")]) from None


def _read(lines: Iterable[str], file: str, device: Device, registry: Registry) -> list[Sample]:
    rows = csv.reader(lines, strict=True)
    problems: list[Problem] = []
    samples: list[Sample] = []
    try:
        columns: list[str] = next(rows, [])
        _check_columns(columns, file, registry.metrics)
        clock = _Clock(registry.sites[device.site].timezone)
        for row in rows:
            if not any(row):
                continue
            found = _row(row, columns, registry.metrics, clock)
            if isinstance(found, Sample):
                if found.values:
                    samples.append(Sample(found.time_ms, rows.line_num - 1, found.values))
            else:
                problems.append(Problem(file, rows.line_num, *found))
                if len(problems) >= MOST_PROBLEMS:
                    break
    except csv.Error as error:
        problems.append(Problem(file, rows.line_num, "", str(error), "comma-separated values"))
    if not samples and not problems:
        problems.append(Problem(file, 0, "", "no values", "at least one row with a value"))
    if problems:
        raise DocumentError(problems)
    return samples


def _check_columns(columns: Sequence[str], file: str, metrics: Mapping[str, Metric]) -> None:
    problems = []
    if not columns or columns[0] not in {TIME, LOCAL_TIME}:
        found = show(columns[0]) if columns else "an empty file"
        problems.append(Problem(file, 1, "column 1", found, f"`{TIME}` or `{LOCAL_TIME}`"))
    for i, name in enumerate(columns[1:], start=2):
        if name not in metrics:
            near = nearest(name, metrics)
            expected = "a metric of the catalogue" + (f" (`{near}`?)" if near else "")
            problems.append(Problem(file, 1, f"column {i}", show(name), expected))
        elif name in columns[: i - 1]:
            problems.append(Problem(file, 1, f"column {i}", show(name), "each metric once"))
    if problems:
        raise DocumentError(problems)


def _row(
    row: Sequence[str], columns: Sequence[str], metrics: Mapping[str, Metric], clock: "_Clock"
) -> Sample | tuple[str, str, str]:
    """The reading of a row, or the column, what was found and what is expected."""
    if len(row) != len(columns):
        return "", f"{len(row)} cells", f"{len(columns)}, as in the first line"
    moment = clock.with_offset(row[0]) if columns[0] == TIME else clock.local(row[0])
    if isinstance(moment, str):
        return columns[0], show(row[0]), moment
    values: dict[str, Value] = {}
    for name, cell in zip(columns[1:], row[1:], strict=True):
        if cell.strip():
            value = _value(cell.strip(), metrics[name])
            if value is None:
                return name, show(cell), "a number, or nothing where the value is missing"
            values[name] = value
    return Sample(round(moment.timestamp() * 1000), None, values)


def _value(cell: str, metric: Metric) -> Value | None:
    if metric.kind is Kind.TEXT:
        return cell
    if metric.kind is Kind.STATE and cell.lower() in {"true", "false"}:
        return cell.lower() == "true"
    try:
        number = float(cell)
    except ValueError:
        return None
    return number if isfinite(number) else None


class _Clock:
    """Turns written times into moments; remembers the last, to tell the two passes of a repeated hour apart."""

    def __init__(self, timezone: ZoneInfo) -> None:
        self._timezone = timezone
        self._last: datetime | None = None
        self._second_pass = False

    @staticmethod
    def with_offset(text: str) -> datetime | str:
        """The moment, or what is expected."""
        moment = _parsed(text)
        return moment if moment is not None and moment.tzinfo is not None else "as in 2026-11-22T08:00:00+08:00"

    def local(self, text: str) -> datetime | str:
        """The moment, or what is expected."""
        local = _parsed(text)
        if local is None or local.tzinfo is not None:
            return "a local time as in 2026-11-22T08:00, without an offset"
        first = local.replace(tzinfo=self._timezone, fold=0)
        second = local.replace(tzinfo=self._timezone, fold=1)
        repeated = first.utcoffset() != second.utcoffset()
        if repeated and first.astimezone(UTC).astimezone(self._timezone).replace(tzinfo=None) != local:
            return f"a time that the clocks of {self._timezone.key} have shown (they were put forward here)"
        if not repeated:
            self._second_pass = False
        elif self._last is not None and local <= self._last:
            self._second_pass = True
        self._last = local
        return second if self._second_pass else first


def _parsed(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text.strip())
    except ValueError:
        return None


def after(samples: Sequence[Sample], seq: int) -> Iterator[Sample]:
    """The rows after row `seq`."""
    return (sample for sample in samples if sample.seq is not None and sample.seq > seq)
