"""`caretaker grafana`: what it prints, how it leaves, and what it never shows."""

import json
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner, Result

from caretaker.__main__ import app as main
from caretaker.commands.grafana import app
from ingestor.settings import load_settings as load_ingestor_settings
from tests.integration.grafana_ground import House, a_house
from tests.integration.grafana_stand_in import ADMIN, EDITOR, GrafanaStandIn
from tests.integration.influxdb_double import InfluxdbDouble
from tests.integration.test_influxdb_tls import make_certificate

READER: dict[str, object] = {"influxdb": {"token": "reader-canary"}}
CITY = Path(__file__).parents[2] / "examples" / "hong-kong"


@pytest.fixture
def house() -> Iterator[House]:
    with a_house("double") as one:
        yield one


@pytest.fixture
def influxdb() -> Iterator[InfluxdbDouble]:
    one = InfluxdbDouble()
    yield one
    one.close()


@pytest.fixture
def config(tmp_path: Path, influxdb: InfluxdbDouble) -> Path:
    """A small deployment beside the example's rules, whose store is InfluxDB."""
    folder = tmp_path / "config"
    folder.mkdir()
    for name in ("sites.yaml", "devices-toilets.csv", "devices-air.csv", "devices-buildings.csv", "people.yaml"):
        (folder / name).write_bytes((CITY / name).read_bytes())
    write_settings(folder, influxdb.url, READER, token="store-canary")
    return folder


def write_settings(folder: Path, url: str, grafana: dict[str, object] | None = None, **store: str) -> None:
    document = {"store": {"kind": "influxdb", "url": url, "bucket": "town", **store}, "grafana": grafana or {}}
    (folder / "caretaker.yaml").write_text(yaml.safe_dump(document))


def call(*words: str | Path) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words])


def test_install_says_what_it_changed_and_check_whether_all_is_so(house: House, config: Path) -> None:
    asked = ("--config", config, "--url", house.url, "--token", ADMIN)
    before = call("install", *asked, "--check")
    assert before.exit_code == 1
    assert "would be made" in before.stdout
    assert "caretaker grafana install, without --check" in before.stderr
    made = call("install", *asked)
    assert made.exit_code == 0, made.output
    assert "caretaker-influxdb: datasource is working" in made.stderr
    assert "credentials" not in made.stderr, "they are its own"
    left_out = [line for line in made.stdout.splitlines() if "caretaker-platform" in line]
    assert all("left out" in line and "there is none" in line for line in left_out)
    after = call("install", *asked, "--check")
    assert (after.exit_code, after.stderr) == (0, "All as wanted.\n")
    again = call("install", *asked, "--format", "json")
    assert (again.exit_code, "Nothing changed." in again.stderr) == (0, True)
    kinds = {(line["what"], line["kind"]) for line in json.loads(again.stdout)} - {("dashboard", "left out")}
    assert kinds == {("folder", "unchanged"), ("data source", "unchanged"), ("dashboard", "unchanged")}
    house.edit("caretaker-city", refresh="1m")
    edited = call("install", *asked, "--check")
    assert edited.exit_code == 1
    (line,) = [line for line in edited.stdout.splitlines() if "would be" in line]
    assert "refresh; somebody edited it in Grafana" in line
    assert "(version 2, by a service account)" in line
    assert "canary" not in "".join(one.output for one in (before, made, after, again, edited))


def test_the_stores_own_credentials_go_there_only_where_somebody_says_so(
    house: House, config: Path, influxdb: InfluxdbDouble
) -> None:
    write_settings(config, influxdb.url, {"languages": ["en"]}, token="store-canary")
    asked = ("install", "--config", config, "--url", house.url, "--token", ADMIN)
    assert call(*asked, "--check").exit_code == 1, "comparing gives nothing away"
    refused = call(*asked)
    assert refused.exit_code == 2
    assert "Grafana would query with the credentials with which we write" in refused.stderr
    assert "grafana.influxdb in caretaker.yaml" in refused.stderr
    assert house.double is not None
    assert not house.double.folders
    meant = call(*asked, "--with-writing-credentials")
    assert (meant.exit_code, "can delete readings" in meant.stderr) == (0, True)
    assert influxdb.calls[-1].headers["Authorization"] == "Token store-canary"
    assert "canary" not in refused.output + meant.output


def test_both_languages_or_one(house: House, config: Path, influxdb: InfluxdbDouble) -> None:
    asked = ("--config", config, "--url", house.url, "--token", ADMIN)
    assert call("install", *asked).exit_code == 0
    assert house.double is not None
    assert set(house.double.folders) == {"caretaker", "caretaker-zh"}
    write_settings(config, influxdb.url, {"languages": ["en"]})
    fewer = call("install", *asked)
    assert "no longer wanted; --prune removes it" in fewer.stdout
    assert "Where InfluxDB asks for none, whoever opens" in fewer.stderr, "it gets no credentials now"
    call("install", *asked, "--prune")
    assert [uid for uid in house.double.dashboards if uid.endswith("-zh")] == []


def test_a_registry_that_changed_is_noticed(house: House, config: Path) -> None:
    asked = ("--config", config, "--url", house.url, "--token", ADMIN)
    assert call("install", *asked).exit_code == 0
    sites = config / "sites.yaml"
    text = sites.read_text()
    assert "Central" in text
    sites.write_text(text.replace("Central", "Midtown"))
    assert call("install", *asked, "--check").exit_code == 1
    assert "updated" in call("install", *asked).stdout


def test_a_store_that_grafana_does_not_reach_is_said_and_leaves_with_1(house: House, config: Path) -> None:
    write_settings(config, "http://127.0.0.1:9", READER)
    result = call("install", "--config", config, "--url", house.url, "--token", ADMIN)
    assert result.exit_code == 1
    assert "Grafana does not reach caretaker-influxdb" in result.stderr
    assert "meant as Grafana sees them" in result.stderr


def test_the_token_from_a_file_or_the_settings(
    house: House, config: Path, influxdb: InfluxdbDouble, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "token"
    file.write_text(f"{ADMIN}\n")
    assert call("install", "--config", config, "--url", house.url, "--token-file", file).exit_code == 0
    write_settings(config, influxdb.url, {**READER, "url": house.url, "token_file": str(file)})
    assert call("install", "--config", config, "--check").exit_code == 0
    wrong = call("install", "--config", config, "--check", "--token", "glsa_canary")
    assert (wrong.exit_code, "401" in wrong.stderr, "canary" in wrong.output) == (1, True, False)
    monkeypatch.setenv("CARETAKER_GRAFANA__TOKEN", ADMIN)
    write_settings(config, influxdb.url, {**READER, "url": house.url})
    # The environment's section goes before the file's, field by field.
    assert call("install", "--config", config, "--check").exit_code == 0


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        ((), 2, "which Grafana?"),
        (("--url", "http://127.0.0.1:9"), 2, "who is asking"),
        (("--url", "nowhere", "--token", "canary"), 2, "an address such as"),
        (("--url", "http://grafana.example.org", "--token", "canary"), 2, "https in `url`"),
        (("--url", "https://canary:p@grafana.example.org", "--token", "t"), 2, "credentials in fields of their own"),
        (("--url", "http://127.0.0.1:9", "--token", "a", "--token-file", "b"), 2, "it takes one of `token` and"),
        (("--url", "http://127.0.0.1:9", "--token-file", "/nowhere"), 2, "can't be read"),
        (("--url", "http://127.0.0.1:9", "--token", "canary"), 3, "does not answer"),
        (("--url", "http://127.0.0.1:9", "--token", "canäry"), 1, "that is no token"),
        (("--url", "http://127.0.0.1:99999", "--token", "canary"), 2, "an address such as"),
    ],
)
def test_a_mistake_is_explained(config: Path, words: tuple[str, ...], code: int, said: str) -> None:
    result = call("install", "--config", config, *words)
    assert (result.exit_code, said in result.stderr) == (code, True), result.output
    assert "canary" not in result.output


def test_what_grafana_refuses_is_explained(house: House, config: Path, influxdb: InfluxdbDouble) -> None:
    asked = ("install", "--config", config, "--url", house.url)
    result = call(*asked, "--token", EDITOR)
    assert (result.exit_code, "403" in result.stderr, "the role Admin" in result.stderr) == (1, True, True)
    assert house.double is not None
    house.double.page = 302, "<a href='/login'>Found</a>"
    result = call(*asked, "--token", ADMIN)
    assert (result.exit_code, "is not Grafana's API" in result.stderr, "sub-path" in result.stderr) == (3, True, True)
    write_settings(config, influxdb.url, {"ca": str(config / "sites.yaml")})
    result = call(*asked, "--token", ADMIN)
    assert (result.exit_code, "no file with certificates" in result.stderr) == (3, True)


def test_over_tls_only_where_the_authority_is_known(config: Path, influxdb: InfluxdbDouble, tmp_path: Path) -> None:
    certificate, key = make_certificate(tmp_path, "grafana", "127.0.0.1")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    double = GrafanaStandIn(context)
    try:
        asked = ("install", "--config", config, "--url", double.url, "--token", ADMIN)
        refused = call(*asked)
        assert (refused.exit_code, "a certificate that is not trusted" in refused.stderr) == (3, True)
        assert "grafana: {ca: FILE}" in refused.stderr
        assert not double.folders
        write_settings(config, influxdb.url, {"ca": str(certificate)})
        assert call(*asked).exit_code == 0
    finally:
        double.close()


def test_a_grafana_that_is_too_old_is_said(house: House, config: Path) -> None:
    assert house.double is not None
    house.double.version = "8.5.27"
    result = call("install", "--config", config, "--url", house.url, "--token", ADMIN)
    assert "This Grafana is 8.5.27: the dashboards are made for 9.3 and newer." in result.stderr


def test_sqlite_is_explained(house: House, config: Path) -> None:
    (config / "caretaker.yaml").unlink()
    result = call("install", "--config", config, "--url", house.url, "--token", ADMIN)
    assert (result.exit_code, "SQLite, which Grafana can't read" in result.stderr) == (2, True)


def test_render_writes_files_without_secrets(config: Path, influxdb: InfluxdbDouble, tmp_path: Path) -> None:
    to = tmp_path / "grafana"
    write_settings(config, influxdb.url, {"languages": ["en"]}, token_file=str(config / "sites.yaml"))
    refused = call("render", "--config", config, "--to", to)
    assert (refused.exit_code, to.exists()) == (2, False), "the store's token can write"
    assert call("render", "--config", config, "--to", tmp_path / "meant", "--with-writing-credentials").exit_code == 0
    write_settings(config, influxdb.url, token="store-canary")
    refused = call("render", "--config", config, "--to", to, "--with-writing-credentials")
    assert (refused.exit_code, to.exists()) == (2, False), "it stands in the settings"
    prometheus = {"url": "http://prometheus:9090", "insecure": True}
    asked: dict[str, object] = {"influxdb": {"token_file": "/run/secrets/reader"}, "prometheus": prometheus}
    write_settings(config, influxdb.url, asked, token="store-canary")
    result = call("render", "--config", config, "--to", to, "--as", "/etc/grafana/caretaker")
    assert result.exit_code == 0, result.output
    written = {path.relative_to(to).as_posix(): path.read_text() for path in to.rglob("*") if path.is_file()}
    assert "canary" not in "".join(written.values()) + result.output
    assert "Token $__file{/run/secrets/reader}" in written["provisioning/datasources/caretaker.yaml"]
    assert "/etc/grafana/caretaker/dashboards/zh-Hant" in written["provisioning/dashboards/caretaker.yaml"]
    assert "dashboards/en/caretaker-city.json" in written
    again = call("render", "--config", config, "--to", to, "--as", "/etc/grafana/caretaker", "--format", "csv")
    assert (again.exit_code, "Nothing changed." in again.stderr) == (0, True)
    assert ",made," not in again.stdout
    call("render", "--config", config, "--to", to)
    assert str(to / "dashboards" / "en") in (to / "provisioning/dashboards/caretaker.yaml").read_text()


def test_more_devices_than_can_be_named_are_said(
    config: Path, influxdb: InfluxdbDouble, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("caretaker.commands.grafana.MOST_NAMED", 10)
    write_settings(config, influxdb.url, {"influxdb": {"token_file": "/run/t"}})
    assert "more than 10 devices" in call("render", "--config", config, "--to", tmp_path / "to").stderr


def test_check_reads_the_section_and_services_pass_it_over(config: Path, influxdb: InfluxdbDouble) -> None:
    write_settings(config, influxdb.url, {"url": "http://grafana.example.org"})
    load_ingestor_settings(config, config)
    result = CliRunner().invoke(main, ["check", str(config)])
    assert result.exit_code == 1
    assert "caretaker.yaml:1: grafana" in result.stdout
    assert "expected https in `url`" in result.stdout
    write_settings(config, influxdb.url, {"url": "https://grafana.example.org"})
    assert CliRunner().invoke(main, ["check", str(config)]).exit_code == 0
