"""Answers of InfluxDB as line protocol, and back to batches."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploy.backup.lines import WRITERS, batches, lines_of, writers_of

VALUES = [
    ("float", 21, "21"),
    ("float", 0.1, "0.1"),
    ("float", 1e300, "1e+300"),
    ("integer", 2**63 - 1, "9223372036854775807i"),
    ("unsigned", 2**64 - 1, "18446744073709551615u"),
    ("string", 'a "b" \\ \n c', '"a \\"b\\" \\\\ \n c"'),
    ("boolean", True, "true"),
    ("boolean", False, "false"),
]


@pytest.mark.parametrize(("kind", "value", "text"), VALUES)
def test_each_value_is_written_as_what_it_is(kind: str, value: object, text: str) -> None:
    series = {"name": "air", "tags": {"device": "d", "rule": "", "site": "s"}, "columns": ["time", "x"]}
    made = list(lines_of({**series, "values": [[7, value]]}, writers_of({"x": [kind]})))
    assert made == [(f"air,device=d,site=s x={text} 7", 1)]


def test_each_type_of_influxdb_is_known() -> None:
    assert {kind for kind, _, _ in VALUES} == WRITERS.keys()


def test_what_a_point_does_not_have_is_left_out() -> None:
    values = [[1, 2.5, None], [2, None, 1], [3, None, None], [4, 3.5, 0]]
    series = {"name": "a b", "columns": ["time", "x", "x_q"], "values": values}
    made = list(lines_of(series, writers_of({"x": ["float"], "x_q": ["integer"]})))
    assert made == [("a\\ b x=2.5 1", 1), ("a\\ b x_q=1i 2", 1), ("a\\ b x=3.5,x_q=0i 4", 2)]


def test_a_field_of_two_types_is_written_as_what_influxdb_gives() -> None:
    assert writers_of({"x": ["integer", "float"]}) == {"x": WRITERS["float"]}


def test_a_name_that_cannot_be_carried_is_told() -> None:
    series = {"name": "air", "tags": {"device": 'a"b'}, "columns": ["time", "x"], "values": [[1, 2.0]]}
    with pytest.raises(ValueError, match="cannot carry"):
        list(lines_of(series, writers_of({"x": ["float"]})))


@given(st.lists(st.text(max_size=12), max_size=20), st.integers(1, 7))
def test_batches_are_the_lines_that_were_written_whatever_stands_in_texts(texts: Sequence[str], size: int) -> None:
    series = {"name": "m", "columns": ["time", "x"], "values": [[n, text] for n, text in enumerate(texts)]}
    lines = [line for line, _ in lines_of(series, writers_of({"x": ["string"]}))]
    rows = [row + "\n" for row in "\n".join(lines).split("\n")] if lines else []
    found = list(batches(rows, size))
    assert [line for batch in found for line in batch] == lines
    assert all(len(batch) == size for batch in found[:-1])
