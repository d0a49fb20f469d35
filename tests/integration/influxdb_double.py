"""An HTTP server that answers as InfluxDB would on a bad day: for faults that the real one cannot be brought to."""

import gzip
import json
import ssl
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from urllib.parse import parse_qs, urlsplit

from msgspec import Struct

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


class InfluxdbDouble:
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
        double = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_GET(self) -> None:
                double._answer(self)

            def do_POST(self) -> None:
                double._answer(self)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the library's name
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        if tls is not None:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self._server.server_port}"
        self._thread = Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()

    @property
    def writes(self) -> list[Call]:
        return [call for call in self.calls if call.path == "/api/v2/write"]

    def close(self) -> None:
        self._released.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _answer(self, request: BaseHTTPRequestHandler) -> None:
        parts = urlsplit(request.path)
        body = request.rfile.read(int(request.headers.get("Content-Length") or 0))
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
