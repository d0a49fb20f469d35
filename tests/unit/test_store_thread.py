"""The thread behind each store: order, errors, cancelling, and an end that waits for nobody too long."""

import asyncio
import subprocess
import sys
import threading
import time

import pytest

from telemetry.stores import thread as store_thread
from telemetry.stores.thread import StoreThread


async def test_calls_run_in_order_in_one_other_thread() -> None:
    thread = StoreThread("test")
    done: list[tuple[int, int]] = []
    await asyncio.gather(*(thread.run(lambda k: done.append((k, threading.get_ident())), k) for k in range(50)))
    assert [k for k, _ in done] == list(range(50))
    assert len({ident for _, ident in done} | {threading.get_ident()}) == 2
    await thread.close(lambda: None)


async def test_an_error_is_raised_where_it_is_awaited_and_the_thread_goes_on() -> None:
    thread = StoreThread("test")
    with pytest.raises(ZeroDivisionError):
        await thread.run(lambda: 1 // 0)
    assert await thread.run(lambda: 7) == 7
    await thread.close(lambda: None)


async def test_a_call_nobody_waits_for_any_more_is_left_out() -> None:
    thread = StoreThread("test")
    go = threading.Event()
    first = asyncio.create_task(thread.run(go.wait, 10))
    ran: list[int] = []
    second = asyncio.create_task(thread.run(ran.append, 1))
    await asyncio.sleep(0)
    second.cancel()
    with pytest.raises(asyncio.CancelledError):
        await second
    go.set()
    assert await first
    await thread.close(lambda: ran.append(2))
    assert ran == [2]


async def test_close_does_the_last_thing_once() -> None:
    thread = StoreThread("test")
    last: list[int] = []
    for _ in range(2):
        await thread.close(lambda: last.append(1))
    assert last == [1]
    assert thread.closed
    with pytest.raises(RuntimeError, match="closed"):
        await thread.run(lambda: 1)


async def test_close_gives_up_on_a_call_that_does_not_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store_thread, "CLOSE_LIMIT_S", 0.05)
    thread = StoreThread("test")
    go = threading.Event()
    stuck = asyncio.create_task(thread.run(go.wait, 30))
    await asyncio.sleep(0)
    before = time.perf_counter()
    await thread.close(lambda: None)
    assert time.perf_counter() - before < 5
    go.set()
    assert await stuck


def test_a_call_that_does_not_end_does_not_hold_the_process() -> None:
    program = """
import asyncio, threading
from telemetry.stores import thread
thread.CLOSE_LIMIT_S = 0.05
async def main():
    one = thread.StoreThread("test")
    asyncio.get_running_loop().call_later(0.01, lambda: None)
    stuck = asyncio.create_task(one.run(threading.Event().wait, 600))
    await asyncio.sleep(0)
    await one.close(lambda: None)
    stuck.cancel()
asyncio.run(main())
"""
    ended = subprocess.run([sys.executable, "-c", program], check=False, timeout=30, capture_output=True)
    assert (ended.returncode, ended.stderr) == (0, b"")
