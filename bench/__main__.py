"""`python -m bench [NAME...] [--quick] [--repeat N] [--list]`: measure, print a table, write build/bench.json."""

import argparse
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from bench import (
    alerts_cpu,
    alerts_delay,
    alerts_start,
    api_http,
    api_live,
    backlog,
    embedded,
    fleet,
    paced,
    profiled,
    saturated,
)
from bench.options import FULL, QUICK, Options
from bench.report import Figure, Summary, machine, ratio, show, summarise, write
from tests.components import find_program

Benchmark = Callable[[Options], list[Figure]]

BENCHMARKS: dict[str, Benchmark] = {
    "cpu-ours": saturated.ours,
    "cpu-many": saturated.many,
    "cpu-mixed": saturated.mixed,
    "cpu-plain": saturated.plain,
    "cpu-telegraf": saturated.telegraf,
    "backlog": backlog.backlog,
    "delay": paced.delay,
    "embedded-cpu": embedded.saturated,
    "embedded-delay": embedded.delay,
    "fleet": fleet.fleet,
    "alerts-cpu-10": alerts_cpu.rules_10,
    "alerts-cpu-100": alerts_cpu.rules_100,
    "alerts-cpu-1000": alerts_cpu.rules_1000,
    "alerts-cpu-elsewhere": alerts_cpu.elsewhere,
    "alerts-cpu-plain": alerts_cpu.plain,
    "alerts-delay": alerts_delay.delay,
    "alerts-start": alerts_start.start,
    "api-http": api_http.http,
    "api-live-site": api_live.one_site,
    "api-live-all": api_live.everything,
    "profile": profiled.profile,
}
PLAIN_GOAL, TELEGRAF_GOAL = 10 / 85, 10 / 23
"""The goal of 10 us was set where the plain pipeline took 85 us and Telegraf 23: as ratios it holds on any machine."""
NEEDS = {"alerts": {"mosquitto"}, "api": set[str]()}
"""Programs, by the first word of a benchmark's name; all others need everything."""
WHEN_ASKED = {"profile"}
"""Not run unless named."""


def main() -> int:
    """0 when all that was measured is right and reaches its goals, 1 when not, 2 when it could not be measured."""
    given = _arguments()
    if given.list:
        for name, benchmark in BENCHMARKS.items():
            print(f"{name:22}{(benchmark.__doc__ or '').splitlines()[0]}")
        return 0
    asked = given.names or [name for name in BENCHMARKS if name not in WHEN_ASKED]
    names = [name for name in BENCHMARKS if any(_is_asked(name, one) for one in asked)]
    if not names:
        print(f"no such benchmark; there are: {', '.join(BENCHMARKS)}", file=sys.stderr)
        return 2
    needed = sorted(set[str]().union(*(NEEDS.get(name.split("-")[0], {"mosquitto", "influxd"}) for name in names)))
    for program in needed:
        if find_program(program) is None:
            print(f"no {program} on this machine: see docs/benchmarks.md", file=sys.stderr)
            return 2
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that what was started is stopped
    options = QUICK if given.quick else FULL
    conditions = _conditions(options, given.repeat, needed)
    figures: list[Figure] = []
    for repetition in range(given.repeat):
        for name in names:
            print(f"{name} ({repetition + 1} of {given.repeat}) ...", file=sys.stderr)
            figures += BENCHMARKS[name](options)
    summaries = summarise(figures)
    summaries += _ratios(summaries)
    show(summaries, f"{machine()}\n{conditions}")
    write(summaries, conditions)
    return int(any(summary.holds is False or summary.figure.wrong for summary in summaries))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description="Measure the services and their peers.")
    parser.add_argument("names", nargs="*", metavar="NAME", help="a benchmark or the start of its name; none: all")
    parser.add_argument("--quick", action="store_true", help="20,000 messages, 5 s a rate: to try a change out")
    parser.add_argument("--repeat", type=int, default=1, metavar="N", help="N runs; the table shows the median")
    parser.add_argument("--list", action="store_true", help="what there is")
    return parser.parse_args()


def _is_asked(name: str, asked: str) -> bool:
    return name == asked or name.startswith(f"{asked}-")


def _ratios(summaries: list[Summary]) -> list[Summary]:
    return [
        *ratio(summaries, "ours.cpu", "plain.cpu", "CPU a message: ingestor / plain", PLAIN_GOAL),
        *ratio(summaries, "ours.cpu", "telegraf.cpu", "CPU a message: ingestor / telegraf", TELEGRAF_GOAL),
        *ratio(summaries, "many.cpu", "ours.cpu", "CPU a message: 100,000 devices / 1,000", 1.5),
        *ratio(summaries, "alerts.1000.cpu", "alerts.10.cpu", "CPU a reading: 1,000 rules / 10", 1.25),
        *ratio(summaries, "alerts.elsewhere.cpu", "alerts.10.cpu", "CPU a reading: no rule selects / 10 rules"),
        *ratio(summaries, "alerts.10.cpu", "alerts.plain.cpu", "CPU a reading: alerts / plain evaluator"),
    ]


def _conditions(options: Options, repeat: int, needed: Sequence[str]) -> str:
    versions = {"mosquitto": _mosquitto_version, "influxd": _influxd_version}
    parts = (
        *(versions[program]() for program in needed),
        f"{options.messages:,} messages, QoS 1",
        "one run" if repeat == 1 else f"{repeat} runs, medians",
        f"load average before: {os.getloadavg()[0]:.1f}",
    )
    return "; ".join(parts)


def _mosquitto_version() -> str:
    answer = subprocess.run([_program("mosquitto"), "-h"], capture_output=True, text=True, check=False, timeout=10)
    return " ".join(answer.stdout.replace(" version ", " ").split()[:2])


def _influxd_version() -> str:
    """From what Go's linker has left in the program: one made with `go install` does not know its version."""
    found = re.search(rb"github\.com/influxdata/influxdb\tv([0-9.]+)", _program("influxd").read_bytes())
    return "InfluxDB" if found is None else f"InfluxDB {found[1].decode()}"


def _program(name: str) -> Path:
    found = find_program(name)
    assert found is not None, "asked before"
    return found


if __name__ == "__main__":
    sys.exit(main())
