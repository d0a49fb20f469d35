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
