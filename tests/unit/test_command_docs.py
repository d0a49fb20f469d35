"""The documentation names commands, options and reasons that exist, and all of them."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from typer.core import TyperGroup
from typer.main import get_command

from caretaker.__main__ import COMMANDS, app
from caretaker.export_file import CSV_COLUMNS
from telemetry.message import Reason

if TYPE_CHECKING:
    from typer._click import Command

DOCS = Path(__file__).parents[2] / "docs"
PAGES = sorted(DOCS.glob("*.md"))
REPOSITORY = "https://github.com/caretaker-iot/caretaker/blob/main/"
"""Where links out of the pages lead: the site holds the pages only."""


def lines_of(page: Path) -> Iterator[str]:
    """The commands in a page's blocks and spans."""
    text = page.read_text(encoding="utf-8")
    for block in re.findall(r"```\w*\n(.*?)```", text, re.DOTALL):
        yield from (line for line in block.splitlines() if line.startswith("caretaker "))
    yield from (span for span in re.findall(r"`(caretaker [^`\n]*)`", text))


def everything() -> list[tuple[str, str]]:
    return sorted({(page.name, line) for page in PAGES for line in lines_of(page)})


def command_of(name: str) -> "Command":
    group = get_command(app)
    assert isinstance(group, TyperGroup)
    context = group.make_context("caretaker", [name, "--help"], resilient_parsing=True)
    _, command, _ = group.resolve_command(context, [name])
    assert command is not None
    return command


@pytest.mark.parametrize(("page", "line"), everything())
def test_a_command_in_the_documentation_has_the_options_it_is_shown_with(page: str, line: str) -> None:
    del page
    words = [word for word in shlex.split(line)[1:] if word != "…"]
    if words[0] == "COMMAND":
        return
    command = command_of(words[0])
    rest = words[1:]
    if isinstance(command, TyperGroup) and rest:
        command = command.commands[rest[0]]
    known = {name for parameter in command.params for name in (*parameter.opts, *parameter.secondary_opts)}
    asked = {word.split("=")[0] for word in rest if word.startswith("-") and word != "-"}
    assert asked <= known | {"--help"}


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_has_its_line(name: str) -> None:
    text = (DOCS / "commands.md").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if re.match(rf"\| `caretaker {name}[ `]", line)]
    command = command_of(name)
    parts = command.commands if isinstance(command, TyperGroup) else [name]
    said = {part for part in parts for line in lines if re.search(rf"`(caretaker )?({name} )?{part}[ `]", line)}
    assert said == set(parts)


def test_the_sheet_of_readings_is_shown_as_it_is_written() -> None:
    assert f"```\n{','.join(CSV_COLUMNS)}\n" in (DOCS / "commands.md").read_text(encoding="utf-8")


def test_each_reason_is_explained() -> None:
    text = (DOCS / "connect-a-device.md").read_text(encoding="utf-8")
    explained = {reason for reason in Reason if re.search(rf"`{reason}`", text)}
    assert set(Reason) - explained == {reason for reason in Reason if reason.ignored}


def test_links_into_the_repository_lead_somewhere() -> None:
    for page in PAGES:
        for target in re.findall(rf"\]\({re.escape(REPOSITORY)}([^)#]+)", page.read_text(encoding="utf-8")):
            assert (DOCS.parent / target).exists(), f"{page.name}: {target}"


def test_links_between_pages_lead_somewhere() -> None:
    for page in PAGES:
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_every_decision_is_listed() -> None:
    listed = (DOCS / "decisions" / "README.md").read_text(encoding="utf-8")
    for decision in sorted((DOCS / "decisions").glob("0*.md")):
        title = decision.read_text(encoding="utf-8").splitlines()[0].partition(". ")[2]
        assert f"{int(decision.name[:4])}. [{title}]({decision.name})" in listed
