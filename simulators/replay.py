"""Plays recordings as the devices that made them: with their true times, some times faster than they were taken.

A recording that has ended begins again: the same readings under the same identities, which change nothing in a store.
Where it was is kept in a small file, so that a restart goes on; a reading or two may be sent twice.
"""

import asyncio
import contextlib
import json
import time
from collections.abc import Coroutine, Sequence
from pathlib import Path

from simulators.encode import Sample, encode_samples
from simulators.lane import Statistics
from simulators.ledger import Ledger
from simulators.recording import Track, after, read_track
from simulators.settings import Simulation
from telemetry.mqtt.publish import Publisher
from telemetry.mqtt.settings import BrokerSettings
from telemetry.registry.models import Registry
from telemetry.topics import topic

SAVE_EVERY_S = 2.0
PARTING_S = 2.0
CLIENT_ID = "caretaker-replay"
POSITIONS_NAME = "replay.json"


class Positions:
    """How far each recording has been played: the last acknowledged row of each device, in a small JSON file."""

    def __init__(self, path: Path | None) -> None:
        """None: not kept. A file that can't be read counts as empty; the recordings then begin at their beginning."""
        self._path = path
        self._rows: dict[str, list[str | int]] = {}
        self._saved_at = time.monotonic()
        if path is not None:
            with contextlib.suppress(OSError, ValueError):
                found = json.loads(path.read_text(encoding="utf-8"))
                self._rows = found if isinstance(found, dict) else {}

    def row(self, track: Track) -> int:
        """The last row played; 0 for none, also where the device had another file before."""
        match self._rows.get(track.device.id):
            case [file, int(row)] if file == track.file:
                return row
            case _:
                return 0

    def played(self, track: Track, row: int) -> None:
        """Remember; written every few seconds."""
        self._rows[track.device.id] = [track.file, row]
        if time.monotonic() - self._saved_at > SAVE_EVERY_S:
            self.save()

    def save(self) -> None:
        """Write now, so that the file is always the old or the new one."""
        self._saved_at = time.monotonic()
        if self._path is not None:
            new = self._path.with_suffix(".new")
            new.write_text(json.dumps(self._rows), encoding="utf-8")
            new.replace(self._path)


def tracks_of(simulation: Simulation, registry: Registry) -> list[Track]:
    """The recordings of `simulation.yaml`, read. Raises `DocumentError`."""
    return [
        read_track(recording.file, registry.devices[recording.device], registry)
        for recording in simulation.replay.recordings
    ]


class Player:
    """Plays tracks over one connection."""

    def __init__(
        self,
        publisher: Publisher,
        speed: float,
        stop: asyncio.Event,
        *,
        ledger: Ledger | None = None,
        positions: Positions | None = None,
        statistics: Statistics | None = None,
    ) -> None:
        self._publisher = publisher
        self._speed = speed
        self._stop = stop
        self._ledger = ledger
        self._positions = positions or Positions(None)
        self._statistics = statistics or Statistics()

    async def once(self, track: Track) -> None:
        """Play from where it was to its end, or until stopped; each row is acknowledged before the next is sent."""
        address = topic(track.device.site, track.device.id)
        started_s = time.monotonic()
        first: Sample | None = None
        for sample in after(track.samples, self._positions.row(track)):
            first = first or sample
            due_s = started_s + (sample.time_ms - first.time_ms) / 1000.0 / self._speed
            if await self._stopped_before(due_s):
                return
            await self._publish(track, address, sample)
        self._positions.played(track, 0)

    async def endlessly(self, track: Track) -> None:
        """Play again and again until stopped."""
        while not self._stop.is_set():
            await self.once(track)
            await self._stopped_before(time.monotonic() + 1.0)

    async def _stopped_before(self, due_s: float) -> bool:
        """Wait until then; True when the stop came first."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(max(0.0, due_s - time.monotonic())):
                await self._stop.wait()
        return self._stop.is_set()

    async def _publish(self, track: Track, address: str, sample: Sample) -> None:
        ticket = None if self._ledger is None else self._ledger.sent(track.device.id, (sample,))
        self._statistics.published += 1
        await self._publisher.publish(address, encode_samples((sample,)))
        if self._ledger is not None and ticket is not None:
            self._ledger.acknowledged(ticket)
        self._statistics.acknowledged += 1
        self._statistics.readings_acknowledged += 1
        self._positions.played(track, sample.seq or 0)


async def run_replay(
    registry: Registry,
    simulation: Simulation,
    broker: BrokerSettings,
    ledger: Ledger,
    stop: asyncio.Event,
    statistics: Statistics | None = None,
) -> None:
    """Play the recordings of `simulation.yaml` side by side, again and again, until `stop` is set.

    Positions are kept beside the ledger. Raises `DocumentError` where a recording cannot be read.
    """
    tracks = await asyncio.to_thread(tracks_of, simulation, registry)
    if not tracks:
        return
    positions = Positions(ledger.path.with_name(POSITIONS_NAME))
    async with Publisher(broker, client_id=CLIENT_ID) as publisher:
        player = Player(
            publisher, simulation.replay.speed, stop, ledger=ledger, positions=positions, statistics=statistics
        )
        try:
            await _until_stopped([player.endlessly(track) for track in tracks], stop)
        finally:
            positions.save()


async def replay_once(
    track: Track,
    broker: BrokerSettings,
    speed: float,
    stop: asyncio.Event,
    *,
    ledger: Ledger | None = None,
    statistics: Statistics | None = None,
    client_id: str = f"{CLIENT_ID}-once",
) -> None:
    """Play one track from its beginning to its end, or until `stop` is set."""
    async with Publisher(broker, client_id=client_id) as publisher:
        player = Player(publisher, speed, stop, ledger=ledger, statistics=statistics)
        await _until_stopped([player.once(track)], stop)


async def _until_stopped(plays: Sequence[Coroutine[None, None, None]], stop: asyncio.Event) -> None:
    """Run all to their ends. After `stop` they have `PARTING_S` for what waits for its acknowledgement."""
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(play, name=f"replay {i}") for i, play in enumerate(plays)]
        watch = group.create_task(_cancel_after(stop, tasks), name="replay stop")
        await asyncio.wait(tasks)
        watch.cancel()


async def _cancel_after(stop: asyncio.Event, tasks: Sequence[asyncio.Task[None]]) -> None:
    await stop.wait()
    await asyncio.wait(tasks, timeout=PARTING_S)
    for task in tasks:
        task.cancel()
