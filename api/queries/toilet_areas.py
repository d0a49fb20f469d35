"""The areas of a toilet block, as values."""

from datetime import datetime
from enum import StrEnum

from api.queries.answer import Answer, Names
from api.queries.standing import State
from api.queries.value_now import ValueNow


class CubicleState(StrEnum):
    """What stands on a cubicle."""

    FREE = "free"
    OCCUPIED = "occupied"
    OUT = "out"
    """Of service."""
    UNKNOWN = "unknown"
    """Silent, or never heard."""


class Cubicle(Answer):
    """One cubicle."""

    device: str
    names: Names
    number: str
    """Its label; empty: it has none."""
    state: CubicleState


class AreaValue(ValueNow):
    """One value of an area."""

    low: bool = False
    """Of a supply: it runs down, or the bin is nearly full."""
    trend: tuple[float | None, ...] = ()
    """Of a gas, the last 24 h by half hours."""


class AreaNow(Answer):
    """One area."""

    id: str
    type: str
    names: Names
    state: State
    cubicles: tuple[Cubicle, ...]
    cubicles_hidden: bool
    """There are some, and they say where people are: for operators."""
    uses: int | None
    """Since the last cleaning, or since midnight where none is known; null: not counted, or the store is away."""
    cleaned: datetime | None
    cleanable: bool
    """A cleaning can be entered: exactly one device of the area takes it."""
    gases: tuple[AreaValue, ...]
    supplies: tuple[AreaValue, ...]
    leak: bool | None
    """Null: nothing here would notice."""
