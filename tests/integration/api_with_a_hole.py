"""The running API, but for one path that it lets anybody have: what no API of ours can be brought to."""

import ssl
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from urllib.parse import urlsplit

from tests.integration.loopback_server import LoopbackServer, send


class ApiWithAHole(LoopbackServer):
    """Passes requests on, and answers one path by itself."""

    def __init__(self, real: str, ca: Path, hole: str) -> None:
        self._real, self._hole = real, hole
        self._context = ssl.create_default_context(cafile=str(ca))
        super().__init__()

    def _answer(self, request: BaseHTTPRequestHandler) -> None:
        if urlsplit(request.path).path == self._hole:
            send(request, 200, b"{}")
            return
        given = {name: value for name, value in request.headers.items() if name.lower() == "authorization"}
        asked = urllib.request.Request(self._real + request.path, headers=given)  # noqa: S310 - loopback
        try:
            with urllib.request.urlopen(asked, timeout=5, context=self._context) as answer:  # noqa: S310 - loopback
                send(request, answer.status, answer.read())
        except urllib.error.HTTPError as error:
            send(request, error.code, error.read())
