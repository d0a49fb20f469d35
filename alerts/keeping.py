"""Everything that the judge remembers, and what of it has changed since it was last taken. Pure."""

from collections.abc import Callable, Iterator, Mapping
from typing import TypeVar

import msgspec
import structlog

from alerts import memory
from alerts.judged import AreaKey, Judged, Remembered, StateKey
from alerts.memory import DeviceMemory
from alerts.state import RuleState

log = structlog.get_logger(__name__)

CLOCK, RESUMED = "clock_ns", "resumed_ns"
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
        self._windows = {key: state.closed for key, state in self.states.items()}
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
            state = self.states.get(key)
            judged.states[key] = None if state is None else memory.encode_state(state)
            closed = () if state is None else state.closed
            if closed is not self._windows.get(key, ()):
                judged.windows[key] = memory.encode_window(closed) if closed else None
                self._windows[key] = closed
        figures = (self.clock_ns, self.resumed_ns)
        if figures != self._figures:
            judged.figures = {CLOCK: self.clock_ns, RESUMED: self.resumed_ns}
        self._devices, self._areas, self._states, self._figures = set(), set(), set(), figures
        return judged


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
