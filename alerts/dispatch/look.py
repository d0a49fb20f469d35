"""One look at the news: what the stages read, and what they make of it. Lives as long as one `plan`."""

from collections.abc import Mapping, Sequence
from zoneinfo import ZoneInfo

from msgspec import Struct

from alerts.alert import Alert
from alerts.dispatch.planned import Planned
from alerts.dispatch.routing import Route
from alerts.dispatch.state import Ledger, Memory, Series
from alerts.dispatch.world import World
from alerts.mute.duty import Audience, audience
from alerts.mute.inhibit import gateways_down
from alerts.notice import Cause, Muted
from alerts.rules.rule import Rule
from telemetry.registry.models import Device


class Place(Struct, frozen=True, gc=False):
    """Where an alert belongs: a branch, and a group there."""

    route: Route
    group: str
    """The group's key."""
    shared: Mapping[str, str]
    """The labels that the group has in common."""


class Case(Struct, gc=False):
    """One alert with all that decides about it."""

    alert: Alert
    ledger: Ledger
    labels: Mapping[str, str]
    rule: Rule | None
    device: Device | None
    zone: ZoneInfo
    """Of its site; UTC where it has none any more."""
    places: Sequence[Place]
    """At least one."""


class Wish(Struct, gc=False):
    """Somebody is to be told of an alert, when the group may speak."""

    case: Case
    person: str
    cause: Cause
    place: Place
    due_ns: int = 0
    """Of a repetition: when it is due; it may go along with others a little earlier."""
    series: Series | None = None
    """Of `FLAPPING`."""


class Sending(Struct, gc=False):
    """A message that is due."""

    person: str
    cause: Cause
    alerts: list[tuple[Alert, Cause]]
    place: Place
    marks: list[str]
    """What tells it from all other messages about the same alerts to the same person."""
    urgent: bool
    """The cap does not hold it back."""
    by: str | None = None
    """Of `ASSIGNED`: who gave the alerts."""


class Look:
    """State, decoded, with everything that a stage needs to ask."""

    def __init__(
        self,
        now_ns: int,
        world: World,
        groups: Mapping[str, bytes],
        sent: Mapping[str, Sequence[int]],
        figures: Mapping[str, int],
    ) -> None:
        self.now_ns = now_ns
        """Wall clock, ns UTC."""
        self.world = world
        self.memory = Memory(groups)
        self.sent = {person: sorted(times) for person, times in sent.items()}
        """By person: when messages that count for the cap were made, ns UTC."""
        self.figures = figures
        self.planned = Planned()
        self.cases: dict[str, Case] = {}
        """By alert, in the order in which they were raised."""
        self.wishes: list[Wish] = []
        self.sendings: list[Sending] = []
        self.down = gateways_down(world.alerts.values(), world.rules, world.registry.devices)
        """Gateways that are silent."""
        self._audiences: dict[tuple[tuple[str, ...], str], Audience] = {}

    def wake(self, at_ns: int | None) -> None:
        """There will be something to do then, if that is still to come."""
        if at_ns is not None and at_ns > self.now_ns:
            self.planned.next_ns = at_ns if self.planned.next_ns is None else min(self.planned.next_ns, at_ns)

    def mute(self, ledger: Ledger, person: str, why: Muted) -> None:
        """A person is not told of an alert; counted when that begins, not on every look."""
        if ledger.muted.get(person) is not why:
            ledger.muted[person] = why
            self.planned.muted[why] += 1

    def audience(self, to: tuple[str, ...], case: Case) -> Audience:
        """Who of `to` is told of the case."""
        site = case.labels["site"]
        known = self._audiences.get((to, site))
        if known is None:
            known = audience(to, site, case.zone, self.world.registry, self.now_ns)
            self._audiences[to, site] = known
        return known
