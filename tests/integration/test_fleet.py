"""The fleet and the replay against a real broker, judged by an independent client and by the ledger."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from pathlib import Path

import pytest

from simulators import incidents
from simulators.encode import moment
from simulators.fleet import run_fleet
from simulators.incidents import IncidentKind
from simulators.lane import Statistics
from simulators.ledger import Flag, Ledger, LedgerReader, Row
from simulators.recording import read_track
from simulators.replay import replay_once, run_replay
from simulators.settings import Fault, FaultKind, PoisonMix, Recording, Replaying, Simulation
from telemetry.mqtt.settings import BrokerSettings
from telemetry.registry.models import Registry
from tests import builders
from tests.components import Mosquitto
from tests.integration.listener import Listener, eventually

GATEWAY = "caretaker/v1/site-1/gw/status"
QUICK_S = 0.1


def city(number: int = 5) -> Registry:
    gateway = builders.device("gw", "site-1", kind="gateway", interval_s=1.0, metrics=("uptime_s",))
    behind = [
        builders.device(f"odour-{i}", "site-1", parent="gw", area="male", interval_s=QUICK_S) for i in range(number)
    ]
    alone = builders.device("weather", "site-2", kind="air_weather", interval_s=QUICK_S, metrics=("wind_ms",))
    old = builders.device("old", "archive", kind="replay", metrics=("co2_ppm",))
    return builders.registry(gateway, *behind, alone, old, sites=[builders.site("archive", archive=True)])


@dataclass
class Running:
    statistics: Statistics
    commands: "asyncio.Queue[str]"
    ledger: Ledger


@asynccontextmanager
async def fleet(registry: Registry, simulation: Simulation, port: int, path: Path) -> AsyncIterator[Running]:
    """Running inside the block; stopped, and everything written, after it."""
    stop = asyncio.Event()
    async with Ledger(path) as ledger:
        running = Running(Statistics(), asyncio.Queue(), ledger)
        broker = BrokerSettings(port=port)
        task = asyncio.create_task(
            run_fleet(registry, simulation, broker, ledger, running.commands, stop, running.statistics)
        )
        try:
            yield running
        finally:
            stop.set()
            await task


def acknowledged(path: Path) -> list[Row]:
    with closing(LedgerReader(path)) as reader:
        return list(reader.acknowledged(0, 100_000))


def heard(listener: Listener) -> set[tuple[str, str]]:
    """Device and time of everything that arrived and can be read."""
    found = set()
    for topic, payload, _ in listener.messages:
        try:
            document = json.loads(payload)
        except ValueError:
            continue
        for one in document if isinstance(document, list) else [document]:
            if isinstance(one, dict) and "time" in one:
                found.add((topic.split("/")[3], one["time"]))
    return found


def claimed(rows: list[Row]) -> set[tuple[str, str]]:
    return {(row.device, moment(row.time_ms)) for row in rows if row.time_ms is not None}


async def test_what_the_ledger_says_is_acknowledged_has_arrived(
    mosquitto: Callable[..., Mosquitto], tmp_path: Path
) -> None:
    broker = mosquitto()
    broker.start()
    listener = Listener(broker.port)
    async with fleet(city(), Simulation(), broker.port, tmp_path / "ledger.db") as running:
        await eventually(lambda: running.statistics.acknowledged > 100)
        assert running.statistics.connected == running.statistics.connections == 2
    rows = acknowledged(tmp_path / "ledger.db")

    await eventually(lambda: claimed(rows) <= heard(listener))
    assert len(rows) == running.statistics.readings_acknowledged > 100
    assert running.statistics.in_flight == 0
    assert {row.device for row in rows} == {"gw", "weather", *(f"odour-{i}" for i in range(5))}, "no archive sites"
    born = {row.device for row in rows if row.flags & Flag.STATUS}
    assert born == {"gw", *(f"odour-{i}" for i in range(5))}
    listener.close()


async def test_nothing_is_lost_while_the_broker_is_away(mosquitto: Callable[..., Mosquitto], tmp_path: Path) -> None:
    broker = mosquitto()
    broker.start()
    listener = Listener(broker.port)
    async with fleet(city(), Simulation(), broker.port, tmp_path / "ledger.db") as running:
        await eventually(lambda: running.statistics.acknowledged > 50)
        broker.stop()
        before = running.statistics.published
        await eventually(lambda: running.statistics.published > before + 50)
        broker.start()
        await eventually(lambda: running.statistics.in_flight < 10 and running.statistics.acknowledged > before + 60)
    with closing(LedgerReader(tmp_path / "ledger.db")) as reader:
        assert reader.unknown() == 0
    rows = acknowledged(tmp_path / "ledger.db")
    # The listener's session outlives the stop of the broker: all of it arrives.
    await eventually(lambda: claimed(rows) <= heard(listener))
    numbers = sorted({row.seq for row in rows if row.device == "odour-1" and row.seq is not None})
    assert numbers == list(range(numbers[0], numbers[-1] + 1)), "no number is left out"
    listener.close()


async def test_a_gateway_that_is_down_takes_all_behind_it_down(
    mosquitto: Callable[..., Mosquitto], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(incidents, "DURATION_S", {IncidentKind.GATEWAY_DOWN: 2})
    broker = mosquitto()
    broker.start()
    listener = Listener(broker.port)

    def status() -> list[bytes]:
        return [payload for topic, payload, _ in listener.messages if topic == GATEWAY]

    async with fleet(city(), Simulation(), broker.port, tmp_path / "ledger.db") as running:
        await eventually(lambda: running.statistics.acknowledged > 30)
        running.commands.put_nowait("gateway-down")
        running.commands.put_nowait("earthquake")
        await eventually(lambda: b'{"values":{"online":false}}' in status())
        assert "lost power" in (running.statistics.last_incident or "")
        await eventually(lambda: running.statistics.buffered > 20)
        others = sum(topic.startswith("caretaker/v1/site-2/") for topic, _, _ in listener.messages)
        await eventually(lambda: running.statistics.buffered == 0)
        await eventually(lambda: b'"online":true' in status()[-1])
        assert sum(topic.startswith("caretaker/v1/site-2/") for topic, _, _ in listener.messages) > others
        assert running.statistics.lost_in_devices == 0
    rows = acknowledged(tmp_path / "ledger.db")
    numbers = sorted({row.seq for row in rows if row.device == "odour-0" and row.seq is not None})
    assert numbers == list(range(numbers[0], numbers[-1] + 1)), "what was kept was sent afterwards"
    listener.close()


async def test_devices_without_memory_lose_what_they_cannot_send(
    mosquitto: Callable[..., Mosquitto], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(incidents, "DURATION_S", {IncidentKind.GATEWAY_DOWN: 2})
    broker = mosquitto()
    broker.start()
    simulation = Simulation.model_validate({"buffering": {"messages": 3, "lose": {"devices": ["odour-0"]}}})
    async with fleet(city(), simulation, broker.port, tmp_path / "ledger.db") as running:
        await eventually(lambda: running.statistics.acknowledged > 30)
        running.commands.put_nowait("gateway-down")
        await eventually(lambda: running.statistics.buffered == 3)
        await eventually(lambda: running.statistics.lost_in_devices > 20)
        await eventually(lambda: running.statistics.buffered == 0)
    with closing(LedgerReader(tmp_path / "ledger.db")) as reader:
        assert reader.unknown() == 0, "what was never sent is not in the ledger"


async def test_poison_and_duplicates_are_sent_and_marked(mosquitto: Callable[..., Mosquitto], tmp_path: Path) -> None:
    broker = mosquitto()
    broker.start()
    simulation = Simulation(
        poison=PoisonMix(rate=0.3),
        faults=(Fault(fault=FaultKind.DUPLICATE, rate=0.3), Fault(fault=FaultKind.LATE, rate=0.2, seconds=1)),
    )
    async with fleet(city(), simulation, broker.port, tmp_path / "ledger.db") as running:
        await eventually(lambda: running.statistics.poison_acknowledged > 30)
        await eventually(lambda: running.statistics.acknowledged > 250)
    rows = acknowledged(tmp_path / "ledger.db")
    poison = [row for row in rows if row.flags & Flag.POISON]
    duplicates = [row for row in rows if row.flags & Flag.DUPLICATE]

    assert len(poison) == running.statistics.poison_acknowledged
    assert all(row.reasons for row in poison)
    assert len({row.reasons for row in poison}) > 5
    originals = {(row.device, row.time_ms) for row in rows if not row.flags}
    assert duplicates
    assert {(row.device, row.time_ms) for row in duplicates} <= originals


async def test_replay_plays_on_where_it_was(mosquitto: Callable[..., Mosquitto], tmp_path: Path) -> None:
    broker = mosquitto()
    broker.start()
    registry = city()
    file = tmp_path / "recording.csv"
    file.write_text("time,co2_ppm\n" + "".join(f"2016-01-01T00:{i:02}:00Z,{400 + i}\n" for i in range(60)))
    simulation = Simulation(replay=Replaying(speed=600, recordings=(Recording(device="old", file=file),)))
    path = tmp_path / "ledger.db"
    for goal in (8, 16):
        stop = asyncio.Event()
        statistics = Statistics()
        async with Ledger(path) as ledger:
            settings = BrokerSettings(port=broker.port)
            task = asyncio.create_task(run_replay(registry, simulation, settings, ledger, stop, statistics))
            await eventually(lambda statistics=statistics: statistics.acknowledged >= 8)  # type: ignore[misc] # bound in the loop
            stop.set()
            await task
        numbers = [row.seq for row in acknowledged(path)]
        assert len(numbers) >= goal
        assert numbers == list(range(1, len(numbers) + 1)), "each row once, in order, over the restart"


async def test_replay_begins_again_with_the_same_identities(
    mosquitto: Callable[..., Mosquitto], tmp_path: Path
) -> None:
    broker = mosquitto()
    broker.start()
    file = tmp_path / "recording.csv"
    file.write_text("time,co2_ppm\n2016-01-01T00:00:00Z,400\n2016-01-01T00:01:00Z,401\n")
    simulation = Simulation(replay=Replaying(speed=6000, recordings=(Recording(device="old", file=file),)))
    stop, statistics = asyncio.Event(), Statistics()
    async with Ledger(tmp_path / "ledger.db") as ledger:
        settings = BrokerSettings(port=broker.port)
        task = asyncio.create_task(run_replay(city(), simulation, settings, ledger, stop, statistics))
        await eventually(lambda: statistics.acknowledged >= 4)
        stop.set()
        await task
    rows = acknowledged(tmp_path / "ledger.db")

    assert [(row.seq, row.time_ms) for row in rows[:2]] == [(row.seq, row.time_ms) for row in rows[2:4]]


async def test_one_file_is_played_once_to_its_end(mosquitto: Callable[..., Mosquitto], tmp_path: Path) -> None:
    broker = mosquitto()
    broker.start()
    listener = Listener(broker.port)
    registry = city()
    file = tmp_path / "recording.csv"
    file.write_text("time,co2_ppm\n" + "".join(f"2016-01-01T00:00:{i:02}Z,{400 + i}\n" for i in range(60)))
    statistics = Statistics()
    async with asyncio.timeout(20):
        await replay_once(
            read_track(file, registry.devices["old"], registry),
            BrokerSettings(port=broker.port),
            100_000,
            asyncio.Event(),
            statistics=statistics,
        )
    assert statistics.acknowledged == 60
    await eventually(lambda: len(heard(listener)) == 60)
    listener.close()


async def test_stopping_does_not_wait_for_a_broker_that_is_away(tmp_path: Path) -> None:
    async with asyncio.timeout(20):
        async with fleet(city(), Simulation(), 1, tmp_path / "ledger.db") as running:
            await eventually(lambda: running.statistics.published > 20)
    with closing(LedgerReader(tmp_path / "ledger.db")) as reader:
        assert reader.unknown() > 20
        assert reader.totals().messages_acknowledged == 0
