"""Everything that dispatch looks at and does not change."""

from collections.abc import Callable, Mapping, Sequence

from msgspec import Struct

from alerts.alert import Alert, Silence
from alerts.dispatch.routing import Routing
from alerts.notice import Message, Notice
from alerts.rules.rule import Rule
from telemetry.registry.models import Registry


class World(Struct, frozen=True):
    """As it is at the moment of the look."""

    registry: Registry
    rules: Mapping[str, Rule]
    """By id."""
    routing: Routing
    alerts: Mapping[str, Alert]
    """By id: all that are active, and those that the news are about, as they are after the last of them."""
    compose: Callable[[Notice], Message]
    """Puts a notice into words."""
    first_acknowledged: Mapping[str, int] = {}
    """By alert, of those that the news are about: the number of the transition by which somebody took it on first."""
    silences: Sequence[Silence] = ()
    silent_devices: Sequence[str] = ()
    """Ids, for the digest."""
    low_batteries: Sequence[tuple[str, float]] = ()
    """Device and percent, for the digest."""
