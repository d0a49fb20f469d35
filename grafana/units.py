"""How Grafana writes the catalogue's units."""

from collections.abc import Mapping

from telemetry.catalogue.units import UNITS

PLAIN = frozenset({"1", "{#}"})
"""UCUM codes of plain numbers."""

_IDS: Mapping[str, str] = {
    "%": "percent",
    "[ppm]": "ppm",
    "[ppb]": "conppb",
    "ng/m3": "conngm3",
    "ug/m3": "con\N{GREEK SMALL LETTER MU}gm3",
    "mg/m3": "conmgm3",
    "W": "watt",
    "kW": "kwatt",
    "MW": "megwatt",
    "kV.A": "kvoltamp",
    "W.h": "watth",
    "kW.h": "kwatth",
    "A": "amp",
    "mA": "mamp",
    "mV": "mvolt",
    "V": "volt",
    "kV": "kvolt",
    "Hz": "hertz",
    "L": "litre",
    "m3": "m3",
    "L/min": "flowlpm",
    "Pa": "pressurepa",
    "hPa": "pressurehpa",
    "kPa": "pressurekpa",
    "bar": "pressurebar",
    "Cel": "celsius",
    "m/s": "velocityms",
    "km/h": "velocitykmh",
    "deg": "degree",
    "mm": "lengthmm",
    "W/m2": "Wm2",
    "uSv/h": "radusvh",
    "dB": "dB",
    "dB{mW}": "dBm",
    "m": "lengthm",
    "km": "lengthkm",
    "g": "massg",
    "kg": "masskg",
    "s": "s",
    "min": "m",
    "h": "h",
    "d": "d",
}
"""UCUM code to the id of Grafana's unit, where Grafana 9.3 has one that reads the same."""


def unit_of(ucum: str) -> str:
    """Grafana's unit for a UCUM code; one that Grafana does not know is written behind the number."""
    if ucum in PLAIN:
        # Thousands apart by the reader's own habit, where `short` would make 12,345 to 12.3 K.
        return "locale"
    known = _IDS.get(ucum)
    if known is not None:
        return known
    unit = UNITS.get(ucum)
    return f"suffix:{ucum if unit is None else unit.symbol}"
