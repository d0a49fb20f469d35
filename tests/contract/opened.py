"""A store with its way in and its way out, and the readings that the contract is tested with."""

from telemetry.catalogue.metric import Kind
from telemetry.reading import NS_PER_S, Quality, Reading
from telemetry.registry.models import Registry
from telemetry.stores.open import open_reader, open_writer
from telemetry.stores.settings import InfluxSettings, SqliteSettings
from telemetry.stores.store import Outcome, RetainingWriter, Sample, StoreReader
from tests.builders import device, metric, registry

T = 1_763_800_000 * NS_PER_S
EVER = (-(2**62), 2**62)
WRITTEN = Outcome(refused=[])

METRICS = [
    metric("warmth_c"),
    metric("damp_pct"),
    metric("power_w", measurement="other"),
    metric("turns_total", kind=Kind.COUNTER),
    metric("open_state", kind=Kind.STATE),
    metric("pressed", kind=Kind.EVENT, measurement="events"),
    metric("version_text", kind=Kind.TEXT),
]
KNOWN = registry(device("a"), device("b"), device("c", site="station-2"), metrics=METRICS)


class Store:
    """One store and the registry in force."""

    def __init__(self, settings: SqliteSettings | InfluxSettings) -> None:
        self.settings = settings
        self.registry: Registry = KNOWN
        self._opened: list[RetainingWriter | StoreReader] = []
        self.writer = self.new_writer()
        self.reader = open_reader(settings, lambda: self.registry)
        self._opened.append(self.reader)

    def new_writer(self) -> RetainingWriter:
        writer = open_writer(self.settings, lambda: self.registry)
        self._opened.append(writer)
        return writer

    async def history(self, device: str, *metrics: str, start: int = EVER[0], end: int = EVER[1]) -> list[Sample]:
        return [sample async for sample in self.reader.history(device, metrics, start, end)]

    async def values(self, device: str, metric: str) -> list[float | str]:
        return [sample.value for sample in await self.history(device, metric)]

    async def close(self) -> None:
        for one in self._opened:
            await one.close()


def reading(
    device: str = "a",
    time_ns: int = T,
    *,
    seq: int | None = None,
    quality: dict[str, Quality] | None = None,
    **values: float | str,
) -> Reading:
    return Reading(device, time_ns, seq, values, quality or {})
