"""What `caretaker deploy init` was asked for, kept in the deployment's folder: by this file it is one of ours."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import yaml
from pydantic import AfterValidator, Field, PositiveInt

from deploy.layout import BrokerForm, Door, Form, InfluxForm, Layout, compose, local, systemd
from deploy.names import check_host
from deploy.private import write_private
from telemetry.document import Document, DocumentError, Problem, Section

FILE = "deployment.yaml"
HEADER = (
    "# What this deployment is: written by `caretaker deploy init`, and read by the commands that take this folder.\n"
)
RETENTION_DAYS = 400
"""This month beside the same month of last year."""


class Record(Section):
    """The file."""

    form: Form = Field(description="compose, systemd or local")
    hosts: tuple[Annotated[str, AfterValidator(check_host)], ...] = Field(
        min_length=1, description="names and addresses by which this machine is reached"
    )
    retention_days: PositiveInt = RETENTION_DAYS
    """How long InfluxDB keeps readings, days. `provision` takes over a longer time; a shorter one only when it is told
    to, because what is older is then gone."""
    influxdb: InfluxForm = InfluxForm.V2
    broker: BrokerForm = BrokerForm.V2_0
    """Of a local deployment; the others know theirs."""
    ports: Mapping[Door, int] = Field(default_factory=dict)
    """Of a local deployment: those that differ from the usual ones."""

    def layout(self, folder: Path) -> Layout:
        """Where everything is."""
        match self.form:
            case Form.COMPOSE:
                return compose(folder, self.hosts)
            case Form.SYSTEMD:
                return systemd(folder, self.hosts, self.influxdb)
            case Form.LOCAL:
                return local(folder, self.ports, self.broker, self.influxdb)

    def write(self, folder: Path) -> None:
        """Into the folder; what was there is replaced."""
        found = self.model_dump(mode="json", exclude_defaults=True)
        write_private(folder / FILE, HEADER + yaml.safe_dump(found, sort_keys=False, allow_unicode=True))


def read_record(folder: Path) -> Record:
    """What the deployment in `folder` is. Raises `DocumentError`."""
    path = folder / FILE
    if not path.exists():
        raise DocumentError([Problem(str(folder), 0, "", f"no {FILE}", "a folder made by `caretaker deploy init`")])
    return Document.open(path, str(path)).validate(Record)


def read_layout(folder: Path) -> Layout:
    """Where everything of the deployment in `folder` is. Raises `DocumentError`."""
    return read_record(folder).layout(folder.absolute())
