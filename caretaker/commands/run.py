"""`caretaker run SERVICE`: one service in the foreground, as a service manager or a container starts it."""

import typer

from caretaker.deployment import explained
from caretaker.options import CONFIG_DEFAULT, DATA_DEFAULT, ConfigOption, DataOption

app = typer.Typer()


@app.callback()
def run() -> None:
    """Run one service in the foreground: the production form. It logs to stderr and stops on SIGTERM or Ctrl-C."""


@app.command()
def ingestor(config: ConfigOption = CONFIG_DEFAULT, data: DataOption = DATA_DEFAULT) -> None:
    """Take readings from the broker, keep them durably, write them to the store.

    [bold]caretaker run ingestor --config /etc/caretaker --data /var/lib/caretaker[/bold]

    The broker, the store and the port for health and metrics stand in
    caretaker.yaml. SIGTERM stops in order: nothing that was acknowledged is
    lost, and what waits in the journal is written after the next start. A
    second SIGTERM stops at once. It leaves with 0 after an ordered stop, with 1
    where the configuration or the data cannot be used.
    """
    # Here, not above: help must not wait for the codec and the HTTP server.
    from ingestor.app import main  # noqa: PLC0415

    with explained():
        code = main(config, data)
    raise typer.Exit(code)


@app.command()
def api(config: ConfigOption = CONFIG_DEFAULT, data: DataOption = DATA_DEFAULT) -> None:
    """Answer requests, and show the board.

    [bold]caretaker run api --config /etc/caretaker --data /var/lib/caretaker[/bold]

    Address, TLS and the rest stand in the section api of caretaker.yaml. It
    takes readings from the broker, history from the store and alerts from the
    alert service's database; what of it is away is said in the answers, and the
    rest goes on. On loopback it starts at once; to be reached from elsewhere it
    needs TLS or a proxy, and a key: [bold]caretaker keys create[/bold]. SIGTERM stops in
    order. It leaves with 0 after an ordered stop, with 1 where the
    configuration or the data cannot be used.
    """
    from api.app import main  # noqa: PLC0415 - as above
    from api.dashboards import Panels  # noqa: PLC0415 - as above
    from grafana import shown  # noqa: PLC0415 - as above

    # Here, because the API and Grafana's room do not know each other.
    panels = Panels(shown.panel_of, shown.site_dashboard, shown.device_dashboard)
    with explained():
        code = main(config, data, panels)
    raise typer.Exit(code)


@app.command()
def alerts(config: ConfigOption = CONFIG_DEFAULT, data: DataOption = DATA_DEFAULT) -> None:
    """Judge readings by the rules, and tell people.

    [bold]caretaker run alerts --config /etc/caretaker --data /var/lib/caretaker[/bold]

    Rules, people and routes stand beside sites.yaml; the mail server, the port
    for health and metrics and the rest in the section alerts of caretaker.yaml.
    It takes readings from the broker by itself: neither the ingestor nor the
    store has to be there. SIGTERM stops in order, a second one at once. What
    was raised, silenced or acknowledged is known after the next start, and what
    was not delivered is sent then. It leaves with 0 after an ordered stop, with
    1 where the configuration or the data cannot be used.
    """
    from alerts.app import main  # noqa: PLC0415 - as above

    with explained():
        code = main(config, data)
    raise typer.Exit(code)
