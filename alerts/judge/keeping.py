"""Everything that the judge remembers, and what of it has changed since it was last taken. Pure."""

from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple, TypeVar
from zlib import crc32

import msgspec
import structlog
from msgspec.structs import replace

from alerts.conditions.window import Bucket
from alerts.judge import memory
from alerts.judge.judged import AreaKey, Judged, Remembered, StateKey
from alerts.judge.memory import DeviceMemory
from alerts.judge.state import RuleState

log = structlog.get_logger(__name__)

CLOCK, RESUMED = "clock_ns", "resumed_ns"
FRESH = 8
"""A window is written every 8 to 15 of its 60 steps."""
_Key = TypeVar("_Key")
_Value = TypeVar("_Value")


class Keeping:
    """Devices, states and areas. What can't be read of an older judge's is begun anew, and logged."""

    def __init__(self, kept: Remembered) -> None:
        self.clock_ns = kept.figures.get(CLOCK, 0)
        """The alert clock."""
        self.resumed_ns = kept.figures.get(RESUMED, 0)
        """The alert clock at the end of the last outage of ours: nobody is silent since before it."""
        self.devices = dict(_decoded(kept.devices, memory.decode_device))
        self.areas = dict(_decoded(kept.areas, memory.decode_area))
        windows = kept.windows
        self.states = dict(
            _decoded({key: (data, windows.get(key)) for key, data in kept.states.items()}, _decode_state)
        )
        self._windows: dict[StateKey, _Written] = {}
        for key, state in self.states.items():
            if state.course is not None and state.older:
                fresh = len(state.closed) - state.older
                self._windows[key] = _written(key, state.course.steps - fresh, state.closed[state.older - 1])
                self.states[key] = replace(state, older=0)
        self._devices: set[str] = set()
        self._areas: set[AreaKey] = set()
        self._states: set[StateKey] = set()
        self._figures = (self.clock_ns, self.resumed_ns)

    def device(self, name: str) -> DeviceMemory:
        """Of a device, to be changed."""
        self._devices.add(name)
        found = self.devices.get(name)
        if found is None:
            found = self.devices[name] = DeviceMemory()
        return found

    def forget_device(self, name: str) -> None:
        """It is not in the registry any more."""
        self.devices.pop(name, None)
        self._devices.add(name)

    def area(self, key: AreaKey) -> list[tuple[int, str]]:
        """The events of an area, to be changed in place: all its places share the list."""
        self._areas.add(key)
        return self.areas.setdefault(key, [])

    def keep(self, key: StateKey, state: RuleState) -> None:
        """Remember a state, or forget one that says nothing."""
        if not state.is_idle:
            self.states[key] = state
            self._states.add(key)
        elif key in self.states:
            self.forget(key)

    def forget(self, key: StateKey) -> None:
        """The rule, or the device, is gone."""
        del self.states[key]
        self._states.add(key)

    def take(self) -> Judged:
        """What has changed, encoded."""
        judged = Judged()
        for name in self._devices:
            device = self.devices.get(name)
            judged.devices[name] = None if device is None else memory.encode_device(device)
        for area in self._areas:
            judged.areas[area] = memory.encode_area(self.areas[area])
        for key in self._states:
            self._take_state(key, judged)
        figures = (self.clock_ns, self.resumed_ns)
        if figures != self._figures:
            judged.figures = {CLOCK: self.clock_ns, RESUMED: self.resumed_ns}
        self._devices, self._areas, self._states, self._figures = set(), set(), set(), figures
        return judged

    def _take_state(self, key: StateKey, judged: Judged) -> None:
        """A state, and its window where too much of it is not in its table yet."""
        state, written = self.states.get(key), self._windows.get(key)
        if state is None or state.course is None or not state.closed:
            judged.states[key] = None if state is None else memory.encode_state(state, 0)
            if written is not None:
                del self._windows[key]
                judged.windows[key] = None
            return
        fresh = -1 if written is None else state.course.steps - written.steps
        if written is None or not written.goes_on(state.closed, fresh):
            fresh = 0
            judged.windows[key] = memory.encode_window(state.closed)
            self._windows[key] = _written(key, state.course.steps, state.closed[-1])
        judged.states[key] = memory.encode_state(state, fresh)


class _Written(NamedTuple):
    """What the table of windows holds of one."""

    steps: int
    """How many buckets were closed by then."""
    last: Bucket
    """The last of them."""
    until: int
    """So many newer ones go with the state."""

    def goes_on(self, closed: tuple[Bucket, ...], fresh: int) -> bool:
        """Whether the state and `fresh` new buckets say all."""
        before = len(closed) - 1 - fresh
        return 0 <= fresh <= self.until and before >= 0 and closed[before] is self.last


def _written(key: StateKey, steps: int, last: Bucket) -> _Written:
    """Windows that step together are not written together: the batch would be a hundred times as large as others."""
    return _Written(steps, last, FRESH + crc32(f"{key[0]} {key[1]}".encode()) % FRESH)


def _decode_state(data: tuple[bytes, bytes | None]) -> RuleState:
    return memory.decode_state(*data)


def _decoded(
    kept: Mapping[_Key, bytes] | Mapping[_Key, tuple[bytes, bytes | None]], decode: Callable[..., _Value]
) -> Iterator[tuple[_Key, _Value]]:
    for key, data in kept.items():
        try:
            yield key, decode(data)
        except msgspec.MsgspecError as error:
            log.warning("something remembered can't be read and begins anew", about=str(key), reason=str(error))
