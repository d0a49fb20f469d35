"""The rig: broker -> proxy -> ingestor -> proxy -> InfluxDB, everything real but the two proxies, on the loopback."""

import json
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import yaml

from tests.components import Influxd, Mosquitto, free_port, wait_until
from tests.faults.judge import Verdict, judge
from tests.faults.load import SITE, Client, Load, Numbers
from tests.faults.process import MIB, IngestorProcess
from tests.faults.proxy import Proxy
from tests.faults.report import Figures
from tests.faults.wire import Wire

# No limits but ours; ids of sessions survive a lost connection, and nothing is written to the disk on the way.
BROKER = """
listener {port} 127.0.0.1
allow_anonymous true
persistence false
max_queued_messages 0
max_inflight_messages 1000
max_keepalive 10
connection_messages false
log_type error
"""
KEEP_ALIVE_S = 10
QUIET_S = 1.0
LOOK_EVERY_S = 0.05
FILLER = "filler"
TEXT_BYTES = 8 * 1024
_databases = count()


@dataclass(frozen=True, slots=True)
class Stage:
    """Where a scenario plays, and how long."""

    folder: Path
    influxd: Influxd
    full: bool
    """False: a few seconds, for every day."""
    say: Callable[[str], None] = print
    mutant: str | None = None
    """The name of a defect to be brought into the service."""


@dataclass
class Setup:
    """What differs between scenarios."""

    settings: dict[str, Any] = field(default_factory=dict)
    """Sections for caretaker.yaml, over what the rig needs itself."""
    broker: str = BROKER
    data: Path | None = None
    before: Sequence[str] = ()
    """What stands before the ingestor's command."""
    devices: int = 20
    more_devices: Sequence[str] = ()
    """Lines for devices.csv."""


class Rig:
    """Use with `with`: everything is started on entry, and ended whatever happens."""

    def __init__(self, stage: Stage, setup: Setup | None = None) -> None:
        setup = setup or Setup()
        self.stage = stage
        self.folder = stage.folder / f"rig{next(_databases)}"
        self.config = self.folder / "config"
        self.data = setup.data or self.folder / "data"
        self.database = f"{self.folder.parent.name}_{self.folder.name}".replace("-", "_")
        self.devices = setup.devices + 1
        self._setup = setup
        self._stack = ExitStack()
        self.broker = Mosquitto(self.folder / "mosquitto", setup.broker)
        self.wire = Wire()

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            self.broker.start()
            stack.callback(self.broker.kill)
            self.to_broker = Proxy(self.broker.port, self.wire.tap)
            stack.callback(self.to_broker.close)
            self.to_store = Proxy(self.stage.influxd.port)
            stack.callback(self.to_store.close)
            self._configure()
            mutant = self.stage.mutant
            self.ingestor = IngestorProcess(
                self.config,
                self.data,
                self.data / "ingestor.log",
                self._http_port,
                before=self._setup.before,
                module=None if mutant is None else ("tests.faults.mutant_launcher", mutant),
            )
            stack.callback(self.ingestor.kill)
            self.start()
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def start(self) -> None:
        """Start the ingestor and wait until it accepts readings."""
        self.ingestor.start()
        self.ingestor.wait_ready()

    def load(self, numbers: Numbers, rate_hz: float) -> Load:
        """Begin to publish. To be used with `with`."""
        return Load(self.broker.port, numbers, rate_hz)

    def fill_journal(self) -> None:
        """Until a journal of 1 MiB is full: by long texts, so that it does not take long. The store must be away."""
        text = "x" * TEXT_BYTES
        with Client(self.broker.port, FILLER) as client:
            for number in range(MIB // TEXT_BYTES + 2):
                body = {"time": int(time.time() * 1000) + number, "values": {"firmware": text}}
                client.publish(number, f"caretaker/v1/{SITE}/{FILLER}/readings", json.dumps(body).encode())
            client.settle()
        wait_until(lambda: "journal: full" in self.ingestor.ready()[1], "the journal is full")

    def quiet(self, limit_s: float = 60.0) -> None:
        """Wait until nothing moves: nothing unacknowledged, nothing in the journal, nothing on the wire.

        The account must balance at each such point: an assertion.
        """
        end = time.monotonic() + limit_s
        since = time.monotonic()
        before: tuple[int, int] | None = None
        while time.monotonic() - since < QUIET_S:
            account, ready = self.ingestor.account(), self.ingestor.ready()
            now = (self.wire.publishes, self.wire.acknowledged)
            moving = account["journal"] or account["unacknowledged"] or self.wire.in_flight
            if now != before or moving or not ready[0]:
                since, before = time.monotonic(), now
            assert since < end, f"not quiet within {limit_s:g} s: {account}, {ready}, {self.wire.in_flight} in flight"
            time.sleep(LOOK_EVERY_S)
        self.check_account()

    def check_account(self) -> dict[str, Any]:
        """The account, which must balance."""
        account = self.ingestor.account()
        assert account["balanced"], f"the account does not balance: {account}"
        return account

    def judge(self, load: Load, figures: Figures, promise: str) -> Verdict:
        """The figures that every scenario has, once the stream is quiet."""
        sent = load.sent
        numbers = Numbers(sent, load.numbers.devices, load.numbers.start_ms)
        verdict = judge(numbers, load.acknowledged, self.stage.influxd.url, self.database)
        figures.exactly(promise, "readings missing", verdict.missing, 0)
        figures.exactly(promise, "publishes left unacknowledged", verdict.unknown, 0)
        figures.exactly(promise, "readings stored", verdict.stored, verdict.sent)
        figures.exactly(promise, "values that differ from what was sent", verdict.wrong + verdict.extra, 0)
        figures.exactly(promise, "acknowledgements for what was not delivered", self.wire.strange_acks, 0)
        return verdict

    def _configure(self) -> None:
        self.config.mkdir(parents=True)
        self._http_port = free_port()
        own: dict[str, Any] = {
            "broker": {"port": self.to_broker.port},
            "http": {"port": self._http_port},
            "store": {
                "kind": "influxdb",
                "url": f"http://127.0.0.1:{self.to_store.port}",
                "bucket": f"{self.database}/autogen",
                "timeout_s": 3,
            },
        }
        (self.config / "caretaker.yaml").write_text(yaml.safe_dump(merged(own, self._setup.settings)))
        site = {"id": SITE, "kind": "test", "names": {"en": "Numbers"}, "timezone": "UTC", "areas": []}
        (self.config / "sites.yaml").write_text(yaml.safe_dump({"sites": [site]}))
        self.write_devices(self._setup.more_devices)

    def write_devices(self, more: Sequence[str] = ()) -> None:
        """devices.csv: the numbered ones, and `more` lines of id,metrics."""
        numbers = Numbers(0, self._setup.devices)
        named = [f"{numbers.device(i)},{' '.join(numbers.metrics(i))}" for i in range(numbers.devices)]
        named.append(f"{FILLER},firmware")
        lines = [
            f"{identity},{SITE},test,{metrics}" for identity, metrics in (one.split(",") for one in [*named, *more])
        ]
        whole = "\n".join(["id,site,kind,metrics", *lines]) + "\n"
        beside = self.config / "devices.new"
        beside.write_text(whole)
        beside.replace(self.config / "devices.csv")


def merged(own: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Sections of settings, those of `over` on top."""
    return {
        key: {**own.get(key, {}), **over.get(key, {})} if isinstance(over.get(key, {}), dict) else over[key]
        for key in own.keys() | over.keys()
    }
