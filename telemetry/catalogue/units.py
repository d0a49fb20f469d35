"""The units of the catalogue: UCUM codes (https://ucum.org), how people read them, and what ends a metric's name.

UCUM has no code for var and none for dBm; its annotations in braces say what is meant (`kV.A{r}`, `dB{mW}`).
"""

from collections.abc import Mapping
from typing import NamedTuple


class Unit(NamedTuple):
    """One unit."""

    symbol: str
    """For people; empty for plain numbers."""
    suffix: str
    """What a shipped metric's name in this unit ends with; empty where the name says enough."""


UNITS: Mapping[str, Unit] = {
    # Plain numbers
    "1": Unit("", ""),
    "{#}": Unit("", ""),
    "%": Unit("%", "pct"),
    # In air and water
    "[ppm]": Unit("ppm", "ppm"),
    "[ppb]": Unit("ppb", "ppb"),
    "ng/m3": Unit("ng/m³", "ngm3"),
    "ug/m3": Unit("µg/m³", "ugm3"),
    "mg/m3": Unit("mg/m³", "mgm3"),
    "mg/L": Unit("mg/L", "mgl"),
    "[pH]": Unit("pH", "ph"),
    "uS/cm": Unit("µS/cm", "uscm"),
    "{NTU}": Unit("NTU", "ntu"),
    "Bq/m3": Unit("Bq/m³", "bqm3"),
    "uSv/h": Unit("µSv/h", "usvh"),
    # Electricity
    "W": Unit("W", "w"),
    "kW": Unit("kW", "kw"),
    "MW": Unit("MW", "mw"),
    "kV.A": Unit("kVA", "kva"),
    "kV.A{r}": Unit("kvar", "kvar"),
    "W.h": Unit("Wh", "wh"),
    "kW.h": Unit("kWh", "kwh"),
    "MW.h": Unit("MWh", "mwh"),
    "kV.A.h": Unit("kVAh", "kvah"),
    "kV.A{r}.h": Unit("kvarh", "kvarh"),
    "A": Unit("A", "a"),
    "mA": Unit("mA", "ma"),
    "mV": Unit("mV", "mv"),
    "V": Unit("V", "v"),
    "kV": Unit("kV", "kv"),
    "Hz": Unit("Hz", "hz"),
    # Heat, gas, water
    "MJ": Unit("MJ", "mj"),
    "GJ": Unit("GJ", "gj"),
    "L": Unit("L", "l"),
    "m3": Unit("m³", "m3"),
    "L/min": Unit("L/min", "lpm"),
    "m3/h": Unit("m³/h", "m3h"),
    "Pa": Unit("Pa", "pa"),
    "hPa": Unit("hPa", "hpa"),
    "kPa": Unit("kPa", "kpa"),
    "bar": Unit("bar", "bar"),
    # Weather, light, sound
    "Cel": Unit("°C", "c"),
    "m/s": Unit("m/s", "ms"),
    "km/h": Unit("km/h", "kmh"),
    "deg": Unit("°", "deg"),
    "mm": Unit("mm", "mm"),
    "mm/h": Unit("mm/h", "mmh"),
    "W/m2": Unit("W/m²", "wm2"),
    "lx": Unit("lx", "lux"),
    "dB[SPL]{A}": Unit("dB(A)", "dba"),
    # Radio
    "dB": Unit("dB", "db"),
    "dB{mW}": Unit("dBm", "dbm"),
    # Length, mass, time
    "cm": Unit("cm", "cm"),
    "m": Unit("m", "m"),
    "km": Unit("km", "km"),
    "g": Unit("g", "g"),
    "kg": Unit("kg", "kg"),
    "s": Unit("s", "s"),
    "min": Unit("min", "min"),
    "h": Unit("h", "h"),
    "d": Unit("d", "d"),
}
"""UCUM code to unit. Closed: a metric in any other unit is refused."""


def symbol(unit: str) -> str:
    """How people read a UCUM code: `ug/m3` as µg/m³."""
    return UNITS[unit].symbol
