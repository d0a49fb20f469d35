"""A real InfluxDB 2.x for tests: set up with an organisation, a bucket and an operator's token.

The program is called `influxd2` here, for 1.x has the name `influxd`. An address in the environment
(`CARETAKER_TEST_INFLUXDB2_URL`, with `CARETAKER_TEST_INFLUXDB2_TOKEN` and the organisation `caretaker`) goes first.
"""

import json
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from telemetry.stores.settings import InfluxSettings
from tests.components import Program, free_port, influxdb_answers

INFLUXDB2_URL = "CARETAKER_TEST_INFLUXDB2_URL"
INFLUXDB2_TOKEN = "CARETAKER_TEST_INFLUXDB2_TOKEN"
ORG = "caretaker"
BUCKET = "caretaker"
TOKEN = "an-operators-token-of-tests"


class Influxd2(Program):
    """InfluxDB 2.x on the loopback, on a port of its own; `set_up` makes it usable."""

    def __init__(self, folder: Path) -> None:
        super().__init__("influxd2", folder)
        self.port = free_port()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def arguments(self) -> list[str]:
        return [
            f"--http-bind-address=127.0.0.1:{self.port}",
            f"--bolt-path={self.folder}/influxd.bolt",
            f"--engine-path={self.folder}/engine",
            f"--sqlite-path={self.folder}/influxd.sqlite",
            "--reporting-disabled",
            "--log-level=error",
        ]

    def answers(self) -> bool:
        return influxdb_answers(self.url)

    def set_up(self) -> None:
        """Make the first user, the organisation, a bucket and the operator's token; once."""
        first = {"username": "operator", "password": "of-tests-only", "org": ORG, "bucket": BUCKET, "token": TOKEN}
        ask(self.url, "POST", "/api/v2/setup", first)


def ask(url: str, method: str, path: str, body: dict[str, Any] | None = None, token: str = TOKEN) -> Any:
    """One request to its own calls, and the document that comes back; None where there is none."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(  # noqa: S310  # http on the loopback
        f"{url}{path}", data, {"Authorization": f"Token {token}", "Content-Type": "application/json"}, method=method
    )
    with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310  # as above
        text = answer.read()
    return json.loads(text) if text else None


def settings_of(url: str, bucket: str, token: str = TOKEN) -> InfluxSettings:
    """Settings for one bucket of it."""
    return InfluxSettings.model_validate(
        {"kind": "influxdb", "url": url, "bucket": bucket, "org": ORG, "token": token, "timeout_s": 10}
    )


def drop_bucket(settings: InfluxSettings) -> None:
    """Remove what a test has written."""
    assert settings.token is not None
    token = settings.token.get_secret_value()
    found = ask(settings.url, "GET", f"/api/v2/buckets?org={ORG}&limit=100", token=token)
    for bucket in found["buckets"]:
        if bucket["name"] == settings.bucket:
            ask(settings.url, "DELETE", f"/api/v2/buckets/{bucket['id']}", token=token)
