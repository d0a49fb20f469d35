"""Benchmark of the delay from a reading's publication to the person's receiver, under load.

The readings that raise are a small share of the load. What is awaited is worked out by a judge of its own: each alert
has to be committed and has to arrive. Delays count from the reading's event time, which is the moment at which it was
due to be published; committed is when a look into the database from outside shows it.
"""

import subprocess
import sys
import time
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from statistics import median, quantiles

from alerts.alert import Change
from bench import ground
from bench.alert_verdict import expected, look_into
from bench.alerts_cpu import CONFIG, DATABASE, DEVICES
from bench.city import City
from bench.city_files import AlertService, Rulebook
from bench.delay import FIRST_LEFT_OUT_S, LATE_LIMIT_S, PAUSE_S, PREPARE_S
from bench.drain import started
from bench.hook import Hook, hook
from bench.measure import cpu_s
from bench.options import Options
from bench.pipelines import ROOT, Running
from bench.report import Figure
from telemetry.reading import NS_PER_MS

RATE = 5_000
INCIDENT_OF = 97
"""A prime: some readings a second raise an alert at once, others begin what needs its time."""
TIMES_AS_LONG = 2
"""Of the other delays' runs: only some readings a second count."""
P99_GOAL_MS = 1_000.0
LAST_S = 3.0
"""After the last reading: what it raises has to be committed by then."""
RAISED = "SELECT number, alert FROM transitions WHERE number > ? AND change = 'raised' ORDER BY number"


@dataclass(frozen=True)
class Found:
    """Moments by alert, ms since the epoch."""

    committed: dict[str, float]
    arrived: dict[str, float]
    resolution_ms: float
    """Of `committed`."""
    cpu_us: float
    """A reading at this load."""


def delay(options: Options) -> list[Figure]:
    """5,000 readings a second: publication to committed and to the receiver, p50 and p99, CPU a reading."""
    seconds = options.seconds * TIMES_AS_LONG
    with hook() as receiver, ground.folder() as path, ground.mosquitto(path) as broker:
        service = AlertService(Rulebook(100), receiver.url)
        with started(service, DEVICES, path, broker, None) as running:
            start_ms = time.time_ns() // 1_000_000 + int(2 * PREPARE_S * 1_000)
            load = City(RATE * seconds, DEVICES, start_ms, RATE, incident_of=INCIDENT_OF, beats=False)
            found = _measure(load, broker.port, running, receiver, path / DATABASE)
        wanted = {row[0]: row[3] for row in expected(path / CONFIG, load) if row[1] == Change.RAISED.value}
    missing = wanted.keys() - found.arrived.keys()
    extra = (found.arrived.keys() | found.committed.keys()) - wanted.keys()
    wrong = bool(missing or extra) or not wanted
    from_ns = (load.start_ms + int(FIRST_LEFT_OUT_S * 1_000)) * NS_PER_MS
    counted = {alert: at_ns / NS_PER_MS for alert, at_ns in wanted.items() if at_ns >= from_ns}
    note = f"{len(counted):,} alerts, resolution {found.resolution_ms:.0f} ms; " + (
        f"WRONG: {len(missing):,} never arrived, {len(extra):,} extra" if wrong else "each arrived, and no other"
    )
    committed, arrived = _percentiles(counted, found.committed), _percentiles(counted, found.arrived)
    what = f"alerts, {RATE:,}/s, {DEVICES:,} devices, 100 rules"
    return [
        Figure("alerts.delay.committed.p50", f"{what}: publish to committed, p50", committed[49], "ms", wrong=wrong),
        Figure("alerts.delay.committed.p99", f"{what}: publish to committed, p99", committed[98], "ms", wrong=wrong),
        Figure("alerts.delay.p50", f"{what}: publish to receiver, p50", arrived[49], "ms", None, note, wrong),
        Figure("alerts.delay.p99", f"{what}: publish to receiver, p99", arrived[98], "ms", P99_GOAL_MS, wrong=wrong),
        Figure("alerts.delay.cpu", f"{what}: CPU a reading", found.cpu_us, "us", wrong=wrong),
    ]


def _measure(load: City, port: int, running: Running, receiver: Hook, database: Path) -> Found:
    """Publish `load` from another process and look for the alerts, until what was committed has arrived."""
    command = [sys.executable, "-m", "bench.pace", "--port", str(port), "--incident-of", str(load.incident_of)]
    for name, value in (("messages", load.messages), ("devices", load.devices), ("rate", load.rate)):
        command += [f"--{name}", str(value)]
    publisher = subprocess.Popen([*command, "--start-ms", str(load.start_ms)], cwd=ROOT)
    end_s = load.start_ms / 1_000 + load.messages / load.rate
    committed: dict[str, float] = {}
    intervals_ms: list[float] = []
    used_s = 0.0
    try:
        time.sleep(max(0.0, load.start_ms / 1_000 - time.time()))
        before_s = cpu_s(running.pid)
        number, asked_s = 0, time.time()
        with closing(look_into(database)) as connection:
            while time.time() < end_s + LAST_S or (
                committed.keys() - receiver.arrived_ms.keys() and time.time() < end_s + LATE_LIMIT_S
            ):
                running.check()
                rows = connection.execute(RAISED, (number,)).fetchall()
                now_s = time.time()
                committed.update((alert, now_s * 1_000) for _, alert in rows)
                number = rows[-1][0] if rows else number
                intervals_ms.append((now_s - asked_s) * 1_000)
                asked_s = now_s
                if now_s < end_s:
                    used_s = cpu_s(running.pid) - before_s
                time.sleep(PAUSE_S)
        if publisher.wait(LATE_LIMIT_S) != 0:
            raise RuntimeError("the publisher failed")
    finally:
        publisher.kill()
        publisher.wait()
    return Found(committed, dict(receiver.arrived_ms), median(intervals_ms), used_s * 1e6 / load.messages)


def _percentiles(published_ms: dict[str, float], moments_ms: dict[str, float]) -> list[float]:
    """Of the delays, milliseconds."""
    return quantiles((moments_ms[alert] - at_ms for alert, at_ms in published_ms.items() if alert in moments_ms), n=100)
