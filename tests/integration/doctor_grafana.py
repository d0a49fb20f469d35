"""An HTTP server that has what the doctor asks a Grafana for: health, one data source and queries to it, dashboards."""

import json
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import urlencode, urlsplit

from tests.integration.loopback_server import LoopbackServer, body_of, send

PLUGIN_FAILED = {"message": "An error occurred within the plugin", "messageId": "plugin.downstreamError"}


class DoctorGrafana(LoopbackServer):
    """Has what it is given; `documents` by path, all others are 404."""

    token = "a-token-of-a-service-account"

    def __init__(self) -> None:
        self.documents: dict[str, Any] = {}
        self.influxdb: Callable[[str], bytes] | None = None
        """What the data source reaches: the answer to a query string, as InfluxDB gives it."""
        self.source = {"url": "http://127.0.0.1:8086", "bucket": "caretaker"}
        self.furnish()
        super().__init__()

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

    def _answer(self, request: BaseHTTPRequestHandler) -> None:
        body, path = body_of(request), urlsplit(request.path).path
        known = path == "/api/health" or request.headers.get("Authorization") == f"Bearer {self.token}"
        if not known:
            status, found = 401, {"message": "Unauthorized"}
        elif (request.command, path) == ("POST", "/api/ds/query"):
            status, found = self._queried(json.loads(body))
        else:
            status, found = (200, self.documents[path]) if path in self.documents else (404, {"message": "not found"})
        send(request, status, json.dumps(found).encode())

    def _queried(self, asked: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        """Frames, a list of values for each column, as a real one makes them of InfluxDB's rows."""
        (query,) = asked["queries"]
        assert query["datasource"]["uid"] == "caretaker-influxdb"
        if self.influxdb is None:
            return 500, PLUGIN_FAILED
        answer = json.loads(self.influxdb(urlencode({"q": query["query"], "db": "caretaker", "epoch": "ms"})))
        series = [one for result in answer["results"] for one in result.get("series", [])]
        frames = [{"data": {"values": [list(column) for column in zip(*one["values"], strict=True)]}} for one in series]
        return 200, {"results": {query["refId"]: {"status": 200, "frames": frames}}}
