"""Real components for tests: found, started, stopped.

Looked for in this order: an address in the environment (`CARETAKER_TEST_INFLUXDB_URL`), a program on the machine (PATH,
then Go's folders for programs). Where there is none the test is skipped by name; with `CARETAKER_REQUIRE_COMPONENTS=1`
it fails. There is no Docker: it would start the same programs, and would need an engine on each developer's machine, a
dependency, and a second way to pause, kill and look at them.

Mosquitto is always a program: the tests restart and kill it. The same holds for InfluxDB where a test does so.

Prometheus and its promtool are built as Go programs: `go install -tags netgo,remove_all_sd
github.com/prometheus/prometheus/cmd/prometheus@v0.316.0`, and the same with `cmd/promtool`.
"""

import getpass
import json
import os
import shutil
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from itertools import cycle
from pathlib import Path
from secrets import randbelow
from typing import IO

import pytest

REQUIRE = "CARETAKER_REQUIRE_COMPONENTS"
INFLUXDB_URL = "CARETAKER_TEST_INFLUXDB_URL"
START_LIMIT_S = 30.0
STOP_LIMIT_S = 10.0
LOOK_EVERY_S = 0.02


def missing(name: str) -> None:
    """Skip the test, or fail it where components are required."""
    message = f"no {name}: see tests/components.py"
    if os.environ.get(REQUIRE) == "1":
        pytest.fail(message)
    pytest.skip(message)


def find_program(name: str) -> Path | None:
    """On PATH, in Debian's folder for servers, or in Go's folders for programs."""
    folders = [Path(folder) for folder in os.environ.get("PATH", "").split(os.pathsep) if folder]
    folders += [Path("/usr/sbin"), Path.home() / "go" / "bin"]
    if (bin_folder := os.environ.get("GOBIN")) is not None:
        folders.append(Path(bin_folder))
    if shutil.which("go") is not None:
        answer = subprocess.run(["go", "env", "GOPATH"], capture_output=True, text=True, check=False, timeout=30)
        folders += [Path(folder) / "bin" for folder in answer.stdout.strip().split(os.pathsep) if folder]
    found = shutil.which(name, path=os.pathsep.join(map(str, folders)))
    return None if found is None else Path(found)


def require_program(name: str) -> Path:
    """A program, or the test is skipped by its name."""
    found = find_program(name)
    if found is None:
        missing(name)
        raise AssertionError
    return found


def free_port() -> int:
    """A port of the loopback that was free a moment ago, and stays so while what listens there is stopped for a time.

    It is below those that the system gives to outgoing connections, and each is given once until all were.
    """
    while True:
        with socket.socket() as one, suppress(OSError):
            one.bind(("127.0.0.1", port := next(_ports)))
            return port


def _rotated(ports: Sequence[int]) -> Iterator[int]:
    """From a random one on, so that two runs on one machine do not walk side by side."""
    first = randbelow(len(ports))
    return cycle([*ports[first:], *ports[:first]])


WORKER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % 2
_ports = _rotated(range(16_000 + 8_000 * WORKER, 24_000 + 8_000 * WORKER))


def wait_until(holds: Callable[[], bool], what: str, limit_s: float = START_LIMIT_S) -> None:
    """Wait for a condition; fail, saying which, when it does not come true in time."""
    end = time.monotonic() + limit_s
    while not holds():
        if time.monotonic() > end:
            pytest.fail(f"{what} did not come true within {limit_s:g} s")
        time.sleep(LOOK_EVERY_S)


class Program:
    """One process of ours, ended by its own id. Its folder outlives it, so that it can start again."""

    def __init__(self, name: str, folder: Path) -> None:
        self.name = name
        self.folder = folder
        self.folder.mkdir(parents=True, exist_ok=True)
        self._program = require_program(name)
        self._process: subprocess.Popen[bytes] | None = None
        self._log: IO[bytes] | None = None

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def log(self) -> str:
        """All that it has printed."""
        return (self.folder / "log").read_text(errors="replace")

    def arguments(self) -> list[str]:
        raise NotImplementedError

    def answers(self) -> bool:
        raise NotImplementedError

    def start(self) -> None:
        """Start and wait until it answers."""
        self._log = (self.folder / "log").open("ab")
        self._process = subprocess.Popen(
            [str(self._program), *self.arguments()],
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=subprocess.STDOUT,
            cwd=self.folder,
        )
        try:
            wait_until(self._answers_or_ended, f"{self.name} answers")
        except BaseException:
            self.kill()
            raise

    def _answers_or_ended(self) -> bool:
        if self._process is not None and self._process.poll() is not None:
            pytest.fail(f"{self.name} ended with {self._process.returncode}:\n{self.log[-2000:]}")
        return self.answers()

    def stop(self) -> None:
        """End it as its operator would; by force when it does not listen. Does nothing when it does not run."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End it at once, as a crash would."""
        self._end(signal.SIGKILL)

    def pause(self) -> None:
        """Let it stand still: connections stay, nothing is answered."""
        os.kill(self.pid, signal.SIGSTOP)

    def resume(self) -> None:
        """Go on after `pause`."""
        os.kill(self.pid, signal.SIGCONT)

    def _end(self, how: signal.Signals) -> None:
        if self._process is not None:
            process, self._process = self._process, None
            if process.poll() is None:
                process.send_signal(signal.SIGCONT)
                process.send_signal(how)
                try:
                    process.wait(STOP_LIMIT_S)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait(STOP_LIMIT_S)
        if self._log is not None:
            self._log.close()
            self._log = None


INFLUXD_CONFIG = """
reporting-disabled = true
bind-address = "127.0.0.1:{rpc_port}"
[meta]
  dir = "{folder}/meta"
  logging-enabled = false
[data]
  dir = "{folder}/data"
  wal-dir = "{folder}/wal"
  query-log-enabled = false
  index-version = "{index}"
{data}
[coordinator]
  write-timeout = "10s"
[http]
  bind-address = "127.0.0.1:{port}"
  log-enabled = false
  flux-enabled = false
{http}
[monitor]
  store-enabled = false
[logging]
  level = "warn"
"""


class Influxd(Program):
    """InfluxDB 1.x on the loopback, on ports of its own that stay the same when it starts again."""

    def __init__(self, folder: Path, *, http: str = "", data: str = "", index: str = "tsi1") -> None:
        """`http` and `data`: more lines for these sections of its configuration; `index`: inmem or tsi1."""
        super().__init__("influxd", folder)
        self.port = free_port()
        rpc_port = free_port()
        self._config = folder / "influxdb.conf"
        text = INFLUXD_CONFIG.format(
            folder=folder, port=self.port, rpc_port=rpc_port, http=http, data=data, index=index
        )
        self._config.write_text(text)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def arguments(self) -> list[str]:
        return ["run", "-config", str(self._config)]

    def answers(self) -> bool:
        return influxdb_answers(self.url)


def influxdb_answers(url: str) -> bool:
    """Whether an InfluxDB listens at an address."""
    try:
        with urllib.request.urlopen(f"{url}/ping", timeout=1) as answer:  # noqa: S310  # http on the loopback
            status: int = answer.status
            return status == 204
    except (urllib.error.URLError, OSError):
        return False


def drop_database(url: str, database: str) -> None:
    """Remove what a test has written."""
    query = urllib.parse.urlencode({"q": f'DROP DATABASE "{database}"'})
    urllib.request.urlopen(f"{url}/query?{query}", b"", timeout=10).close()  # noqa: S310  # http on the loopback


class Mosquitto(Program):
    """Mosquitto on the loopback, with a folder for what it keeps.

    `{port}` and `{folder}` in its configuration stand for its own.
    """

    def __init__(self, folder: Path, config: str) -> None:
        super().__init__("mosquitto", folder)
        self.port = free_port()
        self._config = folder / "mosquitto.conf"
        # Started by root it would become another user, who may not write to the test's folder.
        text = f"user {getpass.getuser()}\n{config}"
        self._config.write_text(text.replace("{port}", str(self.port)).replace("{folder}", str(folder)))

    def arguments(self) -> list[str]:
        return ["-c", str(self._config)]

    def answers(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
        except OSError:
            return False
        return True


MOSQUITTO_CONFIG = """
listener {port} 127.0.0.1
allow_anonymous true
persistence true
persistence_location {folder}/
autosave_interval 1
autosave_on_changes true
max_queued_messages 0
max_inflight_messages 1000
connection_messages false
log_type error
log_type warning
"""
"""Keeps sessions and queues over a restart; takes anybody, on the loopback only."""


class Prometheus(Program):
    """Prometheus on the loopback, with a configuration of the test's and a data folder of its own."""

    def __init__(self, folder: Path, config: str) -> None:
        """`config`: the text of its configuration. Files that it names are relative to `folder`."""
        super().__init__("prometheus", folder)
        self.port = free_port()
        self._config = folder / "prometheus.yaml"
        self._config.write_text(config)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def arguments(self) -> list[str]:
        return [
            f"--config.file={self._config}",
            f"--storage.tsdb.path={self.folder / 'data'}",
            f"--web.listen-address=127.0.0.1:{self.port}",
            "--web.enable-lifecycle",
            "--log.level=warn",
            # Else five seconds pass before it asks anybody.
            "--scrape.discovery-reload-interval=100ms",
        ]

    def answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/-/ready", timeout=1) as answer:  # noqa: S310  # http, loopback
                status: int = answer.status
                return status == 200
        except (urllib.error.URLError, OSError):
            return False

    def query(self, expression: str) -> list[tuple[dict[str, str], float]]:
        """What an expression is now: labels and value of each series. An error of PromQL fails the test."""
        query = urllib.parse.urlencode({"query": expression})
        try:
            with urllib.request.urlopen(f"{self.url}/api/v1/query?{query}", timeout=10) as answer:  # noqa: S310  # as above
                found = json.load(answer)["data"]["result"]
        except urllib.error.HTTPError as error:
            pytest.fail(f"{expression}: {error.read().decode(errors='replace')}")
        return [(one["metric"], float(one["value"][1])) for one in found]
