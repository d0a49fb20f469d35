"""What the rules think of a device, from what the engine has left in the alert database; it need not be running.

Stored values are given: a rule that has found nothing remembers nothing, and then the last of them are shown.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

import msgspec

from alerts.desk.desk import Desk
from alerts.explain.explain import Explanation, Facts, Share, Standing, Stored, Thought, explain
from alerts.explain.misfit import Misfit, Part, misfits
from alerts.explain.reason import Reason, Why
from alerts.judge.keeping import CLOCK, RESUMED
from alerts.judge.lifecycle import Known, Phase
from alerts.judge.memory import DeviceMemory, decode_area, decode_device, decode_state
from alerts.judge.plans import Plan, plans
from alerts.judge.state import RuleState
from alerts.rules.rule import Rule, Rules
from telemetry.registry.models import Device, Registry

__all__ = [
    "CLOCK",
    "Explanation",
    "Known",
    "Misfit",
    "Part",
    "Phase",
    "Reason",
    "Remembered",
    "Share",
    "Standing",
    "Stored",
    "Thought",
    "Why",
    "explained",
    "misfits",
]

T = TypeVar("T")


def explained(
    desk: Desk, registry: Registry, rules: Rules, device: str, stored: Mapping[str, Stored]
) -> Sequence[Explanation]:
    """What each rule that selects the device thinks of it. `stored`: its newest values, by metric.

    Raises `DatabaseAwayError`; `KeyError` for a device that the registry does not have.
    """
    return Remembered(desk, registry, rules, device).explained(stored)


class Remembered:
    """What the alert database holds of a device. What can't be read, being another version's, counts as nothing."""

    def __init__(self, desk: Desk, registry: Registry, rules: Rules, device: str) -> None:
        """Look once. Raises as `explained` does."""
        here = registry.devices[device]
        around = plans(_around(registry, here), rules)
        self._plan = around.get(device)
        self.rules: Mapping[str, Rule] = {} if self._plan is None else self._plan.rules
        """Those that select the device, by id."""
        figures = desk.figures()
        self.clock_ns = figures.get(CLOCK, 0)
        """The alert clock, ns UTC: this is what was thought then. 0: it has not been heard yet."""
        self._resumed_ns = figures.get(RESUMED, 0)
        self._memory = _memory(desk, device)
        self._gateway = _gateway(desk, here, around)
        self._states = {rule: _state(desk, rule, device) for rule in self.rules}
        if self._plan is not None:
            pauses = desk.area(here.site, here.area or "")
            self._plan.place.pauses = [] if pauses is None else _or_none(decode_area, pauses) or []

    def forgot(self, rule: str) -> bool:
        """Whether stored values would say more: the rule reads some, and remembers nothing."""
        return self._states[rule] is None and bool(self.rules[rule].metrics)

    def explained(self, stored: Mapping[str, Stored]) -> Sequence[Explanation]:
        """What each rule thinks, in the order in which the rules stand. `stored`: the newest values, by metric."""
        facts = Facts(self._memory, self.clock_ns, self._resumed_ns, self._gateway, stored)
        return [
            explain(rule, self._states[id_], self._plan, facts)
            for id_, rule in self.rules.items()
            if self._plan is not None
        ]


def _state(desk: Desk, rule: str, device: str) -> RuleState | None:
    found = desk.state(rule, device)
    if found is None:
        return None
    window = desk.window(rule, device)
    return _or_none(lambda data: decode_state(data, window), found)


def _gateway(desk: Desk, device: Device, around: Mapping[str, Plan]) -> tuple[DeviceMemory, int | None] | None:
    """What is known of the one through which it speaks, and how long that may be silent, ns."""
    above = None if device.parent is None else around.get(device.parent)
    return None if above is None else (_memory(desk, above.place.device.id), above.silent_ns)


def _memory(desk: Desk, device: str) -> DeviceMemory:
    found = desk.device(device)
    return DeviceMemory() if found is None else _or_none(decode_device, found) or DeviceMemory()


def _or_none(decode: Callable[[bytes], T], data: bytes) -> T | None:
    try:
        return decode(data)
    except msgspec.MsgspecError:
        return None


def _around(registry: Registry, device: Device) -> Registry:
    """The device and its gateway: planning for all others takes seconds where there are many."""
    names = [device.id, *([] if device.parent is None else [device.parent])]
    return Registry(registry.metrics, registry.sites, {name: registry.devices[name] for name in names})
