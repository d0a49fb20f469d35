"""Benchmarks of the saturated drain: CPU a message, messages a second, peak memory."""

import time
from collections.abc import Mapping

from bench.drain import Drained, drain
from bench.load import AIR, MIXED, Load
from bench.options import Options
from bench.pipelines import Ours, Pipeline, Plain, Telegraf
from bench.report import Figure

CPU_GOAL_US = 10.0
MEMORY_GOAL_MIB = 120.0
DEVICES = 1_000
MANY_DEVICES = 100_000
AGO_MS = 300_000
"""Event times lie in the last minutes: neither too old nor in the future."""


def ours(options: Options) -> list[Figure]:
    """This ingestor with everything on, 1,000 devices."""
    found = drain(Ours(), saturated_load(options, DEVICES))
    what = f"ingestor, {DEVICES:,} devices"
    return [
        *_figures("ours", what, found, CPU_GOAL_US, MEMORY_GOAL_MIB),
        Figure("ours.main_thread", f"{what}: of the CPU, the main thread's", found.main_thread_us, "us"),
    ]


def many(options: Options) -> list[Figure]:
    """The same with 100,000 devices in random order: every look-up misses the processor's caches."""
    found = drain(Ours(), saturated_load(options, MANY_DEVICES))
    return _figures("many", f"ingestor, {MANY_DEVICES:,} devices", found)


def mixed(options: Options) -> list[Figure]:
    """The same 1,000 devices with a battery: the 6 values of a message belong to two measurements."""
    found = drain(Ours(), saturated_load(options, DEVICES, MIXED))
    return _figures("mixed", f"ingestor, {DEVICES:,} devices, two measurements", found)


def plain(options: Options) -> list[Figure]:
    """aiomqtt, pydantic and influxdb-client."""
    return _peer(Plain(), options)


def telegraf(options: Options) -> list[Figure]:
    """InfluxData's agent, where it is on PATH."""
    if not Telegraf.available():
        return [Figure("telegraf.cpu", "telegraf: CPU a message", None, "us", note="skipped: telegraf is not on PATH")]
    return _peer(Telegraf(), options)


def _peer(pipeline: Pipeline, options: Options) -> list[Figure]:
    found = drain(pipeline, saturated_load(options, DEVICES))
    return _figures(pipeline.name, f"{pipeline.name}, {DEVICES:,} devices", found)


def saturated_load(options: Options, devices: int, where: Mapping[str, str] = AIR) -> Load:
    """All at once."""
    return Load(options.messages, devices, time.time_ns() // 1_000_000 - AGO_MS, where=where)


def _figures(
    name: str, what: str, found: Drained, cpu_us: float | None = None, memory_mib: float | None = None
) -> list[Figure]:
    wrong, note = not found.verdict.right, str(found.verdict)
    return [
        Figure(f"{name}.cpu", f"{what}: CPU a message, saturated", found.cpu_us, "us", cpu_us, note, wrong),
        Figure(f"{name}.drained", f"{what}: messages a second, saturated", found.per_s, "/s", wrong=wrong),
        Figure(f"{name}.memory", f"{what}: peak memory", found.peak_mib, "MiB", memory_mib, wrong=wrong),
    ]
