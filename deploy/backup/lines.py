"""From answers of InfluxDB to line protocol, and from a file of it to batches. Pure.

Every field is written as it was: numbers, whole numbers, texts, truth values, nanoseconds. So what is read back is
the same, and a point that is written twice is one point.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from telemetry.stores.influxdb.lines import TEXT_ESCAPES
from telemetry.stores.influxdb.names import escape_measurement, escape_name

Writers = Mapping[str, Callable[[Any], str]]
"""Field to how its values are written."""

WRITERS: Writers = {
    # JSON has one kind of number, so that 21.0 comes as 21: in line protocol either is a float.
    "float": repr,
    "integer": lambda value: f"{value}i",
    "unsigned": lambda value: f"{value}u",
    "string": lambda value: f'"{value.translate(TEXT_ESCAPES)}"',
    "boolean": lambda value: "true" if value else "false",
}
"""By type, as `SHOW FIELD KEYS` names them, in the order in which InfluxDB prefers one to another."""
ESCAPED = re.compile(r"\\.", re.DOTALL)


def writers_of(types: Mapping[str, Iterable[str]]) -> Writers:
    """How the fields of a measurement are written; `types`: field to its types, more than one where shards differ."""
    return {field: WRITERS[min(found, key=list(WRITERS).index)] for field, found in types.items()}


def lines_of(series: Mapping[str, Any], writers: Writers) -> Iterator[tuple[str, int]]:
    """The points of one series of an answer: the line, and how many values are in it.

    Raises `ValueError` on a name that line protocol cannot carry.
    """
    tags = "".join(
        f",{escape_name(key)}={escape_name(value)}" for key, value in series.get("tags", {}).items() if value
    )
    start = escape_measurement(series["name"]) + tags
    columns = [(f"{escape_name(field)}=", writers[field]) for field in series["columns"][1:]]
    for time_ns, *values in series["values"]:
        fields = [
            name + write(value) for (name, write), value in zip(columns, values, strict=True) if value is not None
        ]
        if fields:
            yield f"{start} {','.join(fields)} {time_ns}", len(fields)


def batches(rows: Iterable[str], size: int) -> Iterator[Sequence[str]]:
    """Lines from the rows of a file, `size` at a time. A text may hold line breaks: then a line is several rows."""
    batch: list[str] = []
    begun = ""
    for row in rows:
        begun += row
        if not _is_whole(begun):
            continue
        batch.append(begun.removesuffix("\n"))
        begun = ""
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch


def _is_whole(line: str) -> bool:
    """Whether every text in it has its end."""
    return '"' not in line or ESCAPED.sub("", line).count('"') % 2 == 0
