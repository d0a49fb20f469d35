"""Putting a deployment's dashboards into a Grafana over its HTTP API, and finding out whether they are there.

Everything has a uid of ours, so a second run finds what the first has made. First all is read and compared, then what
differs is written, each dashboard with the version that was read: what somebody saves at the same moment is not lost.
"""

from collections.abc import Callable, Iterator, Sequence
from http import HTTPStatus

from msgspec import Struct

from grafana.change import Change, Kind, Reason, Thing
from grafana.client import GrafanaClient, GrafanaError, Trouble
from grafana.compare import dashboard_differences, source_as_wanted, source_differences
from grafana.page import Dashboard
from grafana.sources import Source
from grafana.wanted import Wanted

PREFIX = "caretaker"
"""Begins the uids of our folders and dashboards, and what we say when we save."""
TAG = "caretaker"
HITS_MOST = "5000"
SERVICE_ACCOUNT = "sa-"
"""Begins the login of a service account."""


class Step(Struct, frozen=True):
    """What is to be done about one thing."""

    change: Change
    write: Callable[[], object] | None = None
    """Does it. None: there is nothing to do."""


class Health(Struct, frozen=True):
    """Whether Grafana reaches a data source."""

    uid: str
    is_good: bool
    message: str
    """Grafana's."""


def compared(client: GrafanaClient, wanted: Wanted, *, prune: bool = False) -> Sequence[Change]:
    """What an installation would change; nothing is written. Raises `GrafanaError`."""
    return [step.change for step in _steps(client, wanted, prune=prune)]


def install(client: GrafanaClient, wanted: Wanted, *, prune: bool = False) -> Sequence[Change]:
    """Make Grafana have what is wanted, and say what that changed; `prune` removes what we no longer want.

    Raises `GrafanaError`; what was written before stays, and a second run goes on from there.
    """
    steps = _steps(client, wanted, prune=prune)
    for step in steps:
        if step.write is not None:
            step.write()
    return [step.change for step in steps]


def health(client: GrafanaClient, sources: Sequence[Source]) -> Sequence[Health]:
    """Whether Grafana reaches each data source, as it finds out now. Raises `GrafanaError` where it cannot be asked."""
    found = []
    for source in sources:
        status, said = client.look(f"/api/datasources/uid/{source.uid}/health")
        message = " ".join(str(said.get("message", "")).split()) or f"Grafana says {status}"
        found.append(Health(source.uid, status == HTTPStatus.OK and said.get("status") == "OK", message))
    return found


def _steps(client: GrafanaClient, wanted: Wanted, *, prune: bool) -> Sequence[Step]:
    """In the order in which they have to be taken: a dashboard needs its folder."""
    steps = [_folder(client, uid, title) for uid, title in wanted.folders.items()]
    steps += [_source(client, source) for source in wanted.sources]
    steps += [_dashboard(client, one) for ones in wanted.dashboards.values() for one in ones]
    steps += [Step(change) for change in wanted.left_out]
    return [*steps, *_unwanted(client, wanted, prune=prune)]


def _folder(client: GrafanaClient, uid: str, title: str) -> Step:
    path, doing = f"/api/folders/{uid}", f"put the folder {uid}"
    stored = client.get(path)
    if stored is None:
        body = {"uid": uid, "title": title}
        return Step(
            Change(Thing.FOLDER, uid, Kind.MADE, title), lambda: client.send("POST", "/api/folders", body, doing)
        )
    if stored["title"] == title:
        return Step(Change(Thing.FOLDER, uid, Kind.UNCHANGED, title))
    body = {"title": title, "version": stored["version"]}
    return Step(
        Change(Thing.FOLDER, uid, Kind.UPDATED, title, ("title",)), lambda: client.send("PUT", path, body, doing)
    )


def _source(client: GrafanaClient, source: Source) -> Step:
    path, doing = f"/api/datasources/uid/{source.uid}", f"put the data source {source.uid}"
    stored = client.get(path)
    if stored is None:
        body = {"uid": source.uid, **source.document, "secureJsonData": source.secrets}
        change = Change(Thing.SOURCE, source.uid, Kind.MADE, source.name)
        return Step(change, lambda: client.send("POST", "/api/datasources", body, doing))
    differences = list(source_differences(source.document, stored))
    differences += [name for name in source.secrets if not stored.get("secureJsonFields", {}).get(name)]
    kind, reason = (Kind.UPDATED, None) if differences else (Kind.UNCHANGED, None)
    if stored.get("readOnly"):
        kind, reason = (Kind.LEFT_OUT, Reason.FROM_FILES) if differences else (Kind.UNCHANGED, None)
        return Step(Change(Thing.SOURCE, source.uid, kind, source.name, differences, reason))
    if not differences and not source.secrets:
        return Step(Change(Thing.SOURCE, source.uid, kind, source.name))
    if not differences:
        reason = Reason.SECRET_SENT
    # Whether it is the one that new panels begin with, say, is for people to decide: Grafana forgets what is not sent.
    body = {**source_as_wanted(source.document, stored), "secureJsonData": source.secrets}
    change = Change(Thing.SOURCE, source.uid, kind, source.name, differences, reason)
    return Step(change, lambda: client.send("PUT", path, body, doing))


def _dashboard(client: GrafanaClient, one: Dashboard) -> Step:
    found = client.get(f"/api/dashboards/uid/{one.uid}")
    if found is None:
        return Step(Change(Thing.DASHBOARD, one.uid, Kind.MADE, one.title), lambda: _save(client, one, None))
    stored, meta = found["dashboard"], found["meta"]
    differences = list(dashboard_differences({**one.document, "uid": one.uid}, stored))
    if meta.get("folderUid") != one.folder_uid:
        differences.append("folder")
    if not differences:
        return Step(Change(Thing.DASHBOARD, one.uid, Kind.UNCHANGED, one.title))
    if meta.get("provisioned"):
        change = Change(Thing.DASHBOARD, one.uid, Kind.LEFT_OUT, one.title, differences, Reason.FROM_FILES)
        return Step(change)
    edited_by = _edited_by(client, one.uid)
    reason = Reason.EDITED if edited_by else None
    change = Change(Thing.DASHBOARD, one.uid, Kind.UPDATED, one.title, differences, reason, edited_by)
    return Step(change, lambda: _save(client, one, stored["version"]))


def _save(client: GrafanaClient, one: Dashboard, version: int | None) -> None:
    """Not `overwrite`: it would also replace somebody else's dashboard that has our title in our folder."""
    document = {**one.document, "uid": one.uid}
    if version is not None:
        document["version"] = version
    body = {"dashboard": document, "folderUid": one.folder_uid, "message": f"{PREFIX} grafana install"}
    client.send("POST", "/api/dashboards/db", body, f"save the dashboard {one.uid} ({one.title})")


def _edited_by(client: GrafanaClient, uid: str) -> str:
    """`version 7, by an Editor` where it was not us who saved it last; else empty."""
    try:
        answer = client.get(f"/api/dashboards/uid/{uid}/versions", {"limit": "1"})
    except GrafanaError as error:
        if error.trouble is Trouble.NO_RIGHT:  # for whoever only compares
            return ""
        raise
    # A list up to Grafana 11.
    versions = answer["versions"] if isinstance(answer, dict) else answer
    if not versions:
        return ""
    last = versions[0]
    # Of a first version Grafana says "Initial save", whatever was said with it.
    if last["version"] == 1 or str(last.get("message", "")).startswith(PREFIX):
        return ""
    return f"version {last['version']}, by {_role(client, str(last.get('createdBy', '')))}"


def _role(client: GrafanaClient, login: str) -> str:
    """As what somebody is known in Grafana, never who it is."""
    if login.startswith(SERVICE_ACCOUNT):
        return "a service account"
    try:
        users = client.get("/api/org/users") or []
    except GrafanaError as error:
        if error.trouble is Trouble.NO_RIGHT:
            return "a person"
        raise
    roles = {user.get("login"): user.get("role") for user in users}
    role = roles.get(login)
    if not role:
        return "a person"
    return f"{'an' if role[0] in 'AEIOU' else 'a'} {role}"


def _unwanted(client: GrafanaClient, wanted: Wanted, *, prune: bool) -> Iterator[Step]:
    """Dashboards of ours that nobody wants any more: with our tag and a uid of ours, in a folder of ours."""
    uids = {one.uid for ones in wanted.dashboards.values() for one in ones}
    hits = client.get("/api/search", {"type": "dash-db", "tag": TAG, "limit": HITS_MOST}) or []
    for hit in hits:
        uid, title = str(hit["uid"]), str(hit["title"])
        if uid in uids or not _is_ours(uid) or not _is_ours(hit.get("folderUid", "")):
            continue
        found = client.get(f"/api/dashboards/uid/{uid}")
        if found is None:  # somebody has removed it meanwhile
            continue
        if found["meta"].get("provisioned"):
            kind = Kind.LEFT_OUT if prune else Kind.KEPT
            yield Step(Change(Thing.DASHBOARD, uid, kind, title, (), Reason.FROM_FILES))
        elif prune:
            yield Step(Change(Thing.DASHBOARD, uid, Kind.REMOVED, title), _removal(client, uid))
        else:
            yield Step(Change(Thing.DASHBOARD, uid, Kind.KEPT, title, (), Reason.NOT_WANTED))


def _is_ours(uid: str) -> bool:
    return uid == PREFIX or uid.startswith(f"{PREFIX}-")


def _removal(client: GrafanaClient, uid: str) -> Callable[[], object]:
    return lambda: client.send("DELETE", f"/api/dashboards/uid/{uid}", None, f"remove the dashboard {uid}")
