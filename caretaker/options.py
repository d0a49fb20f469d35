"""Options that many commands share, and where they come from when nobody gives them."""

from pathlib import Path
from typing import Annotated

import typer

from telemetry.registry.load import registry_files


def has_sites(directory: Path) -> Path:
    """The directory, if it is a configuration. Raises `typer.BadParameter`."""
    if not registry_files(directory)["sites"]:
        where = "the current directory" if directory == Path() else f"{directory}"
        raise typer.BadParameter(
            f"{where} holds no sites.yaml. Give --config DIR, set CARETAKER_CONFIG, or begin with: caretaker init DIR"
        )
    return directory


ConfigOption = Annotated[
    Path,
    typer.Option(
        "--config",
        "-c",
        envvar="CARETAKER_CONFIG",
        metavar="DIR",
        help="The configuration: sites.yaml, devices.csv and so on. The current directory if it has a sites.yaml.",
        callback=has_sites,
        show_default=False,
    ),
]
DataOption = Annotated[
    Path,
    typer.Option(
        "--data",
        "-d",
        envvar="CARETAKER_DATA",
        metavar="DIR",
        help="Where the journal and the embedded store live.",
    ),
]
LanguageOption = Annotated[
    str, typer.Option("--language", "-l", metavar="TAG", help="Language of names, as in en or zh-Hant.")
]
CONFIG_DEFAULT = Path()
DATA_DEFAULT = Path("caretaker-data")
