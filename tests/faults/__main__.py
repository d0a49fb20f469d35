"""`python -m tests.faults [NAME…]`: what goes wrong in production, done on purpose, and what came of it.

Real mosquitto and InfluxDB, on the loopback, in a folder of their own. Prints a table, writes build/faults.json, leaves
with 1 when a promise does not hold.
"""

import argparse
import os
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import pytest
from rich.console import Console

from tests.components import REQUIRE, Influxd
from tests.faults.mutants import MUTANTS
from tests.faults.report import Figure, failed, print_table, skipped, write_json
from tests.faults.rig import Stage
from tests.faults.table import SCENARIOS, Scenario

RESULT = Path("build/faults.json")
MINUTES_AT_MOST = 25.0
NO_TIME = f"no time left of {MINUTES_AT_MOST:g} minutes"


def main(arguments: Sequence[str] | None = None) -> int:
    """0: every promise holds; 1: one does not, or could not be looked at; 2: there is no such scenario."""
    given = _parse(arguments)
    console = Console(width=None if sys.stdout.isatty() else 130)
    names = given.names or [*SCENARIOS, *MUTANTS]
    if given.list:
        for scenario in SCENARIOS.values():
            console.print(f"{scenario.name:38} {scenario.promises:8} {scenario.done}", highlight=False)
        for mutant in MUTANTS.values():
            console.print(f"{mutant.name:38} R17      a defect that `{mutant.scenario}` must find", highlight=False)
        return 0
    unknown = [name for name in names if name not in SCENARIOS and name not in MUTANTS]
    if unknown:
        console.print(f"no scenario {', '.join(unknown)}; `--list` shows them")
        return 2
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # as Ctrl-C: everything is ended on the way out
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs are started without
    signal.signal(signal.SIGALRM, _too_late)
    end = time.monotonic() + MINUTES_AT_MOST * 60
    with tempfile.TemporaryDirectory(prefix="caretaker-faults-") as folder:
        try:
            influxd = Influxd(Path(folder) / "influxdb")
        except (pytest.skip.Exception, pytest.fail.Exception) as reason:
            console.print(f"nothing can be tried: {reason}")
            return 1
        try:
            influxd.start()
            results = [_one(name, Path(folder) / name, influxd, console, short=given.short, end=end) for name in names]
        finally:
            influxd.stop()
    print_table(console, results)
    figures = [figure for _, some in results for figure in some]
    write_json(RESULT, figures)
    missed = [figure for figure in figures if figure.holds is False]
    not_run = [figure for figure in figures if figure.holds is None]
    console.print(f"{len(figures) - len(missed) - len(not_run)} hold, {len(missed)} do not, {len(not_run)} not run")
    return 1 if missed or (not_run and os.environ.get(REQUIRE) == "1") else 0


def _too_late(*_: object) -> None:
    raise TimeoutError(NO_TIME)


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help="scenarios or mutants; none: all of them")
    parser.add_argument("--list", action="store_true", help="show what there is")
    parser.add_argument("--short", action="store_true", help="the form that runs in `make test`")
    return parser.parse_args(arguments)


def _one(
    name: str, folder: Path, influxd: Influxd, console: Console, *, short: bool, end: float
) -> tuple[str, list[Figure]]:
    """What was done, and its figures."""
    scenario = SCENARIOS[MUTANTS[name].scenario] if name in MUTANTS else SCENARIOS[name]
    done = scenario.done if name in SCENARIOS else f"mutant {name}, in `{scenario.name}`"
    promise = scenario.promises if name in SCENARIOS else "R17"
    began = time.monotonic()
    if began > end:
        return done, [failed(promise, name, NO_TIME)]
    console.print(f"[bold]{name}[/bold]: {done}")
    stage = Stage(
        folder,
        influxd,
        full=not short and name in SCENARIOS,
        say=lambda text: console.print(f"  {time.monotonic() - began:5.0f} s  {text}", highlight=False),
        mutant=name if name in MUTANTS else None,
    )
    signal.setitimer(signal.ITIMER_REAL, end - began)
    try:
        figures = _caught(name, scenario, stage) if name in MUTANTS else scenario.run(stage)
    except pytest.skip.Exception as reason:
        figures = [skipped(promise, name, str(reason))]
    except (pytest.fail.Exception, Exception) as error:  # noqa: BLE001 - the others still run; it is a miss
        figures = [failed(promise, name, f"{type(error).__name__}: {error}"[:600])]
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
    return done, figures


def _caught(name: str, scenario: Scenario, stage: Stage) -> list[Figure]:
    """A mutant is caught when the figure that it spoils turns red."""
    figures = scenario.run(stage)
    spoilt = [figure for figure in figures if figure.name == MUTANTS[name].figure]
    caught = any(figure.holds is False for figure in spoilt)
    said = f"{spoilt[0].value} {MUTANTS[name].figure}" if spoilt else "its figure was not measured"
    return [Figure("R17", f"mutant {name} is caught", said, "", "turns red", caught)]


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        sys.exit(main())
    sys.exit(130)
