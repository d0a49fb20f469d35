"""Benchmarks of judging: a backlog at the broker, and what the alert service takes for it."""

import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from math import ceil
from pathlib import Path

from bench import ground
from bench.alert_verdict import AlertVerdict, announcements_waiting, clock_ns, committed, compare, expected, look_into
from bench.city import SPEAKS_EVERY_S, City
from bench.city_files import AlertService, Rulebook
from bench.drain import SETTLE_S, at_the_gate
from bench.measure import cpu_s, main_thread_cpu_s, peak_mib, wait_for
from bench.options import Options
from bench.peer_alerts import PlainAlerts, is_right, taken
from bench.pipelines import Pipeline, Running
from bench.report import Figure

DEVICES = 10_000
RATE = ceil(DEVICES / SPEAKS_EVERY_S)
"""Readings for each second of event time: each device speaks once a minute."""
BACK_S = 60
"""The stream ends so long ago: the broker takes some seconds to fill."""
DATABASE = Path("pipeline") / "data" / "alerts" / "alerts.db"
CONFIG = Path("pipeline") / "config"
DRAIN_LIMIT_S = 600.0
TELL_LIMIT_S = 120.0


@dataclass(frozen=True)
class Judged:
    """What one service took for one stream."""

    cpu_us: float
    """CPU of its own process, user and system, a reading; until all transitions are out on MQTT."""
    main_thread_us: float
    per_s: float
    """Readings a second, from connected until all are judged and committed."""
    peak_mib: float
    verdict: AlertVerdict


def rules_10(options: Options) -> list[Figure]:
    """The alert service, 10,000 devices, 10 rules."""
    return _figures("10", Rulebook(10), options)


def rules_100(options: Options) -> list[Figure]:
    """The same with 100 rules: each device has as many as before, the others select other devices."""
    return _figures("100", Rulebook(100), options)


def rules_1000(options: Options) -> list[Figure]:
    """The same with 1,000 rules."""
    return _figures("1000", Rulebook(1_000), options)


def elsewhere(options: Options) -> list[Figure]:
    """The same with 1,000 rules of which none selects a device that sends."""
    return _figures("elsewhere", Rulebook(1_000, elsewhere=True), options)


def plain(options: Options) -> list[Figure]:
    """A plain evaluator of the same ten rules: paho-mqtt, json, a table of thresholds, SQLite."""
    load, peer = city(options), PlainAlerts()
    with ground.folder() as path, ground.mosquitto(path) as broker:
        (path / "expected").mkdir()
        AlertService(Rulebook(10)).configure(path / "expected", broker.port, DEVICES)
        with at_the_gate(peer, load, path, broker, None) as running:
            used_s, took_s = _let_in(running, broker.resume, lambda: taken(path) >= load.messages)
            peak = peak_mib(running.pid)
        right, note = is_right(path, load, expected(path / "expected", load))
    what = f"plain evaluator, {DEVICES:,} devices, 10 rules"
    return [
        Figure("alerts.plain.cpu", f"{what}: CPU a reading", used_s * 1e6 / load.messages, "us", None, note, not right),
        Figure("alerts.plain.drained", f"{what}: readings a second", load.messages / took_s, "/s", wrong=not right),
        Figure("alerts.plain.memory", f"{what}: peak memory", peak, "MiB", wrong=not right),
    ]


def city(options: Options) -> City:
    """The stream: it ends a minute ago."""
    start_ms = int((time.time() - BACK_S - options.messages / RATE) * 1_000)
    return City(options.messages, DEVICES, start_ms, RATE)


def drain(service: Pipeline, load: City) -> Judged:
    """Measure the alert service on fresh components, and compare its transitions with those that had to be."""
    with ground.folder() as path, ground.mosquitto(path) as broker:
        with at_the_gate(service, load, path, broker, None) as running:
            main_before_s = main_thread_cpu_s(running.pid)
            with closing(look_into(path / DATABASE)) as database:
                before_s = cpu_s(running.pid)
                _, took_s = _let_in(running, broker.resume, lambda: clock_ns(database) > load.end_ns)
                wait_for(lambda: announcements_waiting(database) == 0, "all is out on MQTT", TELL_LIMIT_S)
            time.sleep(SETTLE_S)
            used_s, main_s = cpu_s(running.pid) - before_s, main_thread_cpu_s(running.pid) - main_before_s
            peak = peak_mib(running.pid)
        verdict = compare(expected(path / CONFIG, load), committed(path / DATABASE, load.end_ns))
    each_us = 1e6 / load.messages
    return Judged(used_s * each_us, main_s * each_us, load.messages / took_s, peak, verdict)


def _let_in(running: Running, resume: Callable[[], None], done: Callable[[], bool]) -> tuple[float, float]:
    """Let the broker go on; CPU seconds and seconds until all is judged."""
    before_s, begin_s = cpu_s(running.pid), time.monotonic()
    resume()

    def is_done() -> bool:
        running.check()
        return done()

    wait_for(is_done, "all is judged", DRAIN_LIMIT_S)
    took_s = time.monotonic() - begin_s
    return cpu_s(running.pid) - before_s, took_s


def _figures(name: str, rulebook: Rulebook, options: Options) -> list[Figure]:
    found = drain(AlertService(rulebook), city(options))
    wrong = not found.verdict.whole or (found.verdict.right == 0) is not rulebook.elsewhere
    what = f"alerts, {DEVICES:,} devices, {rulebook.count:,} rules{' on others' if rulebook.elsewhere else ''}"
    return [
        Figure(f"alerts.{name}.cpu", f"{what}: CPU a reading", found.cpu_us, "us", None, str(found.verdict), wrong),
        Figure(
            f"alerts.{name}.main_thread", f"{what}: of which the main thread", found.main_thread_us, "us", wrong=wrong
        ),
        Figure(f"alerts.{name}.drained", f"{what}: readings a second", found.per_s, "/s", wrong=wrong),
        Figure(f"alerts.{name}.memory", f"{what}: peak memory", found.peak_mib, "MiB", wrong=wrong),
    ]
