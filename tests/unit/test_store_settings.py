"""What a person may write about the store, and what is refused with a reason."""

import json
from pathlib import Path

import pytest
from pydantic import TypeAdapter, ValidationError

from telemetry.document import DocumentError, read
from telemetry.loopback import is_loopback
from telemetry.stores.settings import InfluxSettings, SqliteSettings, StoreSettings

ADAPTER: TypeAdapter[SqliteSettings | InfluxSettings] = TypeAdapter(StoreSettings)
SECURE = "https://influx.example.org:8086"


def test_the_kind_decides() -> None:
    assert ADAPTER.validate_python({"kind": "sqlite", "path": "a.db"}) == SqliteSettings(path=Path("a.db"))
    found = ADAPTER.validate_python({"kind": "influxdb", "url": SECURE + "/", "token": "t", "org": "o"})
    assert isinstance(found, InfluxSettings)
    assert found.url == SECURE


@pytest.mark.parametrize(
    "fields",
    [
        {"url": SECURE},
        {"url": "http://127.0.0.1:8086"},
        {"url": "http://localhost:8086"},
        {"url": "http://[::1]:8086"},
        {"url": "http://influx.example.org:8086", "insecure": True},
        {"url": SECURE, "username": "u", "password": "p"},
    ],
)
def test_what_may_be_written(fields: dict[str, object]) -> None:
    ADAPTER.validate_python({"kind": "influxdb", **fields})


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"url": "http://influx.example.org:8086"}, "https in `url`"),
        ({"url": "http://10.0.0.7:8086", "token": "t"}, "https in `url`"),
        ({"url": "http://localhost.example.org"}, "https in `url`"),
        ({"url": "influx.example.org:8086"}, "an address such as"),
        ({"url": "ftp://influx.example.org"}, "an address such as"),
        ({"url": "https://"}, "an address such as"),
        ({"url": "https://u:p@influx.example.org"}, "credentials in `token`"),
        ({"url": SECURE + "/?u=me"}, "an address such as"),
        ({"url": SECURE, "token": "t", "username": "u", "password": "p"}, "not both"),
        ({"url": SECURE, "username": "u"}, "together"),
        ({"url": SECURE, "password": "p"}, "together"),
        ({"url": SECURE, "timeout_s": 0}, "greater than 0"),
        ({"url": SECURE, "bucket": ""}, "the name of a bucket"),
        ({"url": SECURE, "bucket": "/autogen"}, "the name of a bucket"),
        ({"url": SECURE, "colour": "red"}, "Extra inputs"),
    ],
)
def test_what_is_refused(fields: dict[str, object], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        ADAPTER.validate_python({"kind": "influxdb", **fields})


def test_an_error_shows_no_secret(tmp_path: Path) -> None:
    for wrong in (
        {"url": SECURE, "token": "canary-1", "username": "u", "password": "canary-2"},
        {"url": "https://u:canary-3@influx.example.org"},
        {"url": "ftp://u:canary-4@influx.example.org"},
        {"url": SECURE, "tokn": "canary-5"},
    ):
        with pytest.raises(ValidationError) as caught:
            InfluxSettings.model_validate({"kind": "influxdb", **wrong})
        assert "canary" not in str(caught.value)
        (tmp_path / "settings.yaml").write_text(json.dumps({"kind": "influxdb", **wrong}))
        with pytest.raises(DocumentError) as shown:
            read(tmp_path / "settings.yaml", InfluxSettings)
        assert "canary" not in str(shown.value)


@pytest.mark.parametrize("days", [0, -1])
def test_retention_is_positive(days: int) -> None:
    with pytest.raises(ValidationError, match="greater than 0"):
        SqliteSettings(retention_days=days)


def test_loopback_is_this_machine_only() -> None:
    assert is_loopback("127.8.9.1")
    assert not is_loopback("0.0.0.0")
    assert not is_loopback("192.168.1.1")
