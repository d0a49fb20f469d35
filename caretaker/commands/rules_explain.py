"""`caretaker rules explain`: what rules think of a device, and why."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, TypeVar

import msgspec
import typer

from alerts.desk import Desk
from alerts.explain.explain import Facts, Stored, explain
from alerts.explain.misfit import misfits
from alerts.judge.keeping import CLOCK, RESUMED
from alerts.judge.memory import DeviceMemory, decode_area, decode_device, decode_state
from alerts.judge.plans import Plan, plans
from alerts.judge.state import RuleState
from alerts.rules.load import load_rules
from alerts.rules.rule import Rule
from caretaker.alert_place import desk
from caretaker.choice import known
from caretaker.deployment import Deployment
from caretaker.explain_words import PROGRAMS, Asked, Teller, clock_text, misfit_text
from caretaker.moments import now_ns
from caretaker.options import CONFIG_DEFAULT, DATA_DEFAULT, ConfigOption, DataOption, LanguageOption
from caretaker.output import Cell, Format, FormatOption, note, rows, say
from caretaker.values import name_text
from telemetry.registry.models import Device, Registry
from telemetry.stores.open import open_reader
from telemetry.stores.store import Sample, StoreAwayError

T = TypeVar("T")


def explain_device(
    device: Annotated[str, typer.Argument(metavar="DEVICE", show_default=False)],
    config: ConfigOption = CONFIG_DEFAULT,
    data: DataOption = DATA_DEFAULT,
    rule: Annotated[
        list[str] | None, typer.Option("--rule", metavar="ID", help="Only this rule, selected or not; repeatable.")
    ] = None,
    language: LanguageOption = "en",
    format: FormatOption = Format.TABLE,  # noqa: A002 - the option's name
) -> None:
    """Tell what each rule thinks of a device now, and why.

    [bold]caretaker rules explain mong-kok-odour-1[/bold]
    [bold]caretaker rules explain mong-kok-odour-1 --rule leak[/bold]

    The answer is what the alert service remembers; it need not be running. A
    rule that has found nothing remembers nothing: then the last stored value
    is shown. With --rule it also says why a rule leaves the device out.
    """
    with desk(config, data, language) as (place, words):
        registry = words.registry
        known([device], registry.devices, "device", "`caretaker readings latest` shows those that have spoken")
        rules = load_rules(config, registry)
        names = {one.id: one for one in rules.rules}
        known(rule or (), names, "rule", "they stand in rules.yaml or rules/*.yaml; `caretaker check` reads them")
        here = registry.devices[device]
        around = plans(_around(registry, here), rules)
        plan = around.get(device)
        own = {} if plan is None else {id_: one for id_, one in plan.rules.items() if not rule or id_ in rule}
        others = [names[id_] for id_ in dict.fromkeys(rule or ()) if id_ not in own]
        remembered = _Remembered(place, here, around)
        states = {id_: remembered.state(id_) for id_ in own}
        forgotten = any(state is None and own[id_].metrics for id_, state in states.items())
        facts = remembered.facts(_stored(Deployment(config, data), device) if forgotten else {})
        asked = Asked(here, words, language, facts.clock_ns)
        tellers = []
        for id_, one in own.items():
            assert plan is not None, "the rules are the plan's"
            found = explain(one, states[id_], plan, facts)
            tellers.append(Teller(asked, found, None if found.alert is None else place.alert(found.alert)))
    if format is not Format.TABLE:
        rows(PROGRAMS, [*(one.for_programs() for one in tellers), *(_left_out(one, asked) for one in others)], format)
        return
    where = ", ".join(
        [name_text(here, language, device), name_text(registry.sites[here.site], language, here.site), device]
    )
    say(where)
    say(clock_text(asked, now_ns()))
    for teller in tellers:
        say("")
        rows((teller.rule.id, words.name(teller.rule.id)), teller.for_people())
    for one in others:
        say("")
        wrong = [("because" if first else "", text) for first, text in _whys(one, asked)]
        rows((one.id, words.name(one.id)), [("thinks", "nothing: it does not select this device"), *wrong])
    if not tellers and not others:
        note("No rule selects this device. `--rule ID` says why a rule does not.")


class _Remembered:
    """What the alert database holds of a device. What can't be read of another version's counts as nothing."""

    def __init__(self, place: Desk, device: Device, around: Mapping[str, Plan]) -> None:
        self._place = place
        self._device = device
        self._around = around
        if device.id in around:
            pauses = place.area(device.site, device.area or "")
            around[device.id].place.pauses = [] if pauses is None else _or_none(decode_area, pauses) or []

    def state(self, rule: str) -> RuleState | None:
        """Of one rule."""
        found = self._place.state(rule, self._device.id)
        if found is None:
            return None
        window = self._place.window(rule, self._device.id)
        return _or_none(lambda data: decode_state(data, window), found)

    def facts(self, stored: Mapping[str, Stored]) -> Facts:
        """Everything else."""
        figures = self._place.figures()
        parent = self._device.parent
        above = None if parent is None or parent not in self._around else self._around[parent]
        return Facts(
            memory=self._memory(self._device.id),
            clock_ns=figures.get(CLOCK, 0),
            resumed_ns=figures.get(RESUMED, 0),
            gateway=None if above is None or parent is None else (self._memory(parent), above.silent_ns),
            stored=stored,
        )

    def _memory(self, device: str) -> DeviceMemory:
        found = self._place.device(device)
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


def _stored(deployment: Deployment, device: str) -> Mapping[str, Stored]:
    """The newest numbers of the store; none where it does not answer, and that is said."""
    registry = deployment.registry

    async def latest() -> Sequence[Sample]:
        reader = open_reader(deployment.settings.store, lambda: registry, data_dir=deployment.data)
        try:
            return await reader.latest([device])
        finally:
            await reader.close()

    try:
        samples = asyncio.run(latest())
    except StoreAwayError as error:
        note(f"The store does not answer, so values that were found quiet are missing: {error}")
        return {}
    return {one.metric: Stored(one.time_ns, one.value, one.quality) for one in samples if isinstance(one.value, float)}


def _whys(rule: Rule, asked: Asked) -> Sequence[tuple[bool, str]]:
    """Each reason, and whether it is the first."""
    found = misfits(rule, asked.device, asked.words.registry.sites[asked.device.site])
    return [(number == 0, misfit_text(one)) for number, one in enumerate(found)]


def _left_out(rule: Rule, asked: Asked) -> Sequence[Cell]:
    """A rule that does not select the device, in a row for programs."""
    because = "; ".join(text for _, text in _whys(rule, asked))
    return [{"rule": rule.id, "state": "not selected", "because": because}.get(column) for column in PROGRAMS]
