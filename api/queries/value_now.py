"""One value as it stands now, with what it takes to show it."""

from datetime import datetime

from api.now import Value
from api.queries import standing
from api.queries.answer import Answer, Names, moment
from telemetry.catalogue.metric import Metric
from telemetry.reading import Quality
from telemetry.registry.models import Device


class ValueNow(Answer):
    """Of one metric of one device."""

    device: str
    metric: str
    names: Names
    unit: str
    decimals: int
    value: float
    time: datetime
    stale: bool
    suspect: bool


def value_now(device: Device, metric: Metric, value: Value | None, now_ns: int) -> ValueNow | None:
    """None: it has not been said, or is a text."""
    if value is None or isinstance(value.value, str):
        return None
    return ValueNow(
        device=device.id,
        metric=metric.name,
        names=metric.names,
        unit=metric.unit,
        decimals=metric.decimals,
        value=value.value,
        time=moment(value.time_ns),
        stale=standing.is_stale(device, metric, value.time_ns, now_ns),
        suspect=Quality.SUSPECT in value.quality,
    )
