"""The saturated drain: the broker holds all messages, the pipeline is let at them, and we look what it takes."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from bench import ground, influx
from bench.judge import Verdict, judge
from bench.load import Load
from bench.measure import connected, cpu_s, main_thread_cpu_s, peak_mib, wait_for, wait_quiet
from bench.pipelines import DATABASE, FILTER, Ends, Pipeline, Running
from bench.wire import make_session, publish

POLL_S = 0.05
STALL_LIMIT_S = 20.0
"""So long without a new point: nothing more will come."""
SETTLE_S = 0.5
"""After the last point a pipeline has still to clear up behind itself; that belongs to its CPU, not to its speed."""


class Broker(Protocol):
    """One that can be made to stand still."""

    port: int

    def pause(self) -> None:
        """Stand still: connections are made, nothing is answered."""

    def resume(self) -> None:
        """Go on."""


@dataclass(frozen=True)
class Drained:
    """What one pipeline took for one load."""

    cpu_us: float
    """CPU of its own process, user and system, a message."""
    main_thread_us: float
    """Of which the main thread's."""
    per_s: float
    """Messages stored right a second, from connected to the last."""
    peak_mib: float
    verdict: Verdict


def drain(pipeline: Pipeline, load: Load) -> Drained:
    """Measure one pipeline on fresh components. Raises `RuntimeError` when it ends, `TimeoutError` when it is stuck."""
    with ground.folder() as path, ground.mosquitto(path) as broker, ground.influxd(path) as store:
        with at_the_gate(pipeline, load, path, broker, store.url) as running:
            main_before_s = main_thread_cpu_s(running.pid)
            used_s, took_s = let_in(running, broker, load.points, lambda: influx.points_taken(store.url))
            main_s, peak = main_thread_cpu_s(running.pid) - main_before_s, peak_mib(running.pid)
        verdict = judge(load, influx.rows(store.url, DATABASE, load.where))
    each_us = 1e6 / load.messages
    return Drained(used_s * each_us, main_s * each_us, verdict.whole / took_s, peak, verdict)


@contextmanager
def at_the_gate(
    pipeline: Pipeline, load: Load, path: Path, broker: Broker, influx_url: str | None
) -> Iterator[Running]:
    """A pipeline that has started, before a broker that stands still and holds the whole load for it.

    It has connected, sent CONNECT and waits. So imports, registry and the first connections are over, for each pipeline
    in the same way, when the broker goes on and the clocks start.
    """
    make_session(broker.port, pipeline.client_id, FILTER)
    publish(broker.port, load.published())
    with started(pipeline, load.devices, path, broker, influx_url, broker.pause) as running:
        yield running


@contextmanager
def started(
    pipeline: Pipeline,
    devices: int,
    path: Path,
    broker: Broker,
    influx_url: str | None,
    before: Callable[[], None] = lambda: None,
) -> Iterator[Running]:
    """A pipeline that has connected and rests; it is stopped afterwards."""
    folder = path / "pipeline"
    folder.mkdir()
    command = pipeline.command(folder, Ends(broker.port, influx_url), devices)
    before()
    running = Running(command, folder)

    def reached() -> bool:
        running.check()
        return connected(running.pid, broker.port)

    try:
        wait_for(reached, "the pipeline connects")
        wait_quiet(running.pid)
        yield running
    finally:
        broker.resume()
        running.stop()


def let_in(running: Running, broker: Broker, points: int, taken: Callable[[], int]) -> tuple[float, float]:
    """Let the broker go on; CPU seconds of the pipeline, and seconds until the last point was stored."""
    before_s, begin_s = cpu_s(running.pid), time.monotonic()
    broker.resume()
    end_s = wait_stored(running, points, taken)
    time.sleep(SETTLE_S)
    return cpu_s(running.pid) - before_s, end_s - begin_s


def wait_stored(running: Running, points: int, taken: Callable[[], int]) -> float:
    """When the last point was stored. A pipeline that loses some is told by the verdict, and by a wait that ends."""
    count, changed_s = 0, time.monotonic()
    while count < points and time.monotonic() - changed_s < STALL_LIMIT_S:
        running.check()
        time.sleep(POLL_S)
        before, count = count, taken()
        if count != before:
            changed_s = time.monotonic()
    return changed_s
