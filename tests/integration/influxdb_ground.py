"""What tests of the writer against a real InfluxDB stand on: a registry, readings, and writers that are closed."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from telemetry.catalogue.metric import Kind
from telemetry.reading import NS_PER_S, Reading
from telemetry.stores.influxdb.write import InfluxWriter
from telemetry.stores.settings import InfluxSettings
from telemetry.stores.store import Outcome
from tests.builders import device, metric, registry

T = 1_763_800_000 * NS_PER_S
DAY_NS = 86_400 * NS_PER_S
METRICS = [metric("warmth_c"), metric("power_w", measurement="other"), metric("label", kind=Kind.TEXT)]
KNOWN = registry(*(device(f"d{k}") for k in range(200)), metrics=METRICS)
WRITTEN = Outcome(refused=[])
BAD = (0, 1234, 4999)
"""Of `with_bad_points`: those that a store refuses whose `power_w` is a text already."""

MakeWriter = Callable[..., InfluxWriter]


@asynccontextmanager
async def writers(settings: InfluxSettings) -> AsyncIterator[MakeWriter]:
    """Makes writers to one bucket, with other settings where a test says so."""
    made: list[InfluxWriter] = []

    def make(url: str = settings.url, **others: object) -> InfluxWriter:
        given = settings.model_dump() | {"url": url, **others}
        made.append(InfluxWriter(InfluxSettings.model_validate(given), lambda: KNOWN))
        return made[-1]

    try:
        yield make
    finally:
        for one in made:
            await one.close()


def readings(count: int, devices: int = 1) -> list[Reading]:
    return [Reading(f"d{k % devices}", T + k, None, {"warmth_c": float(k)}, {}) for k in range(count)]


def with_bad_points() -> list[Reading]:
    """5,000 readings, three of them of another metric."""
    batch = readings(5000, devices=200)
    for index in BAD:
        batch[index] = Reading("d0", T + index, None, {"power_w": 1.0}, {})
    return batch
