"""Questions whose work SQLite does itself: columns as JSON text, counts, windows. For the reader's thread."""

import json
import sqlite3
from collections.abc import Sequence
from typing import Any

import msgspec

from telemetry.reading import Quality
from telemetry.stores.store import Page, Window

PAGE = 20_000
"""Values in one page: some 10 ms, between which other questions have their turn."""

SERIES_OF = "SELECT id FROM series WHERE device = ? AND metric = ?"
# One series, which nearly every device has of a metric, is read as it lies in the file; several are sorted.
ONE, SEVERAL = "series = :series", "series IN (SELECT value FROM json_each(:series))"
WITHIN = "WHICH AND time_ns >= :from_ns AND time_ns < :end_ns"
COUNT = "SELECT count(*) FROM (SELECT 1 FROM sample WHERE WITHIN LIMIT :most)"
PAGE_END = "SELECT time_ns + 1 FROM sample WHERE WITHIN ORDER BY time_ns LIMIT 1 OFFSET :page - 1"
VALUES = "SELECT value FROM sample WHERE WITHIN ORDER BY time_ns, series"
# SQLite writes numbers with 15 digits, which is all that most values have: they come from displays and converters. The
# others are found by this: rounded to six decimals, is it still the same? To add 1.5 * 2^52 and take it away again
# rounds, at a fifth of what round() takes; below 1e9 what is left has 15 digits at most.
TEXTS = """
SELECT count(*), json_group_array(ms), json_group_array(value), json_group_array(quality), count(iif(
    value BETWEEN -1e9 AND 1e9 AND ((value * 1e6 + 6755399441055744.0) - 6755399441055744.0) / 1e6 = value, NULL, 1))
FROM (SELECT time_ns / 1000000 AS ms, value, quality FROM sample WHERE WITHIN ORDER BY time_ns, series)
"""
NO_MARKS = "[0,]"
"""Characters of a list of marks where all values are good."""
WINDOWS = """
WITH filled AS MATERIALIZED (
    SELECT (time_ns - :base_ns) / :step_ns AS number, count(*) AS count, sum(quality & 1) AS suspect,
        min(time_ns) AS first_ns, max(time_ns) AS last_ns, total(value) AS total, min(value) AS low, max(value) AS high
    FROM sample WHERE WITHIN GROUP BY number
)
SELECT :base_ns + number * :step_ns, count, suspect,
    (SELECT value FROM sample WHERE WHICH AND time_ns = last_ns ORDER BY series DESC LIMIT 1),
    (SELECT value FROM sample WHERE WHICH AND time_ns = first_ns ORDER BY series LIMIT 1),
    total, low, high
FROM filled ORDER BY number
"""
_encode = msgspec.json.Encoder().encode
_numbers = msgspec.json.Decoder(list[int]).decode


class Range:
    """The values of one metric of one device with start <= time < end: what every question here is about."""

    def __init__(self, connection: sqlite3.Connection, device: str, metric: str, start_ns: int, end_ns: int) -> None:
        self._connection = connection
        self._start_ns = start_ns
        self._end_ns = end_ns
        found = [one for (one,) in connection.execute(SERIES_OF, (device, metric))]
        self._which = ONE if len(found) == 1 else SEVERAL
        self._series: object = found[0] if len(found) == 1 else json.dumps(found)

    def count(self, most: int) -> int:
        """How many there are, at most `most`."""
        ((found,),) = self._ask(COUNT, most=most)
        return int(found)

    def page(self) -> tuple[Page | None, int | None]:
        """The first of them, None where there are none, and the start of those that are left, None: that was all."""
        # One transaction: what is written meanwhile must not come between its questions.
        self._connection.execute("BEGIN")
        try:
            rest = self._ask(PAGE_END, page=PAGE)
            if not rest:
                return self._page(), None
            self._end_ns = rest[0][0]  # behind a moment, so that all values of that moment are in
            return self._page(), self._end_ns
        finally:
            self._connection.execute("COMMIT")

    def windows(self, step_ns: int, offset_ns: int) -> Sequence[Window]:
        """By windows; see the contract."""
        base_ns = self._start_ns - (self._start_ns - offset_ns) % step_ns
        found = []
        for start_ns, count, suspect, last, *numbers in self._ask(WINDOWS, base_ns=base_ns, step_ns=step_ns):
            of_number = () if isinstance(last, str) else numbers
            found.append(Window(start_ns, count, suspect, last, *of_number))
        return found

    def _page(self) -> Page | None:
        ((count, times_ms, values, marks, inexact),) = self._ask(TEXTS)
        if not count:
            return None
        exact = _encode([value for (value,) in self._ask(VALUES)]) if inexact else values.encode()
        return Page(times_ms.encode(), exact, count, _marks(marks) if marks.strip(NO_MARKS) else ())

    def _ask(self, query: str, **more: object) -> list[tuple[Any, ...]]:
        text = query.replace("WITHIN", WITHIN).replace("WHICH", self._which)
        parameters = {"series": self._series, "from_ns": self._start_ns, "end_ns": self._end_ns, **more}
        return self._connection.execute(text, parameters).fetchall()


def _marks(text: str) -> Sequence[tuple[int, Quality]]:
    return [(place, Quality(mark)) for place, mark in enumerate(_numbers(text)) if mark]
