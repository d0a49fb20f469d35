"""The saturated drain: the broker holds all messages, the pipeline is let at them, and we look what it takes."""

import time
from dataclasses import dataclass
from pathlib import Path

from bench import ground, influx
from bench.judge import Verdict, judge
from bench.load import Load
from bench.measure import connected, cpu_s, peak_mib, wait_for, wait_quiet
from bench.pipelines import DATABASE, FILTER, MEASUREMENT, Ends, Pipeline, Running
from bench.wire import make_session, publish

POLL_S = 0.05
STALL_LIMIT_S = 20.0
"""So long without a new point: nothing more will come."""
SETTLE_S = 0.5
"""After the last point a pipeline has still to clear up behind itself; that belongs to its CPU, not to its speed."""


@dataclass(frozen=True)
class Drained:
    """What one pipeline took for one load."""

    cpu_us: float
    """CPU of its own process, user and system, a message."""
    per_s: float
    """Messages a second, from connected to stored."""
    peak_mib: float
    verdict: Verdict


def drain(pipeline: Pipeline, load: Load) -> Drained:
    """Measure one pipeline on fresh components. Raises `RuntimeError` when it ends, `TimeoutError` when it won't start.

    The broker stands still while the pipeline starts: it connects, sends CONNECT and waits. So imports, registry and
    the first connection are over, for each pipeline in the same way, when the broker goes on and the clocks start.
    """
    with ground.folder() as path, ground.mosquitto(path) as broker, ground.influxd(path) as store:
        make_session(broker.port, pipeline.client_id, FILTER)
        publish(broker.port, load.published())
        command = pipeline.command(_made(path / "pipeline"), Ends(broker.port, store.url), load)
        broker.pause()
        running = Running(command, path / "pipeline")
        try:
            wait_connected(running, broker.port)
            cpu_before_s, begin = cpu_s(running.pid), time.monotonic()
            broker.resume()
            end = _wait_stored(running, store.url, load.messages)
            time.sleep(SETTLE_S)
            used_s, peak = cpu_s(running.pid) - cpu_before_s, peak_mib(running.pid)
        finally:
            running.stop()
        verdict = judge(load, influx.rows(store.url, DATABASE, MEASUREMENT))
    return Drained(used_s * 1e6 / load.messages, load.messages / (end - begin), peak, verdict)


def wait_connected(running: Running, port: int) -> None:
    """Wait until the pipeline has reached the broker and rests."""

    def reached() -> bool:
        running.check()
        return connected(running.pid, port)

    wait_for(reached, "the pipeline connects")
    wait_quiet(running.pid)


def _made(path: Path) -> Path:
    path.mkdir()
    return path


def _wait_stored(running: Running, url: str, messages: int) -> float:
    """When the last point was taken. A pipeline that loses some is told by the verdict, and by a wait that ends."""
    taken, changed = 0, time.monotonic()
    while taken < messages and time.monotonic() - changed < STALL_LIMIT_S:
        running.check()
        time.sleep(POLL_S)
        before, taken = taken, influx.points_taken(url)
        if taken != before:
            changed = time.monotonic()
    return changed
