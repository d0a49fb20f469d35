"""What is told to Grafana about the store, from what a person writes about it; and what of that is a secret."""

import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from grafana.settings import GrafanaSettings, Settings, load_settings
from grafana.sources import (
    INFLUXDB_UID,
    PROMETHEUS_UID,
    SourceError,
    Whose,
    grafana_token,
    referred,
    sources,
    spoken,
    whose_credentials,
)
from grafana.words import LANGUAGES
from telemetry.document import DocumentError

SECURE = "https://influx.example.org:8086"
STORE = {"kind": "influxdb", "url": SECURE, "bucket": "town", "org": "o", "token": "store-canary"}


def settings_of(store: dict[str, Any] | None = None, **grafana: Any) -> Settings:
    return Settings.model_validate({"store": store or STORE, "grafana": grafana})


def test_by_default_it_is_the_stores_own() -> None:
    (source,) = sources(settings_of(), spoken)
    assert source.uid == INFLUXDB_UID
    assert source.document == {
        "name": "Caretaker InfluxDB",
        "type": "influxdb",
        "access": "proxy",
        "url": SECURE,
        "user": "",
        "database": "town",
        "basicAuth": False,
        "jsonData": {
            "version": "InfluxQL",
            "dbName": "town",
            "httpMode": "POST",
            "maxSeries": 10_000,
            "httpHeaderName1": "Authorization",
        },
    }
    assert source.secrets == {"httpHeaderValue1": "Token store-canary"}


@pytest.mark.parametrize(
    ("store", "asked", "whose"),
    [
        (STORE, {}, Whose.THE_STORES),
        (STORE, {"url": SECURE, "bucket": "other"}, Whose.THE_STORES),
        ({"kind": "influxdb", "url": SECURE, "username": "u", "password": "p"}, {}, Whose.THE_STORES),
        (STORE, {"token": "t"}, Whose.ITS_OWN),
        (STORE, {"username": "r", "password_file": "/run/r"}, Whose.ITS_OWN),
        ({"kind": "influxdb", "url": SECURE}, {}, Whose.NOBODYS),
        ({"kind": "sqlite"}, {"url": SECURE, "bucket": "b"}, Whose.NOBODYS),
    ],
)
def test_whose_credentials_grafana_gets(store: dict[str, Any], asked: dict[str, Any], whose: Whose) -> None:
    assert whose_credentials(settings_of(store, influxdb=asked)) is whose


def test_what_grafana_needs_otherwise_goes_before_it(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("reads-only\n")
    (tmp_path / "ca.pem").write_text("-----BEGIN\n")
    asked = {"url": "https://influxdb:8086", "token_file": tmp_path / "token", "ca": tmp_path / "ca.pem"}
    (source,) = sources(settings_of(influxdb=asked), spoken)
    assert (source.document["url"], source.document["database"]) == ("https://influxdb:8086", "town")
    assert source.document["jsonData"]["tlsAuthWithCACert"] is True
    assert source.secrets == {"httpHeaderValue1": "Token reads-only", "tlsCACert": "-----BEGIN"}
    store = {**STORE, "ca": tmp_path / "ca.pem"}
    (other,) = sources(settings_of(store, influxdb={**asked, "ca": None}), spoken)
    assert "tlsCACert" not in other.secrets, "the store's authority is for the store's address"
    (same,) = sources(settings_of(store, influxdb={"token": "t"}), spoken)
    assert "tlsCACert" in same.secrets


def test_the_files_of_provisioning_name_files_and_hold_no_secret() -> None:
    asked = {"token_file": "/run/secrets/influxdb-grafana.token", "ca": "/run/secrets/ca.pem"}
    (source,) = sources(settings_of(influxdb=asked), referred)
    assert source.secrets == {
        "httpHeaderValue1": "Token $__file{/run/secrets/influxdb-grafana.token}",
        "tlsCACert": "$__file{/run/secrets/ca.pem}",
    }
    with pytest.raises(SourceError, match=r"store\.token stands in the settings as itself") as caught:
        sources(settings_of(), referred)
    assert "canary" not in str(caught.value)
    with pytest.raises(SourceError, match="a } in its name"):
        sources(settings_of(influxdb={"token_file": "/run/a}b"}), referred)


def test_1x_has_a_user_and_a_password() -> None:
    store = {"kind": "influxdb", "url": SECURE, "bucket": "town/autogen", "username": "u", "password": "p"}
    (source,) = sources(settings_of(store), spoken)
    assert (source.document["user"], source.document["database"]) == ("u", "town")
    assert source.document["jsonData"]["dbName"] == "town"
    assert source.secrets == {"password": "p"}
    (reader,) = sources(settings_of(store, influxdb={"username": "r", "password_file": "/run/r"}), referred)
    assert (reader.document["user"], reader.secrets) == ("r", {"password": "$__file{/run/r}"})
    (token,) = sources(settings_of(store, influxdb={"token": "t"}), spoken)
    assert (token.document["user"], token.secrets) == ("", {"httpHeaderValue1": "Token t"})
    (nobody,) = sources(settings_of({"kind": "influxdb", "url": "http://127.0.0.1:8086"}), spoken)
    assert (nobody.document["user"], nobody.secrets) == ("", {})


def test_sqlite_is_not_readable_but_influxdb_elsewhere_may_be_named() -> None:
    with pytest.raises(SourceError, match="SQLite"):
        sources(settings_of({"kind": "sqlite"}), spoken)
    asked = {"url": SECURE, "bucket": "b", "token": "t"}
    (source,) = sources(settings_of({"kind": "sqlite"}, influxdb=asked), spoken)
    assert (source.document["url"], source.document["database"]) == (SECURE, "b")


def test_prometheus_where_there_is_one() -> None:
    asked = {"url": "https://prometheus.example.org:9090", "ca": "/run/ca.pem"}
    influxdb = {"token_file": "/run/t"}
    _, source = sources(settings_of(prometheus=asked, influxdb=influxdb), referred)
    assert (source.uid, source.document["type"], source.document["url"]) == (PROMETHEUS_UID, "prometheus", asked["url"])
    assert source.secrets == {"tlsCACert": "$__file{/run/ca.pem}"}


def test_our_own_token_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "grafana.token"
    file.write_text("glsa_x\n")
    assert grafana_token(GrafanaSettings(token_file=file)) == "glsa_x"
    assert grafana_token(GrafanaSettings()) is None
    file.write_text("\n")
    with pytest.raises(SourceError, match=r"grafana\.token is empty"):
        grafana_token(GrafanaSettings(token_file=file))
    file.unlink()
    with pytest.raises(SourceError, match="No such file"):
        grafana_token(GrafanaSettings(token_file=file))


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"url": "http://grafana.example.org"}, "https in `url`"),
        ({"url": "grafana.example.org"}, "an address such as"),
        ({"url": "https://[::1"}, "an address such as"),
        ({"url": "https://grafana.example.org:99999"}, "an address such as"),
        ({"url": "https://u:canary@grafana.example.org"}, "credentials in fields of their own"),
        ({"token": "canary", "token_file": "/run/t"}, "not both"),
        ({"prometheus": {}}, "Field required"),
        ({"prometheus": {"url": "http://prometheus:9090"}}, "https in `url`"),
        ({"influxdb": {"url": "http://influxdb:8086"}}, "https in `url`"),
        ({"influxdb": {"token": "canary", "token_file": "/run/t"}}, "one of `token` and `token_file`"),
        ({"influxdb": {"username": "u"}}, "`username` together with"),
        ({"influxdb": {"password": "canary"}}, "`username` together with"),
        ({"influxdb": {"username": "u", "token": "canary"}}, "`username` together with"),
        ({"influxdb": {"bucket": ""}}, "at least 1 character"),
        ({"board_url": "nowhere"}, "valid URL"),
        ({"languages": []}, "at least 1 item"),
        ({"languages": ["fr"]}, "'en' or 'zh-Hant'"),
        ({"colour": "red"}, "Extra inputs"),
    ],
)
def test_what_is_refused(tmp_path: Path, fields: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words) as caught:
        GrafanaSettings.model_validate(fields)
    assert "canary" not in str(caught.value)
    (tmp_path / "caretaker.yaml").write_text(json.dumps({"grafana": fields}))
    with pytest.raises(DocumentError) as shown:
        load_settings(tmp_path)
    assert "canary" not in str(shown.value)


@pytest.mark.parametrize(
    "fields",
    [
        {"url": "http://127.0.0.1:3000/sub"},
        {"url": "http://grafana:3000", "insecure": True},
        {"prometheus": {"url": "http://prometheus:9090", "insecure": True}},
    ],
)
def test_what_may_be_written(fields: dict[str, Any]) -> None:
    GrafanaSettings.model_validate(fields)


def test_where_the_board_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "caretaker.yaml"
    assert load_settings(tmp_path).board_url == "http://127.0.0.1:8088"
    file.write_text("alerts: {public_url: 'https://toilets.example.org', keep_days: 4}\n")
    assert load_settings(tmp_path).board_url == "https://toilets.example.org"
    file.write_text("grafana: {board_url: 'https://board.example.org/'}\n")
    assert load_settings(tmp_path).board_url == "https://board.example.org"
    monkeypatch.setenv("CARETAKER_GRAFANA__TOKEN", "from-the-environment")
    assert grafana_token(load_settings(tmp_path).grafana) == "from-the-environment"


def test_every_language_of_the_dashboards_is_there() -> None:
    assert GrafanaSettings().languages == LANGUAGES
    assert GrafanaSettings(languages=("en", "en")).languages == ("en",)
