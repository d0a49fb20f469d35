"""Another client that listens at a broker (paho), and how tests wait for what it hears."""

import asyncio
import threading
from collections.abc import Callable

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

LIMIT_S = 40


class Listener:
    """Another client (paho), which keeps everything that arrives."""

    def __init__(self, port: int, topics: str = "#") -> None:
        self.messages: list[tuple[str, bytes, bool]] = []
        subscribed = threading.Event()
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id="listener", clean_session=False)
        self._client.on_message = lambda _c, _d, message: self.messages.append(
            (message.topic, bytes(message.payload), message.retain)
        )
        self._client.on_connect = lambda client, *_: client.subscribe(topics, qos=1)
        self._client.on_subscribe = lambda *_: subscribed.set()
        self._client.reconnect_delay_set(1, 1)
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()
        assert subscribed.wait(10)

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


async def eventually(holds: Callable[[], bool], limit_s: float = LIMIT_S) -> None:
    """Wait for a condition that no event tells of."""
    async with asyncio.timeout(limit_s):
        while not holds():  # noqa: ASYNC110  # conditions here lie in other threads and processes
            await asyncio.sleep(0.02)
