"""The pipelines that are compared: how each is set up and started. Every one is a process of its own."""

import json
import signal
import subprocess
import sys
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from string import Template
from typing import Any, Protocol

from bench.load import BATTERY, METRICS, device_id, site_id
from caretaker.broker import INFLIGHT
from telemetry.topics import Channel, filters
from tests.components import find_program, free_port

FILTER = filters(Channel.READINGS)
DATABASE = "bench"
BUCKET = f"{DATABASE}/autogen"
HERE = Path(__file__).parent
ROOT = HERE.parent


@dataclass(frozen=True)
class Ends:
    """Between what a pipeline stands."""

    mqtt_port: int
    influx_url: str | None
    """None: its embedded store."""


class Pipeline(Protocol):
    """One of those compared."""

    name: str
    client_id: str

    def command(self, folder: Path, ends: Ends, devices: int) -> list[str]:
        """Write its configuration to `folder`; the command that starts it."""


class Running:
    """A pipeline's process, ended by its own id."""

    def __init__(self, command: list[str], folder: Path) -> None:
        self._log = folder / "log"
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, cwd=ROOT
            )
        self.pid = self.process.pid

    def check(self) -> None:
        """Raises `RuntimeError` with what it said last when it has ended."""
        if self.process.poll() is not None:
            raise RuntimeError(f"ended with {self.process.returncode}:\n{self.log()[-2_000:]}")

    def log(self) -> str:
        """All that it has printed."""
        return self._log.read_text(encoding="utf-8", errors="replace")

    def pause(self) -> None:
        """Let it stand still."""
        self.process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Go on after `pause`."""
        self.process.send_signal(signal.SIGCONT)

    def stop(self, limit_s: float = 15.0) -> None:
        """End it in order, by force when it takes too long."""
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(limit_s)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait(limit_s)


class Ours:
    """The ingestor as users run it: everything on."""

    name = "ours"
    client_id = "caretaker-ingestor"

    def __init__(self) -> None:
        self.http_port = free_port()

    def account(self) -> dict[str, Any]:
        """What it says of itself."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.http_port}/account", timeout=10) as answer:
            found: dict[str, Any] = json.load(answer)
            return found

    def configure(self, folder: Path, ends: Ends, devices: int) -> list[str]:
        """Write the deployment; the arguments that name it."""
        config, data = folder / "config", folder / "data"
        config.mkdir(parents=True)
        data.mkdir()
        store = (
            f"  kind: influxdb\n  url: {ends.influx_url}\n  bucket: {BUCKET}\n"
            if ends.influx_url is not None
            else f"  kind: sqlite\nsession:\n  receive_maximum: {INFLIGHT}\n"  # as `caretaker up` runs it
        )
        (config / "caretaker.yaml").write_text(
            f"broker:\n  port: {ends.mqtt_port}\nstore:\n{store}http:\n  port: {self.http_port}\n", encoding="utf-8"
        )
        sites = sorted({site_id(number) for number in range(devices)})
        (config / "sites.yaml").write_text(
            "sites:\n"
            + "".join(
                f"  - {{id: {site}, kind: air, timezone: Asia/Hong_Kong, names: {{en: Station {site}}}}}\n"
                for site in sites
            ),
            encoding="utf-8",
        )
        metrics = " ".join((*METRICS, BATTERY))
        with (config / "devices.csv").open("w", encoding="utf-8") as sheet:
            sheet.write("id,site,kind,interval_s,metrics,name_en\n")
            for number in range(devices):
                sheet.write(f"{device_id(number)},{site_id(number)},air_station,60,{metrics},Air station {number}\n")
        return ["--config", str(config), "--data", str(data)]

    def command(self, folder: Path, ends: Ends, devices: int) -> list[str]:
        """See `Pipeline`."""
        return [sys.executable, "-m", "caretaker", "run", "ingestor", *self.configure(folder, ends, devices)]


class Plain:
    """aiomqtt, pydantic and influxdb-client."""

    name = "plain"
    client_id = "plain-pipeline"

    def command(self, folder: Path, ends: Ends, devices: int) -> list[str]:
        """See `Pipeline`."""
        del folder, devices
        return [
            *(sys.executable, "-m", "bench.peers.plain", "--mqtt-port", str(ends.mqtt_port)),
            *("--client-id", self.client_id, "--filter", FILTER),
            *("--influx-url", str(ends.influx_url), "--bucket", BUCKET),
        ]


class Telegraf:
    """InfluxData's own agent."""

    name = "telegraf"
    client_id = "telegraf"

    @staticmethod
    def available() -> bool:
        """Whether it is on PATH."""
        return find_program("telegraf") is not None

    def command(self, folder: Path, ends: Ends, devices: int) -> list[str]:
        """See `Pipeline`."""
        del devices
        field = '    [[inputs.mqtt_consumer.json_v2.field]]\n      path = "values.{name}"\n      type = "float"'
        template = Template((HERE / "peers" / "telegraf.conf").read_text(encoding="utf-8"))
        config = folder / "telegraf.conf"
        config.write_text(
            template.substitute(
                mqtt_port=ends.mqtt_port,
                client_id=self.client_id,
                filter=FILTER,
                influx_url=ends.influx_url,
                bucket=BUCKET,
                fields="\n".join(field.format(name=name) for name in METRICS),
            ),
            encoding="utf-8",
        )
        program = find_program("telegraf")
        assert program is not None, "asked before"
        return [str(program), "--config", str(config)]
