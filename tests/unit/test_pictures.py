"""`make pictures` is a real run of minutes, on the usual ports."""

from typing import NoReturn

import pytest

from caretaker import claim
from tests.pictures.__main__ import main


def never(*_: object) -> NoReturn:
    pytest.fail("a run has begun")


@pytest.mark.parametrize(("word", "code"), [("--help", 0), ("help", 2)])
def test_no_run_begins_for_who_asks_how(word: str, code: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(claim, "ports", never)
    with pytest.raises(SystemExit) as left:
        main([word])
    assert left.value.code == code
