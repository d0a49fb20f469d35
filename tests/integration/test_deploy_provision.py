"""`caretaker deploy provision` with a real InfluxDB 2.x and a real 1.x that asks for passwords; and what goes wrong."""

import json
import ssl
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from caretaker.__main__ import app
from deploy.layout import Door, InfluxForm, Layout, Secret, Service, compose
from deploy.private import write_private
from deploy.provision import ProvisionError, Trouble, provision
from deploy.record import Record, read_record
from deploy.secrets import make_missing
from deploy.settings_file import BUCKET, ORG, READER, WRITER
from telemetry.stores.influxdb.provision import retention_of
from tests.components import Influxd
from tests.deployed import configuration, deployed
from tests.influxdb2 import Influxd2
from tests.integration.influxdb_double import InfluxdbDouble, Reply

LINE = b"air,site=a,device=b temperature_c=1"
READ = "/query?" + urllib.parse.urlencode({"db": BUCKET, "q": "SHOW FIELD KEYS"})
DAY_S = 86_400


@pytest.fixture
def influxd2(tmp_path: Path) -> Iterator[Influxd2]:
    """Never set up."""
    made = Influxd2(tmp_path / "influxdb2")
    made.start()
    yield made
    made.stop()


def status(url: str, path: str, authorization: str, body: bytes | None = None, method: str | None = None) -> int:
    request = urllib.request.Request(url + path, body, {"Authorization": authorization}, method=method)  # noqa: S310 - loopback
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310 - loopback
            found: int = answer.status
            return found
    except urllib.error.HTTPError as error:
        return error.code


def made_by(layout: Layout) -> dict[str, bool]:
    return {one.what: one.is_new for one in provision(layout, read_record(layout.folder))}


def kept_for(layout: Layout, days: int, *, shorten: bool = False) -> list[str]:
    """What is said of a deployment that is to keep readings for so long, but for what is as it was."""
    wish = read_record(layout.folder).model_copy(update={"retention_days": days})
    return [one.what for one in provision(layout, wish, shorten=shorten) if "readings" in one.what]


def is_kept_as_asked(layout: Layout, retention_s: Callable[[], float | None]) -> None:
    assert retention_s() == 400 * DAY_S
    assert kept_for(layout, 400) == []
    assert kept_for(layout, 500) == ["readings are kept for 500 days"]
    assert retention_s() == 500 * DAY_S
    (said,) = kept_for(layout, 90)
    assert "readings for 500 days; with --shorten for 90" in said
    assert retention_s() == 500 * DAY_S, "what would be removed does not come back"
    assert kept_for(layout, 90, shorten=True) == ["readings are kept for 90 days"]
    assert retention_s() == 90 * DAY_S


def test_each_user_of_influxdb_2_has_rights_to_the_bucket_alone(influxd2: Influxd2, tmp_path: Path) -> None:
    config = configuration(tmp_path / "config")
    layout = deployed(tmp_path / "city", config, {Door.INFLUXDB: influxd2.port}, InfluxForm.V2)
    first = made_by(layout)
    assert first["secrets/influxdb-caretaker.token"]
    assert first["secrets/influxdb-grafana.token"]
    tokens = {secret: f"Token {layout.kept(secret).read_text()}" for secret in Secret if secret.endswith(".token")}
    writer, reader = tokens[Secret.INFLUXDB_CARETAKER_TOKEN], tokens[Secret.INFLUXDB_GRAFANA_TOKEN]
    write = f"/api/v2/write?org={ORG}&bucket={BUCKET}"
    read = READ
    assert status(influxd2.url, write, writer, LINE) == 204
    assert status(influxd2.url, write, reader, LINE) in {401, 403}
    assert status(influxd2.url, write, "Token x", LINE) == 401
    assert status(influxd2.url, read, writer) == 200
    assert status(influxd2.url, read, reader) == 200
    # Nobody but the admin makes or removes anything.
    for token in (writer, reader):
        body = json.dumps({"name": "mine"}).encode()
        assert status(influxd2.url, "/api/v2/orgs", token, body) in {401, 403}
        assert status(influxd2.url, "/api/v2/authorizations", token, b"{}") in {400, 401, 403}
    # Again: what is accepted stays.
    before = {secret: layout.kept(secret).read_text() for secret in tokens}
    assert not any(made_by(layout).values())
    assert {secret: layout.kept(secret).read_text() for secret in tokens} == before
    # What is empty, as Compose needs it there, or not accepted, is made again; and only that.
    write_private(layout.kept(Secret.INFLUXDB_CARETAKER_TOKEN), "")
    assert [what for what, is_new in made_by(layout).items() if is_new] == ["secrets/influxdb-caretaker.token"]
    write_private(layout.kept(Secret.INFLUXDB_GRAFANA_TOKEN), "of-another-influxdb")
    assert [what for what, is_new in made_by(layout).items() if is_new] == ["secrets/influxdb-grafana.token"]
    is_kept_as_asked(layout, lambda: retention_s(influxd2.url, tokens[Secret.INFLUXDB_ADMIN_TOKEN]))


def retention_s(url: str, admin: str) -> int:
    request = urllib.request.Request(f"{url}/api/v2/buckets?name={BUCKET}", headers={"Authorization": admin})  # noqa: S310 - loopback
    with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310 - loopback
        found: int = json.load(answer)["buckets"][0]["retentionRules"][0]["everySeconds"]
    return found


def admin_password(layout: Layout) -> str:
    return layout.kept(Secret.INFLUXDB_ADMIN_PASSWORD).read_text()


def policy_s(url: str, admin: str) -> float | None:
    query = urllib.parse.urlencode({"q": f"SHOW RETENTION POLICIES ON {BUCKET}"})
    request = urllib.request.Request(f"{url}/query?{query}", headers={"Authorization": admin})  # noqa: S310 - loopback
    with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310 - loopback
        (policy,) = json.load(answer)["results"][0]["series"][0]["values"]
    return retention_of(policy[1])


def test_an_influxdb_2_of_somebody_else_is_said(influxd2: Influxd2, tmp_path: Path) -> None:
    influxd2.set_up()
    config = configuration(tmp_path / "config")
    layout = deployed(tmp_path / "city", config, {Door.INFLUXDB: influxd2.port}, InfluxForm.V2)
    with pytest.raises(ProvisionError, match="does not accept what stands in") as caught:
        made_by(layout)
    assert caught.value.trouble is Trouble.REFUSED


def test_each_user_of_influxdb_1_has_rights_to_the_database_alone(
    influxd: Callable[..., Influxd], tmp_path: Path
) -> None:
    server = influxd(http="  auth-enabled = true")
    server.start()
    layout = deployed(tmp_path / "city", configuration(tmp_path / "config"), {Door.INFLUXDB: server.port})
    assert made_by(layout) == dict.fromkeys(
        ("user admin", f"database {BUCKET}", f"user {WRITER}", f"user {READER}"), True
    )
    assert not any(made_by(layout).values())
    found = {
        name: f"Token {name}:{layout.kept(secret).read_text()}"
        for name, secret in (
            (WRITER, Secret.INFLUXDB_CARETAKER_PASSWORD),
            (READER, Secret.INFLUXDB_GRAFANA_PASSWORD),
        )
    }
    write, read = f"/write?db={BUCKET}", READ
    assert status(server.url, write, found[WRITER], LINE) == 204
    assert status(server.url, write, found[READER], LINE) == 403
    assert status(server.url, read, found[READER]) == 200
    assert status(server.url, read, f"Token {READER}:x") == 401
    drop = "/query?q=" + urllib.parse.quote(f"DROP DATABASE {BUCKET}")
    assert status(server.url, drop, found[WRITER], b"") in {401, 403}
    is_kept_as_asked(layout, lambda: policy_s(server.url, f"Token admin:{admin_password(layout)}"))
    # A changed password is taken over.
    write_private(layout.kept(Secret.INFLUXDB_GRAFANA_PASSWORD), "another")
    made_by(layout)
    assert status(server.url, read, f"Token {READER}:another") == 200
    # An admin's password that is not theirs.
    write_private(layout.kept(Secret.INFLUXDB_ADMIN_PASSWORD), "wrong")
    with pytest.raises(ProvisionError) as caught:
        made_by(layout)
    assert caught.value.trouble is Trouble.REFUSED
    assert "wrong" not in str(caught.value)


def test_over_tls_only_our_own_authority_is_believed(tmp_path: Path) -> None:
    layouts = [
        deployed(tmp_path / name, configuration(tmp_path / "config"), None, InfluxForm.V2) for name in ("a", "b")
    ]
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    other = layouts[1]
    server.load_cert_chain(other.kept(Secret.MOSQUITTO_CERTIFICATE), other.kept(Secret.MOSQUITTO_KEY))
    double = InfluxdbDouble(tls=server)
    try:
        with pytest.raises(ProvisionError, match="has not signed") as caught:
            [*provision(at(layouts[0], double.url), record())]
        assert caught.value.trouble is Trouble.UNTRUSTED
        double.documents["GET", "/api/v2/setup"] = Reply(200, "[]")
        with pytest.raises(ProvisionError):
            [*provision(at(layouts[1], double.url), record())]
        assert next(call.path for call in double.calls) == "/api/v2/setup", "our own is spoken to"
    finally:
        double.close()


def at(layout: Layout, url: str) -> Layout:
    """The same with InfluxDB elsewhere, as in containers."""
    parts = urllib.parse.urlsplit(url)
    found = compose(layout.folder, ("127.0.0.1",))
    assert parts.port is not None
    inner = {**found.inner, Door.INFLUXDB: found.inner[Door.INFLUXDB]._replace(host="127.0.0.1", port=parts.port)}
    return Layout(**{name: getattr(found, name) for name in found.__slots__} | {"inner": inner})


def record() -> Record:
    return Record.model_validate({"form": "compose", "hosts": ("127.0.0.1",)})


@pytest.mark.parametrize(
    ("reply", "trouble"),
    [
        (Reply(500, '{"message": "internal"}'), Trouble.STRANGE),
        (Reply(404, "<html>not found"), Trouble.STRANGE),
        (Reply(200, '{"allowed": true}'), Trouble.STRANGE),
    ],
)
def test_what_is_no_influxdb_is_said(
    reply: Reply, trouble: Trouble, influxdb_double: InfluxdbDouble, tmp_path: Path
) -> None:
    port = int(influxdb_double.url.rpartition(":")[2])
    layout = deployed(tmp_path / "city", configuration(tmp_path / "config"), {Door.INFLUXDB: port}, InfluxForm.V2)
    influxdb_double.documents["GET", "/api/v2/setup"] = reply
    influxdb_double.documents["POST", "/api/v2/setup"] = Reply(503, "{}")
    with pytest.raises(ProvisionError) as caught:
        made_by(layout)
    assert caught.value.trouble is trouble
    secrets = [layout.kept(secret).read_text() for secret in make_missing(layout)]
    assert not any(secret in str(caught.value) for secret in secrets)


def test_nobody_there_is_a_sentence_of_the_command(tmp_path: Path) -> None:
    layout = deployed(tmp_path / "city", configuration(tmp_path / "config"))
    done = CliRunner().invoke(app, ["deploy", "provision", str(layout.folder)])
    assert done.exit_code == 3
    assert "nobody answers" in done.output
    assert "start InfluxDB first" in done.output


def test_a_missing_secret_is_a_sentence(tmp_path: Path) -> None:
    layout = deployed(tmp_path / "city", configuration(tmp_path / "config"))
    layout.kept(Secret.INFLUXDB_ADMIN_PASSWORD).unlink()
    with pytest.raises(ProvisionError, match="is not there"):
        made_by(layout)


def test_every_service_that_reads_the_store_finds_its_token(tmp_path: Path) -> None:
    layout = compose(tmp_path, ("a.example.org",))
    for service in (Service.INGESTOR, Service.ALERTS, Service.API):
        seen = layout.seen.secret(Secret.INFLUXDB_CARETAKER_TOKEN, service)
        assert str(seen) == "/run/secrets/influxdb-caretaker.token"
