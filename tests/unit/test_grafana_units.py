"""Every unit of the catalogue as Grafana writes it."""

from collections.abc import Mapping

import pytest

from grafana.units import PLAIN, unit_of
from telemetry.catalogue.units import UNITS

KNOWN: Mapping[str, str] = {
    "1": "locale", "{#}": "locale", "%": "percent",
    "[ppm]": "ppm", "[ppb]": "conppb", "ng/m3": "conngm3", "ug/m3": "conμgm3", "mg/m3": "conmgm3",
    "mg/L": "suffix:mg/L", "[pH]": "suffix:pH", "uS/cm": "suffix:µS/cm", "{NTU}": "suffix:NTU",
    "Bq/m3": "suffix:Bq/m³", "uSv/h": "radusvh",
    "W": "watt", "kW": "kwatt", "MW": "megwatt", "kV.A": "kvoltamp", "kV.A{r}": "suffix:kvar",
    "W.h": "watth", "kW.h": "kwatth", "MW.h": "suffix:MWh", "kV.A.h": "suffix:kVAh", "kV.A{r}.h": "suffix:kvarh",
    "A": "amp", "mA": "mamp", "mV": "mvolt", "V": "volt", "kV": "kvolt", "Hz": "hertz",
    "MJ": "suffix:MJ", "GJ": "suffix:GJ", "L": "litre", "m3": "m3", "L/min": "flowlpm", "m3/h": "suffix:m³/h",
    "Pa": "pressurepa", "hPa": "pressurehpa", "kPa": "pressurekpa", "bar": "pressurebar",
    "Cel": "celsius", "m/s": "velocityms", "km/h": "velocitykmh", "deg": "degree", "mm": "lengthmm",
    "mm/h": "suffix:mm/h", "W/m2": "Wm2", "lx": "suffix:lx", "dB[SPL]{A}": "suffix:dB(A)",
    "dB": "dB", "dB{mW}": "dBm", "cm": "suffix:cm", "m": "lengthm", "km": "lengthkm", "g": "massg", "kg": "masskg",
    "s": "s", "min": "m", "h": "h", "d": "d",
}  # fmt: skip
"""UCUM code to the unit's id in Grafana 9.3 (`packages/grafana-data/src/valueFormats/categories.ts`)."""


@pytest.mark.parametrize("ucum", UNITS)
def test_every_unit_is_written(ucum: str) -> None:
    assert unit_of(ucum) == KNOWN[ucum]


def test_a_unit_of_the_future_is_written_behind_the_number() -> None:
    assert unit_of("mol/m3") == "suffix:mol/m3"
    assert UNITS.keys() >= PLAIN
