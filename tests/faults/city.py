"""A city for the alerts: as many devices as are wanted, rules with conditions of every kind, written as files.

Devices come in kinds of one style each, by which their messages may be disturbed without changing an alert.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

import yaml

from alerts.rules.load import load_rules
from alerts.rules.rule import Rules
from telemetry.reading import NS_PER_S
from telemetry.registry.load import load_registry
from telemetry.registry.models import Registry

HOUR_S = 3_600
INTERVAL_S = 5
SILENT_AFTER_S = 3 * INTERVAL_S
LATENESS_S = 5
DEVICES_A_SITE, AREAS = 50, 5
DEVICES_A_GATEWAY = 5


class Style(StrEnum):
    """What may happen to a device's messages on their way."""

    ORDERED = "ordered"
    """Its rules have no lateness: its own messages stay in order, others may overtake them."""
    BEHIND = "behind"
    """The same, behind a gateway."""
    LOOSE = "loose"
    """All its rules have a lateness: messages may overtake each other by as much."""
    PAUSED = "paused"
    """Ordered; some of its rules rest after an event of its area."""
    PAUSED_LOOSE = "paused_loose"
    GATEWAY = "gateway"


STYLES = (
    *(Style.BEHIND, Style.ORDERED, Style.ORDERED, Style.ORDERED, Style.ORDERED),
    *(Style.LOOSE, Style.LOOSE, Style.LOOSE, Style.PAUSED, Style.PAUSED_LOOSE),
)
"""Of the kinds k0 to k9: ten rules each."""
LATE = frozenset({Style.LOOSE, Style.PAUSED_LOOSE})
RESTING = frozenset({Style.PAUSED, Style.PAUSED_LOOSE})
METRICS = (
    "nh3_ppm h2s_ppm leak uses people_in current_l1_a current_l2_a current_l3_a online battery_pct cleaned assistance"
)


@dataclass(frozen=True, slots=True)
class City:
    """So many devices of each of ten kinds, and their gateways."""

    a_kind: int
    start_ns: int
    """When its story begins: 40 s before a full hour, at which the active hours of some rules begin."""
    windows_on: str = "*"
    """The devices that have rules with windows, as a pattern: each is worked out every second, which takes its time."""

    @classmethod
    def of(cls, devices: int, windows_on: str = "*") -> "City":
        """With a story an hour ago: the clock of the alerts is the story's, whatever the wall says."""
        hour_s = int(time.time()) // HOUR_S * HOUR_S
        return cls(devices // len(STYLES), (hour_s - HOUR_S - 40) * NS_PER_S, windows_on)

    @property
    def devices(self) -> Mapping[str, Style]:
        """By id."""
        named = {f"k{kind}-{i:04}": style for kind, style in enumerate(STYLES) for i in range(self.a_kind)}
        return named | {f"gateway-{i:03}": Style.GATEWAY for i in range(-(-self.a_kind // DEVICES_A_GATEWAY))}

    def site(self, device: str) -> str:
        """Where it is."""
        kind, _, number = device.partition("-")
        return f"site-{kind}-{int(number) // DEVICES_A_SITE}"

    def write(self, folder: Path) -> None:
        """sites.yaml, devices.csv and rules.yaml."""
        folder.mkdir(parents=True, exist_ok=True)
        areas = [{"id": f"a{i}", "type": "male"} for i in range(AREAS)]
        sites = [
            {"id": site, "kind": "test", "names": {"en": site}, "timezone": "UTC", "areas": areas}
            for site in sorted({self.site(device) for device in self.devices})
        ]
        (folder / "sites.yaml").write_text(yaml.safe_dump({"sites": sites}))
        (folder / "devices.csv").write_text("\n".join(["id,site,area,kind,parent,interval_s,metrics", *self._rows()]))
        hour = time.gmtime(self.start_ns // NS_PER_S + HOUR_S).tm_hour
        rules = [rule for kind, style in enumerate(STYLES) for rule in _rules(f"k{kind}", style, hour)]
        for rule in rules:
            if "window" in rule["when"]:
                rule["where"]["devices"] = [self.windows_on]
        (folder / "rules.yaml").write_text(yaml.safe_dump({"rules": [*rules, _GATEWAY_DOWN]}, sort_keys=False))

    def _rows(self) -> Iterator[str]:
        for device, style in self.devices.items():
            kind, _, number = device.partition("-")
            parent = f"gateway-{int(number) // DEVICES_A_GATEWAY:03}" if style is Style.BEHIND else ""
            area = f"a{int(number) % AREAS}"
            yield f"{device},{self.site(device)},{area},{kind},{parent},{INTERVAL_S},{METRICS}"


def load(folder: Path) -> tuple[Registry, Rules]:
    """What a service makes of the files."""
    registry = load_registry(folder)
    return registry, load_rules(folder, registry)


def _rule(name: str, kind: str, when: dict[str, Any], severities: dict[str, Any], **more: Any) -> dict[str, Any]:
    rule_id = f"{name}-{kind}"
    return {
        "id": rule_id,
        "names": {"en": rule_id},
        "why": "So that there is one of this sort.",
        "where": {"kinds": [kind]},
        "when": when,
        "severities": severities,
        **more,
    }


_GATEWAY_DOWN = _rule(
    "down", "gateway", {"no_data": {"missed": 3}}, {"warning": {}, "critical": {"for": "5s"}}, flapping=False
)


def _rules(kind: str, style: Style, hour: int) -> Sequence[dict[str, Any]]:
    """Ten rules for one kind: every sort of condition that its style allows."""
    late = {"lateness": f"{LATENESS_S}s"} if style in LATE else {}
    rest = late | ({"pause": {"after": "cleaned", "for": "15s"}} if style in RESTING else {})
    nh3, h2s = {"metric": "nh3_ppm"}, {"metric": "h2s_ppm"}
    return (
        _rule(
            "odour",
            kind,
            nh3,
            {
                "warning": {"above": 10, "clear_below": 8},
                "critical": {"above": 30, "clear_below": 20, "for": "6s", "clear_for": "3s"},
            },
            **rest,
        ),
        _rule(
            "sulphide", kind, h2s, {"warning": {"above": 5, "clear_below": 4, "for": "7s", "clear_for": "6s"}}, **rest
        ),
        _rule("rate", kind, nh3 | {"rate_per": "10s"}, {"information": {"above": 12, "clear_below": 3}}, **late),
        _rule(
            "mean", kind, nh3 | {"window": "20s", "of": "mean"}, {"warning": {"above": 12, "clear_below": 9}}, **rest
        ),
        _rule(
            "crowd",
            kind,
            {"metric": "people_in", "window": "30s", "of": "sum"},
            {"information": {"above": 12, "clear_below": 5}},
            **late,
        ),
        _rule(
            "busy",
            kind,
            {"metric": "uses", "window": "20s", "of": "delta"},
            {"warning": {"above": 8, "clear_below": 4}},
            **late,
        ),
        _rule(
            "leak",
            kind,
            {"state": "leak"},
            {"critical": {"for": "3s", "clear_for": "2s"}},
            active=f"{hour:02}:00-{(hour + 2) % 24:02}:00",
            flapping=False,
            **late,
        ),
        _rule(
            "imbalance",
            kind,
            {"imbalance": ["current_l1_a", "current_l2_a", "current_l3_a"]},
            {"warning": {"above": 25, "clear_below": 20, "for": "4s"}},
            only_while={"metric": "h2s_ppm", "above": 1},
            **late,
        ),
        # Silence and events know no lateness: order means nothing to them, or everything.
        *(_late(kind, late) if style in LATE else _prompt(kind)),
    )


def _prompt(kind: str) -> Sequence[dict[str, Any]]:
    return (
        _rule("silent", kind, {"no_data": {"missed": 3}}, {"warning": {}, "critical": {"for": "10s"}}),
        _rule("help", kind, {"event": "assistance"}, {"critical": {}}, expire_after="25s"),
    )


def _late(kind: str, late: Mapping[str, Any]) -> Sequence[dict[str, Any]]:
    h2s = {"metric": "h2s_ppm", "window": "10s"}
    return (
        _rule("fresh", kind, h2s | {"of": "max"}, {"information": {"below": 1, "clear_above": 2}}, **late),
        _rule("calls", kind, h2s | {"of": "count"}, {"information": {"above": 3, "clear_below": 2}}, **late),
    )
