"""Benchmarks of the delay from publication to queryable, through mosquitto, the ingestor and InfluxDB."""

from functools import partial

from bench import ground, influx
from bench.delay import Delays, measure, plan, probes
from bench.drain import started
from bench.judge import Verdict, judge
from bench.load import device_id
from bench.options import Options
from bench.pipelines import DATABASE, Ours
from bench.report import Figure

DEVICES = 1_000
RATES = (1_000, 10_000)


def delay(options: Options) -> list[Figure]:
    """From publication to queryable at 1,000 and 10,000 messages a second: p50, p99, CPU a message."""
    return [figure for rate in RATES for figure in _delay_at(rate, options.seconds)]


def _delay_at(rate: int, seconds: int) -> list[Figure]:
    with ground.folder() as path, ground.mosquitto(path) as broker, ground.influxd(path) as store:
        with started(Ours(), DEVICES, path, broker, store.url) as running:
            load = plan(rate, seconds, DEVICES)
            ask = partial(influx.probed, store.url, DATABASE, pattern(probes(load)))
            found = measure(load, broker.port, running, ask)
            influx.wait_points(store.url, load.messages)
        verdict = judge(load, influx.rows(store.url, DATABASE, load.where))
    return delay_figures(f"delay.{rate}", f"ingestor, {rate:,}/s", found, verdict)


def delay_figures(name: str, what: str, found: Delays, verdict: Verdict) -> list[Figure]:
    """What one rate gives."""
    wrong = not verdict.right
    note = f"{found.samples:,} probes, resolution {found.resolution_ms:.0f} ms; {verdict}"
    return [
        Figure(f"{name}.p50", f"{what}: publish to queryable, p50", found.p50_ms, "ms", None, note, wrong),
        Figure(f"{name}.p99", f"{what}: publish to queryable, p99", found.p99_ms, "ms", wrong=wrong),
        Figure(f"{name}.cpu", f"{what}: CPU a message", found.cpu_us, "us", wrong=wrong),
    ]


def pattern(count: int) -> str:
    """Of the ids of the first `count` devices, a power of ten."""
    digits = len(str(count)) - 1
    return f"^{device_id(0)[: len(device_id(0)) - digits]}" + "[0-9]" * digits + "$"
