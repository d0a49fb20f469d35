"""Delay from a reading's publication to the moment at which the store gives it to whoever asks.

Some of the devices are probes: the store is asked for their newest readings again and again. A reading is counted as
there when the answer that holds it has come, so the delay is too long by up to one question and its answer; that
resolution is stated. Event times are whole milliseconds, which adds up to one more.
"""

import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from statistics import median, quantiles

from bench.load import Load, device_id
from bench.measure import cpu_s
from bench.pipelines import ROOT, Running

PROBES_A_SECOND = 100
LATE_LIMIT_S = 10.0
PAUSE_S = 0.004
PREPARE_S = 4.0
"""In which the publisher makes its packets."""
FIRST_LEFT_OUT_S = 1.0
"""The first readings make the series and the connections."""
LOOK_BACK_MS = 2_000

Ask = Callable[[int], Iterable[tuple[str, int]]]
"""Device and event time in ms of the probes' readings since a time in ms."""


@dataclass(frozen=True)
class Delays:
    """Milliseconds; CPU of the ingestor in us a message at this load."""

    p50_ms: float
    p99_ms: float
    samples: int
    resolution_ms: float
    cpu_us: float


def probes(load: Load) -> int:
    """How many devices are probes: the first ones. A power of ten."""
    return min(load.devices, load.devices * PROBES_A_SECOND // load.rate)


def plan(rate: int, seconds: int, devices: int) -> Load:
    """Messages at a rate, starting soon."""
    start_ms = time.time_ns() // 1_000_000 + int(PREPARE_S * 1_000)
    return Load(rate * seconds, devices, start_ms, rate)


def measure(load: Load, port: int, running: Running, ask: Ask) -> Delays:
    """Publish `load` from another process and look for the probes. Raises `RuntimeError` when some never come."""
    command = [sys.executable, "-m", "bench.pace", "--port", str(port)]
    for name, value in (("messages", load.messages), ("devices", load.devices), ("rate", load.rate)):
        command += [f"--{name}", str(value)]
    publisher = subprocess.Popen([*command, "--start-ms", str(load.start_ms)], cwd=ROOT)
    try:
        time.sleep(max(0.0, load.start_ms / 1_000 - time.time()))
        before_s = cpu_s(running.pid)
        delays_ms, intervals_ms = _watch(load, running, ask)
        used_s = cpu_s(running.pid) - before_s
        if publisher.wait(LATE_LIMIT_S) != 0:
            raise RuntimeError("the publisher failed")
    finally:
        publisher.kill()
        publisher.wait()
    percentiles = quantiles(delays_ms, n=100)
    return Delays(percentiles[49], percentiles[98], len(delays_ms), median(intervals_ms), used_s * 1e6 / load.messages)


def _watch(load: Load, running: Running, ask: Ask) -> tuple[list[float], list[float]]:
    names = {device_id(number) for number in range(probes(load))}
    awaited = {
        (device_id(number), load.time_ms(message))
        for message, number in enumerate(load.order)
        if device_id(number) in names
    }
    counted_from_ms = load.start_ms + FIRST_LEFT_OUT_S * 1_000
    end_s = load.start_ms / 1_000 + load.messages / load.rate + LATE_LIMIT_S
    newest_ms, delays_ms, intervals_ms = load.start_ms, [], []
    asked_s = time.time()
    while awaited:
        running.check()
        found = [one for one in ask(newest_ms - LOOK_BACK_MS) if one in awaited]
        now_s = time.time()
        awaited.difference_update(found)
        delays_ms += [now_s * 1_000 - time_ms for _, time_ms in found if time_ms >= counted_from_ms]
        newest_ms = max([newest_ms, *(time_ms for _, time_ms in found)])
        if now_s > end_s:
            raise RuntimeError(f"{len(awaited)} of the probes' readings were not stored within {LATE_LIMIT_S:g} s")
        intervals_ms.append((now_s - asked_s) * 1_000)
        asked_s = now_s
        time.sleep(PAUSE_S)
    return delays_ms, intervals_ms
