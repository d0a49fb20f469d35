"""Moments and spans as people write them, and ages as people read them."""

import re
import time
from datetime import UTC, datetime, timedelta, tzinfo

from telemetry.reading import NS_PER_S

_SPAN = re.compile(r"(\d+(?:\.\d+)?)\s*(s|m|min|h|d|w)")
_UNIT_S = {"s": 1, "m": 60, "min": 60, "h": 3600, "d": 86_400, "w": 604_800}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class MomentError(ValueError):
    """Not a moment or a span; the message says what is."""


def now_ns() -> int:
    """The wall clock, nanoseconds since the epoch, UTC."""
    return time.time_ns()


def span_s(text: str) -> float:
    """Seconds in a span such as `90s`, `15m`, `24h`, `14d` or `2w`. Raises `MomentError`."""
    match = _SPAN.fullmatch(text.strip())
    if match is None:
        raise MomentError(f"{text!r} is not a span; write 90s, 15m, 24h, 14d or 2w")
    return float(match[1]) * _UNIT_S[match[2]]


def moment_ns(text: str, zone: tzinfo, at_ns: int) -> int:
    """A moment in nanoseconds UTC, seen from `at_ns`.

    `now`; a span, counted back from now (`24h`); a date, its midnight in `zone`; a date and time, in `zone` where it
    names no offset. Raises `MomentError`.
    """
    text = text.strip()
    if text == "now":
        return at_ns
    if _SPAN.fullmatch(text):
        return at_ns - round(span_s(text) * NS_PER_S)
    try:
        parsed = datetime.fromisoformat(text)
    except ValueError:
        raise MomentError(
            f"{text!r} is not a moment; write 24h (ago), 2026-11-20, 2026-11-20T08:00 (local) or 2026-11-20T00:00Z"
        ) from None
    return to_ns(parsed if parsed.tzinfo else parsed.replace(tzinfo=zone))


def to_ns(moment: datetime) -> int:
    """Nanoseconds since the epoch of a moment with a time zone, exact to the microsecond."""
    return (moment - _EPOCH) // timedelta(microseconds=1) * 1000


def from_ns(time_ns: int, zone: tzinfo = UTC) -> datetime:
    """The moment in a time zone, cut to the microsecond."""
    return (_EPOCH + timedelta(microseconds=time_ns // 1000)).astimezone(zone)


def utc_text(time_ns: int) -> str:
    """For programs: ISO 8601 in UTC with milliseconds."""
    return from_ns(time_ns).strftime("%Y-%m-%dT%H:%M:%S.") + f"{time_ns // 1_000_000 % 1000:03d}Z"


def local_text(time_ns: int, zone: tzinfo) -> str:
    """For people: the site's own time, to the second."""
    return from_ns(time_ns, zone).strftime("%Y-%m-%d %H:%M:%S")


def age_text(age_s: float) -> str:
    """For people: `12 s`, `4 min`, `3 h`, `2 days`. A time ahead of the clock reads `in 4 s`."""
    if age_s < -1:
        return f"in {age_text(-age_s)}"
    age_s = max(age_s, 0)
    for limit_s, unit_s, word in ((120, 1, "s"), (7200, 60, "min"), (172_800, 3600, "h")):
        if age_s < limit_s:
            return f"{int(age_s / unit_s)} {word}"
    return f"{int(age_s / 86_400)} days"
