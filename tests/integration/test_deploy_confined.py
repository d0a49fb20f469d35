"""Our services live with what containers and units leave them: they start, answer, keep their data, stop in order."""

import json
import os
import re
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import yaml

from tests.components import free_port, require_program, wait_until
from tests.integration.confined import NOT_HERE

ROOT = Path(__file__).parents[2]
COMPOSE = ROOT / "deploy" / "compose" / "compose.yaml"
SITES = "sites: [{id: pier-4, timezone: Asia/Hong_Kong, kind: toilet}]\n"
PROBE = """
import mmap, os, sys
refused = []
for name, act in {
    "root": lambda: open("/var/tmp/x", "w"),
    "home": lambda: open(os.path.expanduser("~root/x"), "w"),
    "owner": lambda: os.chown(".", 1, 1),
    "rights": lambda: os.setuid(0),
    "priority": lambda: os.setpriority(os.PRIO_PROCESS, 0, -5),
    "code": lambda: mmap.mmap(-1, 4096, prot=mmap.PROT_WRITE | mmap.PROT_EXEC),
}.items():
    try:
        act()
    except OSError as error:
        refused.append(name)
open("kept", "w").write("x")
print(*refused, os.getuid())
"""


def confined(data: Path, *command: str) -> list[str]:
    return [sys.executable, "-m", "tests.integration.confined", str(data), *command]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A folder that can be written, where that is all that can."""
    require_program("systemd-analyze")
    folder = tmp_path / "data"
    folder.mkdir()
    done = subprocess.run(confined(folder, "/bin/true"), cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode == NOT_HERE:
        pytest.skip(done.stderr.strip())
    assert done.returncode == 0, done.stderr
    return folder


def test_it_is_confined(data: Path) -> None:
    done = subprocess.run(
        confined(data, sys.executable, "-c", PROBE), cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.stdout.split() == ["root", "home", "owner", "rights", "priority", "code", "10001"], done.stderr
    assert (data / "kept").read_text() == "x"


def alive(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=1) as answer:  # noqa: S310  # http on the loopback
            found: bool = json.load(answer)["live"]
            return found
    except (urllib.error.URLError, OSError):
        return False


def health(service: str, port: int) -> str:
    """Where the health check of its container asks; whether it is alive, for there is no broker to be ready with."""
    check = yaml.safe_load(COMPOSE.read_text(encoding="utf-8"))["services"][service]["healthcheck"]["test"]
    url = next(word for word in check if word.startswith("http"))
    return f"http://127.0.0.1:{port}{urlsplit(url).path.replace('ready', 'live')}"


@pytest.mark.long  # each starts, which takes seconds
@pytest.mark.parametrize(
    ("service", "settings", "kept"),
    [
        ("ingestor", "http: {port: PORT}", "journal/journal.db"),
        ("alerts", "alerts: {http: {port: PORT}}", "alerts/alerts.db"),
        ("api", "api: {port: PORT}", "api/access.db"),
    ],
)
def test_a_service_lives_with_it(service: str, settings: str, kept: str, data: Path, tmp_path: Path) -> None:
    config, port, log = tmp_path / "config", free_port(), tmp_path / "log"
    config.mkdir()
    (config / "sites.yaml").write_text(SITES)
    (config / "caretaker.yaml").write_text(f"broker: {{port: {free_port()}}}\n{settings.replace('PORT', str(port))}\n")
    command = [sys.executable, "-m", "caretaker", "run", service, "--config", str(config), "--data", str(data)]
    url = health(service, port)
    with log.open("wb") as out:
        process = subprocess.Popen(
            confined(data, *command), cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, stdout=out, stderr=out
        )
    try:
        wait_until(lambda: alive(url) or process.poll() is not None, f"{url} answers")
        assert process.poll() is None, log.read_text()
        process.send_signal(signal.SIGTERM)
        assert process.wait(15) == 0, log.read_text()
    finally:
        process.kill()
        process.wait()
    assert (data / kept).exists()
    assert not re.search("Traceback|Read-only|Operation not permitted", log.read_text())
