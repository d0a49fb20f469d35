"""`caretaker readings latest|history|export`: what the store holds."""

import asyncio
import sys
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC
from pathlib import Path
from typing import Annotated, TextIO

import typer

from caretaker.choice import known, span_ns
from caretaker.deployment import Deployment, explained
from caretaker.export_file import CSV_COLUMNS, stored_readings, write_csv, write_ndjson
from caretaker.moments import age_text, local_text, now_ns, utc_text
from caretaker.options import CONFIG_DEFAULT, DATA_DEFAULT, ConfigOption, DataOption, LanguageOption
from caretaker.output import Cell, Exit, Format, FormatOption, fail, note, rows
from caretaker.progress import progress_bar
from caretaker.values import name_text, quality_text, unit_text, value_text
from telemetry.reading import NS_PER_S, Reading
from telemetry.registry.models import Device, Registry
from telemetry.stores.open import open_reader
from telemetry.stores.store import Sample, StoreReader

app = typer.Typer(epilog="Times are the site's own for people, UTC for programs.")

FromOption = Annotated[
    str, typer.Option("--from", metavar="MOMENT", help="24h (ago), 2026-11-20, 2026-11-20T08:00 or with an offset.")
]
ToOption = Annotated[str, typer.Option("--to", metavar="MOMENT", help="The same; not included.")]
SiteOption = Annotated[list[str] | None, typer.Option("--site", metavar="ID", help="Only this site; may be repeated.")]
DeviceOption = Annotated[
    list[str] | None, typer.Option("--device", metavar="ID", help="Only this device; may be repeated.")
]


@app.command()
def latest(
    config: ConfigOption = CONFIG_DEFAULT,
    data: DataOption = DATA_DEFAULT,
    site: SiteOption = None,
    device: DeviceOption = None,
    metric: Annotated[
        list[str] | None, typer.Option("--metric", metavar="NAME", help="Only this metric; may be repeated.")
    ] = None,
    language: LanguageOption = "en",
    format: FormatOption = Format.TABLE,  # noqa: A002 - the option's name
) -> None:
    """Show the newest value of each metric of each device, and how old it is.

    [bold]caretaker readings latest --site mong-kok --metric nh3_ppm[/bold]
    """
    with explained():
        deployment = Deployment(config, data)
        registry = deployment.registry
        chosen = _devices(registry, site, device)
        known(metric or (), registry.metrics, "metric", "`caretaker catalogue` lists them")
        samples = asyncio.run(_latest(deployment, [one.id for one in chosen]))
    at_ns = now_ns()
    wanted = [sample for sample in samples if not metric or sample.metric in metric]
    order = {one.id: position for position, one in enumerate(chosen)}
    wanted.sort(key=lambda sample: (order[sample.device], sample.metric))
    if format is Format.TABLE:
        rows(
            ("site", "device", "metric", "name", "value", "age", "quality"),
            (
                (
                    name_text(registry.sites[registry.devices[sample.device].site], language, ""),
                    sample.device,
                    *_for_people(sample, registry, language),
                    age_text((at_ns - sample.time_ns) / NS_PER_S),
                    quality_text(sample.quality),
                )
                for sample in wanted
            ),
        )
    else:
        rows(
            ("site", "device", "metric", "value", "unit", "time", "age_s", "quality", "rule"),
            (
                (
                    registry.devices[sample.device].site,
                    *_for_programs(sample, registry),
                    utc_text(sample.time_ns),
                    round((at_ns - sample.time_ns) / NS_PER_S, 3),
                    quality_text(sample.quality),
                    sample.rule or None,
                )
                for sample in wanted
            ),
            format,
        )
    if not wanted:
        note("Nothing is stored for that yet.")


@app.command()
def history(
    device: Annotated[str, typer.Argument(metavar="DEVICE", show_default=False)],
    metrics: Annotated[list[str], typer.Argument(metavar="METRIC…", show_default=False)],
    config: ConfigOption = CONFIG_DEFAULT,
    data: DataOption = DATA_DEFAULT,
    start: FromOption = "24h",
    end: ToOption = "now",
    language: LanguageOption = "en",
    format: FormatOption = Format.TABLE,  # noqa: A002 - the option's name
) -> None:
    """Show the values of a device over time.

    [bold]caretaker readings history odour-1 nh3_ppm h2s_ppm --from 2026-11-20 --to 2026-11-21[/bold]
    """
    with explained():
        deployment = Deployment(config, data)
        registry = deployment.registry
        known([device], registry.devices, "device")
        known(metrics, registry.metrics, "metric", "`caretaker catalogue` lists them")
        zone = registry.sites[registry.devices[device].site].timezone
        start_ns, end_ns = span_ns(start, end, zone)
        samples = asyncio.run(_history(deployment, device, metrics, start_ns, end_ns))
    if format is Format.TABLE:
        rows(
            (f"time ({zone.key})", "metric", "name", "value", "quality"),
            (
                (
                    local_text(sample.time_ns, zone),
                    *_for_people(sample, registry, language),
                    quality_text(sample.quality),
                )
                for sample in samples
            ),
        )
    else:
        rows(
            ("device", "metric", "value", "unit", "time", "quality", "rule"),
            (
                (
                    *_for_programs(sample, registry),
                    utc_text(sample.time_ns),
                    quality_text(sample.quality),
                    sample.rule or None,
                )
                for sample in samples
            ),
            format,
        )
    if not samples:
        note("Nothing is stored for that time.")


@app.command()
def export(
    file: Annotated[
        str, typer.Argument(metavar="FILE", help="Ends in .csv or .ndjson; - is stdout.", show_default=False)
    ],
    config: ConfigOption = CONFIG_DEFAULT,
    data: DataOption = DATA_DEFAULT,
    start: FromOption = "24h",
    end: ToOption = "now",
    site: SiteOption = None,
    device: DeviceOption = None,
    *,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a file that is there.")] = False,
    format: FormatOption = Format.JSON,  # noqa: A002 - the option's name
) -> None:
    """Write stored readings to a file that `caretaker import` reads again.

    [bold]caretaker readings export --from 2026-11-01 --to 2026-12-01 november.csv[/bold]
    [bold]caretaker readings export --from 1h --format csv - | head[/bold]

    .ndjson: a reading a line. .csv: a value a row. Only what devices said: for
    alerts there is [bold]caretaker alerts history[/bold]. Times are UTC. On stdout
    --format json means NDJSON. The file appears when it is complete. Dates are
    taken in the time zone of the first site.
    """
    target = None if file == "-" else Path(file)
    as_csv = format is Format.CSV if target is None else target.suffix.lower() == ".csv"
    if target is not None and target.suffix.lower() not in {".csv", ".ndjson", ".jsonl"}:
        fail(f"{target}: expected a file that ends in .csv or .ndjson", code=Exit.USAGE)
    if target is not None and target.exists() and not overwrite:
        fail(f"{target} is there already", "name another file, or give --overwrite", Exit.USAGE)
    with explained():
        deployment = Deployment(config, data)
        chosen = _devices(deployment.registry, site, device)
        zone = deployment.registry.sites[chosen[0].site].timezone if chosen else UTC
        start_ns, end_ns = span_ns(start, end, zone)
        count = asyncio.run(_export(deployment, [one.id for one in chosen], (start_ns, end_ns), target, as_csv=as_csv))
    note(f"{count} readings from {utc_text(start_ns)} to {utc_text(end_ns)}.")


async def _export(
    deployment: Deployment, devices: Sequence[str], span_ns: tuple[int, int], target: Path | None, *, as_csv: bool
) -> int:
    if target is None:
        return await _export_to(sys.stdout, deployment, devices, span_ns, as_csv=as_csv)
    part = target.with_name(f"{target.name}.part")
    try:
        with part.open("w", encoding="utf-8", newline="") as file:
            count = await _export_to(file, deployment, devices, span_ns, as_csv=as_csv)
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)
    return count


async def _export_to(
    file: TextIO, deployment: Deployment, devices: Sequence[str], span_ns: tuple[int, int], *, as_csv: bool
) -> int:
    count = 0
    begin_ns, end_ns = span_ns
    length_ns = max(end_ns - begin_ns, 1)
    position = {device: place for place, device in enumerate(devices)}
    if as_csv:
        file.write(",".join(CSV_COLUMNS) + "\n")
    write: Callable[[Iterable[Reading], TextIO], None] = write_csv if as_csv else write_ndjson
    async with _reader(deployment) as reader:
        with progress_bar() as bar:
            task = bar.add_task("export", total=len(devices))
            async for device, until_ns, found in stored_readings(
                reader, deployment.registry, devices, begin_ns, end_ns
            ):
                write(found, file)
                count += len(found)
                bar.update(task, completed=position[device] + (until_ns - begin_ns) / length_ns)
    return count


@asynccontextmanager
async def _reader(deployment: Deployment) -> AsyncIterator[StoreReader]:
    registry = deployment.registry
    reader = open_reader(deployment.settings.store, lambda: registry, data_dir=deployment.data)
    try:
        yield reader
    finally:
        await reader.close()


async def _latest(deployment: Deployment, devices: Sequence[str]) -> list[Sample]:
    async with _reader(deployment) as reader:
        return list(await reader.latest(devices))


async def _history(
    deployment: Deployment, device: str, metrics: Sequence[str], start_ns: int, end_ns: int
) -> list[Sample]:
    async with _reader(deployment) as reader:
        return [sample async for sample in reader.history(device, metrics, start_ns, end_ns)]


def _devices(registry: Registry, sites: Sequence[str] | None, devices: Sequence[str] | None) -> list[Device]:
    """Those asked for, site after site; all where nothing is asked for."""
    known(sites or (), registry.sites, "site")
    known(devices or (), registry.devices, "device")
    order = {site: place for place, site in enumerate(registry.sites)}
    chosen = [
        device
        for device in registry.devices.values()
        if (not sites or device.site in sites) and (not devices or device.id in devices)
    ]
    return sorted(chosen, key=lambda device: order[device.site])


def _for_people(sample: Sample, registry: Registry, language: str) -> tuple[Cell, ...]:
    """Metric, its name, value with unit."""
    metric = registry.metrics.get(sample.metric)
    return (
        sample.metric if not sample.rule else f"{sample.metric} of {sample.rule}",
        name_text(metric, language, sample.metric),
        f"{value_text(metric, sample.value)} {unit_text(metric)}".rstrip(),
    )


def _for_programs(sample: Sample, registry: Registry) -> tuple[Cell, ...]:
    metric = registry.metrics.get(sample.metric)
    return sample.device, sample.metric, sample.value, None if metric is None else metric.unit
