"""A backtest from end to end: the stored past of site after site, played to the rules."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from alerts.backtest import Episode, Trial, part_of, read_by
from alerts.rules.rule import Rules
from alerts.rules.select import selected
from caretaker.backtest_history import Past
from telemetry.catalogue.metric import Kind
from telemetry.registry.models import Registry
from telemetry.stores.store import StoreReader


class Found(NamedTuple):
    """What came of it."""

    episodes: Mapping[str, Sequence[Episode]]
    """Rule to its alerts, in order of their raises; every rule is in it."""
    selected: Mapping[str, int]
    """Rule to the number of devices that it selects."""
    heard: Mapping[str, int]
    """Rule to the number of those of which the store held what the rule reads."""
    span_ns: tuple[int, int] | None
    """From the first stored reading to the last moment that was judged; None: nothing was stored."""
    coarse: Mapping[str, float]
    """Devices whose readings are stored further apart than they are sent, and how far, s."""


async def run(
    reader: StoreReader,
    registry: Registry,
    rules: Rules,
    sites: Sequence[str],
    span_ns: tuple[int, int],
    step_s: float | None,
    show: Callable[[float], None],
) -> Found:
    """Try `rules` on what is stored of `sites` from the first moment of `span_ns` until before the second, ns UTC.

    `step_s`: how far apart stored readings are at least; None: the history tells. `show` is told how many sites are
    done. Raises `StoreAwayError`.
    """
    start_ns, end_ns = span_ns
    episodes: list[Episode] = []
    found: set[tuple[str, str]] = set()
    spoke: set[str] = set()
    spans: list[tuple[int, int]] = []
    coarse: dict[str, float] = {}
    for number, site in enumerate(sites):
        here = part_of(registry, site, {})
        wanted = read_by(here, rules)
        stored = await reader.latest(list(here.devices)) if wanted else ()
        # After its last reading nothing is known of a site: not even that nothing happened.
        until_ns = min(end_ns, max((sample.time_ns + 1 for sample in stored), default=0))
        spoke |= {sample.device for sample in stored if sample.time_ns >= start_ns}
        past = Past(reader, registry, start_ns, until_ns)
        spacing = await past.coarse(wanted) if step_s is None else _at_least(step_s, here)
        coarse |= spacing
        trial: Trial | None = None
        async for part_ns, readings in past.parts(wanted):
            if trial is None and readings:
                spans.append((readings[0].time_ns, until_ns))
                trial = Trial(part_of(registry, site, spacing), rules, readings[0].time_ns)
            if trial is not None:
                trial.play(readings, part_ns)
            show(number + (part_ns - start_ns) / (end_ns - start_ns))
        if trial is not None:
            episodes += [one for one in trial.episodes() if registry.devices[one.device].site == site]
        found |= past.found
        show(number + 1)
    on, of = _heard(registry, rules, set(sites), found, spoke)
    return Found(
        episodes={
            rule.id: sorted((one for one in episodes if one.rule == rule.id), key=lambda one: one.start_ns)
            for rule in rules.rules
        },
        selected=of,
        heard=on,
        span_ns=(min(begin for begin, _ in spans), max(end for _, end in spans)) if spans else None,
        coarse={name: spacing for name, spacing in coarse.items() if registry.devices[name].site in sites},
    )


def _at_least(step_s: float, registry: Registry) -> Mapping[str, float]:
    """Devices that measure more often than that."""
    return {
        device.id: step_s
        for device in registry.devices.values()
        if device.interval_s is not None and device.interval_s < step_s
    }


def _heard(
    registry: Registry, rules: Rules, sites: set[str], found: set[tuple[str, str]], spoke: set[str]
) -> tuple[Mapping[str, int], Mapping[str, int]]:
    """By rule: the devices of which there was something to judge, and all that it selects.

    An event that did not happen is something too, where the device said anything at all.
    """
    on: Counter[str] = Counter()
    of: Counter[str] = Counter()
    for name, chosen in selected(rules, registry).items():
        if registry.devices[name].site not in sites:
            continue
        for rule in chosen:
            steady = [metric for metric in rule.metrics if registry.metrics[metric].kind is not Kind.EVENT]
            of[rule.id] += 1
            on[rule.id] += name in spoke and all((name, metric) in found for metric in steady)
    return on, of
