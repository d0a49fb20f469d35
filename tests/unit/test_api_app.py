"""The process around the API: what stays in its memory."""

import gc
import weakref
from collections.abc import Iterator

import pytest

from api.app import settle


class Ring:
    """Garbage that only a collection finds, once nobody has it."""

    def __init__(self) -> None:
        self.itself = self


@pytest.fixture(autouse=True)
def thawed() -> Iterator[None]:
    yield
    gc.unfreeze()


def test_what_has_ended_since_the_last_time_does_not_stay() -> None:
    held = Ring()
    gone = weakref.ref(held)
    settle()
    del held
    gc.collect()
    assert gone() is not None, "what stays is looked at by no collection"
    settle()
    assert gone() is None
