"""`caretaker replay FILE`: one recording, played towards the broker as the device that made it."""

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from caretaker.deployment import Deployment, explained
from caretaker.moments import age_text, from_ns, now_ns
from caretaker.options import CONFIG_DEFAULT, DATA_DEFAULT, ConfigOption
from caretaker.output import Exit, Format, FormatOption, fail, note, rows
from caretaker.progress import progress_bar
from ingestor.settings import Settings
from simulators.lane import Statistics
from simulators.recording import Track, read_track
from simulators.replay import replay_once
from telemetry.document import nearest
from telemetry.mqtt.settings import BrokerSettings
from telemetry.reading import NS_PER_MS, NS_PER_S
from telemetry.service import log as service_log
from telemetry.service.run import stop_event

S_PER_DAY = 86_400
LOOK_EVERY_S = 0.2


def replay(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", exists=True, dir_okay=False, readable=True, show_default=False)
    ],
    device: Annotated[str, typer.Option("--device", metavar="ID", help="In whose name.", show_default=False)],
    config: ConfigOption = CONFIG_DEFAULT,
    speed: Annotated[float, typer.Option(min=0.001, help="How many times faster than it was.")] = 60,
    format: FormatOption = Format.TABLE,  # noqa: A002 - the option's name
) -> None:
    """Play a CSV of measurements towards the broker, with their true times.

    [bold]caretaker replay load.csv --device replay-berkeley-office-load --speed 3600[/bold]

    The first column is time (with an offset) or local_time (the site's own
    clock), the others are metrics of the catalogue. Measurements older than
    max_age_days are admitted at sites with archive: true only. To fill a store
    without the broker use `caretaker import`. Ctrl-C stops in order; it leaves
    with 0 when all rows were acknowledged, with 1 when not.
    """
    service_log.configure()
    with explained():
        deployment = Deployment(config, DATA_DEFAULT)
        known = deployment.registry.devices.get(device)
        if known is None:
            close = nearest(device, deployment.registry.devices)
            fail(f"no device {device!r}{f'; do you mean {close!r}?' if close else ''}", code=Exit.USAGE)
        track = read_track(file, known, deployment.registry)
    _check_age(track, deployment.settings)
    span_s = (track.samples[-1].time_ms - track.samples[0].time_ms) / 1000
    note(f"{len(track.samples)} readings over {age_text(span_s)}, played in {age_text(span_s / speed)}.")
    statistics = asyncio.run(_play(track, deployment.settings.broker, speed))
    rows(
        ("readings", "published", "acknowledged"),
        [(len(track.samples), statistics.published, statistics.acknowledged)],
        format,
    )
    if statistics.acknowledged < len(track.samples):
        raise typer.Exit(Exit.PROBLEM if statistics.acknowledged else Exit.UNAVAILABLE)


def _check_age(track: Track, settings: Settings) -> None:
    oldest_ns = min(sample.time_ms for sample in track.samples) * NS_PER_MS
    if not track.device.archive and now_ns() - oldest_ns > settings.max_age_days * S_PER_DAY * NS_PER_S:
        fail(
            f"{track.file} begins at {from_ns(oldest_ns):%Y-%m-%d}, and {track.device.site} takes readings of the last "
            f"{settings.max_age_days:g} days",
            "give the site `archive: true`, or use `caretaker import`",
            Exit.USAGE,
        )


async def _play(track: Track, broker: BrokerSettings, speed: float) -> Statistics:
    stop = stop_event()
    statistics = Statistics()
    async with asyncio.TaskGroup() as tasks:
        showing = tasks.create_task(_show(track, statistics), name="progress")
        await replay_once(track, broker, speed, stop, statistics=statistics)
        showing.cancel()
    return statistics


async def _show(track: Track, statistics: Statistics) -> None:
    with progress_bar() as bar:
        task = bar.add_task(track.file, total=len(track.samples))
        while True:
            bar.update(task, completed=statistics.acknowledged)
            await asyncio.sleep(LOOK_EVERY_S)
