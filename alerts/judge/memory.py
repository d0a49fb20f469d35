"""What the judge remembers of a device, and how states are encoded for the database."""

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from alerts.conditions.window import Bucket
from alerts.judge.state import RuleState
from telemetry.reading import Reading

Key = tuple[int, int]
"""Event time and sequence number (-1: none): the order of a device's readings."""

NEVER: Key = (-1, -1)


class Lane(Struct, array_like=True):
    """The readings of a device as rules of one lateness see them."""

    last: dict[str, Key] = {}
    """The newest that was judged, by metric: nothing older is judged any more."""
    waiting: list[Reading] = []
    """In order; those that may still be overtaken."""


class DeviceMemory(Struct, array_like=True):
    """Of one device."""

    heard_ns: int = 0
    """Event time of its newest reading."""
    arrived_ns: int = 0
    """The alert clock when that came."""
    back_ns: int = 0
    """The alert clock when it was heard again after it had been silent or offline."""
    offline: bool = False
    """Its gateway's or its own last word: `online` is 0."""
    lanes: dict[str, Lane] = {}
    battery_pct: float | None = None
    """The last that it said."""
    said_ns: int = 0
    """Event time of the last word on whether it is online."""

    @property
    def lag_ns(self) -> int:
        """How far the device is behind the alert clock: its clock is slow, or its readings come late."""
        return max(0, self.arrived_ns - self.heard_ns) if self.heard_ns else 0


_encoder = msgspec.msgpack.Encoder()
_devices = msgspec.msgpack.Decoder(DeviceMemory)
_states = msgspec.msgpack.Decoder(RuleState)
_windows = msgspec.msgpack.Decoder(tuple[Bucket, ...])
_areas = msgspec.msgpack.Decoder(list[tuple[int, str]])


def encode_device(memory: DeviceMemory) -> bytes:
    """For the table of devices."""
    return _encoder.encode(memory)


def decode_device(data: bytes) -> DeviceMemory:
    """Raises `msgspec.MsgspecError`."""
    return _devices.decode(data)


def encode_state(state: RuleState, fresh: int) -> bytes:
    """For the table of states; of a window with the last `fresh` buckets: those before them are in the other table."""
    count = len(state.closed)
    if not count:
        return _encoder.encode(state)
    fresh = min(fresh, count)
    return _encoder.encode(replace(state, closed=state.closed[count - fresh :], older=count - fresh))


def decode_state(data: bytes, window: bytes | None) -> RuleState:
    """Both parts together. Raises `msgspec.MsgspecError`."""
    state = _states.decode(data)
    if not state.older:
        return state
    stored = () if window is None else _windows.decode(window)
    if len(stored) < state.older:
        raise msgspec.ValidationError("a window is not whole")
    return replace(state, closed=stored[len(stored) - state.older :] + state.closed)


def encode_window(closed: tuple[Bucket, ...]) -> bytes:
    """For the table of windows: written now and then only, as it is large; what is newer goes with the state."""
    return _encoder.encode(closed)


def encode_area(pauses: list[tuple[int, str]]) -> bytes:
    """For the table of areas."""
    return _encoder.encode(pauses)


def decode_area(data: bytes) -> list[tuple[int, str]]:
    """Raises `msgspec.MsgspecError`."""
    return _areas.decode(data)
