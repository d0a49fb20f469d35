"""`caretaker rules explain`: what rules think of a device, and why."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Annotated

import typer

from alerts.desk.thoughts import Remembered, Stored, misfits
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
from telemetry.stores.open import open_reader
from telemetry.stores.store import Sample, StoreAwayError


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
        remembered = Remembered(place, registry, rules, device)
        own = [id_ for id_ in remembered.rules if not rule or id_ in rule]
        others = [names[id_] for id_ in dict.fromkeys(rule or ()) if id_ not in own]
        forgotten = any(remembered.forgot(id_) for id_ in own)
        stored = _stored(Deployment(config, data), device) if forgotten else {}
        asked = Asked(here, words, language, remembered.clock_ns)
        tellers = [
            Teller(asked, found, None if found.alert is None else place.alert(found.alert))
            for found in remembered.explained(stored)
            if found.rule.id in own
        ]
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
