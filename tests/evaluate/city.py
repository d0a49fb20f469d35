"""What the devices of a site send, in the order in which it arrives: model, troubles, the example's noise, payloads.

Every device speaks at its true interval, but those of 5 and 10 seconds only each 30 seconds (gateways excepted, since
three missed readings of theirs mean something). That is half of what they may be silent, so their values hold from one
reading to the next, and no rule looks at less than two minutes of them.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace as with_fields

from msgspec.structs import replace

from simulators.encode import Sample
from simulators.faults import Faults
from simulators.models.city import City, Ticker
from simulators.models.gateway import status, status_topic
from simulators.models.model import Value
from simulators.outgoing import Outgoing
from simulators.settings import Simulation
from telemetry.message import Message
from telemetry.reading import NS_PER_MS
from telemetry.registry.models import Outage, Registry
from telemetry.topics import topic
from tests.evaluate.change import Changes
from tests.evaluate.planted import Planted, Trouble

STEP_MS = 30_000
CHUNK_MS = 600_000
WILL_AFTER_MS = 15_000
"""The broker gives up a gateway after one and a half keep-alive intervals."""
Waiting = list[tuple[int, int, str, bytes]]
"""Epoch ms UTC of arrival, a number that keeps the order of sending, topic, payload."""


class SiteCity:
    """One site with all its devices and troubles."""

    def __init__(self, registry: Registry, simulation: Simulation, planted: Sequence[Planted]) -> None:
        self.city = City(registry, simulation.seed)
        self.changes = Changes(planted, self.look)
        self._faults = Faults(
            simulation.seed,
            simulation.faults,
            registry.metrics,
            lambda device, at_ms: dict(self.look(device.id, at_ms)),
        )
        self._planted = planted
        self._away = sorted((one.begin_ms, one.end_ms) for one in planted if one.trouble is Trouble.GATEWAY_DOWN)
        self._number = 0

    def look(self, device: str, time_ms: int) -> dict[str, Value]:
        """What a device measures, were nothing wrong."""
        ticker = self.city.tickers.get(device)
        return {} if ticker is None else ticker.values(time_ms, ticker.interval_ms)

    def messages(self, start_ms: int, end_ms: int, only: Collection[str] | None = None) -> Iterator[Message]:
        """All that arrives of what is measured in start <= time < end, of all devices or only of some."""
        waiting: Waiting = list(self._statuses(start_ms, end_ms)) if only is None else []
        for chunk_ms in range(start_ms, end_ms, CHUNK_MS):
            until_ms = min(chunk_ms + CHUNK_MS, end_ms)
            for planned in self._planned(chunk_ms, until_ms, only):
                for outgoing in self._faults.apply(planned):
                    self._number += 1
                    at_ms = self._arrives(outgoing.at_ms)
                    waiting.append((at_ms, self._number, outgoing.topic, outgoing.payload()))
            waiting.sort()
            ready = next((i for i, one in enumerate(waiting) if one[0] >= until_ms), len(waiting))
            yield from (_message(one) for one in waiting[:ready])
            del waiting[:ready]
        yield from (_message(one) for one in waiting)

    def _planned(self, start_ms: int, end_ms: int, only: Collection[str] | None) -> Iterator[Outgoing]:
        for name, ticker in self.city.tickers.items():
            if only is None or name in only:
                yield from self._ticks(ticker, start_ms, end_ms)
        if only is not None:
            return
        for presser in self.city.pressers.values():
            for sample in presser.samples(start_ms, end_ms):
                said = self.changes.said(presser.device, sample)
                if said is not None:
                    yield Outgoing(sample.time_ms, presser.device, [said])
        yield from self._at_once(start_ms, end_ms)

    def _ticks(self, ticker: Ticker, start_ms: int, end_ms: int) -> Iterator[Outgoing]:
        stride = 1 if ticker.device.kind == "gateway" else max(1, STEP_MS // ticker.interval_ms)
        tick = ticker.tick(start_ms - 1) + 1
        tick += -tick % stride
        while ticker.moment_ms(tick) < end_ms:
            numbers = ticker.sent_at(tick)
            samples = [ticker.sample(number, stride * ticker.interval_ms) for number in numbers]
            said = [found for sample in samples if (found := self.changes.said(ticker.device, sample)) is not None]
            if said:
                yield Outgoing(ticker.moment_ms(tick), ticker.device, said)
            tick += stride

    def _at_once(self, start_ms: int, end_ms: int) -> Iterator[Outgoing]:
        """Detectors speak when water comes and when it goes, buttons when they are pressed."""
        for one in self._planted:
            if one.trouble is Trouble.LEAK:
                ticker = self.city.tickers[one.devices[0]]
                for at_ms in (one.begin_ms, one.end_ms):
                    if start_ms <= at_ms < end_ms:
                        said = self.changes.said(ticker.device, Sample(at_ms, None, ticker.values(at_ms, 0)))
                        yield Outgoing(at_ms, ticker.device, [said] if said is not None else [])
            elif one.trouble is Trouble.HELP and start_ms <= one.begin_ms < end_ms:
                presser = self.city.pressers[one.devices[0]]
                yield Outgoing(one.begin_ms, presser.device, [presser.press(one.begin_ms, {"assistance": True})])

    def _arrives(self, at_ms: int) -> int:
        """When; what is sent through a gateway that is away waits until it is back."""
        return next((end_ms for begin_ms, end_ms in self._away if begin_ms <= at_ms < end_ms), at_ms)

    def _statuses(self, start_ms: int, end_ms: int) -> Iterator[tuple[int, int, str, bytes]]:
        """The last will of a gateway, and its first words afterwards."""
        for one in self._planted:
            if one.trouble is Trouble.GATEWAY_DOWN and start_ms <= one.begin_ms < end_ms:
                gateway = self.city.tickers[one.devices[0]].device
                self._number += 2
                will_ms = min(one.begin_ms + WILL_AFTER_MS, one.end_ms - 1)
                yield will_ms, self._number - 1, status_topic(gateway), status(None, online=False)
                yield one.end_ms, self._number, status_topic(gateway), status(one.end_ms, online=True)


def of_site(registry: Registry, site: str, planted: Sequence[Planted]) -> Registry:
    """What is left of a registry, with the periods out of service that are planted."""
    outages = {
        one.devices[0]: (Outage(one.begin_ms * NS_PER_MS, one.end_ms * NS_PER_MS, "planted"),)
        for one in planted
        if one.trouble is Trouble.OUT_OF_SERVICE
    }
    devices = [
        replace(device, out_of_service=(*device.out_of_service, *outages.get(device.id, ())))
        for device in registry.devices.values()
        if device.site == site and device.labels.get("simulated") != "no"
    ]
    return with_fields(
        registry,
        sites={site: registry.sites[site]},
        devices={device.id: device for device in devices},
        by_topic={topic(device.site, device.id): device for device in devices},
    )


def _message(one: tuple[int, int, str, bytes]) -> Message:
    at_ms, _, where, payload = one
    return Message(where, payload, retained=False, received_ns=at_ms * NS_PER_MS)
