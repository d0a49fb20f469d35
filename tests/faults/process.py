"""A service as its operators run it: a process of its own, asked over HTTP, ended by signals."""

import http.client
import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Generator, Mapping, Sequence
from contextlib import closing
from email.message import Message
from pathlib import Path
from typing import Any

import psutil

from tests.components import LOOK_EVERY_S, wait_until

ANSWER_LIMIT_S, TRY_LIMIT_S = 5.0, 3.0
MIB = 1024 * 1024


class ServiceProcess:
    """`caretaker run SERVICE`, or the same behind another launcher."""

    name = "service"

    def __init__(
        self,
        config: Path,
        data: Path,
        log: Path,
        http_port: int,
        *,
        before: Sequence[str] = (),
        module: Sequence[str] | None = None,
    ) -> None:
        """`before` stands before Python, as strace does; `module` is what Python runs; None: the command."""
        module = module or ("caretaker", "run", self.name)
        self._arguments = [*before, sys.executable, "-m", *module, "--config", str(config), "--data", str(data)]
        self._log_path = log
        self._data = data
        self._url = f"http://127.0.0.1:{http_port}"
        self._process: subprocess.Popen[bytes] | None = None
        data.mkdir(parents=True, exist_ok=True)

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def log(self) -> str:
        return self._log_path.read_text(errors="replace")

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def start(self, environment: Mapping[str, str] | None = None) -> None:
        """Start; does not wait."""
        self._log_path.parent.mkdir(parents=True, exist_ok=True)
        with self._log_path.open("ab") as log:
            self._process = subprocess.Popen(
                self._arguments,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=os.environ | (environment or {}),
            )

    def wait_ready(self, limit_s: float = 30.0) -> None:
        """Until it accepts readings."""
        wait_until(self._is_ready, f"the {self.name} is ready; its log ends {self.tail()}", limit_s)

    def _is_ready(self) -> bool:
        assert self.running, f"the {self.name} has ended: {self.tail()}"
        return self.ready()[0]

    def tail(self) -> str:
        return self.log[-1_500:] if self._log_path.exists() else "(empty)"

    def signal(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    def wait(self, limit_s: float) -> int:
        """The exit code. Raises `subprocess.TimeoutExpired`."""
        assert self._process is not None
        return self._process.wait(limit_s)

    def kill(self) -> None:
        """End at once, as a crash would. Does nothing when it does not run."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def stop(self) -> None:
        """End in order; by force when it does not listen."""
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(10)
            except subprocess.TimeoutExpired:
                self.kill()

    def ask(self, path: str, body: object = None) -> tuple[int, Any]:
        """Status and document; status 0 when nobody answers."""
        data = None if body is None else json.dumps(body).encode()
        try:
            request = urllib.request.Request(self._url + path, data)  # noqa: S310 - loopback
            with urllib.request.urlopen(request, timeout=ANSWER_LIMIT_S) as answer:  # noqa: S310 - loopback
                return answer.status, _document(answer.read())
        except urllib.error.HTTPError as error:
            return error.code, _document(error.read())
        except OSError:
            return 0, None

    def ready(self) -> tuple[bool, str]:
        """Whether it is ready, and the reasons why not."""
        status, body = self.ask("/health/ready")
        return status == 200, "; ".join(body["reasons"]) if body else "no answer"

    def reason(self, wanted: str) -> str:
        """Why it is not ready. While it tries whether the trouble is over, it may say nothing for a moment."""
        end = time.monotonic() + TRY_LIMIT_S
        while wanted not in (said := self.ready()[1]) and time.monotonic() < end:
            time.sleep(LOOK_EVERY_S)
        return said

    def metric(self, name: str) -> float:
        """The sum over all labels of one of our metrics."""
        _, text = self.ask("/metrics")
        lines = [line for line in str(text).splitlines() if line.startswith(f"caretaker_{self.name}_{name}")]
        return sum(float(line.rsplit(" ", 1)[1]) for line in lines)

    def resident_mib(self) -> float:
        """Memory that it holds now."""
        return float(psutil.Process(self.pid).memory_info().rss) / MIB


class IngestorProcess(ServiceProcess):
    """`caretaker run ingestor`."""

    name = "ingestor"

    def account(self) -> dict[str, Any]:
        """What `/account` says; an assertion fails where it says nothing."""
        status, body = self.ask("/account")
        assert status == 200, f"no account: {status}; its log ends {self.tail()}"
        account: dict[str, Any] = body
        return account

    def journal_rows(self) -> int:
        """Readings in the journal's file, whether a process has it open or not."""
        path = self._data / "journal" / "journal.db"
        with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True, timeout=5)) as connection:
            count: int = connection.execute("select coalesce(sum(readings), 0) from batch").fetchone()[0]
            return count


class AlertsProcess(ServiceProcess):
    """`caretaker run alerts`."""

    name = "alerts"

    @property
    def database(self) -> Path:
        """Its file."""
        return self._data / "alerts" / "alerts.db"

    def rows(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        """What stands in its database, by SQL of our own; nothing while there is none."""
        if not self.database.exists():
            return []
        with closing(sqlite3.connect(f"{self.database.as_uri()}?mode=ro", uri=True, timeout=5)) as connection:
            try:
                return connection.execute(query, values).fetchall()
            except sqlite3.OperationalError as error:
                if "no such table" not in str(error):
                    raise
                return []  # not made yet

    def clock_ns(self) -> int:
        """The alert clock, as far as it is committed; 0: it has not been heard yet."""
        found = self.rows("select value from figures where name = 'clock_ns'")
        return int(found[0][0]) if found else 0


class ApiProcess(ServiceProcess):
    """`caretaker run api`, asked with a key."""

    name = "api"

    def __init__(self, config: Path, data: Path, log: Path, http_port: int, *, key: str) -> None:
        super().__init__(config, data, log, http_port)
        self._key = key

    def ready(self) -> tuple[bool, str]:
        status, body = self.ask("/api/v1/health/ready")
        return status == 200, "; ".join(body["reasons"]) if body else "no answer"

    def get(self, path: str) -> tuple[int, Mapping[str, str], Any]:
        """Status, headers with small names, document; status 0 when nobody answers."""
        request = urllib.request.Request(self._url + path, headers={"Authorization": f"Bearer {self._key}"})  # noqa: S310 - loopback
        try:
            with urllib.request.urlopen(request, timeout=ANSWER_LIMIT_S) as answer:  # noqa: S310 - loopback
                return answer.status, _small(answer.headers), _document(answer.read())
        except urllib.error.HTTPError as error:
            return error.code, _small(error.headers), _document(error.read())
        except (OSError, http.client.HTTPException):
            return 0, {}, None

    def history(self, device: str) -> tuple[int, Mapping[str, str], Any]:
        """The last hour of a device."""
        return self.get(f"/api/v1/devices/{device}/history")

    def listen(self) -> Generator[str, None, None]:
        """The names of events in the live stream, as they come, until nothing comes for a while."""
        request = urllib.request.Request(  # noqa: S310 - loopback
            f"{self._url}/api/v1/live", headers={"Authorization": f"Bearer {self._key}"}
        )
        with urllib.request.urlopen(request, timeout=ANSWER_LIMIT_S) as stream:  # noqa: S310 - loopback
            for line in stream:
                if line.startswith(b"event: "):
                    yield line.removeprefix(b"event: ").strip().decode()


def _small(headers: Message) -> Mapping[str, str]:
    return {name.lower(): value for name, value in headers.items()}


def _document(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return body.decode()
