"""Benchmark of a backlog: the store is away while everything is journaled, then it is back."""

import time

from bench import ground, influx
from bench.drain import POLL_S, SETTLE_S, at_the_gate, wait_stored
from bench.judge import judge
from bench.measure import cpu_s, peak_mib, wait_for
from bench.options import Options
from bench.pipelines import DATABASE, Ours
from bench.report import Figure
from bench.saturated import DEVICES, saturated_load

JOURNAL_LIMIT_S = 120.0
RETURN_LIMIT_S = 60.0


def backlog(options: Options) -> list[Figure]:
    """Store away while all messages are journaled, then back: readings a second until the journal is empty."""
    pipeline, load = Ours(), saturated_load(options, DEVICES)
    with ground.folder() as path, ground.mosquitto(path) as broker, ground.influxd(path) as store:
        with at_the_gate(pipeline, load, path, broker, store.url) as running:
            store.stop()
            begin_s = time.monotonic()
            broker.resume()
            wait_for(lambda: pipeline.account()["journal"] >= load.messages, "everything is journaled", JOURNAL_LIMIT_S)
            journaled_per_s = load.messages / (time.monotonic() - begin_s)
            away_mib = peak_mib(running.pid)
            before_s = cpu_s(running.pid)
            store.start()
            wait_for(lambda: influx.points_taken(store.url) > 0, "the first request", RETURN_LIMIT_S)
            first, first_s = influx.points_taken(store.url), time.monotonic()
            last_s = wait_stored(running, load.messages, lambda: influx.points_taken(store.url))
            time.sleep(SETTLE_S)
            used_us = (cpu_s(running.pid) - before_s) * 1e6 / load.messages
        verdict = judge(load, influx.rows(store.url, DATABASE, load.where))
    wrong, what = not verdict.right, f"{load.messages:,} in the journal"
    drained_per_s = (load.messages - first) / max(last_s - first_s, POLL_S)
    return [
        Figure("backlog.drained", f"{what}: readings a second", drained_per_s, "/s", None, str(verdict), wrong),
        Figure("backlog.cpu", f"{what}: CPU a reading, journal to store", used_us, "us", wrong=wrong),
        Figure("backlog.journaled", "store away: messages a second journaled", journaled_per_s, "/s", wrong=wrong),
        Figure("backlog.memory", "store away, all journaled: peak memory", away_mib, "MiB", wrong=wrong),
    ]
