"""The embedded broker: rumqttd, configured by a file that we write, run in a process of its own.

What it is and is not, from its source (rumqttd 0.20, in the wheel of `iotcore` 0.4):

- It keeps everything in memory. A session outlives a reconnect, never the broker. `caretaker up` therefore stops it
  last, after the ingestor has taken everything over. In production use Mosquitto or EMQX.
- It has at most 100 unacknowledged messages on the way to one client, whatever the client's Receive Maximum says.
- It holds the newest `SEGMENT_BYTES * SEGMENTS` of each subscribed filter, about 300,000 readings. Where the ingestor
  is away for longer, the oldest are lost.
- It checks user and password, and nothing more: whoever is let in may publish and subscribe to every topic.
"""

import logging
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from iotcore import IotCoreBroker

PORT_3 = 1883
"""Speaks MQTT 3.1.1, as `mosquitto_pub` does when nobody tells it otherwise."""
PORT_5 = 1884
"""Speaks MQTT 5, as our services do."""
INFLIGHT = 100
"""Unacknowledged messages on the way to one client: a constant of rumqttd (`MAX_INFLIGHT` in `router/iobufs.rs`)."""
MAX_PAYLOAD_BYTES = 128 * 1024
"""Of a packet. Above the 64 KiB that admission takes, so that a message that is too large is refused with a reason
and can be looked at, where the broker would only drop the connection."""
MAX_CONNECTIONS = 10_000
SEGMENT_BYTES = 8 * 1024 * 1024
SEGMENTS = 8
CONNECT_TIMEOUT_MS = 10_000
"""For TLS and CONNECT together. A slow device on a weak link needs several seconds."""


@dataclass(frozen=True)
class Tls:
    """PEM files of the broker's own certificate."""

    certificate: Path
    key: Path


@dataclass(frozen=True)
class BrokerPlan:
    """Where the broker listens and who may come in."""

    host: str = "127.0.0.1"
    port_3: int = PORT_3
    port_5: int = PORT_5
    tls: Tls | None = None
    users: Mapping[str, str] = field(default_factory=dict)
    """User to password; empty: everybody, which is for loopback only."""

    def toml(self) -> str:
        """The configuration as rumqttd reads it."""
        return "\n".join(
            [
                "id = 0",
                "[router]",
                "id = 0",
                f"max_connections = {MAX_CONNECTIONS}",
                f"max_outgoing_packet_count = {INFLIGHT}",
                f"max_segment_size = {SEGMENT_BYTES}",
                f"max_segment_count = {SEGMENTS}",
                *self._listener("v4", self.port_3),
                *self._listener("v5", self.port_5),
                "",
            ]
        )

    def _listener(self, version: str, port: int) -> list[str]:
        lines = [
            f"[{version}.1]",
            f'name = "{version}"',
            f'listen = "{self.host}:{port}"',
            "next_connection_delay_ms = 1",
        ]
        if self.tls is not None:
            lines += [
                f"[{version}.1.tls]",
                f"certpath = {quoted(self.tls.certificate)}",
                f"keypath = {quoted(self.tls.key)}",
            ]
        lines += [
            f"[{version}.1.connections]",
            f"connection_timeout_ms = {CONNECT_TIMEOUT_MS}",
            f"max_payload_size = {MAX_PAYLOAD_BYTES}",
            # Packets taken from one connection at once. It does not bound what is sent: see INFLIGHT.
            f"max_inflight_count = {INFLIGHT}",
            "dynamic_filters = false",
        ]
        if self.users:
            lines.append(f"[{version}.1.connections.auth]")
            lines += [f"{quoted(user)} = {quoted(password)}" for user, password in self.users.items()]
        return lines


def quoted(text: object) -> str:
    """A TOML basic string."""
    escaped = str(text).replace("\\", "\\\\").replace('"', '\\"')
    if any(ord(letter) < 0x20 or ord(letter) == 0x7F for letter in escaped):  # noqa: PLR2004 - ASCII's control characters
        raise ValueError(f"{text!r} holds a control character")
    return f'"{escaped}"'


def main() -> None:
    """`python -m caretaker.broker FILE`: serve until the process ends."""
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    # rumqttd reports every packet as an error, because its spans have that level.
    logging.getLogger("rumqttd").setLevel(logging.CRITICAL)
    IotCoreBroker(config_path=sys.argv[1]).run_forever()


if __name__ == "__main__":
    main()
