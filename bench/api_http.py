"""Benchmark of the API's answers: the present of a site, a day and a year of one metric, beside a constant.

The service is the one that users run, with guard, keys and limits, behind the embedded broker. The constant is what
FastAPI and uvicorn can do at all here, in a process of its own that is served the same way, asked by the same client in
the same run. A site has 100 devices with six metrics each.
"""

import json
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from statistics import median, quantiles
from urllib.parse import quote

from api.access import keyring
from api.access.caller import Caller, Role, Way
from api.access.database import opened
from api.access.keys import Draft
from bench import ground
from bench.api_history import YEAR, fill_year
from bench.api_http_client import Asked
from bench.api_http_constant import PATH
from bench.embedded import embedded_broker
from bench.load import DEVICES_A_SITE, Load, device_id, site_id
from bench.measure import peak_mib, wait_for
from bench.options import Options
from bench.pipelines import ROOT, Ends, Ours, Running
from bench.report import Figure
from bench.wire import publish
from caretaker.broker import INFLIGHT
from telemetry.reading import NS_PER_S
from tests.components import free_port

METRIC = "pm2_5_ugm3"
SITE, DEVICE = site_id(0), device_id(0)
CONNECTIONS = 8
DAY_S = 86_400
LIMIT_S = 120.0
YEAR_GOAL_MS = 500.0
UNLIMITED = 10_000_000
"""Requests a minute: the limit for each caller is not what is measured."""


def http(options: Options) -> list[Figure]:
    """Requests a second and p99: latest of a site, a day and a year of one metric, beside a constant of FastAPI."""
    with ground.folder() as path, embedded_broker(path) as broker:
        end_s = int(time.time()) // 60 * 60
        with _service(path, broker.port, end_s) as service, _constant(path) as constant_port:
            publish(broker.port, Load(DEVICES_A_SITE, DEVICES_A_SITE, time.time_ns() // 1_000_000).published())
            wait_for(lambda: service.values() == DEVICES_A_SITE * 6, "the present is known")
            constant = _ask(constant_port, PATH, "-", CONNECTIONS, options.seconds)
            latest = service.ask(f"/api/v1/sites/{SITE}/latest", CONNECTIONS, options.seconds)
            one = service.ask(f"/api/v1/devices/{DEVICE}/latest", CONNECTIONS, options.seconds)
            day = service.ask(_history(end_s, DAY_S), CONNECTIONS, options.seconds)
            year = service.ask(_history(end_s, YEAR * 60), 1, options.seconds)
            peak = peak_mib(service.running.pid)
    wrong = service.count != YEAR
    note = f"WRONG: {service.count:,} of {YEAR:,} values" if wrong else f"{year.bytes / 1e6:.1f} MB, {YEAR:,} values"
    return [
        *_figures("constant", "a constant of FastAPI", constant, constant),
        *_figures("device", "latest of a device, 6 values", one, constant),
        *_figures("latest", "latest of a site, 600 values", latest, constant),
        *_figures("day", "a day of one metric, 1,440 values", day, constant),
        Figure("api.http.year.p50", "API, a year of one metric: p50", median(year.delays_ms), "ms"),
        Figure(
            "api.http.year.p99",
            "API, a year of one metric: p99, one at a time",
            _p99(year),
            "ms",
            YEAR_GOAL_MS,
            note,
            wrong,
        ),
        Figure("api.http.memory", "API, all of this: peak memory", peak, "MiB"),
    ]


def _figures(name: str, what: str, asked: Asked, constant: Asked) -> list[Figure]:
    what = f"API, {what}, {CONNECTIONS} connections"
    rate, base = asked.requests / asked.seconds, constant.requests / constant.seconds
    note = "" if asked is constant else f"the constant takes {rate / base:.2f} of it"
    figures = [
        Figure(f"api.http.{name}.rate", f"{what}: requests a second", rate, "/s"),
        Figure(f"api.http.{name}.p99", f"{what}: p99", _p99(asked), "ms"),
    ]
    if asked is not constant:
        note = f"{1e3 / rate:.2f} ms of it, the constant {1e3 / base:.2f} ms; {asked.bytes / 1e3:.1f} kB"
        figures.append(
            Figure(
                f"api.http.{name}.ratio", f"{what}: time a request, over the constant's", base / rate, "x", None, note
            )
        )
    return figures


def _p99(asked: Asked) -> float:
    return quantiles(asked.delays_ms, n=100, method="inclusive")[98] if len(asked.delays_ms) > 1 else asked.delays_ms[0]


def _history(end_s: int, span_s: int) -> str:
    start, end = (quote(datetime.fromtimestamp(at_s, UTC).isoformat()) for at_s in (end_s - span_s, end_s))
    return f"/api/v1/devices/{DEVICE}/history?metric={METRIC}&start={start}&end={end}"


def _ask(port: int, path: str, key: str, connections: int, seconds: float) -> Asked:
    """From another process."""
    command = [sys.executable, "-m", "bench.api_http_client", "--port", str(port), "--path", path]
    command += ["--connections", str(connections), "--seconds", str(seconds)]
    found = subprocess.run(
        command, cwd=ROOT, input=f"{key}\n", capture_output=True, text=True, timeout=LIMIT_S + seconds, check=False
    )
    if found.returncode != 0:
        raise RuntimeError(f"the client failed: {found.stderr[-2_000:]}")
    return Asked(**json.loads(found.stdout))


class _Service:
    """The API as users run it, with a year in its store."""

    def __init__(self, folder: Path, mqtt_port: int, end_s: int) -> None:
        self.port = free_port()
        arguments = Ours().configure(folder, Ends(mqtt_port, None), DEVICES_A_SITE)
        (folder / "config" / "caretaker.yaml").write_text(
            f"broker: {{port: {mqtt_port}}}\n"
            f"store: {{kind: sqlite}}\n"
            f"api:\n  port: {self.port}\n  requests_per_minute: {UNLIMITED}\n"
            f"  session: {{receive_maximum: {INFLIGHT}}}\n",
            encoding="utf-8",
        )
        self.count = fill_year(folder / "data" / "store.db", DEVICE, METRIC, SITE, end_s * NS_PER_S)
        (folder / "data" / "api").mkdir()
        bench = Caller("bench", Role.ADMIN, None, Way.KEY, "")
        with opened(folder / "data" / "api" / "access.db") as connection:
            _, self.key = keyring.make(connection, bench, Draft("bench", Role.OPERATOR, None, None), time.time_ns())
        self.running = Running([sys.executable, "-m", "caretaker", "run", "api", *arguments], folder)

    def ask(self, path: str, connections: int, seconds: float) -> Asked:
        """With its key."""
        return _ask(self.port, path, self.key, connections, seconds)

    def values(self) -> int:
        """How many values of the site it knows."""
        return sum(len(one["latest"]) for one in self.get(f"/api/v1/sites/{SITE}/latest"))

    def get(self, path: str) -> list[dict[str, list[object]]]:
        """A list that it answers with."""
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}")
        request.add_header("Authorization", f"Bearer {self.key}")
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310 - ours
            found: list[dict[str, list[object]]] = json.load(answer)
            return found

    def ready(self) -> bool:
        """Whether what it shows is the present."""
        self.running.check()
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/api/v1/health/ready", timeout=10):
                return True
        except OSError:
            return False


@contextmanager
def _service(path: Path, mqtt_port: int, end_s: int) -> Iterator[_Service]:
    folder = path / "pipeline"
    folder.mkdir()
    service = _Service(folder, mqtt_port, end_s)
    try:
        wait_for(service.ready, "the API answers")
        yield service
    finally:
        service.running.stop()


@contextmanager
def _constant(path: Path) -> Iterator[int]:
    folder, port = path / "constant", free_port()
    folder.mkdir()
    running = Running([sys.executable, "-m", "bench.api_http_constant", str(port)], folder)

    def ready() -> bool:
        running.check()
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}{PATH}", timeout=10):
                return True
        except OSError:
            return False

    try:
        wait_for(ready, "the constant answers")
        yield port
    finally:
        running.stop()
