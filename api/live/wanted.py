"""What somebody listens to: what was asked for, of what the caller may see. Pure."""

from collections.abc import Collection

from msgspec import Struct

from alerts.desk import Rule
from api.access.caller import Caller
from api.live.event import Event, EventKind, with_metrics_only, without_values
from api.problem import ForbiddenError, NotFoundError
from telemetry.registry.models import Registry


class Asked(Struct, frozen=True):
    """The filters of a request; an empty one does not narrow."""

    sites: frozenset[str] = frozenset()
    devices: frozenset[str] = frozenset()
    metrics: frozenset[str] = frozenset()
    kinds: frozenset[EventKind] = frozenset()


class Wanted(Struct, frozen=True):
    """Filters and rights in one. Two that are equal get the same bytes. None stands for all.

    What may be seen is written down name by name: what comes into the registry later is not seen by mistake.
    """

    kinds: frozenset[EventKind]
    sites: frozenset[str] | None
    devices: frozenset[str] | None
    metrics: frozenset[str] | None
    rules: frozenset[str] | None
    """Whose alerts."""
    shown: frozenset[str] | None
    """Rules of whose alerts the values may be seen."""

    def block(self, event: Event) -> bytes | None:
        """The event as it is sent to who wants this; None: not at all."""
        if (
            event.kind not in self.kinds
            or (self.sites is not None and event.site not in self.sites)
            or (self.devices is not None and event.device not in self.devices)
        ):
            return None
        if event.kind is EventKind.READING:
            if self.metrics is None or event.names <= self.metrics:
                return event.block
            return None if event.names.isdisjoint(self.metrics) else with_metrics_only(event, self.metrics)
        if self.rules is not None and event.names.isdisjoint(self.rules):
            return None
        return event.block if self.shown is None or event.names <= self.shown else without_values(event)


ALL_KINDS = frozenset(EventKind)


def wanted(asked: Asked, caller: Caller, registry: Registry, rules: Collection[Rule]) -> Wanted:
    """What the caller gets of what was asked for.

    Raises `NotFoundError` for what there is not, or is of others; `ForbiddenError` for a metric that needs a higher
    role.
    """
    for site in sorted(asked.sites):
        if site not in registry.sites or not caller.sees(site):
            raise NotFoundError(f"there is no site {site}")
    sites = asked.sites or caller.sites
    for name in sorted(asked.devices):
        device = registry.devices.get(name)
        if device is None or not caller.sees(device.site):
            raise NotFoundError(f"there is no device {name}")
    if asked.devices:  # the sites say where in a batch to look
        theirs = frozenset(registry.devices[name].site for name in asked.devices)
        sites = theirs if sites is None else theirs & sites
    for name in sorted(asked.metrics):
        metric = registry.metrics.get(name)
        if metric is None:
            raise NotFoundError(f"there is no metric {name}")
        if not caller.reads(metric):
            raise ForbiddenError(f"{name} says where people are: it needs the role operator")
    readable = frozenset(name for name, metric in registry.metrics.items() if caller.reads(metric))
    everything = len(readable) == len(registry.metrics)
    about = (rule.id for rule in rules if not asked.metrics.isdisjoint(rule.metrics))
    shown = (rule.id for rule in rules if all(name in readable for name in rule.metrics if name in registry.metrics))
    return Wanted(
        kinds=asked.kinds or ALL_KINDS,
        sites=sites,
        devices=asked.devices or None,
        metrics=asked.metrics or (None if everything else readable),
        rules=frozenset(about) if asked.metrics else None,
        shown=None if everything else frozenset(shown),
    )
