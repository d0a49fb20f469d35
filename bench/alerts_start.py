"""Benchmark of a start: the alert service goes on with what is remembered of 100,000 devices."""

import asyncio
import time
import urllib.error
import urllib.request
from contextlib import closing
from math import ceil
from pathlib import Path

from alerts.configuration import Configuration
from alerts.database.database import AlertDatabase
from alerts.judge.judge import Judge
from bench import ground
from bench.alert_verdict import clock_ns, committed, compare, look_into, rows_of
from bench.city import City, beat_topic
from bench.city_files import AlertService, Rulebook
from bench.measure import cpu_s, peak_mib, wait_for
from bench.options import Options
from bench.pipelines import Ends, Running
from bench.report import Figure
from telemetry.admission.admit import admit
from telemetry.message import Message
from telemetry.reading import NS_PER_MS, NS_PER_S

DEVICES = 100_000
ROUNDS = 4
EVERY_S = 170
"""The devices' values just hold from one round to the next: the steps of all windows are full."""
BATCH = 5_000
START_LIMIT_S = 120.0
COUNTS = "SELECT (SELECT count(*) FROM devices), (SELECT count(*) FROM states), (SELECT count(*) FROM windows)"
LAST = "SELECT coalesce(max(number), 0) FROM transitions"


def start(options: Options) -> list[Figure]:
    """Start with the states of 100,000 devices, windows among them: seconds until ready, and until time goes on."""
    devices = min(DEVICES, options.messages)
    with ground.folder() as path, ground.mosquitto(path) as broker:
        service = AlertService(Rulebook(100))
        command = service.command(path, Ends(broker.port, None), devices)
        database = path / "data" / "alerts" / "alerts.db"
        judge = asyncio.run(_prepare(path / "config", database, devices))
        until_ns = judge.clock_ns
        with closing(look_into(database)) as connection:
            kept, (before,) = connection.execute(COUNTS).fetchone(), connection.execute(LAST).fetchone()
            begin_s = time.monotonic()
            running = Running(command, path)
            try:
                wait_for(lambda: _answers(running, service.http_port), "the service is ready", START_LIMIT_S)
                ready_s = time.monotonic() - begin_s
                wait_for(lambda: clock_ns(connection) > until_ns, "the first beat is judged", START_LIMIT_S)
                judged_s, used_s, peak = time.monotonic() - begin_s, cpu_s(running.pid), peak_mib(running.pid)
            finally:
                running.stop()
            judge.tick(clock_ns(connection))
        verdict = compare(
            rows_of(judge.take().transitions, judge.clock_ns), committed(database, judge.clock_ns, after=before)
        )
    wrong = not verdict.whole or not before
    note = f"{kept[0]:,} devices, {kept[1]:,} states, {kept[2]:,} of them with a window; after the start {verdict}"
    what = f"alerts, start with {devices:,} devices, 100 rules"
    return [
        Figure("alerts.start.ready", f"{what}: until ready", ready_s, "s", None, note, wrong),
        Figure("alerts.start.judged", f"{what}: until the clock goes on", judged_s, "s", wrong=wrong),
        Figure("alerts.start.cpu", f"{what}: CPU until then", used_s, "s", wrong=wrong),
        Figure("alerts.start.memory", f"{what}: peak memory", peak, "MiB", wrong=wrong),
    ]


async def _prepare(config: Path, database: Path, devices: int) -> Judge:
    """Let a judge hear all devices some times, and keep what it remembers. It could go on itself."""
    configuration = Configuration(config)
    registry, judge = configuration.registry, Judge(configuration.registry, configuration.rules)
    load = City(devices * ROUNDS, devices, _ago_ms(ROUNDS * EVERY_S), ceil(devices / EVERY_S))
    kept = AlertDatabase.open(database)
    try:
        clock, now_ns = beat_topic(), load.end_ns
        for place, (topic, payload) in enumerate(load.published()):
            if topic == clock:
                judge.tick(int(payload[len(b'{"time":') : -1]) * NS_PER_MS)
            for reading in admit(Message(topic, payload, False, now_ns), registry).readings:
                judge.read(reading, now_ns)
            if place % BATCH == 0:
                await kept.commit(judge.take())
        await kept.commit(judge.take())
    finally:
        await kept.close()
    return judge


def _ago_ms(seconds: int) -> int:
    return time.time_ns() // NS_PER_MS - seconds * NS_PER_S // NS_PER_MS


def _answers(running: Running, port: int) -> bool:
    running.check()
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/health/ready", timeout=10) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, ConnectionError, TimeoutError):
        return False
