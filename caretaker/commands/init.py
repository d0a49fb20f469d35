"""`caretaker init DIR`: a small configuration to start from."""

from importlib.resources import files
from pathlib import Path
from typing import Annotated

import typer

from caretaker.output import Exit, fail, say

STARTER = ("caretaker.yaml", "sites.yaml", "devices.csv", "people.yaml", "rules.yaml", "routes.yaml", "simulation.yaml")


def init(
    directory: Annotated[Path, typer.Argument(metavar="DIR", file_okay=False, show_default=False)],
) -> None:
    """Write a small configuration with comments: two sites, four devices, two people, three rules.

    [bold]caretaker init my-city[/bold]

    DIR is made if it is not there; one that holds anything is left alone.
    """
    if directory.exists() and any(directory.iterdir()):
        fail(f"{directory} is not empty", "name a new directory", Exit.USAGE)
    try:
        directory.mkdir(parents=True, exist_ok=True)
        for name in STARTER:
            text = files("caretaker").joinpath("starter", name).read_text(encoding="utf-8")
            (directory / name).write_text(text, encoding="utf-8")
    except OSError as error:
        fail(f"{directory} can't be written: {error.strerror}", code=Exit.USAGE)
    say(f"{directory} holds {', '.join(STARTER)}. Next:")
    say("")
    say(f"  caretaker check {directory}")
    say(f"  caretaker up {directory}")
    say(f"  caretaker readings latest --config {directory}")
