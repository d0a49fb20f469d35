"""A city for the alerts: the kinds of devices of the example, in its mix, and now and then an incident.

Every value follows from the message's number, so what has to be raised can be worked out again. The alert clock's
beats are part of the stream, one for each second of event time, as they are where the service runs all the time.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from bench.load import STEPS, Load
from telemetry.reading import NS_PER_MS
from telemetry.topics import PLATFORM_SITE, topic

MIX = (
    *("toilet_cubicle",) * 5,
    *("air_indoor",) * 4,
    *("meter_power",) * 3,
    *("toilet_odour",) * 2,
    *("toilet_supplies",) * 2,
    *("toilet_water",) * 2,
    "toilet_leak",
    "air_station",
)
"""Of twenty devices."""
SITES = 100
SPEAKS_EVERY_S = 60
INCIDENT_ROUNDS = 4
"""So often in a row a device shows what its rule is there for."""

METRICS: dict[str, tuple[str, ...]] = {
    "toilet_cubicle": ("occupied", "uses", "battery_pct"),
    "air_indoor": ("co2_ppm", "pm2_5_ugm3", "pm10_ugm3", "temperature_c", "humidity_pct"),
    "meter_power": ("power_kw", "current_l1_a", "current_l2_a", "current_l3_a", "power_factor", "energy_import_kwh"),
    "toilet_odour": ("nh3_ppm", "h2s_ppm", "temperature_c", "humidity_pct"),
    "toilet_supplies": ("paper_pct", "soap_pct", "bin_level_pct", "battery_pct"),
    "toilet_water": ("water_flow_lpm", "water_m3"),
    "toilet_leak": ("leak", "battery_pct"),
    "air_station": ("pm2_5_ugm3", "pm10_ugm3", "no2_ugm3", "o3_ugm3"),
}


@dataclass(frozen=True)
class City(Load):
    """Messages of all kinds, in rounds: each device speaks once a round."""

    incident_of: int = 1_777
    """One of so many readings begins an incident. A prime: all kinds get their share."""
    beats: bool = True
    """Whether the alert clock's beats are in the stream."""

    def published(self) -> Iterator[tuple[str, bytes]]:
        """Topic and payload of every message, in order."""
        topics = [topic(site_of(number), id_of(number)) for number in range(self.devices)]
        clock, beaten_s = beat_topic(), self.start_ms // 1_000
        for message, number in enumerate(self.order):
            second = self.time_ms(message) // 1_000
            if self.beats and second > beaten_s:
                beaten_s = second
                yield clock, beat(second * 1_000)
            yield topics[number], self.payload(message)
        if self.beats:
            yield clock, beat(self.time_ms(self.messages - 1) + 1)

    def payload(self, message: int) -> bytes:
        """As a device of that kind writes it."""
        number, turn = self.order[message], message // self.devices
        found = values_of(kind_of(number), message, turn, incident=self.in_incident(number, turn))
        inside = ",".join(f'"{name}":{value}' for name, value in found)
        return f'{{"time":{self.time_ms(message)},"seq":{turn},"values":{{{inside}}}}}'.encode()

    def in_incident(self, number: int, turn: int) -> bool:
        """Whether a device shows something wrong in this round."""
        return any(
            (number * 7_919 + begun * 104_729) % self.incident_of == 0
            for begun in range(max(0, turn - INCIDENT_ROUNDS + 1), turn + 1)
        )

    @property
    def end_ns(self) -> int:
        """Event time of the last message; the stream's last beat is the next millisecond's."""
        return self.time_ms(self.messages - 1) * NS_PER_MS


def values_of(kind: str, message: int, turn: int, *, incident: bool) -> list[tuple[str, str]]:
    """Metric and value, as JSON, of one message; within the plausible ranges."""

    def between(low: float, high: float, place: int) -> str:
        return str(round(low + (high - low) * ((message * 7_919 + place * 1_597) % STEPS) / STEPS, 2))

    def state(share_pct: int) -> str:
        return "true" if incident or message * 7_919 % STEPS < STEPS * share_pct // 100 else "false"

    battery = "3" if incident else between(60, 99, 3)
    found: tuple[str, ...]
    match kind:
        case "toilet_cubicle":
            found = (state(5), str(turn), between(60, 99, 3))
        case "air_indoor":
            found = (
                "4900" if incident else between(450, 800, 0),
                *(between(5, 30, 1), between(8, 50, 2), between(20, 27, 3), between(40, 75, 4)),
            )
        case "meter_power":
            third = "0.0" if incident else between(95, 105, 2)
            found = (
                *(between(40, 70, 0), between(95, 105, 1), between(97, 103, 3), third),
                *(between(0.9, 0.99, 4), str(1_000 + turn)),
            )
        case "toilet_odour":
            found = (
                "12.5" if incident else between(0.2, 2.2, 0),
                *(between(0, 1, 1), between(20, 32, 2), between(50, 95, 3)),
            )
        case "toilet_supplies":
            found = ("1" if incident else between(35, 99, 0), between(35, 99, 1), between(5, 55, 2), battery)
        case "toilet_water":
            found = ("290" if incident else between(0, 9, 0), str(50 + turn))
        case "toilet_leak":
            found = (state(0), battery)
        case _:
            found = ("900" if incident else between(5, 40, 0), between(8, 60, 1), between(10, 90, 2), between(9, 99, 3))
    return list(zip(METRICS[kind], found, strict=True))


def kind_of(number: int) -> str:
    """Kind of a device."""
    return MIX[number // SITES % len(MIX)]


def id_of(number: int) -> str:
    """Id of a device."""
    return f"device-{number:06}"


def site_of(number: int) -> str:
    """Id of the site of a device."""
    return f"town-{number % SITES:02}"


def beat_topic(client_id: str = "caretaker-alerts") -> str:
    """Where the alert service's clock beats."""
    return topic(PLATFORM_SITE, client_id)


def beat(time_ms: int) -> bytes:
    """A beat of that moment."""
    return f'{{"time":{time_ms}}}'.encode()
