"""What was done to the city, and what has to come of it: the week's ledger, written before anything is judged."""

from collections.abc import Iterable, Sequence
from enum import StrEnum
from pathlib import Path

import msgspec
from msgspec import Struct


class Trouble(StrEnum):
    """What goes wrong. The first are planted, the last five happen in the model by themselves."""

    GATEWAY_DOWN = "gateway-down"
    """Those behind it keep what they measure, and send it in a burst afterwards."""
    GATEWAY_HICCUP = "gateway-hiccup"
    LEAK = "leak"
    ODOUR_STRONG = "odour-strong"
    ODOUR_WEAK = "odour-weak"
    ODOUR_BRIEF = "odour-brief"
    ODOUR_CLEANING = "odour-cleaning"
    """The cleaners' chemicals, from five minutes before they confirm their round."""
    PAPER_OUT = "paper-out"
    SOAP_OUT = "soap-out"
    BIN_FULL = "bin-full"
    TAP_RUNNING = "tap-running"
    TAP_BRIEF = "tap-brief"
    CUBICLE_LONG = "cubicle-long"
    CUBICLE_STUCK = "cubicle-stuck"
    CUBICLE_PATIENT = "cubicle-patient"
    """A long visit, but no cause for worry."""
    ROUND_SKIPPED = "round-skipped"
    HELP = "help"
    PANEL_DEAD = "panel-dead"
    DEMAND = "demand"
    SURGE = "surge"
    """As high, but over in minutes."""
    PHASE_HEAVY = "phase-heavy"
    PHASE_LOST = "phase-lost"
    PHASE_BRIEF = "phase-brief"
    FACTOR_LOW = "factor-low"
    FACTOR_BRIEF = "factor-brief"
    BUILDING_LEAK = "building-leak"
    BUILDING_BURST = "building-burst"
    TANK_FILLING = "tank-filling"
    METER_SILENT = "meter-silent"
    METER_PAUSE = "meter-pause"
    SENSOR_SILENT = "sensor-silent"
    SENSOR_PAUSE = "sensor-pause"
    CO2_HIGH = "co2-high"
    ROOM_DUST = "room-dust"
    PARTICLES = "particles"
    NITROGEN = "nitrogen"
    STATION_STUCK = "station-stuck"
    STATION_HANGS = "station-hangs"
    ROOM_STUCK = "room-stuck"
    ODOUR_STUCK = "odour-stuck"
    BATTERY_LOW = "battery-low"
    BATTERY_OUT = "battery-out"
    BATTERY_DIP = "battery-dip"
    OUT_OF_SERVICE = "out-of-service"
    """Announced in the registry; meanwhile the device talks nonsense."""
    OWN_HELP = "own-help"
    OWN_SHORTAGE = "own-shortage"
    OWN_EXCEEDANCE = "own-exceedance"
    OWN_RECORD = "own-record"
    OWN_BATTERY = "own-battery"


class Expected(Struct, frozen=True):
    """A rule has to say so of a device, in time."""

    rule: str
    device: str
    severity: int
    since_ms: int
    """When it is the case, epoch ms UTC."""
    by_ms: int
    """When it has to be known."""


class Allowed(Struct, frozen=True):
    """A rule may say so of a device: it is the case, or was just now."""

    rule: str
    device: str
    severity: int
    """At most."""
    from_ms: int
    to_ms: int


class Planted(Struct, frozen=True):
    """One thing that happened. Without `must` and `may` it is a near miss: nothing may be raised."""

    trouble: Trouble
    devices: tuple[str, ...]
    """The first is where it happens."""
    begin_ms: int
    end_ms: int
    strength: float = 0.0
    """In the metric's unit; 0 where its kind says all."""
    must: tuple[Expected, ...] = ()
    may: tuple[Allowed, ...] = ()

    @property
    def is_near_miss(self) -> bool:
        """Whether nobody may hear of it."""
        return not self.must and not self.may


def write_ledger(path: Path, planted: Iterable[Planted]) -> None:
    """One a line, in order of time."""
    path.parent.mkdir(parents=True, exist_ok=True)
    ordered = sorted(planted, key=lambda one: (one.begin_ms, one.trouble, one.devices))
    path.write_bytes(b"".join(msgspec.json.encode(one) + b"\n" for one in ordered))


def read_ledger(path: Path) -> Sequence[Planted]:
    """As it was written."""
    return msgspec.json.Decoder(Planted).decode_lines(path.read_bytes())
