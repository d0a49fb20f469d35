"""`caretaker rules test`: whether rules do what their tests say."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from alerts.proof.file import load_proofs
from alerts.proof.proof import Outcome, prove
from alerts.rules.load import TESTS, load_rules
from caretaker.commands.rules_backtest import backtest
from caretaker.commands.rules_explain import explain_device
from caretaker.deployment import explained
from caretaker.options import has_sites
from caretaker.output import Exit, Format, FormatOption, fail, note, rows, say
from telemetry.registry.load import load_registry, registry_files

app = typer.Typer(epilog="How rules and their tests are written: docs/write-a-rule.md")


@app.callback()
def rules() -> None:
    """Rules: do they do what their tests say?"""  # makes a group of it, as long as there is one command only


@app.command("test")
def run_tests(
    files: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="FILE…", exists=True, help="Tests, folders of them, or a configuration.", show_default=False
        ),
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option(
            "--config",
            "-c",
            envvar="CARETAKER_CONFIG",
            metavar="DIR",
            help="The configuration. Left out: the one that FILE lies in, else the current directory.",
            show_default=False,
        ),
    ] = None,
    format: FormatOption = Format.TABLE,  # noqa: A002 - the option's name
) -> None:
    """Run tests of rules: given these readings, exactly these alerts and no others.

    [bold]caretaker rules test examples/hong-kong[/bold]
    [bold]caretaker rules test my-city/rules/tests/odour.yaml[/bold]

    Of a configuration those in its folder rules/tests are run. The rules are
    run by the alert engine's own code, with a clock that runs as fast as it
    can. The exit code is 1 if a test fails.
    """
    directory = has_sites(config or _around(files or []))
    given = [path / TESTS if registry_files(path)["sites"] else path for path in files or [directory]]
    paths = _files(given)
    if not paths:
        where = ", ".join(map(str, given))
        fail(f"no tests in {where}", "name a file of tests; docs/write-a-rule.md shows one", Exit.USAGE)
    outcomes: list[Outcome] = []
    with explained():
        registry = load_registry(directory)
        for proof in load_proofs(paths, directory, registry, load_rules(directory, registry)):
            outcome = prove(proof)
            outcomes.append(outcome)
            if format is Format.TABLE:
                _tell(outcome)
    failed = sum(not outcome.holds for outcome in outcomes)
    if format is Format.TABLE:
        note(f"{len(outcomes) - failed} of {len(outcomes)} tests hold.")
    else:
        rows(("file", "line", "test", "result", "found"), map(_row, outcomes), format)
    if failed:
        raise typer.Exit(Exit.PROBLEM)


def _around(files: Sequence[Path]) -> Path:
    """The configuration that the first file lies in; where there is none the current directory."""
    for path in files[:1]:
        for folder in (path, *path.absolute().parents):
            if folder.is_dir() and registry_files(folder)["sites"]:
                return folder
    return Path()


def _files(paths: Sequence[Path]) -> list[Path]:
    """Files as they are named; of folders all YAML files, in order of their names."""
    found: list[Path] = []
    for path in paths:
        inside = (one for ending in ("yaml", "yml") for one in path.glob(f"*.{ending}"))
        found += [path] if path.is_file() else sorted(inside)
    return found


def _tell(outcome: Outcome) -> None:
    proof = outcome.proof
    say(f"{'ok' if outcome.holds else 'FAILED':<7} {proof.file}:{proof.line}: {proof.name}")
    for complaint in outcome.complaints:
        say(f"        {complaint}")


def _row(outcome: Outcome) -> tuple[str, int, str, str, str]:
    proof = outcome.proof
    result = "ok" if outcome.holds else "failed"
    return proof.file, proof.line, proof.name, result, "; ".join(outcome.complaints)


app.command()(backtest)
app.command("explain")(explain_device)
