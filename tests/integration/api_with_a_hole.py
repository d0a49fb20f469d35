"""The running API, but for one path that it lets anybody have: what no API of ours can be brought to."""

import ssl
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from urllib.parse import urlsplit


class ApiWithAHole:
    """Passes requests on, and answers one path by itself."""

    def __init__(self, real: str, ca: Path, hole: str) -> None:
        context = ssl.create_default_context(cafile=str(ca))

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                if urlsplit(self.path).path == hole:
                    self._send(200, b"{}")
                    return
                given = {name: value for name, value in self.headers.items() if name.lower() == "authorization"}
                request = urllib.request.Request(real + self.path, headers=given)  # noqa: S310 - loopback
                try:
                    with urllib.request.urlopen(request, timeout=5, context=context) as answer:  # noqa: S310 - loopback
                        self._send(answer.status, answer.read())
                except urllib.error.HTTPError as error:
                    self._send(error.code, error.read())

            def _send(self, status: int, body: bytes) -> None:
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the library's name
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
