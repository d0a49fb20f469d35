"""The health check of the broker's container, against Debian's Mosquitto: what it takes for well, and what not."""

import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml

from deploy.authority import new_authority
from tests.components import Mosquitto, require_program

COMPOSE = Path(__file__).parents[2] / "deploy" / "compose" / "compose.yaml"
CONFIG = """
listener {port} 127.0.0.1
certfile {folder}/mosquitto.pem
keyfile {folder}/mosquitto.key
allow_anonymous ANONYMOUS
"""


def broker(folder: Path, anonymous: str) -> Mosquitto:
    folder.mkdir()
    now = datetime.now(UTC)
    authority = new_authority("test", now)
    signed = authority.server("mosquitto", ["localhost"], now)
    files = {"ca.pem": authority.pem.certificate, "mosquitto.pem": signed.certificate, "mosquitto.key": signed.key}
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return Mosquitto(folder, CONFIG.replace("ANONYMOUS", anonymous))


@pytest.fixture
def sound(tmp_path: Path) -> Iterator[Mosquitto]:
    require_program("mosquitto_sub")
    one = broker(tmp_path / "broker", "false")
    one.start()
    yield one
    one.stop()


def is_well(one: Mosquitto, authority: Path | None = None) -> bool:
    """The check's own line, with the test's address in the place of the container's."""
    test = yaml.safe_load(COMPOSE.read_text(encoding="utf-8"))["services"]["mosquitto"]["healthcheck"]["test"]
    assert test[0] == "CMD-SHELL"
    line = test[1].replace("$$", "$").replace("-h mosquitto -p 8884", f"-h localhost -p {one.port}")
    line = line.replace("/run/secrets/ca.pem", str(authority or one.folder / "ca.pem")).replace("-W 5", "-W 1")
    return subprocess.run(["sh", "-c", line], timeout=30, check=False).returncode == 0


def test_a_broker_that_refuses_whoever_has_no_password_is_well(sound: Mosquitto) -> None:
    assert is_well(sound)
    sound.stop()
    assert not is_well(sound)


def test_a_broker_with_another_s_certificate_is_not(sound: Mosquitto, tmp_path: Path) -> None:
    other = tmp_path / "other.pem"
    other.write_bytes(new_authority("other", datetime.now(UTC)).pem.certificate)
    assert not is_well(sound, other)


def test_a_broker_that_lets_anybody_in_is_not(tmp_path: Path) -> None:
    require_program("mosquitto_sub")
    one = broker(tmp_path / "broker", "true")
    one.start()
    try:
        assert not is_well(one)
    finally:
        one.stop()
