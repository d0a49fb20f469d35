"""Benchmarks of the embedded path: rumqttd in a process of its own, and SQLite."""

import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path

from bench import ground, sqlite
from bench.delay import measure, plan, probes
from bench.drain import at_the_gate, let_in, started
from bench.judge import judge
from bench.measure import cpu_s, peak_mib, wait_for
from bench.options import Options
from bench.paced import delay_figures
from bench.pipelines import Ours, Running
from bench.report import Figure
from bench.saturated import DEVICES, saturated_load
from bench.wire import Wire
from caretaker.broker import BrokerPlan
from tests.components import free_port

STORE = Path("pipeline") / "data" / "store.db"
RATES = (100, 1_000)
EMPTY_LIMIT_S = 30.0


class EmbeddedBroker(Running):
    """rumqttd, as `caretaker up` runs it."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self.port = free_port()
        file = folder / "broker.toml"
        file.write_text(BrokerPlan(port_3=free_port(), port_5=self.port).toml(), encoding="utf-8")
        super().__init__([sys.executable, "-m", "caretaker.broker", str(file)], folder)


@contextmanager
def embedded_broker(path: Path) -> Iterator[EmbeddedBroker]:
    """A fresh one."""
    broker = EmbeddedBroker(path / "broker")

    def answers() -> bool:
        broker.check()
        try:
            with Wire(broker.port, "bench-hello"):
                return True
        except OSError:
            return False

    try:
        wait_for(answers, "the embedded broker answers")
        yield broker
    finally:
        broker.resume()
        broker.stop()


def saturated(options: Options) -> list[Figure]:
    """The embedded path, saturated: CPU a message of ingestor and of broker, messages a second."""
    pipeline, load = Ours(), saturated_load(options, DEVICES)
    with ground.folder() as path, embedded_broker(path) as broker:
        with at_the_gate(pipeline, load, path, broker, None) as running:
            broker_before_s = cpu_s(broker.pid)
            used_s, took_s = let_in(running, broker, load.messages, lambda: int(pipeline.account()["written"]))
            broker_s = cpu_s(broker.pid) - broker_before_s
            peak = peak_mib(running.pid)
        verdict = judge(load, sqlite.rows(path / STORE))
    wrong, what = not verdict.right, "rumqttd, SQLite, saturated"
    each_us = 1e6 / load.messages
    return [
        Figure("embedded.cpu", f"{what}: CPU a message", used_s * each_us, "us", None, str(verdict), wrong),
        Figure("embedded.broker", f"{what}: CPU a message, broker", broker_s * each_us, "us", wrong=wrong),
        Figure("embedded.drained", f"{what}: messages a second", load.messages / took_s, "/s", wrong=wrong),
        Figure("embedded.memory", f"{what}: peak memory", peak, "MiB", wrong=wrong),
    ]


def delay(options: Options) -> list[Figure]:
    """The embedded path at 100 and 1,000 messages a second: publication to queryable, CPU a message."""
    return [figure for rate in RATES for figure in _delay_at(rate, options.seconds)]


def _delay_at(rate: int, seconds: int) -> list[Figure]:
    pipeline = Ours()
    with ground.folder() as path, embedded_broker(path) as broker:
        with started(pipeline, DEVICES, path, broker, None) as running:
            load = plan(rate, seconds, DEVICES)
            with closing(sqlite.connect(path / STORE)) as connection:
                found = measure(load, broker.port, running, partial(sqlite.probed, connection, probes(load)))
            wait_for(lambda: pipeline.account()["written"] >= load.messages, "all is written", EMPTY_LIMIT_S)
        verdict = judge(load, sqlite.rows(path / STORE))
    return delay_figures(f"embedded.{rate}", f"rumqttd, SQLite, {rate:,}/s", found, verdict)
