"""The thresholds of the rules that watch a metric of a device, to be drawn into its plot."""

from collections.abc import Sequence

from alerts.desk import Side, lines
from alerts.desk.thoughts import misfits
from api.access.caller import Caller
from api.problem import NotFoundError
from api.queries.alert_values import SeverityWord
from api.queries.answer import Answer, Names
from api.queries.readers import device_of, require_reader
from api.sources import Sources


class Threshold(Answer):
    """One severity of one rule, in the metric's unit."""

    rule: str
    names: Names
    severity: SeverityWord
    raise_at: float
    clear_at: float
    side: Side
    """On which side of `raise_at` it is bad."""


async def thresholds(sources: Sources, caller: Caller, device_id: str, metric: str) -> Sequence[Threshold]:
    """By rule as they are written. Raises `NotFoundError`, also for a metric that is not for the caller."""
    require_reader(caller)
    device = device_of(sources, caller, device_id)
    known = sources.registry.metrics.get(metric)
    if known is None or not caller.reads(known):
        raise NotFoundError(f"there is no metric {metric}")
    site = sources.registry.sites[device.site]
    return [
        Threshold(
            rule=rule.id,
            names=rule.names,
            severity=SeverityWord(line.severity.word),
            raise_at=line.raise_at,
            clear_at=line.clear_at,
            side=line.side,
        )
        for rule in sources.rules.rules
        if metric in rule.metrics and not misfits(rule, device, site)
        for line in lines(rule)
        if line.metric == metric
    ]
