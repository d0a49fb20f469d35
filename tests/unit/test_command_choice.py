"""What is said to somebody who names what is not there."""

import pytest
import typer

from caretaker.choice import known, named


def test_who_names_nothing_near_is_told_what_there_is(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(typer.Exit) as left:
        known(["nope"], ["odour-male", "meter-main"], "device")
    assert left.value.exit_code == 2
    assert capsys.readouterr().err == "error: no device 'nope'\n  mend: known are meter-main, odour-male\n"


@pytest.mark.parametrize(
    ("there", "said"),
    [
        ([], "known are none"),
        ([f"d{number:02}" for number in range(20)], "d18, d19"),
        ([f"d{number:02}" for number in range(22)], "d18, d19, and 2 more"),
    ],
)
def test_of_many_the_first_are_named(there: list[str], said: str) -> None:
    assert named(there).endswith(said)
