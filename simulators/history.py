"""The past of the simulated city, for filling a new store: the same models, the same moments, the same numbers."""

from collections.abc import Iterator

from simulators.encode import Sample, encode_samples
from simulators.models.city import City
from telemetry.reading import NS_PER_MS
from telemetry.registry.models import Device, Registry
from telemetry.topics import topic


def history(
    registry: Registry, seed: int, start_ns: int, end_ns: int, step_s: float
) -> Iterator[tuple[str, bytes, int]]:
    """Topic, payload and event time (ns UTC) of each device's readings in start <= time < end, in order of time.

    Of a device that reports more often than `step_s` one reading a step is given, and what it counts over a span is
    counted over the step. Events are all given. Devices of archive sites have no simulated past.
    """
    city = City(registry, seed)
    step_ms = round(step_s * 1000)
    start_ms, end_ms = -(-start_ns // NS_PER_MS), -(-end_ns // NS_PER_MS)
    topics = {device.id: topic(device.site, device.id) for device in city.devices}
    for step_end_ms in range(start_ms + step_ms, end_ms + step_ms, step_ms):
        window_start_ms, window_end_ms = step_end_ms - step_ms, min(step_end_ms, end_ms)
        found = list(_window(city, window_start_ms, window_end_ms, step_ms))
        found.sort(key=_when)
        for device, sample in found:
            yield topics[device.id], encode_samples((sample,)), sample.time_ms * NS_PER_MS


def _window(city: City, start_ms: int, end_ms: int, step_ms: int) -> Iterator[tuple[Device, Sample]]:
    for ticker in city.tickers.values():
        tick = ticker.tick(end_ms - 1)
        moment_ms = ticker.moment_ms(tick)
        if moment_ms >= start_ms:
            before_ms = ticker.moment_ms(ticker.tick(moment_ms - max(step_ms, ticker.interval_ms)))
            yield ticker.device, ticker.sample(tick, moment_ms - before_ms)
    for presser in city.pressers.values():
        for sample in presser.samples(start_ms, end_ms):
            yield presser.device, sample


def _when(found: tuple[Device, Sample]) -> int:
    return found[1].time_ms
