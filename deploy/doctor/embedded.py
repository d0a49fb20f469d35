"""What runs under `caretaker up`, from its data folder: it goes by no configuration for production."""

import csv
import fcntl
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import msgspec
from pydantic import SecretStr

from deploy.private import write_private
from telemetry.mqtt.settings import BrokerSettings

LOCK, BROKER, PORTS, CA, PASSWORDS = "up.lock", "broker.toml", "ports.json", "tls/ca.pem", "credentials.csv"
LOOPBACK = "127.0.0.1"


class Ports(msgspec.Struct, frozen=True):
    """Where the services answer, on loopback."""

    ingestor: int
    alerts: int
    api: int


class Embedded(NamedTuple):
    """The embedded broker, and the services around it."""

    ports: Ports
    port: int
    """The broker's, of MQTT 5."""
    ca: Path | None
    """None: it does not encrypt, and is reached from this machine only."""
    passwords: Mapping[str, str]
    """By user; empty: it asks nobody."""

    def broker(self, user: str) -> BrokerSettings:
        """How a user reaches it."""
        password = self.passwords.get(user)
        return BrokerSettings(
            host=LOOPBACK,
            port=self.port,
            ca=self.ca,
            username=user if self.passwords else None,
            password=None if password is None else SecretStr(password),
        )


def keep_ports(data: Path, ports: Ports) -> None:
    """Leave them in the data folder, for `find_embedded`. Raises `OSError`."""
    write_private(data / PORTS, msgspec.json.encode(ports))


def find_embedded(data: Path) -> Embedded | None:
    """None: no `caretaker up` runs on this data folder. Raises `OSError` where its files can't be read."""
    if not _is_held(data / LOCK) or not (data / BROKER).exists():
        return None
    ports = msgspec.json.decode((data / PORTS).read_bytes(), type=Ports)
    settings = tomllib.loads((data / BROKER).read_text(encoding="utf-8"))
    listener = settings["v5"]["1"]
    passwords: dict[str, str] = {}
    if "auth" in listener["connections"]:
        with (data / PASSWORDS).open(encoding="utf-8", newline="") as text:
            passwords = {row["user"]: row["password"] for row in csv.DictReader(text)}
    port = int(listener["listen"].rpartition(":")[2])
    return Embedded(ports, port, data / CA if "tls" in listener else None, passwords)


def _is_held(lock: Path) -> bool:
    """Whether its process lives: the kernel lets go of a lock with who holds it."""
    try:
        with lock.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except FileNotFoundError:
        return False
    return False
