"""The command `caretaker`: the table of its commands.

Each stands in `caretaker/commands/NAME.py` and is imported only when it is called, so that `caretaker --help` is quick.
A module holds either the plain function of that name or, for a group, a Typer called `app`.
"""

import importlib
import importlib.metadata
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command_from_info, get_group_from_info
from typer.models import CommandInfo, TyperInfo

if TYPE_CHECKING:
    from typer._click import Command, Context


class Entry(NamedTuple):
    """One line of `caretaker --help`."""

    module: str
    help: str
    panel: str


TRY, READ, SET_UP = "Run", "Look", "Set up"
COMMANDS = {
    "up": Entry("up", "Run everything on this machine and watch it live.", TRY),
    "run": Entry("run", "Run one service in the foreground: the production form.", TRY),
    "simulate": Entry("simulate", "Play devices, faults and incidents towards a broker.", TRY),
    "replay": Entry("replay", "Play a file of old measurements towards a broker.", TRY),
    "fill": Entry("fill", "Fill the past of simulated devices into the store.", TRY),
    "import": Entry("import_", "Take a file of readings into the store, through admission.", TRY),
    "readings": Entry("readings", "Stored readings: latest, history, export.", READ),
    "alerts": Entry("alerts", "What is wrong now: list, show, acknowledge, silence, history.", READ),
    "rules": Entry("rules", "Rules: test them, try them on the past, ask what they think of a device.", READ),
    "quarantine": Entry("quarantine", "What was not admitted, and why: list, show, replay, export.", READ),
    "catalogue": Entry("catalogue", "Every metric: unit, kind, ranges.", READ),
    "keys": Entry("keys", "Who may use the API and the board: create, list, revoke, audit.", SET_UP),
    "grafana": Entry("grafana", "Dashboards: install them in a Grafana, or render them as files.", SET_UP),
    "devices": Entry("devices", "Credentials of devices for the broker: passwords, certificates.", SET_UP),
    "deploy": Entry("deploy", "Run it for real on one machine: init, provision, backup, restore.", SET_UP),
    "doctor": Entry("doctor", "Examine the running system, end to end, and say how to mend it.", SET_UP),
    "check": Entry("check", "Check a configuration and say what is wrong where.", SET_UP),
    "init": Entry("init", "Write a small configuration to start from.", SET_UP),
}


class LazyGroup(TyperGroup):
    """Lists all commands from the table; imports the one that is called."""

    def __init__(self, **attributes: Any) -> None:
        """Start with a line for each command: enough for the help and for the hint after a wrong name."""
        super().__init__(**attributes)
        for name, entry in COMMANDS.items():
            self.add_command(TyperCommand(name, help=entry.help, rich_help_panel=entry.panel))

    def resolve_command(self, ctx: "Context", args: list[str]) -> tuple[str | None, "Command | None", list[str]]:
        """The command itself."""
        name, command, rest = super().resolve_command(ctx, args)
        if name is None or command is None:
            return name, command, rest
        return name, _load(name), rest


def _load(name: str) -> "Command":
    module = importlib.import_module(f"caretaker.commands.{COMMANDS[name].module}")
    look: dict[str, Any] = {"pretty_exceptions_short": True, "rich_markup_mode": "rich"}
    group = getattr(module, "app", None)
    if group is not None:
        info = TyperInfo(group, name=name, help=COMMANDS[name].help, no_args_is_help=True)
        return get_group_from_info(info, suggest_commands=True, **look)
    return get_command_from_info(CommandInfo(name, callback=getattr(module, COMMANDS[name].module)), **look)


app = typer.Typer(
    cls=LazyGroup,
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_show_locals=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(asked: bool) -> None:  # noqa: FBT001 - Typer's signature
    if asked:
        typer.echo(f"caretaker {importlib.metadata.version('caretaker')}")
        raise typer.Exit


@app.callback()
def caretaker(
    *,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and leave.")
    ] = False,
) -> None:
    """Readings of toilets, meters and air stations: from MQTT to a store, and none is lost.

    Start with [bold]caretaker up examples/hong-kong[/bold].
    """


def main() -> None:
    """Entry point."""
    app(prog_name="caretaker")


if __name__ == "__main__":
    main()
