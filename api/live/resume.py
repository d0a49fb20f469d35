"""Where a stream begins for who comes back: what it has had, is given, and is told that it has missed. Pure.

An id is `<run>-<number>`: numbers count what one process was given, whoever wanted it.
"""

import re
from enum import StrEnum

from msgspec import Struct

from api.live.past import Past
from telemetry.reading import NS_PER_MS

_ID = re.compile(r"([0-9a-f]{8})-(0|[1-9][0-9]{0,17})", re.ASCII)


class Why(StrEnum):
    """Why something can't be given any more."""

    TOO_LONG_AGO = "too_long_ago"
    """It came, and is no longer kept here."""
    OTHER_RUN = "other_run"
    """The service was started anew since; what came between is not known here."""
    UNKNOWN_ID = "unknown_id"
    """The id is not one that was given out."""


class Missed(Struct, frozen=True):
    """What a stream begins with that can't give everything."""

    why: Why
    at_most: int | None
    """Events between the last that was had and the first that is given, wanted or not; null: not known."""
    until: int
    """What arrived later than this is given, ms since the epoch, UTC; what is older stands in the history."""


class Start(Struct, frozen=True):
    """Where a stream begins."""

    number: int
    """All after it is given."""
    resumed: bool
    """Whether it goes on from an id."""
    missed: Missed | None


def start(last_id: str | None, run_id: str, past: Past, now_ns: int) -> Start:
    """`last_id` is the last that was had; none: from now on."""
    if not last_id:
        return Start(past.last, resumed=False, missed=None)
    parts = _ID.fullmatch(last_id)
    if parts is None:
        return _from_first(Why.UNKNOWN_ID, None, past, now_ns)
    number = int(parts[2])
    if parts[1] != run_id:
        return _from_first(Why.OTHER_RUN, None, past, now_ns)
    if number > past.last:
        return _from_first(Why.UNKNOWN_ID, None, past, now_ns)
    if number < past.first - 1:
        return _from_first(Why.TOO_LONG_AGO, past.first - 1 - number, past, now_ns)
    return Start(number, resumed=True, missed=None)


def _from_first(why: Why, at_most: int | None, past: Past, now_ns: int) -> Start:
    until = past.first_ms
    missed = Missed(why, at_most, now_ns // NS_PER_MS if until is None else until)
    return Start(past.first - 1, resumed=True, missed=missed)
