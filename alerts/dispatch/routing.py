"""Who is told when: the routing tree, checked, as the dispatcher uses it. How it is written stands in `written.py`."""

from collections.abc import Mapping
from datetime import time

from msgspec import Struct

from alerts.alert import Severity
from telemetry.registry.hours import Hours


class Step(Struct, frozen=True):
    """Who is told next, when nobody has acknowledged."""

    after_ns: int
    """Since the alert was first sent out on this route."""
    to: tuple[str, ...]


class Route(Struct, frozen=True):
    """A branch: alerts that match go to its people, or to those of the first of its branches that matches."""

    name: str
    """Its path, as in `root/assistance`."""
    match: Mapping[str, str]
    """Label to value; `*` and `a|b` as in `labels.match`. Empty: everything."""
    to: tuple[str, ...]
    """People, by id; nobody: everybody whose site it is."""
    group_by: tuple[str, ...]
    """Labels: alerts that agree in them share a message."""
    group_wait_ns: int
    """How long the first message of a group waits for others."""
    group_interval_ns: int
    """How long news of a group wait after its last message."""
    repeat_interval_ns: int
    """How long until people are told again of what is still there."""
    escalate: tuple[Step, ...]
    quiet_hours: bool
    """Whether quiet hours hold here."""
    routes: tuple["Route", ...] = ()
    go_on: bool = False
    """Whether the next branches are looked at too after this one matched."""


class QuietHours(Struct, frozen=True):
    """When alerts of these severities wait until morning."""

    hours: Hours
    severities: frozenset[Severity]


class Digest(Struct, frozen=True):
    """The day in one message."""

    at: time
    """In the time zone of the person's first site."""
    to: tuple[str, ...]


class Routing(Struct, frozen=True):
    """All of `routes.yaml`."""

    root: Route
    quiet_hours: tuple[QuietHours, ...] = ()
    cap_an_hour: int = 30
    """Messages to one person within an hour, escalations and what can't wait apart; the rest comes in one summary."""
    digest: Digest | None = None
