"""A receiver of webhooks that answers as it is told to: on the loopback, over HTTP or HTTPS."""

import os
import ssl
import struct
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socket import SO_LINGER, SOL_SOCKET
from types import TracebackType
from typing import Self

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


@dataclass(frozen=True)
class Posted:
    path: str
    headers: dict[str, str]
    """Names in lower case."""
    body: bytes

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]


class Answers:
    """What to do with a request."""

    def __init__(self, handler: BaseHTTPRequestHandler, stopped: threading.Event) -> None:
        self._handler = handler
        self._stopped = stopped

    def status(self, status: int, body: bytes = b"", **headers: str) -> None:
        self._handler.send_response(status)
        for name, value in headers.items():
            self._handler.send_header(name.replace("_", "-"), value)
        self._handler.send_header("content-length", str(len(body)))
        self._handler.end_headers()
        self._handler.wfile.write(body)

    def reset(self) -> None:
        """Cut the connection off, with RST."""
        self._handler.connection.setsockopt(SOL_SOCKET, SO_LINGER, struct.pack("ii", 1, 0))
        os.close(self._handler.connection.detach())

    def silence(self) -> None:
        """Say nothing until the test is over."""
        self._stopped.wait(60)

    def drip(self, status: bytes = b"HTTP/1.1 200 OK\r\nx: ") -> None:
        """A header that never ends, a byte at a time."""
        self._handler.wfile.write(status)
        while not self._stopped.wait(0.02):
            self._handler.wfile.write(b"x")

    def endless(self, status: int) -> None:
        """A body that never ends."""
        self._handler.send_response(status)
        self._handler.end_headers()
        while not self._stopped.is_set():
            self._handler.wfile.write(b"x" * 65_536)


Behaviour = Callable[[Posted, Answers], None]


def fine(_posted: Posted, answer: Answers) -> None:
    answer.status(200)


class HttpReceiver:
    """Use it with `with`. `behave` may be changed while it runs."""

    def __init__(self, behave: Behaviour = fine, *, tls: ssl.SSLContext | None = None) -> None:
        self.behave = behave
        self.posted: list[Posted] = []
        """In order of arrival."""
        self.busiest: Counter[str] = Counter()
        """Path to the most requests that were under way at once."""
        self._under_way: Counter[str] = Counter()
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                receiver._take(self)

            def do_GET(self) -> None:
                receiver._take(self)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            block_on_close = False
            request_queue_size = 128

            def handle_error(self, request: object, client_address: object) -> None:
                """A client that went away is part of the tests."""

        self._server = Server(("127.0.0.1", 0), Handler)
        if tls is not None:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True, do_handshake_on_connect=False)
        self._scheme = "http" if tls is None else "https"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    def url(self, path: str = "/", host: str = "127.0.0.1") -> str:
        return f"{self._scheme}://{host}:{self.port}{path}"

    def ids(self, path: str) -> list[str]:
        """Of what was posted there, in order."""
        return [posted.id for posted in self.posted if posted.path == path]

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopped.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _take(self, handler: BaseHTTPRequestHandler) -> None:
        body = handler.rfile.read(int(handler.headers.get("content-length", 0)))
        posted = Posted(handler.path, {name.lower(): value for name, value in handler.headers.items()}, body)
        with self._lock:
            self.posted.append(posted)
            self._under_way[posted.path] += 1
            self.busiest[posted.path] = max(self.busiest[posted.path], self._under_way[posted.path])
        try:
            self.behave(posted, Answers(handler, self._stopped))
        finally:
            with self._lock:
                self._under_way[posted.path] -= 1


def server_tls(folder: Path, name: str) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """A server's context with a certificate for `name`, and a client's that trusts it."""
    key = ec.generate_private_key(ec.SECP256R1())
    own = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(own)
        .issuer_name(own)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path = folder / f"{name}.pem"
    path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM) + private)
    path.chmod(0o600)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(path)
    return server, ssl.create_default_context(cafile=path)
