"""What is planted in a week: how often, where, when, for how long, and what people have to hear of it by when.

The times within which something has to be known are those of whoever needs to know, chosen before the first run: they
leave a rule the time that it says it waits, and what radio and sleeping sensors take.
"""

from dataclasses import dataclass

from alerts.alert import Severity
from tests.evaluate.planted import Trouble

INFORMATION, WARNING, CRITICAL = map(int, Severity)
SENSORS = ("toilet_odour", "toilet_cubicle", "toilet_supplies", "toilet_water", "air_station", "air_indoor")
METERS = ("meter_power", "meter_water", "meter_gas")


@dataclass(frozen=True, slots=True)
class Sign:
    """How people hear of it. Minutes after its beginning."""

    rule: str
    severity: int
    within_min: float | None
    """After it is the case; None: by its end."""
    since_min: float = 0.0
    """From when it is the case."""
    tail_min: float = 20.0
    """How long after its end the rule may still say so."""
    must: bool = True
    on: str = ""
    """Kind of the device of which it is said; empty: the one where it happens."""


@dataclass(frozen=True, slots=True)
class Sort:
    """One sort of trouble."""

    trouble: Trouble
    kinds: tuple[str, ...]
    number: int
    hours: tuple[float, float]
    """Local, in which it begins. Of what goes with cleaning rounds: in which the round ends."""
    minutes: tuple[float, float]
    signs: tuple[Sign, ...] = ()
    strength: tuple[float, float] = (0.0, 0.0)
    """From what just deserves the name to what nobody could miss; in the metric's unit, or a share."""
    weekdays: tuple[int, ...] = (0, 1, 2, 3, 4, 5, 6)
    """0 is Monday."""
    labels: tuple[tuple[str, str], ...] = ()
    """Only devices with these."""


DAY = (0.0, 24.0)
WORK = (9.0, 15.5)
WORKDAYS = (0, 1, 2, 3, 4)
MAIN = (("supply", "main"),)
FLOOR = (("supply", "sub"),)

SORTS = (
    Sort(
        Trouble.GATEWAY_DOWN,
        ("gateway",),
        4,
        DAY,
        (10, 40),
        (Sign("gateway-down", CRITICAL, 6),),
    ),
    Sort(Trouble.GATEWAY_DOWN, ("gateway",), 3, DAY, (2, 4), (Sign("gateway-down", WARNING, 1),)),
    Sort(Trouble.GATEWAY_HICCUP, ("gateway",), 3, DAY, (0.2, 0.3)),
    Sort(
        Trouble.LEAK,
        ("toilet_leak",),
        5,
        DAY,
        (5, 60),
        (Sign("leak", CRITICAL, 1), Sign("night-flow", WARNING, None, must=False, on="toilet_water")),
    ),
    Sort(
        Trouble.ODOUR_STRONG, ("toilet_odour",), 4, (6, 21), (60, 90), (Sign("odour", CRITICAL, 40),), strength=(11, 18)
    ),
    Sort(Trouble.ODOUR_WEAK, ("toilet_odour",), 4, (6, 21), (60, 90), (Sign("odour", WARNING, 45),), strength=(4, 6)),
    Sort(Trouble.ODOUR_BRIEF, ("toilet_odour",), 6, (6, 21), (5, 9), strength=(3, 6)),
    Sort(Trouble.ODOUR_CLEANING, ("toilet_odour",), 6, DAY, (17, 17), strength=(4, 6)),
    Sort(
        Trouble.PAPER_OUT,
        ("toilet_supplies",),
        3,
        (6, 18),
        (240, 240),
        (Sign("paper-low", WARNING, 20, since_min=80), Sign("paper-low", CRITICAL, 20, since_min=112)),
    ),
    Sort(
        Trouble.SOAP_OUT, ("toilet_supplies",), 3, (6, 18), (240, 240), (Sign("soap-low", WARNING, 20, since_min=80),)
    ),
    Sort(
        Trouble.BIN_FULL, ("toilet_supplies",), 3, (6, 18), (240, 240), (Sign("bin-full", WARNING, 25, since_min=80),)
    ),
    Sort(
        Trouble.TAP_RUNNING,
        ("toilet_water",),
        4,
        (1.3, 2.5),
        (50, 100),
        (Sign("night-flow", WARNING, 45),),
        strength=(1.2, 4),
    ),
    Sort(Trouble.TAP_BRIEF, ("toilet_water",), 4, (1.3, 4), (10, 20), strength=(3, 8)),
    Sort(Trouble.CUBICLE_LONG, ("toilet_cubicle",), 5, DAY, (35, 60), (Sign("cubicle-welfare", WARNING, 40),)),
    Sort(
        Trouble.CUBICLE_STUCK,
        ("toilet_cubicle",),
        3,
        (0, 15),
        (480, 480),
        (Sign("cubicle-welfare", WARNING, 40), Sign("cubicle-sensor", INFORMATION, 375)),
    ),
    Sort(Trouble.CUBICLE_PATIENT, ("toilet_cubicle",), 6, DAY, (15, 25)),
    # A round left out has to be known before the next one is due.
    Sort(Trouble.ROUND_SKIPPED, ("toilet_button",), 5, (5, 18), (0, 0), (Sign("cleaning-overdue", WARNING, None),)),
    Sort(Trouble.ROUND_SKIPPED, ("toilet_button",), 1, (20, 22), (0, 0), (Sign("cleaning-overdue", WARNING, None),)),
    Sort(Trouble.HELP, ("toilet_button",), 4, DAY, (1, 1), (Sign("assistance", CRITICAL, 0.5),)),
    Sort(
        Trouble.PANEL_DEAD,
        ("toilet_button",),
        1,
        (8, 12),
        (2040, 2040),
        (
            Sign("panel-silent", WARNING, 26 * 60 + 10),
            Sign("cleaning-overdue", WARNING, None, tail_min=600, must=False),
        ),
    ),
    Sort(
        Trouble.DEMAND,
        ("meter_power",),
        2,
        WORK,
        (60, 90),
        (Sign("demand-record", WARNING, 40),),
        strength=(1.05, 1.2),
        labels=MAIN,
    ),
    Sort(Trouble.SURGE, ("meter_power",), 2, WORK, (5, 8), strength=(1.05, 1.2), labels=MAIN),
    Sort(
        Trouble.PHASE_HEAVY,
        ("meter_power",),
        3,
        WORK,
        (60, 90),
        (Sign("phase-imbalance", WARNING, 40),),
        strength=(0.35, 0.55),
    ),
    Sort(
        Trouble.PHASE_LOST,
        ("meter_power",),
        3,
        WORK,
        (15, 60),
        (Sign("phase-imbalance", CRITICAL, 4),),
        strength=(1.0, 1.0),
    ),
    Sort(Trouble.PHASE_BRIEF, ("meter_power",), 3, WORK, (10, 20), strength=(0.35, 0.55)),
    Sort(
        Trouble.FACTOR_LOW,
        ("meter_power",),
        3,
        WORK,
        (60, 120),
        (Sign("power-factor", WARNING, 40),),
        strength=(0.7, 0.82),
        weekdays=WORKDAYS,
        labels=FLOOR,
    ),
    Sort(
        Trouble.FACTOR_BRIEF, ("meter_power",), 3, WORK, (10, 20), strength=(0.7, 0.82), weekdays=WORKDAYS, labels=FLOOR
    ),
    Sort(
        Trouble.BUILDING_LEAK,
        ("meter_water",),
        3,
        (0.5, 1.5),
        (240, 300),
        (Sign("building-leak", WARNING, 160),),
        strength=(5, 12),
    ),
    Sort(
        Trouble.BUILDING_BURST,
        ("meter_water",),
        2,
        (0.5, 1.5),
        (240, 300),
        (Sign("building-leak", CRITICAL, 160),),
        strength=(28, 60),
    ),
    Sort(Trouble.TANK_FILLING, ("meter_water",), 3, (1, 3), (40, 90), strength=(20, 40)),
    Sort(Trouble.METER_SILENT, METERS, 5, DAY, (40, 120), (Sign("meter-silent", WARNING, 17),)),
    Sort(Trouble.METER_PAUSE, METERS, 5, DAY, (8, 12)),
    Sort(Trouble.SENSOR_SILENT, SENSORS, 8, DAY, (40, 120), (Sign("sensor-silent", WARNING, 22),)),
    Sort(Trouble.SENSOR_PAUSE, SENSORS, 8, DAY, (5, 8)),
    Sort(
        Trouble.CO2_HIGH,
        ("air_indoor",),
        3,
        (8, 9.5),
        (480, 480),
        (Sign("room-co2", INFORMATION, 360, tail_min=480), Sign("room-co2", WARNING, None, must=False, tail_min=480)),
        strength=(700, 1400),
        weekdays=WORKDAYS,
    ),
    Sort(
        Trouble.ROOM_DUST,
        ("air_indoor",),
        1,
        (7, 12),
        (480, 480),
        (Sign("room-particles", WARNING, 480, tail_min=480),),
        strength=(200, 400),
    ),
    Sort(
        Trouble.PARTICLES,
        ("air_station",),
        2,
        DAY,
        (1080, 1080),
        (Sign("fine-particles", WARNING, 720, tail_min=1440),),
        strength=(80, 160),
    ),
    Sort(
        Trouble.NITROGEN,
        ("air_station",),
        2,
        DAY,
        (150, 180),
        (Sign("nitrogen-dioxide", WARNING, 75, tail_min=70),),
        strength=(200, 300),
    ),
    Sort(Trouble.STATION_STUCK, ("air_station",), 2, DAY, (300, 400), (Sign("station-stuck", WARNING, 190),)),
    Sort(Trouble.STATION_HANGS, ("air_station",), 2, DAY, (90, 120)),
    Sort(
        Trouble.ROOM_STUCK,
        ("air_indoor",),
        2,
        DAY,
        (500, 560),
        (
            Sign("room-stuck", INFORMATION, 375),
            Sign("room-co2", INFORMATION, None, must=False, tail_min=480),
        ),
    ),
    Sort(
        Trouble.ODOUR_STUCK, ("toilet_odour",), 1, DAY, (1700, 1700), (Sign("odour-stuck", INFORMATION, 24 * 60 + 30),)
    ),
    Sort(
        Trouble.BATTERY_LOW,
        ("toilet_cubicle", "toilet_leak"),
        3,
        DAY,
        (300, 400),
        (Sign("battery-low", INFORMATION, 75),),
        strength=(5.5, 9.5),
    ),
    Sort(
        Trouble.BATTERY_OUT,
        ("toilet_cubicle",),
        2,
        DAY,
        (300, 400),
        (Sign("battery-low", WARNING, 75),),
        strength=(1, 4.5),
    ),
    Sort(Trouble.BATTERY_DIP, ("toilet_cubicle", "toilet_supplies"), 4, DAY, (30, 40), strength=(4, 9)),
    Sort(Trouble.OUT_OF_SERVICE, ("toilet_leak", "toilet_odour", "toilet_supplies"), 3, (8, 14), (120, 300)),
)
