"""A receiver of webhooks that notes when each alert arrived."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any


class Hook(ThreadingHTTPServer):
    """On a free port of this machine."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.arrived_ms: dict[str, float] = {}
        """Alert to the moment at which the whole of its first message was here, wall clock."""
        self.again = 0
        """Messages on an alert that had arrived before."""

    @property
    def url(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self.server_port}/alerts"

    def take(self, body: bytes) -> None:
        """Note what a message tells of as active."""
        now_ms = time.time() * 1_000
        for fact in json.loads(body)["data"]["alerts"]:
            if fact["state"] == "active":
                self.again += fact["id"] in self.arrived_ms
                self.arrived_ms.setdefault(fact["id"], now_ms)


class _Handler(BaseHTTPRequestHandler):
    server: Hook

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        self.server.take(body)
        self.send_response(204)
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - its name in the standard library
        """Say nothing."""


@contextmanager
def hook() -> Iterator[Hook]:
    """One that listens."""
    with Hook() as server:
        thread = Thread(target=server.serve_forever, name="hook", daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
