"""Where the parts of a running system are reached, and what is asked of the machine itself: all that checks look at.

A check takes nothing from elsewhere: no clock, no environment. So a test can put a fault where no machine has one.
"""

import ctypes
import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple

from alerts import settings as alerts
from api import settings as api
from deploy.layout import Layout
from ingestor import settings as ingestor
from telemetry.mqtt.settings import BrokerSettings
from telemetry.registry.models import Device, Registry

MOUNTS = Path("/proc/mounts")
TIME_ERROR = 5
"""What adjtimex(2) returns while nothing disciplines the clock."""
_TIMEX_BYTES = 208
"""Of `struct timex` on 64-bit Linux; `modes`, its first word, is 0: nothing is changed."""


class Part(StrEnum):
    """What answers somewhere."""

    BROKER = "broker"
    """For devices."""
    INGESTOR = "ingestor"
    ALERTS = "alerts"
    API = "api"
    GRAFANA = "grafana"

    @property
    def called(self) -> str:
        """In a sentence."""
        return CALLED[self]


CALLED = {
    Part.BROKER: "the broker",
    Part.INGESTOR: "the ingestor",
    Part.ALERTS: "the alert service",
    Part.API: "the API",
    Part.GRAFANA: "Grafana",
}


class DeviceLogin(NamedTuple):
    """The device whose readings are published for a test, and how it reaches the broker."""

    device: Device
    broker: BrokerSettings


class Lacking(NamedTuple):
    """Why there is none, and how there would be."""

    why: str
    mend: str


@dataclass(frozen=True)
class GrafanaLogin:
    """How Grafana is asked."""

    url: str
    authorization: str = field(repr=False)
    ca: Path | None = None

    @property
    def headers(self) -> Mapping[str, str]:
        """Of every request. Grafana is not to answer from what it remembers of a data source that was just changed."""
        return {"Authorization": self.authorization, "X-Grafana-NoCache": "true"}


class Room(NamedTuple):
    """What a file system has left."""

    free_bytes: int
    """For who is not root."""
    free_inodes: int | None
    """None: the file system has no fixed number."""


@dataclass(frozen=True)
class Machine:
    """What the machine says of itself."""

    now_ns: Callable[[], int] = time.time_ns
    """Wall clock, ns UTC."""
    clock_disciplined: Callable[[], bool | None] = field(default_factory=lambda: clock_disciplined)
    """Whether the kernel says that its clock follows another; None: it does not tell."""
    room: Callable[[Path], Room] = field(default_factory=lambda: room)
    mounts: Callable[[], str] = field(default_factory=lambda: lambda: MOUNTS.read_text(encoding="utf-8"))
    """As in /proc/mounts."""


@dataclass(frozen=True)
class Ground:
    """One running system."""

    config: Path
    data: Path
    registry: Registry
    ingestor: ingestor.Settings
    alerts: alerts.Settings
    api: api.Settings
    urls: Mapping[Part, str]
    """Without a slash at the end; a part that is not there is missing."""
    broker: BrokerSettings
    """As a service of ours, who may read all readings."""
    by_certificate: BrokerSettings | None
    """The listener for devices with a client certificate, of which we have none; None: there is none."""
    doctor: BrokerSettings
    """As whoever may look at the broker itself; the same where nobody is made for that."""
    device: DeviceLogin | Lacking
    grafana: GrafanaLogin | Lacking
    layout: Layout | None = None
    ca: Path | None = None
    """Of our own authority; None: only the system's are known."""
    is_up: bool = False
    """Run by `caretaker up`."""
    key_file: Path | None = None
    """Holds a key of the API; None: one is made for the purpose."""
    secrets: Sequence[Path] = ()
    """Files that others must not be able to read."""
    backups: Path | None = None
    """The folder of backups; None: none is known."""
    machine: Machine = field(default_factory=Machine)

    def doors(self) -> Sequence[BrokerSettings]:
        """The broker's listeners that we know, devices' first, each once."""
        known = [self.device.broker] if isinstance(self.device, DeviceLogin) else []
        found = {(broker.host, broker.port): broker for broker in (self.broker, *known)}
        return sorted(found.values(), key=lambda broker: broker not in known)


def address_of(broker: BrokerSettings) -> str:
    """As in `mqtts://mqtt.example.org:8883`."""
    host = f"[{broker.host}]" if ":" in broker.host else broker.host
    return f"{'mqtts' if broker.encrypted else 'mqtt'}://{host}:{broker.port}"


def room(path: Path) -> Room:
    """Of the file system that holds a path. Raises `OSError`."""
    found = os.statvfs(path)
    return Room(found.f_bavail * found.f_frsize, found.f_favail if found.f_files else None)


def clock_disciplined() -> bool | None:
    """As the kernel says, by adjtimex(2); None where it may not be asked."""
    try:
        state: int = ctypes.CDLL(None).adjtimex(ctypes.create_string_buffer(_TIMEX_BYTES))
    except (OSError, AttributeError):
        return None
    return None if state < 0 else state != TIME_ERROR
