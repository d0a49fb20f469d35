"""The rig of the alerts: broker -> proxy -> alert service -> its database and its receivers; no ingestor, no store."""

import json
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import yaml

from telemetry.topics import PLATFORM_SITE, topic
from tests.components import Mosquitto, free_port, wait_until
from tests.faults.load import Client
from tests.faults.process import AlertsProcess
from tests.faults.proxy import Proxy
from tests.faults.rig import BROKER, Stage, merged
from tests.faults.story import Beat, Event, Transcript
from tests.faults.wire import Wire

CLIENT_ID = "caretaker-alerts"
CITY = "city"
"""The user as whom tests publish."""
# The service's own beats are refused by the broker, as by any that grants it less: the clock is the story's.
GIVEN_CLOCK = f"""
topic read caretaker/v1/#
topic write caretaker/v1/+/+/alerts

user {CITY}
topic readwrite #
"""
BEAT_TOPIC = topic(PLATFORM_SITE, CLIENT_ID)
_rigs = count()


@dataclass
class AlertSetup:
    """What differs between scenarios."""

    write: Callable[[Path], None]
    """Writes sites, devices and rules; people and routes where there are any."""
    settings: Mapping[str, Any] = field(default_factory=dict)
    """Sections for caretaker.yaml."""
    given_clock: bool = False
    """The beats are published by the test: its story may be told faster than it happens."""
    data: Path | None = None
    launcher: str | None = None
    """A module of the tests that starts the service; None: its own command."""


class AlertRig:
    """Use with `with`: everything is started on entry, and ended whatever happens."""

    def __init__(self, stage: Stage, setup: AlertSetup) -> None:
        self.stage = stage
        self.folder = stage.folder / f"alert-rig{next(_rigs)}"
        self.config = self.folder / "config"
        self.data = setup.data or self.folder / "data"
        self.site_of: Callable[[str], str] = lambda _: ""
        self._setup = setup
        self._stack = ExitStack()
        own = self.folder / "mosquitto"
        own.mkdir(parents=True)
        broker = BROKER
        if setup.given_clock:
            (own / "acl").write_text(GIVEN_CLOCK)
            (own / "acl").chmod(0o600)
            broker += "acl_file {folder}/acl\n"
        self.broker = Mosquitto(own, broker)
        self.wire = Wire()

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            self.broker.start()
            stack.callback(self.broker.kill)
            self.to_broker = Proxy(self.broker.port, self.wire.tap)
            stack.callback(self.to_broker.close)
            http_port = self._configure()
            self.alerts = AlertsProcess(
                self.config,
                self.data,
                self.folder / "alerts.log",
                http_port,
                module=self._module(),
            )
            stack.callback(self.alerts.kill)
            self.start()
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def start(self) -> None:
        """Start the service and wait until it judges."""
        self.alerts.start()
        self.alerts.wait_ready()

    def client(self) -> Client:
        """Somebody who may publish everything. To be used with `with`."""
        return Client(self.broker.port, CITY, CITY)

    def quiet(self, clock_ns: int, limit_s: float = 60.0) -> None:
        """Wait until the last beat of a story is judged and kept, and all is acknowledged and announced."""
        wait_until(lambda: self.alerts.clock_ns() >= clock_ns, "the last beat is judged", limit_s)
        wait_until(lambda: self.wire.in_flight == 0, "all is acknowledged")

    def transcript(self, until_ns: int | None = None) -> Transcript:
        """The transitions in the database, in the order of their numbers."""
        found: dict[tuple[str, str], list[tuple[object, ...]]] = defaultdict(list)
        query = 'select rule, device, alert, "change", severity, at_ns, value, ending from transitions order by number'
        for rule, device, *rest in self.alerts.rows(query):
            if until_ns is None or rest[3] <= until_ns:
                found[rule, device].append(tuple(rest))
        return dict(found)

    def all_delivered(self, limit_s: float = 60.0) -> None:
        """Wait until every transition is dispatched, and no message waits any more."""
        wait_until(lambda: self._mark("cursor") == self._mark("last_transition"), "all is dispatched", limit_s)
        waiting = "select count(*) from deliveries where status = 'waiting'"
        wait_until(lambda: self.alerts.rows(waiting) == [(0,)], "all is delivered", limit_s)

    def _mark(self, name: str) -> int:
        found = self.alerts.rows("select value from marks where name = ?", name)
        return int(found[0][0]) if found else 0

    def _module(self) -> Sequence[str] | None:
        mutant, launcher = self.stage.mutant, self._setup.launcher
        if launcher is not None:
            return (launcher,) if mutant is None else (launcher, "--mutant", mutant)
        return None if mutant is None else ("tests.faults.mutant_launcher", mutant)

    def _configure(self) -> int:
        self.config.mkdir(parents=True)
        http_port = free_port()
        own: dict[str, Any] = {
            "broker": {"port": self.to_broker.port},
            # A store that nobody answers for: judging needs none.
            "store": {"kind": "influxdb", "url": f"http://127.0.0.1:{free_port()}", "bucket": "nowhere/autogen"},
            "alerts": {"http": {"port": http_port}},
        }
        (self.config / "caretaker.yaml").write_text(yaml.safe_dump(merged(own, self._setup.settings)))
        self._setup.write(self.config)
        return http_port


def message_of(event: Event, site: Callable[[str], str]) -> tuple[str, bytes]:
    """Topic and payload of an event."""
    if isinstance(event, Beat):
        return BEAT_TOPIC, json.dumps({"time": event.time_ns // 1_000_000}).encode()
    return topic(site(event.device), event.device), event.payload
