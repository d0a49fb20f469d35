"""What runs under `caretaker up`, from its data folder: it goes by no configuration for production."""

import csv
import fcntl
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from pydantic import SecretStr

from telemetry.mqtt.settings import BrokerSettings

LOCK, BROKER, CA, PASSWORDS = "up.lock", "broker.toml", "tls/ca.pem", "credentials.csv"
LOOPBACK = "127.0.0.1"


class Embedded(NamedTuple):
    """The embedded broker."""

    port: int
    """Of MQTT 5."""
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


def find_embedded(data: Path) -> Embedded | None:
    """None: no `caretaker up` runs on this data folder. Raises `OSError` where its files can't be read."""
    if not _is_held(data / LOCK) or not (data / BROKER).exists():
        return None
    settings = tomllib.loads((data / BROKER).read_text(encoding="utf-8"))
    listener = settings["v5"]["1"]
    passwords: dict[str, str] = {}
    if "auth" in listener["connections"]:
        with (data / PASSWORDS).open(encoding="utf-8", newline="") as text:
            passwords = {row["user"]: row["password"] for row in csv.DictReader(text)}
    return Embedded(int(listener["listen"].rpartition(":")[2]), data / CA if "tls" in listener else None, passwords)


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
