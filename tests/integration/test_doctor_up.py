"""`caretaker doctor` on what `caretaker up` runs: sound, and what is not there is said to be left out."""

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from caretaker.commands.init import init
from deploy.doctor.finding import Check, Verdict
from deploy.probe import check_files
from telemetry.registry.load import load_registry
from tests.components import free_port, wait_until

pytestmark = pytest.mark.long


@pytest.fixture
def up(tmp_path: Path) -> Iterator[None]:
    """The small configuration of `caretaker init`, with the doctor's device, on ports of its own."""
    config = tmp_path / "city"
    init(config)
    for name, text in check_files(load_registry(config)).items():
        (config / name).write_text(text)
    names = ("port", "port-5", "http-port", "alerts-port", "board-port")
    ports = {name: free_port() for name in names}
    words = [word for name, port in ports.items() for word in (f"--{name}", str(port))]
    words += ["--data", str(tmp_path / "data"), "--no-view", "--fill-days", "0", "--no-incident", "--for", "90"]
    log = (tmp_path / "log").open("w+")
    process = subprocess.Popen([sys.executable, "-m", "caretaker", "up", str(config), *words], stdout=log, stderr=log)
    try:
        wait_until(lambda: "received" in (tmp_path / "log").read_text(), "all runs", 60)
        yield
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(60)
        log.close()


@pytest.mark.usefixtures("up")
def test_what_up_runs_is_sound(tmp_path: Path) -> None:
    where = ["--config", str(tmp_path / "city"), "--data", str(tmp_path / "data"), "--format", "json"]
    done = subprocess.run(
        [sys.executable, "-m", "caretaker", "doctor", *where],
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
        cwd=tmp_path,
    )
    found: list[dict[str, Any]] = json.loads(done.stdout)
    assert [row for row in found if row["verdict"] in {Verdict.WRONG, Verdict.CANNOT_TELL}] == []
    assert done.returncode == 0
    sound = {row["check"] for row in found if row["verdict"] == Verdict.SOUND}
    assert {Check.BROKER, Check.QUEUE, Check.READING, Check.KEYS, Check.STORE, Check.SERVICES} <= sound
    left_out = {row["check"]: row["found"] for row in found if row["verdict"] == Verdict.LEFT_OUT}
    for check in (Check.ANONYMOUS, Check.PASSWORD):
        assert left_out[check] == "asks nobody for a password, and is reached from this machine only"
    assert left_out[Check.CERTIFICATES] == "nothing encrypts here: all is on this machine"
    assert left_out[Check.PERSISTENCE] == "the embedded broker keeps everything in memory"
    assert Check.GRAFANA in left_out
    assert Check.BACKUP in left_out
