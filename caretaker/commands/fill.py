"""`caretaker fill`: the past of simulated devices, so that a new store has something to show."""

import asyncio
import json
import os
import sys
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from caretaker.deployment import Deployment, explained
from caretaker.moments import MomentError, now_ns, span_s, utc_text
from caretaker.options import CONFIG_DEFAULT, DATA_DEFAULT, ConfigOption, DataOption
from caretaker.output import Exit, Format, FormatOption, fail, note, rows
from caretaker.progress import progress_bar
from caretaker.simulated import simulated_part
from caretaker.store_batches import BATCH_MESSAGES, NICENESS, Tally, store_batch
from simulators.history import history
from simulators.settings import load_simulation
from telemetry.admission.limits import DAY_NS, Limits
from telemetry.message import Message
from telemetry.reading import NS_PER_S
from telemetry.stores.open import open_writer
from telemetry.stores.store import RetainingWriter

FILLING, FILLED = "filling", "filled"
"""Files in the data folder that hold the span: while it is being done, and when it is done."""


class Span(msgspec.Struct, frozen=True):
    """Start <= time < end, ns UTC."""

    start_ns: int
    end_ns: int


def fill(
    config: ConfigOption = CONFIG_DEFAULT,
    data: DataOption = DATA_DEFAULT,
    days: Annotated[float, typer.Option(min=0.01, help="How far back, days.")] = 14,
    step: Annotated[str, typer.Option(metavar="SPAN", help="One reading of each device in this time.")] = "15m",
    *,
    again: Annotated[bool, typer.Option("--again", help="Also when it was done before.")] = False,
    format: FormatOption = Format.TABLE,  # noqa: A002 - the option's name
) -> None:
    """Fill the past of simulated devices into the store, through admission.

    [bold]caretaker fill --config examples/hong-kong --days 14 --step 15m[/bold]

    The models and the seed are those of `caretaker simulate`, so live readings
    continue the filled ones without a step. It ends at the moment at which it
    was first started. It is done once for a data folder; when it was
    interrupted, the next call goes on with the same span. With --format json
    it prints its progress, an object a line.
    """
    try:
        step_s = span_s(step)
    except MomentError as error:
        fail(f"--step: {error}", code=Exit.USAGE)
    if step_s < 1:
        fail(f"--step {step}: at least 1s", code=Exit.USAGE)
    with explained():
        done = None if again else _read(data / FILLED)
        if done is not None:
            note(f"Filled already, from {utc_text(done.start_ns)} to {utc_text(done.end_ns)}. --again does it again.")
            return
        span = _span(data, days, again=again)
        deployment = Deployment(config, data)
        simulation = load_simulation(config, deployment.registry)
        os.nice(NICENESS)
        with progress_bar() as bar:
            task = bar.add_task("fill", total=1.0)

            def show(share: float, tally: Tally) -> None:
                bar.update(task, completed=share)
                if format is Format.JSON:
                    _say_progress(share, tally)

            tally = asyncio.run(_fill(deployment, simulation.seed, span, step_s, show))
    (data / FILLING).replace(data / FILLED)
    if format is not Format.JSON:
        rows(("from", "to", "written", "refused"), [_summary(span, tally)], format)
    if tally.refused:
        raise typer.Exit(Exit.PROBLEM)


async def _fill(
    deployment: Deployment, seed: int, span: Span, step_s: float, show: Callable[[float, Tally], None]
) -> Tally:
    registry = deployment.registry
    writer = open_writer(deployment.settings.store, lambda: registry, data_dir=deployment.data)
    await writer.start()
    tally = Tally()
    try:
        await _check_retention(writer, span)
        past = history(simulated_part(registry), seed, span.start_ns, span.end_ns, step_s)
        # Each reading arrives when it is measured: admission is to judge the past as it would have been.
        messages: Iterator[Message] = (Message(topic, payload, False, time_ns) for topic, payload, time_ns in past)
        while batch := list(islice(messages, BATCH_MESSAGES)):
            await store_batch(batch, registry, Limits(), writer, tally)
            show((batch[-1].received_ns - span.start_ns) / (span.end_ns - span.start_ns), tally)
    finally:
        await writer.close()
    show(1.0, tally)
    return tally


async def _check_retention(writer: RetainingWriter, span: Span) -> None:
    retention_s = await writer.retention_s()
    if retention_s is not None and (span.end_ns - span.start_ns) / NS_PER_S > retention_s:
        fail(f"the store keeps readings for {retention_s / 86_400:g} days", "give fewer --days", Exit.USAGE)


def _span(data: Path, days: float, *, again: bool) -> Span:
    """That of an interrupted call, or a new one, which is noted at once: live readings begin where it ends."""
    begun = None if again else _read(data / FILLING)
    if begun is not None:
        return begun
    end_ns = now_ns()
    span = Span(end_ns - round(days * DAY_NS), end_ns)
    data.mkdir(parents=True, exist_ok=True)
    part = data / f"{FILLING}.part"
    part.write_bytes(msgspec.json.encode(span))
    part.replace(data / FILLING)
    return span


def _read(marker: Path) -> Span | None:
    try:
        return msgspec.json.decode(marker.read_bytes(), type=Span)
    except FileNotFoundError:
        return None
    except msgspec.DecodeError as error:
        fail(f"{marker}: {error}", "remove the file")


def _say_progress(share: float, tally: Tally) -> None:
    line = {"share": round(share, 4), "written": tally.written, "refused": sum(tally.refused.values())}
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


def _summary(span: Span, tally: Tally) -> tuple[str, str, int, int]:
    return utc_text(span.start_ns), utc_text(span.end_ns), tally.written, sum(tally.refused.values())
