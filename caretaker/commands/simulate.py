"""`caretaker simulate`: the devices of a configuration, played towards its broker."""

import asyncio
import sqlite3
import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from caretaker.deployment import Deployment, explained
from caretaker.lines_in import lines_from_stdin
from caretaker.options import CONFIG_DEFAULT, DATA_DEFAULT, ConfigOption, DataOption
from caretaker.output import Exit, Format, FormatOption, fail, note, rows
from caretaker.simulated import simulated_part
from simulators.fleet import run_fleet
from simulators.incidents import IncidentKind
from simulators.lane import Statistics
from simulators.ledger import Ledger, LedgerInUseError
from simulators.replay import run_replay, tracks_of
from simulators.settings import Simulation, load_simulation
from telemetry.service import log as service_log
from telemetry.service.run import stop_event

INCIDENTS_AFTER_S = 10.0
"""By then all devices have spoken: the incident has something to stand out from."""
SAY_EVERY_S = 10.0
LEDGER = "ledger.db"


def simulate(
    incidents: Annotated[
        list[IncidentKind] | None,
        typer.Argument(
            metavar="[INCIDENT]…", help="Played after 10 s: leak, odour, gateway-down, help.", show_default=False
        ),
    ] = None,
    config: ConfigOption = CONFIG_DEFAULT,
    data: DataOption = DATA_DEFAULT,
    for_s: Annotated[
        float | None, typer.Option("--for", metavar="SECONDS", help="Stop by itself after so long.", min=0.0)
    ] = None,
    format: FormatOption = Format.TABLE,  # noqa: A002 - the option's name
) -> None:
    """Play all devices of a configuration towards its broker, and the recordings of its simulation.yaml.

    [bold]caretaker simulate leak --config examples/hong-kong --for 60[/bold]

    What goes wrong and how often stands in simulation.yaml. Devices with the
    label simulated=no are real ones: nobody speaks in their name. Type the
    name of an incident and Enter to play one now. What was sent, and what of
    it the broker acknowledged, is written to ledger.db in the data folder.
    Ctrl-C stops in order. It leaves with 3 if nothing was acknowledged.
    """
    service_log.configure()
    with explained():
        deployment = Deployment(config, data)
        simulation = load_simulation(config, deployment.registry)
        data.mkdir(parents=True, exist_ok=True)
        tracks_of(simulation, deployment.registry)  # a recording that is wrong stops us before anything is sent
        try:
            statistics = asyncio.run(_play(deployment, simulation, incidents or (), for_s))
        except LedgerInUseError as error:
            fail(str(error), "one `simulate` for a data folder; `--data` names another", Exit.UNAVAILABLE)
        except sqlite3.Error as error:
            fail(f"the ledger {data / LEDGER} cannot be written: {error}", code=Exit.UNAVAILABLE)
    rows(
        ("published", "acknowledged", "readings", "poison", "never_sent"),
        [
            (
                statistics.published,
                statistics.acknowledged,
                statistics.readings_acknowledged,
                statistics.poison_acknowledged,
                statistics.lost_in_devices,
            )
        ],
        format,
    )
    broker = deployment.settings.broker
    if not statistics.acknowledged:
        fail(
            f"the broker at {broker.host}:{broker.port} has acknowledged nothing",
            "is it there, and does it speak MQTT 5 on that port?",
            Exit.UNAVAILABLE,
        )


async def _play(
    deployment: Deployment, simulation: Simulation, incidents: Sequence[IncidentKind], for_s: float | None
) -> Statistics:
    stop = stop_event()
    loop = asyncio.get_running_loop()
    commands: asyncio.Queue[str] = asyncio.Queue()
    statistics = Statistics()
    if for_s is not None:
        loop.call_later(for_s, stop.set)
    for incident in incidents:
        loop.call_later(INCIDENTS_AFTER_S, commands.put_nowait, incident)
    registry, broker = deployment.registry, deployment.settings.broker
    async with Ledger(deployment.data / LEDGER, simulation.ledger_hours) as ledger, asyncio.TaskGroup() as tasks:
        with lines_from_stdin(commands.put_nowait):
            telling = tasks.create_task(_tell(statistics), name="tell")
            recordings = run_replay(registry, simulation, broker, ledger, stop, statistics)
            tasks.create_task(recordings, name="recordings")
            await run_fleet(simulated_part(registry), simulation, broker, ledger, commands, stop, statistics)
            telling.cancel()
    return statistics


async def _tell(statistics: Statistics) -> None:
    """A line now and then for whoever watches; a program reads the ledger."""
    if not sys.stderr.isatty():
        return
    while True:
        await asyncio.sleep(SAY_EVERY_S)
        note(
            f"{statistics.published} published, {statistics.acknowledged} acknowledged, "
            f"{statistics.connected} of {statistics.connections} connections"
        )
