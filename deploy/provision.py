"""`caretaker deploy provision`: a running InfluxDB gets the bucket, and each of its users rights to that alone.

With the admin's credentials, once; a second time what is accepted stays. 2.x: an organisation, a bucket, and two
tokens, which InfluxDB makes. 1.x: a database and two users, whose passwords `init` has made.
"""

import ssl
from collections.abc import Iterator, Mapping
from enum import StrEnum
from types import TracebackType
from typing import Any, NamedTuple, Self

import httpx2

from deploy.layout import Door, InfluxForm, Layout, Secret
from deploy.private import write_private
from deploy.record import Record
from deploy.secrets import hand_out
from deploy.settings_file import BUCKET, ORG, POLICY, READER, WRITER
from telemetry.stores.influxdb.influxql import identifier, rows
from telemetry.stores.influxdb.provision import retention_of

TIMEOUT_S = 15.0
ADMIN = "admin"
DAY_S = 86_400
MESSAGE_MOST = 300
"""Characters shown of what InfluxDB answers."""


class Trouble(StrEnum):
    """Why InfluxDB was not provisioned."""

    AWAY = "away"
    UNTRUSTED = "untrusted"
    """It shows a certificate that isn't our authority's."""
    REFUSED = "refused"
    """It does not accept the admin's credentials."""
    STRANGE = "strange"
    """An answer that is not InfluxDB's, or one that is not expected."""


class ProvisionError(Exception):
    """InfluxDB was not provisioned; the message says why, `mend` what to do."""

    def __init__(self, trouble: Trouble, message: str, mend: str) -> None:
        self.trouble = trouble
        self.mend = mend
        super().__init__(message)


class Made(NamedTuple):
    """One thing that is there now."""

    what: str
    is_new: bool


class _Influx:
    """Its HTTP interface. Errors hold no credentials."""

    def __init__(self, layout: Layout) -> None:
        where = layout.inner[Door.INFLUXDB]
        self.url = where.url
        trust = ssl.create_default_context(cafile=layout.kept(Secret.CA)) if where.scheme == "https" else True
        self._client = httpx2.Client(base_url=self.url, timeout=TIMEOUT_S, trust_env=False, verify=trust)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.close()

    def call(
        self,
        method: str,
        path: str,
        *,
        token: str | None = None,
        user: tuple[str, str] | None = None,
        params: Mapping[str, str] | None = None,
        body: Mapping[str, Any] | None = None,
        form: Mapping[str, str] | None = None,
    ) -> tuple[int, dict[str, Any]]:
        """Status and document; an empty one where there is none. Raises `ProvisionError` where nobody answers."""
        headers = {} if token is None else {"Authorization": f"Token {token}"}
        try:
            answer = self._client.request(method, path, headers=headers, auth=user, params=params, json=body, data=form)
        except httpx2.ConnectError as error:
            if "CERTIFICATE_VERIFY_FAILED" in str(error):
                raise ProvisionError(
                    Trouble.UNTRUSTED,
                    f"InfluxDB at {self.url} shows a certificate that our authority has not signed",
                    "start it with the certificate of this deployment, secrets/influxdb.pem",
                ) from None
            raise ProvisionError(Trouble.AWAY, f"nobody answers at {self.url}", "start InfluxDB first") from None
        except httpx2.HTTPError as error:
            raise ProvisionError(
                Trouble.AWAY, f"InfluxDB at {self.url} broke off: {type(error).__name__}", "look into its log"
            ) from None
        try:
            document = answer.json() if answer.content else {}
        except ValueError:
            document = {}
        return answer.status_code, document if isinstance(document, dict) else {}


def provision(layout: Layout, record: Record, *, shorten: bool = False) -> Iterator[Made]:
    """Make what is missing; each thing as it is there. With `shorten` readings may be kept for a shorter time than now.

    Raises `ProvisionError`, `StoreUnusableError`, `OSError`.
    """
    with _Influx(layout) as influx:
        match layout.influxdb:
            case InfluxForm.V2:
                yield from _two(influx, layout, record, shorten=shorten)
            case InfluxForm.V1:
                yield from _one(influx, layout, record, shorten=shorten)
    hand_out(layout)


def _other_time(kept_s: float | None, record: Record, *, shorten: bool) -> Made | None:
    """How long readings are kept (None: for ever), where it is not as it was asked for; new: it is to be changed."""
    if kept_s == record.retention_days * DAY_S:
        return None
    if shorten or (kept_s is not None and kept_s < record.retention_days * DAY_S):
        return Made(f"readings are kept for {record.retention_days} days", is_new=True)
    known = "for ever" if kept_s is None else f"for {kept_s / DAY_S:g} days"
    return Made(
        f"readings {known}; with --shorten for {record.retention_days}, and older ones are removed", is_new=False
    )


def _two(influx: _Influx, layout: Layout, record: Record, *, shorten: bool) -> Iterator[Made]:
    admin = _secret(layout, Secret.INFLUXDB_ADMIN_TOKEN)
    status, document = influx.call("GET", "/api/v2/setup")
    if status != httpx2.codes.OK:
        raise _strange(influx, status, document)
    retention_s = record.retention_days * DAY_S
    rules = [{"type": "expire", "everySeconds": retention_s}]
    if document.get("allowed") is True:
        wanted = {"username": ADMIN, "password": _secret(layout, Secret.INFLUXDB_ADMIN_PASSWORD), "org": ORG}
        wanted |= {"bucket": BUCKET, "token": admin}
        status, document = influx.call("POST", "/api/v2/setup", body={**wanted, "retentionPeriodSeconds": retention_s})
        if status != httpx2.codes.CREATED:
            raise _strange(influx, status, document)
        yield Made(f"InfluxDB is set up, with the user {ADMIN}", is_new=True)
    org = _found(influx, admin, "/api/v2/orgs", "orgs", {"org": ORG})
    yield Made(f"organisation {ORG}", is_new=org is None)
    if org is None:
        org = _created(influx, admin, "/api/v2/orgs", {"name": ORG})
    bucket = _found(influx, admin, "/api/v2/buckets", "buckets", {"org": ORG, "name": BUCKET})
    yield Made(f"bucket {BUCKET}", is_new=bucket is None)
    if bucket is None:
        bucket = _created(
            influx, admin, "/api/v2/buckets", {"orgID": org["id"], "name": BUCKET, "retentionRules": rules}
        )
    kept = (bucket.get("retentionRules") or [{}])[0].get("everySeconds") or None
    if other := _other_time(kept, record, shorten=shorten):
        if other.is_new:
            path = f"/api/v2/buckets/{bucket['id']}"
            status, document = influx.call("PATCH", path, token=admin, body={"retentionRules": rules})
            if status != httpx2.codes.OK:
                raise _strange(influx, status, document)
        yield other
    for secret, actions in (
        (Secret.INFLUXDB_CARETAKER_TOKEN, ("read", "write")),
        (Secret.INFLUXDB_GRAFANA_TOKEN, ("read",)),
    ):
        yield _token(influx, layout, admin, secret, actions, org["id"], bucket["id"])


def _token(
    influx: _Influx, layout: Layout, admin: str, secret: Secret, actions: tuple[str, ...], org: str, bucket: str
) -> Made:
    """The token in the file, or a new one where InfluxDB does not know it or it is for another bucket."""
    file = layout.kept(secret)
    known = file.read_text(encoding="utf-8").strip() if file.exists() else ""
    if known:
        status, document = influx.call("GET", "/api/v2/buckets", token=known, params={"org": ORG, "name": BUCKET})
        if status == httpx2.codes.OK and any(one.get("id") == bucket for one in document.get("buckets") or ()):
            return Made(f"secrets/{secret}", is_new=False)
    resource = {"type": "buckets", "id": bucket, "orgID": org}
    permissions = [{"action": action, "resource": resource} for action in actions]
    wanted = {"orgID": org, "description": f"{secret} of Caretaker", "permissions": permissions}
    write_private(file, str(_created(influx, admin, "/api/v2/authorizations", wanted)["token"]))
    return Made(f"secrets/{secret}", is_new=True)


def _found(influx: _Influx, admin: str, path: str, kind: str, params: Mapping[str, str]) -> dict[str, Any] | None:
    """The only one of that name. 2.x says "not found" of a name that nothing bears."""
    status, document = influx.call("GET", path, token=admin, params=params)
    if status in {httpx2.codes.UNAUTHORIZED, httpx2.codes.FORBIDDEN}:
        raise _refused(influx, Secret.INFLUXDB_ADMIN_TOKEN)
    if status not in {httpx2.codes.OK, httpx2.codes.NOT_FOUND}:
        raise _strange(influx, status, document)
    found: list[dict[str, Any]] = document.get(kind) or []
    return found[0] if found else None


def _created(influx: _Influx, admin: str, path: str, wanted: Mapping[str, Any]) -> dict[str, Any]:
    status, document = influx.call("POST", path, token=admin, body=wanted)
    if status != httpx2.codes.CREATED:
        raise _strange(influx, status, document)
    return document


def _one(influx: _Influx, layout: Layout, record: Record, *, shorten: bool) -> Iterator[Made]:
    admin = (ADMIN, _secret(layout, Secret.INFLUXDB_ADMIN_PASSWORD))
    passwords = {
        WRITER: _secret(layout, Secret.INFLUXDB_CARETAKER_PASSWORD),
        READER: _secret(layout, Secret.INFLUXDB_GRAFANA_PASSWORD),
    }
    # The first user may be made by anybody, as long as there is none, with authentication (403 before) or without.
    status, document = influx.call("GET", "/query", user=admin, params={"q": "SHOW USERS"})
    users = _names((document.get("results") or [{}])[0])
    if status in {httpx2.codes.UNAUTHORIZED, httpx2.codes.FORBIDDEN} or ADMIN not in users:
        statement = f"CREATE USER {identifier(ADMIN)} WITH PASSWORD {_literal(admin[1])} WITH ALL PRIVILEGES"
        status, document = influx.call("POST", "/query", form={"q": statement})
        if status in {httpx2.codes.UNAUTHORIZED, httpx2.codes.FORBIDDEN}:
            raise _refused(influx, Secret.INFLUXDB_ADMIN_PASSWORD)
        if status != httpx2.codes.OK:
            raise _strange(influx, status, document)
        yield Made(f"user {ADMIN}", is_new=True)
    databases = _names(_ask(influx, admin, "SHOW DATABASES"))
    yield Made(f"database {BUCKET}", is_new=BUCKET not in databases)
    if BUCKET not in databases:
        duration = f"DURATION {record.retention_days}d REPLICATION 1 NAME {identifier(POLICY)}"
        _ask(influx, admin, f"CREATE DATABASE {identifier(BUCKET)} WITH {duration}")
    for row in rows(_ask(influx, admin, f"SHOW RETENTION POLICIES ON {identifier(BUCKET)}")):
        if row["name"] == POLICY and (other := _other_time(retention_of(row["duration"]), record, shorten=shorten)):
            if other.is_new:
                where = f"{identifier(POLICY)} ON {identifier(BUCKET)}"
                _ask(influx, admin, f"ALTER RETENTION POLICY {where} DURATION {record.retention_days}d")
            yield other
    users = _names(_ask(influx, admin, "SHOW USERS"))
    for (name, password), right in zip(passwords.items(), ("ALL", "READ"), strict=True):
        verb = "SET PASSWORD FOR" if name in users else "CREATE USER"
        link = "=" if name in users else "WITH PASSWORD"
        _ask(influx, admin, f"{verb} {identifier(name)} {link} {_literal(password)}")
        _ask(influx, admin, f"GRANT {right} ON {identifier(BUCKET)} TO {identifier(name)}")
        yield Made(f"user {name}", is_new=name not in users)


def _ask(influx: _Influx, admin: tuple[str, str], statement: str) -> dict[str, Any]:
    status, document = influx.call("POST", "/query", user=admin, form={"q": statement})
    results = document.get("results") or [{}]
    if status != httpx2.codes.OK or "error" in results[0]:
        # Not the statement: it may hold a password.
        raise _strange(influx, status, document if status != httpx2.codes.OK else results[0])
    found: dict[str, Any] = results[0]
    return found


def _literal(text: str) -> str:
    """A string in InfluxQL."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _names(result: Mapping[str, Any]) -> set[str]:
    return {str(row[0]) for one in result.get("series") or () for row in one.get("values") or ()}


def _secret(layout: Layout, secret: Secret) -> str:
    try:
        return layout.kept(secret).read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        raise ProvisionError(
            Trouble.REFUSED, f"{layout.kept(secret)} is not there", "bring it back from a backup"
        ) from None


def _refused(influx: _Influx, secret: Secret) -> ProvisionError:
    return ProvisionError(
        Trouble.REFUSED,
        f"InfluxDB at {influx.url} does not accept what stands in secrets/{secret}",
        "put there what its administrator has, or begin with an empty InfluxDB",
    )


def _strange(influx: _Influx, status: int, document: Mapping[str, Any]) -> ProvisionError:
    said = str(document.get("message") or document.get("error") or "nothing that is InfluxDB's")
    return ProvisionError(
        Trouble.STRANGE,
        f"InfluxDB at {influx.url} answers {status}: {' '.join(said.split())[:MESSAGE_MOST]}",
        "look into its log; is it really InfluxDB that listens there?",
    )
