"""Runs the devices of a registry against a broker.

One heap holds what is due next; one coroutine takes it from there, asks the model, applies incidents and faults, mixes
in poison and hands it to the device's lane. There is no task per device: 10,000 fit on one core. A fleet that was late
(a slow machine, a suspended laptop) leaves out what is more than `TOO_LATE_MS` past, as devices that were off would.
"""

import asyncio
import contextlib
import heapq
import time
from math import isfinite

import structlog

from simulators.encode import Sample
from simulators.faults import Faults
from simulators.incidents import Incident, IncidentKind, NoPlaceError, begin
from simulators.lane import Lane, Parcel, Statistics
from simulators.ledger import Flag, Ledger
from simulators.models.city import City, Presser, Ticker
from simulators.models.gateway import parties
from simulators.models.noise import key, unit
from simulators.outgoing import Outgoing
from simulators.poison import Dose, Victim, dose
from simulators.settings import Simulation
from telemetry.catalogue.metric import Kind
from telemetry.mqtt.settings import BrokerSettings
from telemetry.registry.models import Device, Registry

LOOK_EVERY_S = 0.05
AT_ONCE = 100
"""Publishes planned before others have their turn."""
PRESS_EVERY_MS = 1_000
TOO_LATE_MS = 30_000
DETECTOR_KIND = "toilet_leak"
PARTING_S = 3.0

log = structlog.get_logger()


class _Due:
    """The heap. Entries: when (epoch ms), a number that settles ties, what."""

    def __init__(self) -> None:
        self._heap: list[tuple[int, int, Ticker | Presser | Outgoing]] = []
        self._pushed = 0

    def push(self, at_ms: int, what: Ticker | Presser | Outgoing) -> None:
        self._pushed += 1
        heapq.heappush(self._heap, (at_ms, self._pushed, what))

    def pop(self, now_ms: int) -> tuple[int, Ticker | Presser | Outgoing] | None:
        """The next that is due, with the moment it was due."""
        if not self._heap or self._heap[0][0] > now_ms:
            return None
        at_ms, _, what = heapq.heappop(self._heap)
        return at_ms, what


class Fleet:
    """The model devices, from the clock to the lanes. Knows no broker."""

    def __init__(self, registry: Registry, simulation: Simulation, lanes: dict[str, Lane]) -> None:
        """`lanes` by device id."""
        self._registry = registry
        self._simulation = simulation
        self._lanes = lanes
        self._city = City(registry, simulation.seed)
        self._faults = Faults(simulation.seed, simulation.faults, registry.metrics, self._look)
        self._poison_keys = {device.id: key(simulation.seed, "poison", device.id) for device in self._city.devices}
        self._due = _Due()
        self._incidents: list[Incident] = []
        self._victims = {device.id: self._victim_metric(device) for device in self._city.devices}

    def start(self, now_ms: int) -> None:
        """Plan the first reading of each device after `now_ms`."""
        for ticker in self._city.tickers.values():
            self._due.push(ticker.moment_ms(ticker.tick(now_ms) + 1), ticker)
        for presser in self._city.pressers.values():
            self._due.push(now_ms + PRESS_EVERY_MS, presser)

    def step(self, now_ms: int) -> bool:
        """Send what is due, a part of it: True while more is due."""
        for _ in range(AT_ONCE):
            found = self._due.pop(now_ms)
            if found is None:
                return False
            at_ms, what = found
            if isinstance(what, Ticker):
                self._tick(what, at_ms, now_ms)
            elif isinstance(what, Presser):
                self._press(what, at_ms, now_ms)
            else:
                self._send(what)
        return True

    def begin(self, kind: IncidentKind, now_ms: int, seconds: int | None = None) -> Incident:
        """Play an incident from now on, for `seconds` or as long as is usual. Raises `NoPlaceError`."""
        incident = begin(kind, self._city.devices, now_ms, now_ms, seconds)
        self._incidents.append(incident)
        self._detect(incident, now_ms)
        if kind is IncidentKind.HELP:
            for presser in (self._city.pressers[name] for name in incident.devices):
                self._plan(Outgoing(now_ms, presser.device, [presser.press(now_ms, {"assistance": True})]))
        if kind is IncidentKind.GATEWAY_DOWN:
            for gateway in incident.devices:
                self._lanes[gateway].go_down()
        return incident

    def end_incidents(self, now_ms: int) -> None:
        """Let gateways come back, forget what is over."""
        for incident in [incident for incident in self._incidents if incident.end_ms <= now_ms]:
            self._incidents.remove(incident)
            self._detect(incident, now_ms)
            if incident.kind is IncidentKind.GATEWAY_DOWN:
                for gateway in incident.devices:
                    self._lanes[gateway].come_up()

    def _detect(self, incident: Incident, now_ms: int) -> None:
        """A detector speaks at once when what it watches for begins or ends: its interval is only a sign of life."""
        for ticker in map(self._city.tickers.get, sorted(incident.devices)):
            if ticker is not None and ticker.device.kind == DETECTOR_KIND:
                sample = Sample(now_ms, None, ticker.values(now_ms, 0))
                self._plan(Outgoing(now_ms, ticker.device, [sample]))

    def _tick(self, ticker: Ticker, at_ms: int, now_ms: int) -> None:
        tick = ticker.tick(at_ms)
        if now_ms - at_ms > TOO_LATE_MS:
            self._due.push(ticker.moment_ms(ticker.tick(now_ms) + 1), ticker)
            return
        self._due.push(ticker.moment_ms(tick + 1), ticker)
        sent = ticker.sent_at(tick)
        if sent:
            self._plan(Outgoing(at_ms, ticker.device, [ticker.sample(number) for number in sent]))

    def _press(self, presser: Presser, at_ms: int, now_ms: int) -> None:
        start_ms = max(at_ms - PRESS_EVERY_MS, now_ms - TOO_LATE_MS)
        for sample in presser.samples(start_ms, at_ms):
            self._plan(Outgoing(at_ms, presser.device, [sample]))
        self._due.push(at_ms + PRESS_EVERY_MS, presser)

    def _plan(self, outgoing: Outgoing) -> None:
        for incident in self._incidents:
            outgoing = incident.change(outgoing)
        for changed in self._faults.apply(outgoing):
            if changed.at_ms > outgoing.at_ms:
                self._due.push(changed.at_ms, changed)
            else:
                self._send(changed)

    def _send(self, outgoing: Outgoing) -> None:
        device = outgoing.device
        lane = self._lanes[device.id]
        keep = not self._simulation.buffering.lose.selects(device)
        lane.send(Parcel(device.id, outgoing.topic, outgoing.payload(), outgoing.samples, outgoing.flags), keep=keep)
        mix = self._simulation.poison
        if mix.kinds and unit(self._poison_keys[device.id], outgoing.at_ms) < mix.rate:
            bad = self._dose(device, outgoing.at_ms)
            if bad is not None:
                lane.send(Parcel(device.id, bad.topic, bad.payload, (), Flag.POISON, bad.reasons), keep=keep)

    def _dose(self, device: Device, now_ms: int) -> Dose | None:
        found = self._victims[device.id]
        if found is None:
            return None
        metric, too_high = found
        kinds = self._simulation.poison.kinds
        draw = self._poison_keys[device.id]
        kind = kinds[int(unit(draw ^ 1, now_ms) * len(kinds))]
        number = int(unit(draw ^ 2, now_ms) * 1_000)
        return dose(kind, Victim(device.site, device.id, metric, too_high, number, now_ms, archive=device.archive))

    def _victim_metric(self, device: Device) -> tuple[str, float] | None:
        """A gauge of this device that has an upper bound, and a value above it."""
        for name in device.metrics:
            metric = self._registry.metrics[name]
            if metric.kind is Kind.GAUGE and isfinite(metric.possible_max):
                return name, metric.possible_max * 2.0 + 1.0
        return None

    def _look(self, device: Device, time_ms: int) -> dict[str, float | int | bool | str]:
        ticker = self._city.tickers.get(device.id)
        return {} if ticker is None else ticker.values(time_ms, ticker.interval_ms)


async def run_fleet(
    registry: Registry,
    simulation: Simulation,
    broker: BrokerSettings,
    ledger: Ledger,
    commands: "asyncio.Queue[str]",
    stop: asyncio.Event,
    statistics: Statistics | None = None,
) -> None:
    """Run all devices but those of archive sites until `stop` is set.

    `commands` takes names of incidents (`IncidentKind`), with the seconds that they last if not the usual, as in
    `leak 60`; what is none is logged. `ledger` is open. What is not acknowledged within `PARTING_S` after the stop
    stays unknown in the ledger.
    """
    statistics = Statistics() if statistics is None else statistics
    city_devices = [device for device in registry.devices.values() if not registry.sites[device.site].archive]
    lanes: dict[str, Lane] = {}
    async with contextlib.AsyncExitStack() as stack:
        everyone = [
            Lane(party, broker, ledger, statistics, simulation.buffering.messages) for party in parties(city_devices)
        ]
        for lane in everyone:
            await stack.enter_async_context(lane.publisher)
            members = [*lane.party.devices, lane.party.gateway]
            lanes.update((device.id, lane) for device in members if device is not None)
        statistics.connections = len(everyone)
        fleet = Fleet(registry, simulation, lanes)
        fleet.start(_now_ms())
        while not stop.is_set():
            late = fleet.step(_now_ms())
            _obey(fleet, commands, statistics)
            fleet.end_incidents(_now_ms())
            for lane in everyone:
                lane.pump()
            statistics.connected = sum(lane.publisher.connected for lane in everyone)
            await asyncio.sleep(0 if late else LOOK_EVERY_S)
        await _part(everyone)


async def _part(lanes: list[Lane]) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(PARTING_S):
            for lane in lanes:
                await lane.publisher.drained()


def _obey(fleet: Fleet, commands: "asyncio.Queue[str]", statistics: Statistics) -> None:
    while not commands.empty():
        word, _, seconds = commands.get_nowait().partition(" ")
        try:
            incident = fleet.begin(IncidentKind(word), _now_ms(), int(seconds) if seconds else None)
        except ValueError:
            known = ", ".join(IncidentKind)
            log.warning("no such incident", found=f"{word} {seconds}".rstrip(), expected=known)
        except NoPlaceError as error:
            log.warning("the incident has no place here", detail=str(error))
        else:
            statistics.last_incident = incident.sentence
            log.info("incident", kind=incident.kind, sentence=incident.sentence)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
