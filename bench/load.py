"""The messages that every pipeline gets: 6 values each, computed from the message's number, so all can be checked."""

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from telemetry.topics import topic

METRICS = ("pm2_5_ugm3", "pm10_ugm3", "no2_ugm3", "o3_ugm3", "temperature_c", "humidity_pct")
"""Of the shipped catalogue, as an air station sends them."""
MEASUREMENT = "air"
AIR: Mapping[str, str] = dict.fromkeys(METRICS, MEASUREMENT)
"""Metric to measurement: all of one."""
BATTERY = "battery_pct"
MIXED: Mapping[str, str] = {**dict.fromkeys(METRICS[:-1], MEASUREMENT), BATTERY: "device"}
"""As a device on a battery sends them: one message makes a point in each of two measurements."""
RANGES = ((2.0, 80.0), (5.0, 150.0), (5.0, 180.0), (5.0, 180.0), (12.0, 36.0), (35.0, 98.0))
"""From, to. Within the plausible ranges: nothing is suspect."""
STEPS = 10_007
"""A prime: the six values of a message and those of its neighbours differ from each other."""
DEVICES_A_SITE = 100


@dataclass(frozen=True)
class Load:
    """Messages 0 to `messages` - 1. Each device speaks once a round; the order within a round is shuffled, seeded."""

    messages: int
    devices: int
    start_ms: int
    """Event time of the first message, ms since the epoch, UTC."""
    rate: int = 1_000
    """Messages for each second of event time."""
    where: Mapping[str, str] = field(default_factory=lambda: AIR)
    """The six metrics, each to its measurement."""
    order: list[int] = field(init=False, repr=False, compare=False)
    """Message to device number."""

    def __post_init__(self) -> None:
        """Shuffle."""
        shuffle = random.Random(self.devices).shuffle
        order: list[int] = []
        while len(order) < self.messages:
            numbers = list(range(self.devices))
            shuffle(numbers)
            order += numbers
        object.__setattr__(self, "order", order[: self.messages])

    def time_ms(self, message: int) -> int:
        """Event time, ms since the epoch."""
        return self.start_ms + message * 1_000 // self.rate

    @property
    def points(self) -> int:
        """How many points a store makes of it that keeps measurements apart."""
        return self.messages * len(set(self.where.values()))

    def payload(self, message: int) -> bytes:
        """As a device writes it."""
        inside = ",".join(f'"{name}":{value}' for name, value in zip(self.where, values(message), strict=True))
        text = f'{{"time":{self.time_ms(message)},"seq":{message // self.devices},"values":{{{inside}}}}}'
        return text.encode()

    def published(self) -> Iterator[tuple[str, bytes]]:
        """Topic and payload of every message, in order."""
        topics = [topic(site_id(number), device_id(number)) for number in range(self.devices)]
        for message, number in enumerate(self.order):
            yield topics[number], self.payload(message)


def values(message: int) -> tuple[float, ...]:
    """The six values of a message, in the order of its metrics, two decimals as instruments give them."""
    return tuple(
        round(low + (high - low) * ((message * 7_919 + place * 1_597) % STEPS) / STEPS, 2)
        for place, (low, high) in enumerate(RANGES)
    )


def device_id(number: int) -> str:
    """Id of a device."""
    return f"air-{number:06}"


def site_id(number: int) -> str:
    """Id of the site of a device."""
    return f"station-{number // DEVICES_A_SITE:04}"
