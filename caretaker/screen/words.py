"""Numbers, ages and curves as text."""

import re
from collections.abc import Sequence
from datetime import datetime

BARS = "▁▂▃▄▅▆▇█"
NOTE = re.compile(r" \([^)]*\)$")
TENTHS_BELOW = 10.0
MINUTE_S, HOUR_S, DAY_S = 60, 3600, 86_400


def count(number: int) -> str:
    """12,345."""
    return f"{number:,}"


def rate(per_second: float) -> str:
    """4.2 or 127: as many decimals as can be read at a glance."""
    return f"{per_second:.1f}" if per_second < TENTHS_BELOW else count(round(per_second))


def figure(value: float, decimals: int) -> str:
    """A measured value with the catalogue's decimals, grouped when large; never minus zero."""
    return f"{round(value, decimals) + 0.0:,.{decimals}f}"


def short_name(name: str) -> str:
    """Without what it says in brackets at its end: there is no room for it."""
    return NOTE.sub("", name)


def age(seconds: float) -> str:
    """4 s, 3 min, 2 h, 5 d."""
    for size, unit in ((DAY_S, "d"), (HOUR_S, "h"), (MINUTE_S, "min")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{max(0.0, seconds):.0f} s"


def clock(time_ns: int) -> str:
    """14:03:12, in this machine's time zone."""
    return datetime.fromtimestamp(time_ns / 1e9).astimezone().strftime("%H:%M:%S")


def curve(values: Sequence[float], width: int) -> str:
    """The newest `width` values as a line of bars, a baseline where there are none.

    Scaled so that one burst in twenty values does not flatten all others.
    """
    newest = list(values[-width:]) if width > 0 else []
    top = sorted(newest)[(len(newest) - 1) * 19 // 20] if newest else 0.0
    bars = [BARS[0] if top <= 0 else BARS[min(7, int(value / top * 7.999))] for value in newest]
    return "".join(bars).rjust(width, BARS[0])
