"""What the judge and the database hand to each other. Encoded states are the judge's own; the database keeps them."""

from collections.abc import Mapping, Sequence
from enum import StrEnum

from msgspec import Struct

from alerts.alert import Alert, Silence, Transition

StateKey = tuple[str, str]
"""Rule and device."""
AreaKey = tuple[str, str]
"""Site and area; the area is empty for devices that have none."""


class Act(StrEnum):
    """What a person asks for."""

    ACKNOWLEDGE = "acknowledge"
    ASSIGN = "assign"
    """Gives an alert to a person, who is told."""
    COMMENT = "comment"
    RESOLVE = "resolve"
    """Only of an alert that latches."""
    SILENCE = "silence"
    UNSILENCE = "unsilence"
    """Ends a silence now."""


class Action(Struct, frozen=True):
    """A wish, put into the database by the desk; the engine fulfils it, and only the engine changes state."""

    id: int
    act: Act
    at_ns: int
    """When it was asked for, wall clock, ns UTC."""
    by: str
    alert: str | None = None
    """Its id; of a silence that is to end: the silence's."""
    comment: str | None = None
    until_ns: int | None = None
    """Of an acknowledgement or a silence; None: an acknowledgement without an end."""
    start_ns: int | None = None
    matchers: Mapping[str, str] = {}
    to: str | None = None
    """Of an assignment: the id of the person."""


class Remembered(Struct):
    """Everything that the judge needs to go on as if it had never stopped."""

    devices: dict[str, bytes] = {}
    states: dict[StateKey, bytes] = {}
    windows: dict[StateKey, bytes] = {}
    areas: dict[AreaKey, bytes] = {}
    figures: dict[str, int] = {}
    """The alert clock and others, by name."""
    alerts: list[Alert] = []
    """Those that are active."""
    silences: list[Silence] = []
    """Those that are not over."""


class Judged(Struct):
    """The outcome of one batch. The database keeps it in one transaction; then the batch may be acknowledged."""

    devices: dict[str, bytes | None] = {}
    """Only what changed; None: to be forgotten."""
    states: dict[StateKey, bytes | None] = {}
    windows: dict[StateKey, bytes | None] = {}
    areas: dict[AreaKey, bytes | None] = {}
    figures: dict[str, int] = {}
    alerts: dict[str, Alert] = {}
    """By id; new or changed."""
    transitions: Sequence[Transition] = ()
    """In the order in which they were found; the database numbers them."""
    silences: Sequence[Silence] = ()
    """New or changed."""
    done: Sequence[tuple[int, str | None]] = ()
    """Actions that were fulfilled, or why not."""
