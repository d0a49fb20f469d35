"""`python -m tests.evaluate`: a week of the example city with known troubles, and what the example's rules made of it.

Truth is planted, or worked out from the model, and written to build/evaluate-ledger.jsonl before anything is judged.
Prints a table, writes build/evaluate.json, leaves with 1 when a goal is missed. The same seed gives the same figures.
"""

import argparse
import os
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from multiprocessing import TimeoutError as TooLateError
from multiprocessing import get_context
from pathlib import Path

from rich.console import Console

from simulators.models.city import City
from simulators.settings import load_simulation
from telemetry.registry.load import load_registry
from telemetry.registry.models import Device
from tests.evaluate.plant import MS_PER_DAY, Planting
from tests.evaluate.planted import Planted, read_ledger, write_ledger
from tests.evaluate.report import ZONE, figures, print_scores
from tests.evaluate.score import Claim, near_misses, scores
from tests.evaluate.sorts import SORTS
from tests.evaluate.week import CITY, Stretch, judge_site, truth_of
from tests.faults.report import write_json

LEDGER, RESULT = Path("build/evaluate-ledger.jsonl"), Path("build/evaluate.json")
SEED = 4
MONTH = datetime(2026, 5, 1, tzinfo=ZONE)
MONDAY = datetime(2026, 5, 11, tzinfo=ZONE)
DAYS = 7
MINUTES_AT_MOST = 10.0


def main(arguments: Sequence[str] | None = None) -> int:
    """0: every goal is met; 1: one is not, or it took too long."""
    parser = argparse.ArgumentParser(prog="python -m tests.evaluate", description=__doc__)
    parser.add_argument("--seed", type=int, default=SEED, help="another week: other places and times of the troubles")
    given = parser.parse_args(arguments)
    console = Console(width=None if sys.stdout.isatty() else 130)
    began = time.monotonic()
    try:
        stretches, claims = _judged(given.seed, console, began)
    except TooLateError:
        console.print(f"not done after {MINUTES_AT_MOST:g} minutes")
        return 1
    ledger = read_ledger(LEDGER)
    found = scores(ledger, claims, stretches[0].start_ms, stretches[0].end_ms)
    print_scores(console, found, ledger)
    all_figures = list(figures(found, ledger))
    write_json(RESULT, all_figures)
    missed = [figure for figure in all_figures if figure.holds is False]
    for figure in all_figures[:4]:
        console.print(f"{figure.name}: {figure.value}, goal {figure.goal}", highlight=False)
    for figure in missed:
        console.print(f"[red]missed[/red]: {figure.promise}: {figure.name} {figure.value}, goal {figure.goal}")
    console.print(f"{time.monotonic() - began:.0f} s; the truth is in {LEDGER}, the figures in {RESULT}")
    return 1 if missed else 0


def _judged(seed: int, console: Console, began: float) -> tuple[Sequence[Stretch], Sequence[Claim]]:
    """The ledger is written, then everything is judged. Raises `TooLateError`."""
    registry = load_registry(CITY)
    start_ms, month_ms = (round(moment.timestamp() * 1000) for moment in (MONDAY, MONTH))
    city = City(registry, load_simulation(CITY).seed)
    planted = Planting(city, seed, start_ms, DAYS, month_ms).plant(SORTS)
    stretches = [
        Stretch(site.id, month_ms, start_ms, start_ms + DAYS * MS_PER_DAY, _of_site(planted, site.id, registry.devices))
        for site in registry.sites.values()
        if not site.archive
    ]
    stretches.sort(key=lambda stretch: -sum(device.site == stretch.site for device in city.devices))  # long ones first
    with get_context("spawn").Pool(min(os.cpu_count() or 1, len(stretches))) as pool:
        end = began + MINUTES_AT_MOST * 60
        own: list[Planted] = []
        waiting = pool.imap(truth_of, stretches)
        for _ in stretches:
            own += waiting.next(end - time.monotonic())
        write_ledger(LEDGER, [*planted, *own])
        expected = sum(len(one.must) for one in [*planted, *own])
        console.print(
            f"{len(planted)} troubles planted, {len(near_misses(planted))} of them near misses; "
            f"{len(own)} happen by themselves; {expected} things to find"
        )
        claims: list[Claim] = []
        judging = pool.imap_unordered(judge_site, stretches)
        for number in range(1, len(stretches) + 1):
            done = judging.next(end - time.monotonic())
            claims += done.claims
            console.print(
                f"  {time.monotonic() - began:4.0f} s  {number} of {len(stretches)} sites: {done.site}, "
                f"{done.messages:,} messages, {sum(claim.raises for claim in done.claims)} raised",
                highlight=False,
            )
    claims.sort(key=lambda claim: (claim.noticed_ms, claim.rule, claim.device, claim.severity))
    return stretches, claims


def _of_site(planted: Sequence[Planted], site: str, devices: Mapping[str, Device]) -> tuple[Planted, ...]:
    return tuple(one for one in planted if devices[one.devices[0]].site == site)


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        sys.exit(main())
    sys.exit(130)
