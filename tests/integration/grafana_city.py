"""The example city's past in a real InfluxDB, for dashboards to show: its simulators, two incidents, some alerts.

Everything is the same in every run: the models are functions of time, and the city's last moment is given.
"""

import itertools
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import msgspec

from caretaker.simulated import simulated_part
from caretaker.store_batches import Tally, store_batch
from simulators.history import history
from simulators.incidents import Incident, IncidentKind
from simulators.models.city import City
from simulators.outgoing import Outgoing
from telemetry.admission.limits import Limits
from telemetry.message import Message
from telemetry.reading import NS_PER_MS, NS_PER_S
from telemetry.registry.load import load_registry
from telemetry.stores.influxdb.write import InfluxWriter
from telemetry.stores.settings import InfluxSettings
from telemetry.topics import Channel, topic

EXAMPLE = Path(__file__).parents[2] / "examples" / "hong-kong"
REGISTRY = load_registry(EXAMPLE)
SEED = 2026
END = datetime(2026, 11, 20, 7, 40, tzinfo=UTC)
"""A Friday afternoon in Hong Kong."""
HOUR_S, DAY_S = 3_600, 86_400
BATCH = 5_000

ODOUR = "tst-odour-female"
LEAK, PIPE = "mk-leak-male", "mk-water-male"


class Planted(NamedTuple):
    """An alert as the engine publishes it: from when to when, in seconds before the end; None: it still fires."""

    rule: str
    device: str
    severity: int
    since_s: float
    until_s: float | None = None
    acknowledged_s: float | None = None
    """After its start."""


ALERTS = (
    Planted("odour", ODOUR, 3, 1.9 * HOUR_S, 1.2 * HOUR_S, 240),
    Planted("leak", LEAK, 3, 2.9 * HOUR_S, None, 300),
    Planted("paper-low", "vp-supplies-female", 2, 0.6 * HOUR_S),
    Planted("battery-low", "to-cubicle-male-1", 1, 30 * HOUR_S),
    Planted("cleaning-overdue", "to-button-male", 2, 26 * HOUR_S, 25 * HOUR_S, 1_500),
    Planted("meter-silent", "st-water-main", 2, 52 * HOUR_S, 51.5 * HOUR_S),
    Planted("phase-imbalance", "wc-power-first", 2, 75 * HOUR_S, 74 * HOUR_S, 600),
    Planted("fine-particles", "ac-pollutants", 2, 100 * HOUR_S, 90 * HOUR_S),
    Planted("gateway-down", "tst-gateway", 2, 124 * HOUR_S, 123.9 * HOUR_S),
    Planted("odour", "vp-odour-male", 2, 148 * HOUR_S, 147 * HOUR_S, 400),
)


def incidents(end: datetime) -> Sequence[Incident]:
    """A fan that fails for 40 minutes, two hours before the end, and a pipe that bursts three hours before it."""
    end_ms = round(end.timestamp() * 1000)

    def during(kind: IncidentKind, from_s: float, lasts_s: float, *devices: str) -> Incident:
        start_ms = end_ms - round(from_s * 1000)
        return Incident(kind, start_ms, start_ms + round(lasts_s * 1000), frozenset(devices), "")

    return (
        during(IncidentKind.ODOUR, 2 * HOUR_S, 2_400, ODOUR),
        during(IncidentKind.LEAK, 3 * HOUR_S, 1_800, LEAK, PIPE),
    )


async def fill(
    settings: InfluxSettings, end: datetime = END, days: float = 9, step_s: int = HOUR_S, live_s: int = 0
) -> int:
    """Fill a bucket through admission; the last half day at steps of five minutes. How many readings it took.

    The last `live_s` seconds are as if they had been heard live, once in ten seconds.
    """
    writer = InfluxWriter(settings, lambda: REGISTRY)
    await writer.start()
    tally = Tally()
    try:
        messages = itertools.chain(_past(end, days, step_s, live_s), _struck(end), _alerts(end))
        for batch in _batches(messages):
            lost = await store_batch(batch, REGISTRY, Limits(), writer, tally)
            assert not lost, lost[0]
    finally:
        await writer.close()
    return tally.written


def _past(end: datetime, days: float, step_s: int, live_s: int) -> Iterator[Message]:
    end_ns = round(end.timestamp()) * NS_PER_S
    recent_ns = end_ns - DAY_S // 2 * NS_PER_S
    simulated = simulated_part(REGISTRY)
    coarse = history(simulated, SEED, end_ns - round(days * DAY_S) * NS_PER_S, recent_ns, step_s)
    live_ns = end_ns - live_s * NS_PER_S
    fine = history(simulated, SEED, recent_ns, live_ns, 300)
    live = history(simulated, SEED, live_ns, end_ns, 10) if live_s else ()
    for address, payload, time_ns in itertools.chain(coarse, fine, live):
        yield Message(address, payload, False, time_ns)


def _struck(end: datetime) -> Iterator[Message]:
    """What devices say during an incident, once a minute at least. It takes the place of what they said before."""
    city = City(simulated_part(REGISTRY), SEED)
    for incident in incidents(end):
        for name in sorted(incident.devices):
            ticker = city.tickers[name]
            for tick in range(ticker.tick(incident.start_ms) + 1, ticker.tick(incident.end_ms) + 1):
                moment_ms = ticker.moment_ms(tick)
                said = incident.change(Outgoing(moment_ms, ticker.device, [ticker.sample(tick)]))
                yield Message(said.topic, said.payload(), False, moment_ms * NS_PER_MS)


def _alerts(end: datetime) -> Iterator[Message]:
    end_s = end.timestamp()
    known = {"alert_acknowledge_s", "alert_resolve_s"} & REGISTRY.metrics.keys()
    for planted in ALERTS:
        yield _said(planted, end_s - planted.since_s, alert_state=2, alert_severity=planted.severity)
        if planted.acknowledged_s is not None and "alert_acknowledge_s" in known:
            at_s = end_s - planted.since_s + planted.acknowledged_s
            yield _said(planted, at_s, alert_acknowledge_s=planted.acknowledged_s)
        if planted.until_s is not None:
            values: dict[str, float] = {"alert_state": 0, "alert_severity": 0}
            if "alert_resolve_s" in known:
                values["alert_resolve_s"] = planted.since_s - planted.until_s
            yield _said(planted, end_s - planted.until_s, **values)


def _said(planted: Planted, time_s: float, **values: float) -> Message:
    device = REGISTRY.devices[planted.device]
    time_ms = round(time_s * 1000)
    body = {"time": time_ms, "values": {**values, "alert_rule": planted.rule}}
    address = topic(device.site, device.id, Channel.ALERTS)
    return Message(address, msgspec.json.encode(body), False, time_ms * NS_PER_MS)


def _batches(messages: Iterable[Message]) -> Iterator[Sequence[Message]]:
    left = iter(messages)
    while batch := list(itertools.islice(left, BATCH)):
        yield batch
