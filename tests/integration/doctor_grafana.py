"""An HTTP server that has what the doctor asks a Grafana for: health, one data source and its proxy, dashboards."""

import json
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import urlsplit

PROXY = "/api/datasources/proxy/uid/caretaker-influxdb/query"


class DoctorGrafana:
    """Has what it is given; `documents` by path, all others are 404."""

    token = "a-token-of-a-service-account"

    def __init__(self) -> None:
        double = self
        self.documents: dict[str, Any] = {}
        self.influxdb: Callable[[str], bytes] | None = None
        """What the data source reaches: the answer to a query string, as InfluxDB gives it."""

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                double._answer(self)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the library's name
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self.source = {"url": "http://127.0.0.1:8086", "bucket": "caretaker"}
        self._thread = Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()
        self.furnish()

    def furnish(self) -> None:
        """Everything in place, but dashboards."""
        self.documents = {
            "/api/health": {"database": "ok", "version": "10.4.1"},
            "/api/org": {"id": 1, "name": "Main Org."},
            "/api/datasources/uid/caretaker-influxdb": {"uid": "caretaker-influxdb"},
            "/api/datasources/uid/caretaker-influxdb/health": {"status": "OK", "message": "datasource is working"},
        }

    def put(self, uid: str, document: dict[str, Any]) -> None:
        """A dashboard."""
        self.documents[f"/api/dashboards/uid/{uid}"] = {"dashboard": document, "meta": {"provisioned": False}}

    def _answer(self, handler: BaseHTTPRequestHandler) -> None:
        path = urlsplit(handler.path).path
        if path == PROXY and self.influxdb is not None:
            self._send(handler, 200, self.influxdb(urlsplit(handler.path).query))
            return
        known = path == "/api/health" or handler.headers.get("Authorization") == f"Bearer {self.token}"
        found = self.documents.get(path) if known else {"message": "Unauthorized"}
        status = 200 if found is not None and known else 404 if known else 401
        self._send(handler, status, json.dumps(found or {"message": "not found"}).encode())

    def _send(self, handler: BaseHTTPRequestHandler, status: int, body: bytes) -> None:
        handler.send_response(status)
        handler.send_header("Content-Type", "application/json")
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
