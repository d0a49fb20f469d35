"""How commands answer."""

import csv
import io
import json

import pytest
import typer

from caretaker.output import Cell, Coloured, Exit, Format, fail, rows

COLUMNS = ("device", "value", "at")
ROWS: list[tuple[Cell, ...]] = [("odour", 1.5, None), ('a "b", c', 200.123456, True)]


def test_json_keeps_numbers_and_none(capsys: pytest.CaptureFixture[str]) -> None:
    rows(COLUMNS, ROWS, Format.JSON)
    assert json.loads(capsys.readouterr().out) == [dict(zip(COLUMNS, row, strict=True)) for row in ROWS]


def test_csv_quotes_and_leaves_none_empty(capsys: pytest.CaptureFixture[str]) -> None:
    rows(COLUMNS, ROWS, Format.CSV)
    found = list(csv.reader(io.StringIO(capsys.readouterr().out)))
    assert found == [list(COLUMNS), ["odour", "1.5", ""], ['a "b", c', "200.123456", "True"]]


def test_a_table_stands_in_columns_with_numbers_to_the_right(capsys: pytest.CaptureFixture[str]) -> None:
    rows(COLUMNS, ROWS)
    assert capsys.readouterr().out == 'device      value  at\nodour         1.5  –\na "b", c  200.123  yes\n'  # noqa: RUF001


@pytest.mark.parametrize("format_", Format)
def test_a_coloured_word_is_a_word_as_any_other_through_a_pipe(
    capsys: pytest.CaptureFixture[str], format_: Format
) -> None:
    rows(("severity",), [(Coloured("critical", "bold red"),)], format_)
    assert "critical" in (out := capsys.readouterr().out)
    assert "\x1b" not in out


def test_no_rows_are_still_a_table(capsys: pytest.CaptureFixture[str]) -> None:
    rows(COLUMNS, [])
    assert capsys.readouterr().out == "device  value  at\n"


def test_a_failure_says_what_and_what_to_do_on_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(typer.Exit) as left:
        fail("sites.yaml:3: no site [bold]x[/bold]", "name one of a, b", Exit.USAGE)
    assert left.value.exit_code == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err == "error: sites.yaml:3: no site [bold]x[/bold]\n  mend: name one of a, b\n"
