"""What tests of the installation stand on: a Grafana, real or double, and something small to put into it."""

import os
import urllib.parse
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import httpx2
import pytest

from grafana.client import GrafanaClient
from grafana.page import Dashboard
from grafana.sources import INFLUXDB_UID, PROMETHEUS_UID, Source
from grafana.wanted import Wanted
from tests.integration.grafana_stand_in import ADMIN, EDITOR, VIEWER, GrafanaStandIn

URL, TOKEN = "CARETAKER_TEST_GRAFANA_URL", "CARETAKER_TEST_GRAFANA_TOKEN"
"""A real Grafana on this machine, and the token of a service account with the role Admin. Whatever is in our folders
there is removed."""
FOLDER, ELSEWHERE = "caretaker", "caretaker-test-elsewhere"


class House:
    """One Grafana. `double` is None where it is a real one."""

    def __init__(self, url: str, token: str, double: GrafanaStandIn | None) -> None:
        self.url = url
        self.token = token
        self.double = double
        self._accounts: dict[str, int] = {}

    def client(self, token: str | None = None) -> GrafanaClient:
        return GrafanaClient(self.url, token or self.token)

    def call(self, method: str, path: str, body: object = None) -> Any:
        """As somebody else than the installation."""
        headers = {"Authorization": f"Bearer {self.token}", "X-Grafana-NoCache": "true"}
        answer = httpx2.request(method, self.url + path, json=body, headers=headers, trust_env=False, timeout=30)
        answer.raise_for_status()
        return answer.json() if answer.content else None

    def token_of(self, role: str) -> str:
        """Of a service account with a lesser role."""
        if self.double is not None:
            return {"Editor": EDITOR, "Viewer": VIEWER}[role]
        name = f"caretaker-test-{role}"
        self._accounts[role] = self.call("POST", "/api/serviceaccounts", {"name": name, "role": role})["id"]
        path = f"/api/serviceaccounts/{self._accounts[role]}/tokens"
        return str(self.call("POST", path, {"name": name})["key"])

    def stored(self, uid: str) -> dict[str, Any]:
        found: dict[str, Any] = self.call("GET", f"/api/dashboards/uid/{uid}")
        return found

    def edit(self, uid: str, message: str = "tidied", folder: str = FOLDER, **fields: object) -> None:
        """Save a dashboard with other fields, as Grafana's pages do."""
        document = {**self.stored(uid)["dashboard"], **fields}
        body = {"dashboard": document, "folderUid": folder, "message": message, "overwrite": True}
        self.call("POST", "/api/dashboards/db", body)

    def clear(self) -> None:
        """Remove all that these tests make."""
        for hit in self.call("GET", "/api/search?" + urllib.parse.urlencode({"type": "dash-folder"})):
            if hit["uid"].startswith(FOLDER):
                self.call("DELETE", f"/api/folders/{hit['uid']}")
        for uid in (INFLUXDB_UID, PROMETHEUS_UID):
            httpx2.delete(
                f"{self.url}/api/datasources/uid/{uid}",
                headers={"Authorization": f"Bearer {self.token}"},
                trust_env=False,
            )
        for number in self._accounts.values():
            self.call("DELETE", f"/api/serviceaccounts/{number}")


@contextmanager
def a_house(kind: str) -> Iterator[House]:
    """`double` or `real`; where there is no real one the test is skipped by name."""
    if kind == "double":
        double = GrafanaStandIn()
        try:
            yield House(double.url, ADMIN, double)
        finally:
            double.close()
        return
    if not (os.environ.get(URL) and os.environ.get(TOKEN)):
        pytest.skip(f"no Grafana: its address and token belong into {URL} and {TOKEN}")
    house = House(os.environ[URL].rstrip("/"), os.environ[TOKEN], None)
    house.clear()
    try:
        yield house
    finally:
        house.clear()


def panel(number: int, title: str, **fields: object) -> dict[str, Any]:
    return {"id": number, "title": title, "type": "timeseries", "gridPos": {"x": 0, "y": 8 * number}, **fields}


def a_dashboard(name: str, *panels: Mapping[str, Any], title: str = "", folder: str = FOLDER) -> Dashboard:
    document: dict[str, Any] = {
        "uid": f"caretaker-{name}",
        "title": title or name.title(),
        "tags": ["caretaker"],
        "schemaVersion": 36,
        "refresh": "5s",
        "timezone": "Asia/Hong_Kong",
        "panels": list(panels) or [panel(1, "Use by hour"), panel(2, "Odour")],
        "templating": {"list": []},
    }
    return Dashboard(folder, "Caretaker", document["uid"], document["title"], document, {})


def a_source(url: str = "http://127.0.0.1:9", secret: str = "canary-token", **fields: object) -> Source:  # noqa: S107
    document: dict[str, Any] = {
        "name": "Caretaker InfluxDB",
        "type": "influxdb",
        "access": "proxy",
        "url": url,
        "user": "",
        "database": "caretaker",
        "basicAuth": False,
        "jsonData": {"version": "InfluxQL", "dbName": "caretaker", "httpMode": "POST"},
        **fields,
    }
    if not secret:
        return Source(INFLUXDB_UID, document, {})
    document["jsonData"] = {**document["jsonData"], "httpHeaderName1": "Authorization"}
    return Source(INFLUXDB_UID, document, {"httpHeaderValue1": f"Token {secret}"})


def wanting(*ones: Dashboard, source: Source | None = None) -> Wanted:
    return Wanted({FOLDER: "Caretaker"}, [source or a_source()], {"en": ones}, [])
