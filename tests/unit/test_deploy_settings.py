"""Secrets as files: what settings take them, what is refused, and that each user of a secret gets it from there."""

import base64
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from pydantic import BaseModel, ValidationError
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.testclient import TestClient

from api.settings import IngestorPort
from telemetry.document import DocumentError, read
from telemetry.secret import secret_of
from telemetry.service.http import HttpSettings, application, guarded
from telemetry.stores.influxdb.client import InfluxHttp
from telemetry.stores.settings import InfluxSettings
from tests.integration.influxdb_double import InfluxdbDouble

SECURE = "https://influx.example.org:8086"
CANARY = "canary-5f1c"
Make = Callable[[dict[str, object]], BaseModel]


def http(fields: dict[str, object]) -> HttpSettings:
    return HttpSettings.model_validate({"host": "0.0.0.0", **fields})


def by_token(fields: dict[str, object]) -> InfluxSettings:
    return InfluxSettings.model_validate({"kind": "influxdb", "url": SECURE, **fields})


def by_password(fields: dict[str, object]) -> InfluxSettings:
    return InfluxSettings.model_validate({"kind": "influxdb", "url": SECURE, "username": "u", **fields})


HOLDERS = [
    pytest.param(http, "token", id="port"),
    pytest.param(IngestorPort.model_validate, "token", id="the-api-asks-the-ingestor"),
    pytest.param(by_token, "token", id="influxdb-2"),
    pytest.param(by_password, "password", id="influxdb-1"),
]


@pytest.mark.parametrize(("make", "name"), HOLDERS)
@pytest.mark.parametrize("text", [CANARY, f"{CANARY}\n", f"{CANARY}\r\n"])
def test_a_secret_may_stand_in_a_file(make: Make, name: str, text: str, tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text(text, newline="")
    made = make({f"{name}_file": file})
    assert isinstance(made, HttpSettings | IngestorPort | InfluxSettings)
    assert made.secret() == CANARY
    assert CANARY not in repr(made)


@pytest.mark.parametrize(("make", "name"), HOLDERS)
@pytest.mark.parametrize("text", ["", "\n"])
def test_an_empty_secret_would_let_everybody_in(make: Make, name: str, text: str, tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text(text)
    with pytest.raises(ValidationError, match="it is empty"):
        make({f"{name}_file": file})
    with pytest.raises(ValidationError, match="it is empty"):
        make({name: ""})


@pytest.mark.parametrize(("make", "name"), HOLDERS)
def test_one_place_or_the_other(make: Make, name: str, tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text("canary-2")
    with pytest.raises(ValidationError, match="not both") as caught:
        make({name: CANARY, f"{name}_file": file})
    assert "canary" not in str(caught.value)


@pytest.mark.parametrize(("make", "name"), HOLDERS)
def test_a_file_that_is_missing_or_holds_no_text_is_named(make: Make, name: str, tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match=f"{name}_file"):
        make({f"{name}_file": tmp_path / "nowhere"})
    (tmp_path / "bytes").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ValidationError, match="holds text"):
        make({f"{name}_file": tmp_path / "bytes"})


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_is_a_sentence(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text(CANARY)
    file.chmod(0)
    with pytest.raises(ValidationError, match="this user may read"):
        http({"token_file": file})


def test_a_file_in_place_of_the_token_opens_no_port_without_one() -> None:
    with pytest.raises(ValidationError, match="`token` or `token_file`"):
        http({})


def test_a_user_and_a_token_file_do_not_go_together(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text(CANARY)
    with pytest.raises(ValidationError, match="not both"):
        by_password({"password": "p", "token_file": file})
    with pytest.raises(ValidationError, match="together"):
        by_token({"password_file": file})


def test_errors_of_a_file_show_no_secret(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text(CANARY)
    (tmp_path / "settings.yaml").write_text(f"token: {CANARY}\ntoken_file: {tmp_path / 'secret'}\nhost: 0.0.0.0\n")
    with pytest.raises(DocumentError) as shown:
        read(tmp_path / "settings.yaml", HttpSettings)
    assert CANARY not in str(shown.value)


def test_none_is_none() -> None:
    assert secret_of(None, None) is None


def test_the_port_asks_for_the_token_in_the_file(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text(f"{CANARY}\n")
    settings = http({"token_file": tmp_path / "secret"})

    async def shown(_: Request) -> Response:
        return Response("shown")

    client = TestClient(application([Route("/metrics", guarded(shown, settings))], settings))
    assert client.get("/metrics").status_code == 401
    assert client.get("/metrics", headers={"Authorization": "Bearer "}).status_code == 401
    assert client.get("/metrics", headers={"Authorization": f"Bearer {CANARY}"}).text == "shown"


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"token_file": "secret"}, f"Token {CANARY}"),
        ({"username": "u", "password_file": "secret"}, "Basic " + base64.b64encode(f"u:{CANARY}".encode()).decode()),
        ({"token": CANARY}, f"Token {CANARY}"),
        ({}, None),
    ],
)
def test_influxdb_is_sent_what_stands_in_the_file(
    fields: dict[str, str], expected: str | None, influxdb_double: InfluxdbDouble, tmp_path: Path
) -> None:
    (tmp_path / "secret").write_text(CANARY)
    found = {key: str(tmp_path / text) if key.endswith("_file") else text for key, text in fields.items()}
    client = InfluxHttp(InfluxSettings.model_validate({"kind": "influxdb", "url": influxdb_double.url, **found}))
    client.call("GET", "/anything", {})
    client.close()
    (call,) = influxdb_double.calls
    assert call.headers.get("Authorization") == expected
