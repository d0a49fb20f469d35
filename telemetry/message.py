"""The MQTT message as it came, and what admission says of it."""

from collections.abc import Sequence
from enum import StrEnum

from msgspec import Struct

from telemetry.reading import Reading


class Reason(StrEnum):
    """Why something was not admitted. The member is the counter's label and the word in the log."""

    NOT_UTF8 = "not_utf8"
    NOT_JSON = "not_json"
    TOO_LARGE = "too_large"
    TOO_DEEP = "too_deep"
    NOT_A_READING = "not_a_reading"
    UNKNOWN_TOPIC = "unknown_topic"
    UNKNOWN_DEVICE = "unknown_device"
    IDENTITY_CONFLICT = "identity_conflict"
    UNKNOWN_METRIC = "unknown_metric"
    WRONG_SOURCE = "wrong_source"
    WRONG_TYPE = "wrong_type"
    NOT_FINITE = "not_finite"
    IMPOSSIBLE_VALUE = "impossible_value"
    TOO_OLD = "too_old"
    IN_FUTURE = "in_future"
    RETAINED = "retained"
    # What a store says of a reading that admission let pass.
    REFUSED_BY_STORE = "refused_by_store"
    # A message that brings an error of our own to light must not stop those behind it.
    DEFECT = "defect"
    # Not kept, only counted: they carry no measurement.
    HEARTBEAT = "heartbeat"
    CLEARED = "cleared"

    @property
    def ignored(self) -> bool:
        """Counted and let go: there is nothing in it that anybody could miss."""
        return self in {Reason.HEARTBEAT, Reason.CLEARED}


class Message(Struct, frozen=True, gc=False):
    """One MQTT PUBLISH."""

    topic: str
    payload: bytes
    retained: bool
    received_ns: int
    """Arrival, nanoseconds since the epoch, UTC."""


class Rejection(Struct, frozen=True, gc=False):
    """What one message lost for one reason."""

    message: Message
    reason: Reason
    readings: int
    """How many whole readings it cost; 0 when only single values of an admitted reading were refused."""
    detail: str
    """For a person: which field, what was found, what was expected."""


class Admitted(Struct, frozen=True, gc=False):
    """Everything that one message came to: what is stored and what is not."""

    readings: Sequence[Reading]
    rejections: Sequence[Rejection]
