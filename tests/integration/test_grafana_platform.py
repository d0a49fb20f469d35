"""Every query to Prometheus, of every dashboard, against a real one that has asked services that run."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from alerts.notice import Verdict
from alerts.rules.load import load_rules
from grafana.dashboards import dashboards
from grafana.deployment import Deployment
from grafana.prometheus import PROMETHEUS
from telemetry.registry.load import load_registry
from tests.components import Prometheus, free_port, require_program, wait_until

ROOT = Path(__file__).parents[2]
CITY = ROOT / "examples" / "hong-kong"
RATE_INTERVAL = "4s"
"""What Grafana makes of `$__rate_interval` where Prometheus asks every second."""
PORTS = ("--port", "--port-5", "--http-port", "--alerts-port", "--board-port")
MAY_BE_EMPTY: Mapping[tuple[str, int], str] = {
    ("caretaker-platform", 16): "no alert of the platform fires",
    ("caretaker-platform", 112): "nothing was refused yet",
    ("caretaker-platform", 313): "nothing was delivered yet",
}
"""Dashboard and panel to why nothing is there, although nothing is wrong."""


class Running:
    """`caretaker up` and a Prometheus that asks its services every second."""

    def __init__(self, root: Path) -> None:
        require_program("prometheus")
        self.root = root
        self.ports = {option: free_port() for option in PORTS}
        shutil.copytree(CITY, root / "city")
        (root / "city" / "simulation.yaml").write_text("seed: 1\npoison: {rate: 0.02}\n")
        self.data = root / "data"
        where = [str(root / "city"), "--data", str(self.data), "--no-view", "--fill-days", "0", "--no-incident"]
        ports = [word for option, port in self.ports.items() for word in (option, str(port))]
        with (root / "up.log").open("wb") as log:
            self._up = subprocess.Popen(
                [sys.executable, "-m", "caretaker", "up", *where, *ports], stdout=log, stderr=log, cwd=ROOT
            )
        self.prometheus: Prometheus | None = None

    def observe(self) -> Prometheus:
        """Start Prometheus, and wait until each service was asked three times."""
        wait_until(lambda: self._answers("--board-port", "/health/live"), "the board answers")
        made = subprocess.run(
            [sys.executable, "-m", "caretaker", "keys", "create", "--name", "metrics", "--role", "viewer"],
            env=os.environ | {"CARETAKER_CONFIG": str(self.root / "city"), "CARETAKER_DATA": str(self.data)},
            capture_output=True,
            text=True,
            check=True,
            timeout=30,
        )
        (self.root / "prometheus").mkdir()
        (self.root / "prometheus" / "api.key").write_text(made.stdout.split()[0])
        shutil.copy(ROOT / "deploy" / "prometheus" / "rules.yaml", self.root / "prometheus")
        jobs = {"ingestor": "--http-port", "alerts": "--alerts-port", "api": "--board-port"}
        scraped: list[dict[str, Any]] = [
            {"job_name": job, "static_configs": [{"targets": [f"127.0.0.1:{self.ports[option]}"]}]}
            for job, option in jobs.items()
        ]
        scraped[-1]["authorization"] = {"credentials_file": "api.key"}
        config = {
            "global": {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"},
            "rule_files": ["rules.yaml"],
            "scrape_configs": scraped,
        }
        self.prometheus = prometheus = Prometheus(self.root / "prometheus", json.dumps(config))
        prometheus.start()
        asked = "count_over_time(caretaker_{}_ready[1m]) >= 3"
        for job in jobs:
            wait_until(lambda job=job: bool(prometheus.query(asked.format(job))), f"{job} was asked three times")  # type: ignore[misc]  # the default binds it
        return prometheus

    def _answers(self, option: str, path: str) -> bool:
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{self.ports[option]}{path}", timeout=1).close()
        except urllib.error.HTTPError:
            return True
        except OSError:
            return False
        return True

    def end(self) -> None:
        """Both, by their own ids."""
        if self.prometheus is not None:
            self.prometheus.stop()
        self._up.send_signal(signal.SIGTERM)
        try:
            self._up.wait(20)
        except subprocess.TimeoutExpired:
            self._up.kill()
            self._up.wait(10)


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    running = Running(tmp_path_factory.mktemp("platform"))
    try:
        yield running.observe()
    finally:
        running.end()


def _queries() -> Iterator[tuple[str, Mapping[str, Any], str]]:
    registry = load_registry(CITY)
    deployment = Deployment(registry, load_rules(CITY, registry), "https://board.example.org")
    for one in dashboards(deployment):
        for panel in one.document["panels"]:
            for target in panel.get("targets", ()):
                if target["datasource"]["uid"] == PROMETHEUS.uid:
                    yield one.uid, panel, target["expr"].replace("$__rate_interval", RATE_INTERVAL)


def test_every_query_answers(prometheus: Prometheus) -> None:
    queries = list(_queries())
    assert len(queries) > 20
    empty = [
        f"{uid} panel {panel['id']} {panel['title']!r}: {expr}"
        for uid, panel, expr in queries
        if not prometheus.query(expr) and (uid, panel["id"]) not in MAY_BE_EMPTY
    ]
    assert not empty


def test_every_metric_that_is_named_exists(prometheus: Prometheus) -> None:
    """Also of what has no series yet: the services say which families they have."""
    with urllib.request.urlopen(f"{prometheus.url}/api/v1/metadata", timeout=10) as answer:  # noqa: S310  # http on the loopback
        families = set(json.load(answer)["data"])
    named = {name for _, _, expr in _queries() for name in re.findall(r"\b(?:caretaker|process)_\w+", expr)}
    assert named
    assert named <= families


def test_what_is_excused_exists() -> None:
    assert MAY_BE_EMPTY.keys() <= {(uid, panel["id"]) for uid, panel, _ in _queries()}


def test_each_result_of_a_delivery_has_a_line() -> None:
    asked = " ".join(expr for _, panel, expr in _queries() if panel["id"] == 313)
    assert set(re.findall(r'result="(\w+)"', asked)) == {str(verdict) for verdict in Verdict}
