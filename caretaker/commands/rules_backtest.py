"""`caretaker rules backtest`: what rules would have raised over the stored past."""

import asyncio
from collections.abc import Sequence
from datetime import tzinfo
from pathlib import Path
from statistics import median
from typing import Annotated

import typer

from alerts.backtest import is_no_data
from alerts.message.shown import duration
from alerts.message.words import EN
from alerts.rules.load import load_rules
from alerts.rules.rule import Rules
from caretaker.backtest_picture import draw
from caretaker.backtest_run import Found, run
from caretaker.backtest_words import PEOPLE, PROGRAMS, for_people, for_picture, for_programs, strips
from caretaker.choice import known, span_ns
from caretaker.commands.readings import FromOption, SiteOption, ToOption
from caretaker.deployment import Deployment, explained
from caretaker.moments import MomentError, local_text, span_s
from caretaker.options import CONFIG_DEFAULT, DATA_DEFAULT, ConfigOption, DataOption, LanguageOption
from caretaker.output import Exit, Format, FormatOption, fail, note, rows, say
from caretaker.progress import progress_bar
from telemetry.reading import NS_PER_S
from telemetry.registry.models import Registry
from telemetry.stores.open import open_reader, store_file
from telemetry.stores.settings import SqliteSettings

NO_DATA = "a store can't tell a silent device from an outage of ours"


def backtest(
    config: ConfigOption = CONFIG_DEFAULT,
    data: DataOption = DATA_DEFAULT,
    start: FromOption = "7d",
    end: ToOption = "now",
    rule: Annotated[list[str] | None, typer.Option("--rule", metavar="ID", help="Only this rule; repeatable.")] = None,
    site: SiteOption = None,
    step: Annotated[
        str | None,
        typer.Option(metavar="SPAN", help="How far apart stored readings are. By default the history tells."),
    ] = None,
    picture: Annotated[
        Path | None, typer.Option("--picture", metavar="FILE.svg", help="Draw when each rule had alerts.")
    ] = None,
    language: LanguageOption = "en",
    *,
    no_data: Annotated[bool, typer.Option("--no-data", help="Rules for silent devices too.")] = False,
    format: FormatOption = Format.TABLE,  # noqa: A002 - the option's name
) -> None:
    """Try rules on the stored past: how often each would have raised, and for how long.

    [bold]caretaker rules backtest --from 14d[/bold]
    [bold]caretaker rules backtest --rule odour --from 2026-11-01 --to 2026-12-01 --picture odour.svg[/bold]

    The rules are run by the alert engine's own code, as if it had started at
    the first stored reading: a rule on six hours knows nothing for six hours.
    Nobody acknowledges or resolves anything. Rules for silent devices are left
    out: a store can't tell a silent device from an outage of ours. Dates are
    taken in the time zone of the first site.
    """
    _check_picture(picture)
    step_s = _step_s(step)
    with explained():
        deployment = Deployment(config, data)
        registry = deployment.registry
        sites = _sites(registry, site)
        everything = load_rules(config, registry)
        chosen = _chosen(everything, rule, no_data=no_data)
        zone = registry.sites[sites[0]].timezone
        asked_ns = span_ns(start, end, zone)
        _check_store(deployment)
        found = asyncio.run(_run(deployment, chosen, sites, asked_ns, step_s))
        covered_ns = found.span_ns
        if covered_ns is None:
            fail(
                f"nothing that these rules read is stored {_from_to(asked_ns, zone)}",
                "give another --from and --to, or --data; `caretaker readings latest` shows what there is",
            )
        if picture is not None:
            names = {one.id: one for one in chosen.rules}
            about = _about(found, sites, covered_ns, zone)
            picture.write_text(
                draw(list(for_picture(found, names, language)), covered_ns, zone, about), encoding="utf-8"
            )
    if format is Format.TABLE:
        rows(PEOPLE, for_people(found, registry))
        scale, lines = strips(found, covered_ns, zone)
        if lines:
            say("")
            rows(("rule", scale), lines)
    else:
        rows(PROGRAMS, for_programs(found), format)
    _remark(found, registry, covered_ns, asked_ns, zone)
    left_out = [one.id for one in everything.rules if is_no_data(one)] if rule is None and not no_data else []
    if left_out:
        note(f"Left out: {', '.join(left_out)}, for {NO_DATA}. --no-data tries them all the same.")
    if picture is not None:
        note(f"The picture is in {picture}.")


async def _run(
    deployment: Deployment, rules: Rules, sites: Sequence[str], asked_ns: tuple[int, int], step_s: float | None
) -> Found:
    registry = deployment.registry
    reader = open_reader(deployment.settings.store, lambda: registry, data_dir=deployment.data)
    try:
        with progress_bar() as bar:
            task = bar.add_task("backtest", total=len(sites))
            return await run(
                reader, registry, rules, sites, asked_ns, step_s, lambda done: bar.update(task, completed=done)
            )
    finally:
        await reader.close()


def _sites(registry: Registry, ids: Sequence[str] | None) -> Sequence[str]:
    """Those that are asked for; all that measure now where none is."""
    known(ids or (), registry.sites, "site")
    living = [site.id for site in registry.sites.values() if not site.archive and (not ids or site.id in ids)]
    if not living:
        named = f"{', '.join(ids)}: " if ids else "all sites: "
        fail(f"{named}archives, which play old measurements, and rules leave them alone", code=Exit.USAGE)
    return living


def _chosen(everything: Rules, ids: Sequence[str] | None, *, no_data: bool) -> Rules:
    """Those that are asked for; all where none is, but for those that a store says nothing sure about."""
    names = {rule.id: rule for rule in everything.rules}
    known(ids or (), names, "rule", "they stand in rules.yaml or rules/*.yaml; `caretaker check` reads them")
    silent = [name for name in ids or () if is_no_data(names[name])]
    if silent and not no_data:
        fail(f"{silent[0]} is a rule for silent devices, and {NO_DATA}", "give --no-data to try it", Exit.USAGE)
    chosen = tuple(
        rule for rule in everything.rules if (not ids or rule.id in ids) and (no_data or not is_no_data(rule))
    )
    if not chosen:
        fail("there are no rules to try", "docs/write-a-rule.md shows how to write one", Exit.USAGE)
    return Rules(chosen, everything.missed_intervals)


def _check_picture(picture: Path | None) -> None:
    if picture is None:
        return
    if picture.suffix.lower() != ".svg":
        fail(f"{picture}: expected a file that ends in .svg", code=Exit.USAGE)
    if not picture.absolute().parent.is_dir():
        fail(f"{picture}: there is no such folder", code=Exit.USAGE)


def _check_store(deployment: Deployment) -> None:
    """An embedded store that is not there reads as empty; that says less."""
    settings = deployment.settings.store
    if not isinstance(settings, SqliteSettings):
        return
    path = store_file(settings, deployment.data)
    if not path.exists():
        fail(
            f"{path}: there is no store yet",
            "give --data DIR as the ingestor has it; `caretaker fill` makes a past of simulated devices",
            Exit.UNAVAILABLE,
        )


def _step_s(step: str | None) -> float | None:
    if step is None:
        return None
    try:
        return span_s(step)
    except MomentError as error:
        fail(f"--step: {error}", code=Exit.USAGE)


def _remark(
    found: Found, registry: Registry, covered_ns: tuple[int, int], asked_ns: tuple[int, int], zone: tzinfo
) -> None:
    """What has to be known to read the numbers."""
    slack_ns = (asked_ns[1] - asked_ns[0]) // 100
    if covered_ns[0] > asked_ns[0] + slack_ns or covered_ns[1] < asked_ns[1] - slack_ns:
        note(f"What these rules read is stored {_from_to(covered_ns, zone)}.")
    if found.coarse:
        stored = _span_text(median(found.coarse.values()))
        sent = _span_text(median(registry.devices[name].interval_s or 0 for name in found.coarse))
        note(
            f"The readings of {len(found.coarse)} devices are stored about {stored} apart and sent every {sent}. Each "
            "value is taken to hold until the next, so short peaks are missing, and others look longer than they were."
        )


def _about(found: Found, sites: Sequence[str], covered_ns: tuple[int, int], zone: tzinfo) -> str:
    here = f"{len(sites)} sites" if len(sites) != 1 else sites[0]
    rules = f"{len(found.episodes)} rules" if len(found.episodes) != 1 else "1 rule"
    return f"{_from_to(covered_ns, zone)} ({getattr(zone, 'key', zone)}), {rules}, {here}"


def _from_to(span: tuple[int, int], zone: tzinfo) -> str:
    return f"from {local_text(span[0], zone)[:16]} to {local_text(span[1], zone)[:16]}"


def _span_text(seconds: float) -> str:
    return duration(round(seconds * NS_PER_S), EN)
