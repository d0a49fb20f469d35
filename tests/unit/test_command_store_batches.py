"""Batches into a store that is away, full of opinions, or slow: without one, so that each answer can be played."""

from collections.abc import Sequence

import pytest

from caretaker import store_batches
from caretaker.store_batches import Lost, Tally, store_batch
from telemetry.admission.limits import Limits
from telemetry.message import Message, Reason
from telemetry.reading import Reading
from telemetry.stores.store import Outcome, Refusal, StoreAwayError
from tests.builders import registry

NOW_NS = 1_795_000_000_000_000_000
REGISTRY = registry()
(DEVICE,) = REGISTRY.devices.values()


class Played:
    """A store that answers what it was told to, and remembers what it was given."""

    def __init__(self, *answers: str) -> None:
        self._answers = list(answers)
        self.given: list[list[int]] = []

    async def start(self) -> None:
        """Nothing to make."""

    async def write(self, readings: Sequence[Reading]) -> Outcome:
        self.given.append([reading.seq or 0 for reading in readings])
        match self._answers.pop(0) if self._answers else "all":
            case "none":
                return Outcome(keep=readings, trouble="away")
            case "half":
                return Outcome(keep=readings[len(readings) // 2 :], trouble="slow")
            case "alarm":
                return Outcome(keep=readings, trouble="wrong token", alarm=True)
            case "refuse the first":
                return Outcome(refused=[Refusal(readings[0], "never")])
        return Outcome()

    async def close(self) -> None:
        """Nothing to close."""


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store_batches, "FIRST_WAIT_S", 0.001)
    monkeypatch.setattr(store_batches, "LONGEST_WAIT_S", 0.002)
    monkeypatch.setattr(store_batches, "PATIENCE_S", 0.01)


def messages(count: int) -> list[Message]:
    (topic,) = REGISTRY.by_topic
    return [
        Message(topic, b'{"time": %d, "seq": %d, "values": {"nh3_ppm": 1}}' % (NOW_NS // 10**6 + n, n), False, NOW_NS)
        for n in range(1, count + 1)
    ]


async def stored(store: Played, batch: Sequence[Message]) -> tuple[Sequence[Lost], Tally]:
    tally = Tally()
    return await store_batch(batch, REGISTRY, Limits(), store, tally), tally


async def test_what_the_store_keeps_away_is_tried_again_in_order() -> None:
    store = Played("none", "half", "all")
    lost, tally = await stored(store, messages(4))
    assert (lost, tally.written) == ([], 4)
    assert store.given == [[1, 2, 3, 4], [1, 2, 3, 4], [3, 4]]


async def test_a_store_that_stands_still_is_given_up() -> None:
    with pytest.raises(StoreAwayError, match="away"):
        await stored(Played(*["none"] * 100), messages(1))


async def test_a_trouble_that_does_not_pass_is_given_up_at_once() -> None:
    store = Played("alarm")
    with pytest.raises(StoreAwayError, match="wrong token"):
        await stored(store, messages(1))
    assert len(store.given) == 1


async def test_what_the_store_refuses_is_told_with_its_message() -> None:
    lost, tally = await stored(Played("refuse the first"), [Message("x", b"", False, NOW_NS), *messages(2)])
    assert [(item.index, item.reason, item.readings) for item in lost] == [
        (0, Reason.UNKNOWN_TOPIC, 1),
        (1, Reason.REFUSED_BY_STORE, 1),
    ]
    assert tally.written == 1
    assert tally.refused == {Reason.UNKNOWN_TOPIC: 1, Reason.REFUSED_BY_STORE: 1}
