"""An HTTP server that answers as Grafana 9.3.2 does, as far as an installation asks: statuses, messages and shapes are
those that one gave.

It keeps what it is given in memory, as Grafana keeps it: a dashboard with `id` and `version` of its own, secrets of
data sources only by their names.
"""

import base64
import json
import re
import ssl
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Mapping
from email.message import Message
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qs, urlsplit

from msgspec import Struct

from tests.integration.loopback_server import LoopbackServer, body_of, send

ADMIN, EDITOR, VIEWER = "glsa_admin", "glsa_editor", "glsa_viewer"
"""Tokens of service accounts with these roles."""
PERSON = "Basic " + base64.b64encode(b"admin:admin").decode()
"""The header of somebody who works in Grafana's pages."""
RANKS = {"Viewer": 0, "Editor": 1, "Admin": 2}


class Someone(Struct, frozen=True):
    login: str
    role: str


CALLERS = {
    f"Bearer {ADMIN}": Someone("sa-caretaker", "Admin"),
    f"Bearer {EDITOR}": Someone("sa-editor", "Editor"),
    f"Bearer {VIEWER}": Someone("sa-viewer", "Viewer"),
    PERSON: Someone("admin", "Admin"),
}


class RefusedError(Exception):
    def __init__(self, status: int, message: str, /, **more: str) -> None:
        super().__init__(message)
        self.status, self.body = status, {"message": message, **more}


class Saved(Struct):
    """One dashboard with its versions, oldest first."""

    id: int
    folder: str
    versions: list[dict[str, Any]]
    provisioned: bool = False

    @property
    def document(self) -> Any:
        return self.versions[-1]["data"]


class Asked(Struct, frozen=True):
    caller: Someone
    query: Mapping[str, str]
    body: Mapping[str, Any]
    uid: str = ""


Answer = tuple[int, Any]


class GrafanaStandIn(LoopbackServer):
    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.version = "9.3.2"
        self.folders: dict[str, dict[str, Any]] = {}
        self.sources: dict[str, dict[str, Any]] = {}
        self.secrets: dict[str, dict[str, str]] = {}
        self.dashboards: dict[str, Saved] = {}
        self.page: tuple[int, str] | None = None
        """Set: this status and page comes, whatever is asked, as from something that is no Grafana."""
        self.newer = False
        """Set: versions come as Grafana 12 lists them."""
        self._ids = 0
        self._routes: list[tuple[str, str, Callable[[Asked], Answer]]] = [
            ("GET", "/api/folders/([^/]+)", self._seen_folder),
            ("POST", "/api/folders", self._new_folder),
            ("PUT", "/api/folders/([^/]+)", self._changed_folder),
            ("GET", "/api/datasources/uid/([^/]+)", lambda asked: (200, self._source(asked.uid))),
            ("POST", "/api/datasources", self._new_source),
            ("PUT", "/api/datasources/uid/([^/]+)", self._changed_source),
            ("GET", "/api/datasources/uid/([^/]+)/health", self._health),
            ("GET", "/api/dashboards/uid/([^/]+)", self._seen_dashboard),
            ("POST", "/api/dashboards/db", self._saved),
            ("DELETE", "/api/dashboards/uid/([^/]+)", self._removed),
            ("GET", "/api/dashboards/uid/([^/]+)/versions", self._versions),
            ("GET", "/api/search", self._hits),
            ("GET", "/api/org/users", _users),
        ]
        super().__init__(tls)

    def _answer(self, request: BaseHTTPRequestHandler) -> None:
        parts = urlsplit(request.path)
        body = body_of(request)
        query = {key: texts[0] for key, texts in parse_qs(parts.query).items()}
        if self.page is not None:
            status, text, kind = *self.page, "text/html; charset=UTF-8"
        else:
            try:
                status, document = self._routed(request.command, parts.path, query, body, request.headers)
            except RefusedError as refusal:
                status, document = refusal.status, refusal.body
            text, kind = json.dumps(document), "application/json"
        send(request, status, text.encode(), kind)

    def _routed(self, method: str, path: str, query: Mapping[str, str], body: bytes, headers: Message) -> Answer:
        if path == "/api/health":
            return 200, {"commit": "21c1d14e91", "database": "ok", "version": self.version}
        caller = CALLERS.get(headers.get("Authorization", ""))
        if caller is None:
            raise RefusedError(401, "invalid API key", traceID="")
        try:
            given = json.loads(body) if body else {}
        except ValueError as error:
            raise RefusedError(400, "bad request data", traceID="") from error
        for wanted, pattern, handler in self._routes:
            if method == wanted and (found := re.fullmatch(pattern, path)):
                return handler(Asked(caller, query, given, *found.groups()))
        raise RefusedError(404, "Not found")

    def _id(self) -> int:
        self._ids += 1
        return self._ids

    def _seen_folder(self, asked: Asked) -> Answer:
        if asked.uid not in self.folders:
            _require(asked.caller, "Admin", "folders:read")
        return 200, self._folder(asked.uid)

    def _seen_dashboard(self, asked: Asked) -> Answer:
        if asked.uid not in self.dashboards:
            _require(asked.caller, "Admin", "dashboards:read")
        return 200, self._dashboard(asked.uid)

    def _folder(self, uid: str) -> dict[str, Any]:
        if uid not in self.folders:
            raise RefusedError(404, "folder not found", status="not-found")
        return self.folders[uid]

    def _new_folder(self, asked: Asked) -> Answer:
        given = asked.body
        _require(asked.caller, "Editor", "folders:create")
        if any(folder["title"] == given["title"] for folder in self.folders.values()):
            raise RefusedError(409, "a folder or dashboard in the general folder with the same name already exists")
        folder = {"id": self._id(), "uid": given["uid"], "title": given["title"], "version": 1, "parentUid": ""}
        self.folders[given["uid"]] = folder
        return 200, folder

    def _changed_folder(self, asked: Asked) -> Answer:
        _require(asked.caller, "Editor", "folders:write")
        folder, given = self._folder(asked.uid), asked.body
        if given["version"] != folder["version"]:
            raise RefusedError(412, "the folder has been changed by someone else", status="version-mismatch")
        folder |= {"title": given["title"], "version": folder["version"] + 1}
        return 200, folder

    def _source(self, uid: str) -> dict[str, Any]:
        if uid not in self.sources:
            raise RefusedError(404, "Data source not found")
        return {**self.sources[uid], "secureJsonFields": dict.fromkeys(self.secrets[uid], True)}

    def _new_source(self, asked: Asked) -> Answer:
        given = asked.body
        _require(asked.caller, "Admin", "datasources:create")
        if any(source["name"] == given["name"] for source in self.sources.values()):
            raise RefusedError(409, "data source with the same name already exists", traceID="")
        return self._kept(given["uid"], self._id(), 1, given)

    def _changed_source(self, asked: Asked) -> Answer:
        _require(asked.caller, "Admin", "datasources:write")
        stored, given = self._source(asked.uid), asked.body
        if stored["readOnly"]:
            raise RefusedError(403, "Cannot update read-only data source")
        if given.get("version") and given["version"] != stored["version"]:
            raise RefusedError(409, "Datasource has already been updated by someone else. Please reload and try again")
        return self._kept(asked.uid, stored["id"], stored["version"] + 1, given)

    def _kept(self, uid: str, number: int, version: int, given: Mapping[str, Any]) -> Answer:
        names = ("name", "type", "access", "url", "user", "database", "basicAuth", "isDefault", "jsonData")
        fields = {name: given.get(name, False) for name in (*names, "withCredentials")}
        more = {"id": number, "uid": uid, "orgId": 1, "typeLogoUrl": "", "basicAuthUser": ""}
        self.sources[uid] = {**more, **fields, "version": version, "readOnly": False}
        self.secrets[uid] = {**self.secrets.get(uid, {}), **given.get("secureJsonData", {})}
        return 200, {
            "datasource": self._source(uid),
            "id": number,
            "message": "Datasource added",
            "name": given["name"],
        }

    def _health(self, asked: Asked) -> Answer:
        """Asks the store, as Grafana does: with POST and the headers that it was given."""
        uid = asked.uid
        if uid not in self.sources:
            raise RefusedError(500, "Unable to load datasource metadata", traceID="")
        source, secrets = self.sources[uid], self.secrets[uid]
        parameters = urllib.parse.urlencode({"db": source["database"], "epoch": "ms"})
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        if name := source["jsonData"].get("httpHeaderName1"):
            headers[name] = secrets["httpHeaderValue1"]
        elif source["user"]:
            pair = f"{source['user']}:{secrets['password']}".encode()
            headers["Authorization"] = f"Basic {base64.b64encode(pair).decode()}"
        question = urllib.request.Request(  # noqa: S310  # http on the loopback
            f"{source['url']}/query?{parameters}", urllib.parse.urlencode({"q": "SHOW measurements"}).encode(), headers
        )
        try:
            with urllib.request.urlopen(question, timeout=5) as answer:  # noqa: S310  # as above
                found = json.load(answer)
        except urllib.error.HTTPError as error:
            with error:
                message = f"error reading InfluxDB. Status Code: {error.code} "
            return 400, {"message": message, "status": "ERROR"}
        except OSError as error:
            return 400, {"message": f"{error} error performing influxQL query", "status": "ERROR"}
        count = sum(len(one["values"]) for one in found["results"][0].get("series", ()))
        return 200, {"message": f"datasource is working. {count} measurements found", "status": "OK"}

    def _dashboard(self, uid: str) -> dict[str, Any]:
        if uid not in self.dashboards:
            raise RefusedError(404, "Dashboard not found", traceID="")
        saved = self.dashboards[uid]
        meta = {
            "type": "db",
            "version": saved.document["version"],
            "folderUid": saved.folder,
            "provisioned": saved.provisioned,
            "updatedBy": "Anonymous",  # what 9.3.2 calls service accounts
        }
        return {"meta": meta, "dashboard": saved.document}

    def _removed(self, asked: Asked) -> Answer:
        _require(asked.caller, "Editor", "dashboards:delete")
        if self.dashboards[asked.uid].provisioned:
            raise RefusedError(400, "provisioned dashboard cannot be deleted")
        title = self.dashboards.pop(asked.uid).document["title"]
        return 200, {"message": f"Dashboard {title} deleted", "title": title}

    def _saved(self, asked: Asked) -> Answer:
        given = asked.body
        _require(asked.caller, "Editor", "any of dashboards:create, dashboards:write")
        document, folder = given["dashboard"], given["folderUid"]
        if folder not in self.folders:
            raise RefusedError(400, "Folder not found", traceID="")
        uid = document["uid"]
        saved = self.dashboards.get(uid)
        if saved is not None and saved.provisioned:
            raise RefusedError(400, "Cannot save provisioned dashboard")
        if saved is not None and document.get("version", 0) != saved.document["version"] and not given.get("overwrite"):
            raise RefusedError(412, "The dashboard has been changed by someone else", status="version-mismatch")
        for other, one in self.dashboards.items():
            if other != uid and (one.folder, one.document["title"]) == (folder, document["title"]):
                if given.get("overwrite"):  # takes the other's place, and its uid
                    del self.dashboards[other]
                    uid, saved = other, one
                    break
                text = "A dashboard with the same name in the folder already exists"
                raise RefusedError(412, text, status="name-exists")
        if saved is None:
            saved = Saved(self._id(), folder, [])
        version = len(saved.versions) + 1
        data = {**document, "id": saved.id, "uid": uid, "version": version}
        saved.versions.append({"data": data, "by": asked.caller.login, "message": given.get("message", "")})
        saved.folder = folder
        self.dashboards[uid] = saved
        slug = document["title"].lower().replace(" ", "-")
        return 200, {
            "id": saved.id,
            "slug": slug,
            "status": "success",
            "uid": uid,
            "version": version,
            "url": f"/d/{uid}",
        }

    def _versions(self, asked: Asked) -> Answer:
        _require(asked.caller, "Editor", "dashboards:write")
        self._dashboard(asked.uid)
        listed = [
            {
                "version": number,
                "parentVersion": number - 1,
                "createdBy": one["by"],
                "message": "Initial save" if number == 1 else one["message"],
            }
            for number, one in enumerate(self.dashboards[asked.uid].versions, 1)
        ]
        listed = listed[::-1][: int(asked.query.get("limit", "1000"))]
        return 200, {"continueToken": "", "versions": listed} if self.newer else listed

    def _hits(self, asked: Asked) -> Answer:
        tag = asked.query.get("tag")
        return 200, [
            {"uid": uid, "title": one.document["title"], "type": "dash-db", "folderUid": one.folder}
            for uid, one in self.dashboards.items()
            if tag is None or tag in one.document.get("tags", [])
        ]


def _users(asked: Asked) -> Answer:
    _require(asked.caller, "Admin", "org.users:read")
    return 200, [{"orgId": 1, "userId": 1, "email": "admin@localhost", "login": "admin", "role": "Admin"}]


def _require(caller: Someone, role: str, permission: str) -> None:
    if RANKS[caller.role] < RANKS[role]:
        text = f"You'll need additional permissions to perform this action. Permissions needed: {permission}"
        raise RefusedError(403, text, accessErrorId="ACE9613439296", title="Access denied")
