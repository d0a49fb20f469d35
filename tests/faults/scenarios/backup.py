"""Backup under load, loss of everything, restore: nothing is missing but what came after the backup began.

The backup is made while readings are published, while the store is slow, so that the journal holds some, and in one
round while the ingestor is down, so that the broker holds some. Then more is published, everything is killed, and the
data of all services and the whole deployment is deleted. The folders lie within each other as those of containers do.
"""

import shutil
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path
from typing import Any

from typer import Typer
from typer.testing import CliRunner

from caretaker.commands.alerts import app as alerts_command
from caretaker.commands.keys import app as keys_command
from deploy.backup.make import Made, Wish, make
from deploy.backup.plan import Folders
from deploy.backup.restore import Order, restore
from tests.components import Influxd, free_port, wait_until
from tests.faults.judge import judge
from tests.faults.load import SITE, Client, Load, Numbers
from tests.faults.process import AlertsProcess
from tests.faults.report import Figure, Figures
from tests.faults.rig import BROKER, Rig, Setup, Stage

PROMISE = "BACKUP"
# Saves its sessions when it is told to and when it stops, and at no other time.
SAVING = BROKER.replace(
    "persistence false",
    "persistence true\npersistence_location {folder}/state/\nautosave_interval 0\npid_file {folder}/pid",
)
LEAK, PERSON = "leak-1", "night-shift"
RULES = f"""
rules:
  - id: leak
    names: {{en: Leak}}
    why: Water that runs where none should is never right.
    where: {{devices: [{LEAK}]}}
    when: {{state: leak, is: true}}
    severities: {{critical: {{}}}}
"""
STORE_DELAY_S = 0.25
ENDLESS = 1_000_000
INFLUXDB = ("meta", "data", "wal")
Row = tuple[Any, ...]
ALERTS = "select id, acknowledged_by, comment from alerts where active"
TRANSITIONS = "select number, alert, change from transitions order by number"


@dataclass(frozen=True, slots=True)
class Size:
    rate_hz: float
    before: int
    """Readings published before the backup."""
    held: int
    """And while the ingestor is down."""
    after: int


FULL = Size(2_000, 40_000, 5_000, 10_000)
SHORT = Size(1_000, 600, 300, 300)


def run(stage: Stage) -> list[Figure]:
    """A round with the ingestor down. The long form has two more: with everything running, and from what is there."""
    figures = Figures()
    with _place(stage, FULL if stage.full else SHORT, figures) as place:
        place.begin()
        for number, ingestor_runs in enumerate([False, True, False] if stage.full else [False], start=1):
            place.round(f"{number}, the ingestor {'runs' if ingestor_runs else 'is down'}", ingestor_runs=ingestor_runs)
    return figures.all


@dataclass
class _Place:
    """A whole deployment, of which everything may be lost."""

    rig: Rig
    influxd: Influxd
    alerts: AlertsProcess
    size: Size
    figures: Figures

    @property
    def folders(self) -> Folders:
        folder = self.rig.folder
        return Folders(self.rig.config, self.rig.data, folder / "secrets", folder, self.rig.broker.folder / "state")

    @property
    def settings(self) -> dict[Path, bytes]:
        """What stands in the files of the deployment that only a person or `init` can write again, and in the keys."""
        rig = self.rig
        folders = (rig.config.rglob("*"), (rig.folder / "secrets").rglob("*"), rig.data.rglob("*.key"))
        single = (rig.folder / "deployment.yaml", rig.broker.folder / "mosquitto.conf")
        return {path: path.read_bytes() for path in chain(*folders, single) if path.is_file()}

    def begin(self) -> None:
        """An alert that somebody has, a message in quarantine, a key."""
        with Client(self.rig.broker.port, "others") as client:
            client.publish(0, f"caretaker/v1/{SITE}/{LEAK}/readings", b'{"values": {"leak": true}}')
            client.publish(1, f"caretaker/v1/{SITE}/{LEAK}/readings", b"poison")
            client.settle()
        wait_until(lambda: bool(self.alerts.rows(ALERTS)), "the alert is raised")
        ((alert, _, _),) = self.alerts.rows(ALERTS)
        self._command(alerts_command, "ack", alert, "--by", PERSON, "--comment", "on my way")
        wait_until(lambda: self.alerts.rows(ALERTS)[0][1] == PERSON, "it is acknowledged")
        self._command(keys_command, "create", "--name", "office", "--role", "admin")

    def round(self, name: str, *, ingestor_runs: bool) -> None:
        """Publish, back up, publish more, lose everything, restore, judge."""
        rig, size = self.rig, self.size
        rig.to_store.delay_s = STORE_DELAY_S
        with rig.load(Numbers(ENDLESS, start_ms=int(time.time() * 1000) - 3_600_000), size.rate_hz) as load:
            load.wait_for(size.before)
            wait_until(lambda: rig.ingestor.journal_rows() > 0, "the journal holds readings")
            if not ingestor_runs:
                rig.ingestor.kill()
                rig.to_store.delay_s = 0.0
            taken = len(load.acknowledged)
            wait_until(lambda: len(load.acknowledged) >= taken + size.held, "the broker has more", 60)
            acknowledged = frozenset(load.acknowledged)
            before = self.alerts.rows(ALERTS), self.alerts.rows(TRANSITIONS)
            settings = self.settings
            made = self._backup()
            published = load.sent
            rig.to_store.delay_s = 0.0
            if not ingestor_runs:
                rig.ingestor.start()
                rig.ingestor.wait_ready()
                self.figures.at_least(PROMISE, f"held by the broker: {name}", len(acknowledged) - taken, size.held)
            load.wait_for(published + size.after)
            load.halt()
            rig.stage.say(
                f"{name}: {len(acknowledged):,} acknowledged before it, {load.sent - published:,} sent after it"
            )
            self._lose_everything()
        self._restore(made)
        lost = settings.items() - self.settings.items()
        self.figures.exactly(PROMISE, f"of {len(settings)} settings, secrets and keys missing: {name}", len(lost), 0)
        self.figures.at_least(PROMISE, f"readings in the restored journal: {name}", rig.ingestor.journal_rows(), 1)
        rig.broker.start()
        rig.start()
        rig.quiet(120)
        self._judge(name, load, acknowledged, published)
        self.start_alerts()  # now: its heartbeat is never quiet
        self._judge_the_rest(name, *before)

    def _backup(self) -> Made:
        began = time.monotonic()
        pid_file = self.rig.broker.folder / "pid"
        made = make(Wish(self.folders, self.rig.folder / "backups", keep=2, broker_pid=pid_file))
        assert made.manifest.readings is not None
        self.rig.stage.say(f"{made.manifest.readings.lines:,} points, in {time.monotonic() - began:.1f} s")
        return made

    def _lose_everything(self) -> None:
        """Kill all services, delete all that they keep, and all of the deployment but its backups."""
        self.alerts.kill()
        self.rig.ingestor.kill()
        self.rig.broker.kill()
        self.influxd.kill()
        for path in (*self.rig.folder.iterdir(), *(self.influxd.folder / name for name in INFLUXDB)):
            if path.is_file():
                path.unlink()
            elif path.name != "backups":
                shutil.rmtree(path)

    def _restore(self, made: Made) -> None:
        self.influxd.start()
        began = time.monotonic()
        done = restore(Order(made.file, self.folders), datetime.now(UTC))
        self.rig.stage.say(f"restored in {time.monotonic() - began:.1f} s")
        assert done.written is not None
        self.figures.exactly(PROMISE, "points that the store refused", done.written.refused, 0)

    def start_alerts(self) -> None:
        """Not through the proxy: what is counted there is the ingestor's."""
        self.alerts.start({"CARETAKER_BROKER__PORT": str(self.rig.broker.port)})
        self.alerts.wait_ready()

    def _judge(self, name: str, load: Load, acknowledged: frozenset[int], published: int) -> None:
        """`acknowledged`: before the backup began; `published`: when it was done."""
        devices, start_ms = load.numbers.devices, load.numbers.start_ms
        place = self.influxd.url, self.rig.database
        verdict = judge(Numbers(published, devices, start_ms), acknowledged, *place)
        self.figures.exactly(PROMISE, f"readings missing: {name}", verdict.missing, 0)
        self.figures.exactly(PROMISE, f"values that differ from what was sent: {name}", verdict.wrong, 0)
        later = range(published, load.sent)
        lost = judge(Numbers(load.sent, devices, start_ms), later, *place).missing
        self.figures.exactly(PROMISE, f"readings of after the backup: {name}", len(later) - lost, 0)

    def _judge_the_rest(self, name: str, alerts: list[Row], transitions: list[Row]) -> None:
        as_before = self.alerts.rows(ALERTS) == alerts
        self.figures.exactly(PROMISE, f"alerts, and who has them, as they were: {name}", int(as_before), 1)
        kept = self.alerts.rows(TRANSITIONS)[: len(transitions)]
        self.figures.exactly(PROMISE, f"transitions missing: {name}", len(set(transitions) - set(kept)), 0)
        self.figures.exactly(PROMISE, f"messages in quarantine: {name}", self.rig.ingestor.account()["quarantined"], 1)
        self.figures.says(PROMISE, f"API keys: {name}", self._command(keys_command, "list"), "office")

    def _command(self, app: Typer, *words: str) -> str:
        places = ["--config", str(self.rig.config), "--data", str(self.rig.data)]
        answer = CliRunner().invoke(app, [*words, *places])
        assert answer.exit_code == 0, answer.output
        return answer.output


@contextmanager
def _place(stage: Stage, size: Size, figures: Figures) -> Iterator[_Place]:
    """With an InfluxDB of its own, for it will be lost."""
    with ExitStack() as stack:
        influxd = Influxd(stage.folder / "influxdb")
        stack.callback(influxd.kill)
        influxd.start()
        port = free_port()
        setup = Setup({"alerts": {"http": {"port": port}}}, broker=SAVING, more_devices=[f"{LEAK},leak"])
        rig = Rig(replace(stage, influxd=influxd), setup)
        (rig.broker.folder / "state").mkdir()
        (rig.folder / "secrets").mkdir()
        for name in ("secrets/ca.key", "secrets/mqtt.password", "deployment.yaml"):
            (rig.folder / name).write_text(name)
        stack.enter_context(rig)
        (rig.config / "rules.yaml").write_text(RULES)
        alerts = AlertsProcess(rig.config, rig.data, rig.folder / "alerts.log", port)
        stack.callback(alerts.kill)
        place = _Place(rig, influxd, alerts, size, figures)
        place.start_alerts()
        yield place
