"""An HTTP server that answers as InfluxDB would on a bad day: for faults that the real one cannot be brought to."""

import gzip
import json
import ssl
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from threading import Event
from urllib.parse import parse_qs, urlsplit

from msgspec import Struct

from tests.integration.loopback_server import LoopbackServer, body_of

POLICIES = {
    "columns": ["name", "duration", "shardGroupDuration", "replicaN", "default"],
    "values": [["autogen", "0s", "168h0m0s", 1, True]],
}


class Reply(Struct):
    status: int = 204
    body: str | bytes = ""
    headers: dict[str, str] = {}


class Call(Struct):
    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes
    connection: tuple[str, int]
    """The client's end."""


Rule = Callable[[list[str]], Reply]


class InfluxdbDouble(LoopbackServer):
    """Takes lines and keeps those that its rule lets pass."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.rule: Rule = lambda _: Reply()
        self.calls: list[Call] = []
        self.stored: list[str] = []
        self.hang = Event()
        """Set: no answer comes until it is cleared or the server is closed."""
        self.reset = False
        self.documents: dict[tuple[str, str], Reply] = {}
        self._released = Event()
        super().__init__(tls)

    @property
    def writes(self) -> list[Call]:
        return [call for call in self.calls if call.path == "/api/v2/write"]

    def close(self) -> None:
        self._released.set()
        super().close()

    def _answer(self, request: BaseHTTPRequestHandler) -> None:
        parts = urlsplit(request.path)
        body = body_of(request)
        if request.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        query = {key: texts[0] for key, texts in parse_qs(parts.query).items()}
        self.calls.append(Call(request.command, parts.path, query, dict(request.headers), body, request.client_address))
        if self.reset:
            request.close_connection = True
            request.connection.close()
            return
        if self.hang.is_set():
            self._released.wait(10)
            request.close_connection = True
            return
        reply = self._reply(request.command, parts.path, query, body)
        answer = reply.body.encode() if isinstance(reply.body, str) else reply.body
        request.send_response(reply.status)
        for name, text in {"Content-Length": str(0 if reply.status == 204 else len(answer)), **reply.headers}.items():
            request.send_header(name, text)
        request.end_headers()
        if reply.status != 204:
            request.wfile.write(answer)

    def _reply(self, method: str, path: str, query: dict[str, str], body: bytes) -> Reply:
        if (method, path) in self.documents:
            return self.documents[method, path]
        if path == "/api/v2/write":
            lines = body.decode().split("\n")
            reply = self.rule(lines)
            if reply.status == 204:
                self.stored += lines
            return reply
        is_policies = query.get("q", "").startswith("SHOW RETENTION POLICIES")
        result = {"statement_id": 0, **({"series": [POLICIES]} if is_policies else {})}
        return Reply(200, json.dumps({"results": [result]}))
