"""`caretaker up`: everything on this machine, watched live."""

import asyncio
import contextlib
import socket
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from alerts.settings import load_settings as alert_settings
from caretaker import claim, lan
from caretaker.alert_place import database, rules_by_id
from caretaker.alert_words import AlertWords
from caretaker.alerts_seen import AlertsSeen
from caretaker.broker import PORT_3, PORT_5, BrokerPlan, Tls
from caretaker.deployment import Deployment, explained
from caretaker.live import Wish, run
from caretaker.options import DATA_DEFAULT, DataOption
from caretaker.output import Exit, fail, note
from caretaker.rehearsal import can_rehearse
from caretaker.screen.observe import Observer, Places
from caretaker.system import ALERTS_PORT, API_PORT, FILL_DAYS, HTTP_PORT, SystemPlan
from deploy.doctor.embedded import Ports, keep_ports
from simulators.settings import load_simulation
from telemetry.stores.open import store_file
from telemetry.stores.settings import InfluxSettings

EXAMPLE = Path("examples/hong-kong")
SHIPPED = Path(__file__).parents[1]
"""Outside a checkout the examples lie in the package."""


def up(
    config: Annotated[
        Path, typer.Argument(metavar="DIR", help="The configuration: sites.yaml, devices.csv and so on.")
    ] = EXAMPLE,
    *,
    data: DataOption = DATA_DEFAULT,
    port: Annotated[int, typer.Option(help="The broker's MQTT 3.1.1 port, for devices.", min=1, max=65535)] = PORT_3,
    port_5: Annotated[int, typer.Option(help="The broker's MQTT 5 port.", min=1, max=65535)] = PORT_5,
    http_port: Annotated[
        int, typer.Option(help="The ingestor's port: health, metrics, quarantine.", min=1, max=65535)
    ] = HTTP_PORT,
    alerts_port: Annotated[
        int, typer.Option(help="The alert service's port: health, metrics.", min=1, max=65535)
    ] = ALERTS_PORT,
    board_port: Annotated[int, typer.Option(help="The port of the board and the API.", min=1, max=65535)] = API_PORT,
    lan_open: Annotated[
        bool, typer.Option("--lan", help="Open the broker to the network, with TLS and a password for each device.")
    ] = False,
    fill_days: Annotated[
        int, typer.Option(help="How many days of the past the first start fills in.", min=0)
    ] = FILL_DAYS,
    incident: Annotated[
        bool | None,
        typer.Option(
            "--incident/--no-incident",
            help="At second 20 play a call for help.",
            show_default="where all messages stay in the local inbox",
        ),
    ] = None,
    view: Annotated[
        bool | None, typer.Option("--view/--no-view", help="The live view, or a line every 5 s.", show_default="auto")
    ] = None,
    for_s: Annotated[
        float | None, typer.Option("--for", metavar="SECONDS", help="Stop by itself after so long.", min=0.0)
    ] = None,
) -> None:
    """Run everything on this machine and watch it live.

    Starts the embedded broker, the ingestor, the embedded store, the alert
    service, the simulated devices of the configuration and the board, and
    prints the board's address; the first start also fills in the past, and the
    next goes on with the same data. At second 20 a call for help is played: its
    alert is raised, delivered, acknowledged and resolved, the latter two by an
    attendant who is simulated too.

    In the view, [bold]b[/bold] opens the board, [bold]a[/bold] acknowledges an alert, [bold]k[/bold] kills the
    ingestor, [bold]s[/bold] takes the store away for 20 s, [bold]i[/bold] plays an incident: nothing goes
    missing. [bold]q[/bold] or Ctrl-C stops in order, a second Ctrl-C at once.

    A device of your own publishes to port 1883, as in
    [bold]mosquitto_pub -q 1 -t caretaker/v1/SITE/DEVICE/readings -m '{"values": {"nh3_ppm": 0.4}}'[/bold]

    Leaves with 0 when everything that was acknowledged is stored, with 1 when
    something is missing or will not run, with 3 when a port is in use.
    """
    if config == EXAMPLE and not config.exists():
        config = SHIPPED / EXAMPLE
    with explained():
        deployment = Deployment(config, data)
        load_simulation(config, deployment.registry)
        words = AlertWords(deployment.registry, rules_by_id(config, deployment.registry))
        alerts = AlertsSeen(database(config, data), words)
        alerts_token = alert_settings(config, data).alerts.http.secret()
    if isinstance(deployment.settings.store, InfluxSettings):
        fail(
            f"{config}/caretaker.yaml names InfluxDB, and `caretaker up` brings its own store",
            "run the services one by one, with `caretaker run ingestor`, or leave `store` out.",
            Exit.USAGE,
        )
    host = "0.0.0.0" if lan_open else "127.0.0.1"  # noqa: S104 - what --lan asks for
    wanted = (
        claim.Port(port, "--port", "MQTT 3.1.1"),
        claim.Port(port_5, "--port-5", "MQTT 5"),
        claim.Port(http_port, "--http-port", "health and metrics"),
        claim.Port(alerts_port, "--alerts-port", "health and metrics of the alerts"),
        claim.Port(board_port, "--board-port", "board and API"),
    )
    with _claimed(data, host, wanted):
        plan = _plan(deployment, BrokerPlan(host, port, port_5), lan_open=lan_open)
        plan = replace(
            plan,
            http_port=http_port,
            alerts_port=alerts_port,
            api_port=board_port,
            fill_days=fill_days,
            rehearse=_rehearses(incident, words),
        )
        keep_ports(data, Ports(http_port, alerts_port, board_port))
        places = Places(
            http_port=http_port,
            http_token=deployment.settings.http.secret(),
            alerts_port=alerts_port,
            alerts_token=alerts_token,
            api_port=board_port,
            ledger=data / "ledger.db",
            store=plan.store,
            audit=data / "audit.json",
            address=f"{'mqtts' if lan_open else 'mqtt'}://{_own_address(open_=lan_open)}:{port}",
            board=plan.board,
        )
        observer = Observer(deployment.registry, places, alerts)
        if lan_open:
            said = f"open to the network, passwords in {data / 'credentials.csv'}, CA file {plan.authority}"
            observer.stories.begin(time.time_ns(), "lan", said)
        shown = sys.stdout.isatty() if view is None else view
        code = asyncio.run(run(plan, observer, Wish(shown, for_s), config.resolve().name))
    raise typer.Exit(code)


@contextlib.contextmanager
def _claimed(data: Path, host: str, wanted: tuple[claim.Port, ...]) -> Iterator[None]:
    with contextlib.ExitStack() as held:
        try:
            held.enter_context(claim.directory(data))
            claim.ports(host, wanted)
        except claim.ClaimedError as error:
            fail(str(error), error.mend, Exit.UNAVAILABLE)
        yield


def _plan(deployment: Deployment, broker: BrokerPlan, *, lan_open: bool) -> SystemPlan:
    assert not isinstance(deployment.settings.store, InfluxSettings), "refused above"
    plan = SystemPlan(
        config=deployment.config,
        data=deployment.data,
        store=store_file(deployment.settings.store, deployment.data),
        broker=broker,
    )
    if not lan_open:
        return plan
    name = socket.gethostname()
    files = lan.certificates(deployment.data / "tls", datetime.now(UTC), lan.addresses(), name)
    passwords = deployment.data / "credentials.csv"
    users = lan.credentials(passwords, deployment.registry.devices)
    note(
        f"The broker is open to the network, with TLS. What a device needs:\n"
        f"  host      {name} or {name}.local, where that name is known; otherwise {_own_address(open_=True)}\n"
        f"            (mosquitto_pub works with the name only: the broker refuses an address as TLS server name)\n"
        f"  port      {broker.port_3} for MQTT 3.1.1, {broker.port_5} for MQTT 5\n"
        f"  CA file   {files.authority}\n"
        f"  user      its id in the registry; its password stands in {passwords}\n"
        f"{lan.NO_TOPIC_RIGHTS}"
    )
    return replace(
        plan, broker=replace(broker, tls=Tls(files.certificate, files.key), users=users), authority=files.authority
    )


def _rehearses(wanted: bool | None, words: AlertWords) -> bool:  # noqa: FBT001 - an option's three values
    """Not unasked where somebody has a receiver: nobody's telephone must ring for a play."""
    quiet = not any(person.receivers for person in words.registry.people.values())
    return (quiet if wanted is None else wanted) and can_rehearse(words.registry, words.rules.values())


def _own_address(*, open_: bool) -> str:
    return str(lan.addresses()[-1]) if open_ else "127.0.0.1"
