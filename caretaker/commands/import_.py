"""`caretaker import FILE…`: readings from files into the store, through admission."""

import asyncio
import json
import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from itertools import islice
from pathlib import Path
from typing import Annotated, BinaryIO, TextIO

import typer
from rich.progress import Progress

from caretaker.deployment import Deployment, explained
from caretaker.ingest_file import FileLine, FileUnusableError, read_csv, read_ndjson
from caretaker.moments import now_ns
from caretaker.options import CONFIG_DEFAULT, DATA_DEFAULT, ConfigOption, DataOption
from caretaker.output import Cell, Exit, Format, FormatOption, fail, note, rows
from caretaker.progress import progress_bar
from caretaker.store_batches import BATCH_MESSAGES, NICENESS, Lost, Tally, store_batch
from telemetry.admission.limits import DAY_NS, Limits
from telemetry.reading import NS_PER_S
from telemetry.registry.models import Registry
from telemetry.stores.open import open_writer
from telemetry.stores.store import RetainingWriter, StoreAwayError

FOR_EVER_NS = 200 * 366 * DAY_NS
SUFFIXES = (".ndjson", ".jsonl", ".csv")


def import_(
    files: Annotated[
        list[Path], typer.Argument(metavar="FILE…", exists=True, dir_okay=False, readable=True, show_default=False)
    ],
    config: ConfigOption = CONFIG_DEFAULT,
    data: DataOption = DATA_DEFAULT,
    device: Annotated[
        str | None,
        typer.Option(help="The device of every row, for a CSV without a column of that name.", metavar="ID"),
    ] = None,
    format: FormatOption = Format.TABLE,  # noqa: A002 - the option's name
) -> None:
    """Take files of readings into the store, through admission.

    [bold]caretaker import march.ndjson --config my-city[/bold]
    [bold]caretaker import load.csv --device meter-1 --config my-city[/bold]

    NDJSON (.ndjson, .jsonl), a reading a line:
    {"device": "air-1", "time": "2026-03-01T08:00:00Z", "values": {"pm2_5_ugm3": 12.5}}

    CSV (.csv): a column time (with an offset) or local_time (the site's own
    clock), a column device or the option --device, and a column for each metric
    of the catalogue. What `caretaker readings export` wrote is read as well.

    Old readings are what a file is for: they may be as old as the store keeps
    them. Everything else holds as for MQTT. Refused lines go to
    FILE.rejected.ndjson with line number and reason, and the exit code is then
    1. A file may be imported again: what is there already is written over with
    the same values.
    """
    wrong = [file for file in files if file.suffix.lower() not in SUFFIXES]
    if wrong:
        fail(f"{wrong[0]}: expected a file that ends in {', '.join(SUFFIXES)}", code=Exit.USAGE)
    with explained():
        deployment = Deployment(config, data)
        os.nice(NICENESS)
        try:
            tallies = asyncio.run(_import_all(deployment, files, device))
        except StoreAwayError as error:
            fail(
                f"the store does not answer: {error}",
                "import again: what is there already stays as it is",
                Exit.UNAVAILABLE,
            )
    _summary(files, tallies, format)
    if any(tally.refused or tally.trimmed for tally in tallies):
        note("Refused lines stand with their reasons beside each file, in FILE.rejected.ndjson.")
        raise typer.Exit(Exit.PROBLEM)


def rejected_path(file: Path) -> Path:
    """Where the refused lines of a file go."""
    return file.with_name(f"{file.name}.rejected.ndjson")


async def _import_all(deployment: Deployment, files: Sequence[Path], device: str | None) -> list[Tally]:
    registry = deployment.registry
    writer = open_writer(deployment.settings.store, lambda: registry, data_dir=deployment.data)
    await writer.start()
    try:
        limits = await _limits(writer)
        with progress_bar() as bar:
            return [await _import_one(file, device, registry, limits, writer, bar) for file in files]
    finally:
        await writer.close()


async def _limits(writer: RetainingWriter) -> Limits:
    """As old as the store keeps: what is older it would delete at once."""
    retention_s = await writer.retention_s()
    return Limits(max_age_ns=FOR_EVER_NS if retention_s is None else round(retention_s * NS_PER_S))


async def _import_one(
    file: Path, device: str | None, registry: Registry, limits: Limits, writer: RetainingWriter, bar: Progress
) -> Tally:
    tally = Tally()
    rejected_path(file).unlink(missing_ok=True)
    with ExitStack() as stack:
        source = stack.enter_context(bar.open(file, "rb", description=file.name))
        rejected: TextIO | None = None
        lines = _lines(file, source, device, registry)
        try:
            while batch := list(islice(lines, BATCH_MESSAGES)):
                losses = await _take(batch, registry, limits, writer, tally)
                if losses and rejected is None:
                    rejected = stack.enter_context(rejected_path(file).open("w", encoding="utf-8"))
                if rejected is not None:
                    rejected.writelines(losses)
        except FileUnusableError as error:
            fail(f"{file}: {error}")
    return tally


def _lines(file: Path, source: BinaryIO, device: str | None, registry: Registry) -> Iterator[FileLine]:
    if file.suffix.lower() == ".csv":
        return read_csv(source, registry, now_ns(), device)
    if device is not None:
        fail("--device is for CSV; in NDJSON each line names its device", code=Exit.USAGE)
    return read_ndjson(source, registry, now_ns())


async def _take(
    batch: Sequence[FileLine], registry: Registry, limits: Limits, writer: RetainingWriter, tally: Tally
) -> list[str]:
    """Store one batch; gives a line of FILE.rejected.ndjson for each loss, in the file's order."""
    sound = [line for line in batch if line.rejection is None]
    losses: list[tuple[FileLine, Lost]] = []
    for line in batch:
        if line.rejection is not None:
            lost = Lost(0, line.rejection.reason, line.rejection.readings, line.rejection.detail)
            tally.count(lost)
            losses.append((line, lost))
    stored = await store_batch([line.message for line in sound], registry, limits, writer, tally)
    losses += [(sound[lost.index], lost) for lost in stored]
    losses.sort(key=lambda pair: pair[0].number)
    return [_rejected_line(line, lost) for line, lost in losses]


def _rejected_line(line: FileLine, lost: Lost) -> str:
    found = {
        "line": line.number,
        "reason": lost.reason,
        "readings": lost.readings,
        "detail": lost.detail,
        "text": line.text.encode("utf-8", "replace").decode(),
    }
    return json.dumps(found, ensure_ascii=False) + "\n"


def _summary(files: Sequence[Path], tallies: Sequence[Tally], format: Format) -> None:  # noqa: A002 - as above
    lines: list[tuple[Cell, ...]] = []
    for file, tally in zip(files, tallies, strict=True):
        lines.append((file.name, "written", tally.written))
        lines += [(file.name, f"refused: {reason}", count) for reason, count in sorted(tally.refused.items())]
        lines += [(file.name, f"values refused: {reason}", count) for reason, count in sorted(tally.trimmed.items())]
        lines.append((file.name, "read", tally.written + sum(tally.refused.values())))
    rows(("file", "what", "readings"), lines, format)
