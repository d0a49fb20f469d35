"""The hub: who is given what when, how many may listen, who is dropped."""

import asyncio
import time
from collections.abc import Iterable

import pytest
from prometheus_client.core import Metric

from alerts.desk import Change, Severity, Transition
from api.access.caller import Caller, Role, Way
from api.live import hub as hub_module
from api.live.hub import Dropped, Hub, Listener
from api.live.past import LOOKED_AT_MOST, Past
from api.live.wanted import ALL_KINDS, Wanted
from api.problem import AwayError, TooManyError
from telemetry.reading import Reading

NOW_NS = 1_795_334_400_000_000_000
EVERYTHING = Wanted(ALL_KINDS, None, None, None, None, None)
PIER = Wanted(ALL_KINDS, frozenset({"pier-4"}), None, None, None, None)


def caller(key: str = "k1") -> Caller:
    return Caller("wall screen", Role.OPERATOR, None, Way.KEY, "127.0.0.1", key)


def say(to: Hub, site: str = "pier-4", text: str = "") -> None:
    to.reading(Reading("nh3-1", NOW_NS, None, {"nh3_ppm": 1.0, "text": text}, {}), site)


@pytest.fixture
def hub() -> Hub:
    return Hub(clock=lambda: NOW_NS)


async def waiting(listener: Listener) -> asyncio.Task[bytes]:
    task = asyncio.ensure_future(listener.wait())
    await asyncio.sleep(0)
    assert listener.waits
    return task


async def test_who_waits_for_the_same_gets_the_same_bytes(hub: Hub) -> None:
    first = await waiting(hub.join(caller(), EVERYTHING, None))
    second = await waiting(hub.join(caller("k2"), EVERYTHING, None))
    say(hub)
    say(hub, "office-1")
    assert not first.done(), "a batch is for all that comes within a tick"
    hub.flush()
    assert await first is await second
    assert first.result().count(b"\nevent: reading\n") == 2


async def test_who_wants_nothing_of_a_batch_sleeps_on_and_has_missed_nothing(hub: Hub) -> None:
    listener = hub.join(caller(), PIER, None)
    task = await waiting(listener)
    say(hub, "office-1")
    hub.flush()
    await asyncio.sleep(0)
    assert not task.done()
    assert listener.number == 1
    say(hub)
    hub.flush()
    assert (await task).startswith(f"id: {hub.run_id}-2\n".encode())


async def test_a_large_batch_does_not_wait_for_the_tick(hub: Hub) -> None:
    task = await waiting(hub.join(caller(), EVERYTHING, None))
    while not task.done():
        say(hub, text="x" * 1_000)
        await asyncio.sleep(0)
    assert len(task.result()) < hub_module.BATCH_BYTES + 2_000


async def test_what_comes_between_being_woken_and_waiting_again_is_not_lost(hub: Hub) -> None:
    listener = hub.join(caller(), EVERYTHING, None)
    task = await waiting(listener)
    say(hub)
    hub.flush()
    say(hub)
    hub.flush()
    assert (await task).count(b"id: ") == 1
    assert hub.more(listener, 1_000).startswith(f"id: {hub.run_id}-2\n".encode())
    assert hub.more(listener, 1_000) == b""


def test_only_so_much_is_looked_at_in_one_go(hub: Hub) -> None:
    listener = hub.join(caller(), PIER, None)
    for _ in range(2 * LOOKED_AT_MOST):
        say(hub, "office-1")
    say(hub)
    hub.flush()
    looks = 1
    while not (chunk := hub.more(listener, 1_000)):
        assert hub.behind(listener)
        looks += 1
    assert looks >= 2, "each at a part of what there is"
    assert chunk.count(b"id: ") == 1
    assert not hub.behind(listener)


async def test_the_run_ticks_and_wakes_who_was_long_without_an_event(monkeypatch: pytest.MonkeyPatch, hub: Hub) -> None:
    for name, value in (("TICK_S", 0.001), ("LOOK_EVERY_S", 0.0), ("KEEP_ALIVE_S", 0.02)):
        monkeypatch.setattr(hub_module, name, value)
    running = asyncio.ensure_future(hub.run())
    listener = hub.join(caller(), EVERYTHING, None)
    assert await asyncio.wait_for(listener.wait(), 5) == b"", "woken, with nothing"
    say(hub)
    assert b"event: reading" in await asyncio.wait_for(listener.wait(), 5)
    running.cancel()


async def test_who_falls_out_of_the_past_is_dropped() -> None:
    hub = Hub(Past(most_bytes=1_000), clock=lambda: NOW_NS)
    slow, quick = hub.join(caller(), EVERYTHING, None), hub.join(caller(), EVERYTHING, None)
    for number in range(1, 21):
        say(hub)
        hub.flush()
        assert hub.more(quick, 1_000).startswith(f"id: {hub.run_id}-{number}\n".encode())
    assert hub.more(slow, 1_000) == b""
    assert (slow.dropped, quick.dropped) == (Dropped.TOO_SLOW, None)


async def test_who_does_not_take_what_is_written_is_dropped_and_then_given_up(
    monkeypatch: pytest.MonkeyPatch, hub: Hub
) -> None:
    for name, value in (("TICK_S", 0.001), ("LOOK_EVERY_S", 0.0), ("STUCK_S", 0.02), ("LINGER_S", 0.05)):
        monkeypatch.setattr(hub_module, name, value)
    listener = hub.join(caller(), EVERYTHING, None)
    running = asyncio.ensure_future(hub.run())
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(None) as listener.limit:
            await asyncio.sleep(5)  # a write that comes to nothing
    assert listener.dropped is Dropped.TOO_SLOW
    assert hub.dropped == {Dropped.TOO_SLOW: 1}
    running.cancel()


async def test_who_has_waited_long_is_not_taken_for_one_who_does_not_read(
    monkeypatch: pytest.MonkeyPatch, hub: Hub
) -> None:
    monkeypatch.setattr(hub_module, "STUCK_S", 0.01)
    listener = hub.join(caller(), EVERYTHING, None)
    task = await waiting(listener)
    await asyncio.sleep(0.02)
    say(hub)
    hub.flush()
    hub._look_around(time.monotonic())
    assert b"event: reading" in await task
    assert listener.dropped is None


def test_only_so_many_may_listen(monkeypatch: pytest.MonkeyPatch, hub: Hub) -> None:
    monkeypatch.setattr(hub_module, "MOST_LISTENERS", 3)
    monkeypatch.setattr(hub_module, "MOST_OF_ONE", 2)
    first = hub.join(caller("a"), EVERYTHING, None)
    hub.join(caller("a"), EVERYTHING, None)
    with pytest.raises(TooManyError) as one:
        hub.join(caller("a"), PIER, None)
    hub.join(caller("b"), EVERYTHING, None)
    with pytest.raises(AwayError) as other:
        hub.join(caller("c"), EVERYTHING, None)
    assert one.value.headers == other.value.headers == {"Retry-After": "30"}
    hub.leave(first)
    hub.leave(first)
    hub.join(caller("a"), EVERYTHING, None)
    assert hub.listeners == 3


async def test_at_the_end_all_are_told_and_nobody_more_is_taken(hub: Hub) -> None:
    listener = hub.join(caller(), EVERYTHING, None)
    task = await waiting(listener)
    hub.close()
    assert await task == b""
    assert listener.dropped is Dropped.STOPPING
    with pytest.raises(AwayError):
        hub.join(caller(), EVERYTHING, None)


def samples(families: Iterable[Metric]) -> dict[str, float]:
    return {
        f"{sample.name}{''.join(sample.labels.values())}": sample.value for one in families for sample in one.samples
    }


def test_figures(hub: Hub) -> None:
    listener = hub.join(caller(), EVERYTHING, None)
    hub.join(caller(), PIER, None)
    say(hub)
    hub.alert(Transition("3f2a", "odour", "nh3-1", Change.RAISED, Severity.WARNING, NOW_NS, NOW_NS), "pier-4")
    hub.flush()
    hub.drop(listener, Dropped.ACCESS_ENDED)
    hub.drop(listener, Dropped.TOO_SLOW)
    found = samples(hub.figures())
    prefix = "caretaker_api_live"
    assert found[f"{prefix}_listeners"] == 2
    assert found[f"{prefix}_events_totalreading"] == found[f"{prefix}_events_totalalert"] == 1
    assert {why: found[f"{prefix}_dropped_total{why}"] for why in Dropped} == {
        Dropped.TOO_SLOW: 0,
        Dropped.ACCESS_ENDED: 1,
        Dropped.CHANGED: 0,
        Dropped.STOPPING: 0,
    }
    assert found[f"{prefix}_missed_total"] == 0
    assert found[f"{prefix}_kept_bytes"] > 100
