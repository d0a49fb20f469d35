"""Secrets never reach the log."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from telemetry.service import log as service_log
from telemetry.service.log import redact

CANARY = "s3cret-canary"


@pytest.mark.parametrize(
    "text",
    [
        f"http://user:{CANARY}@influx.example:8086/write",
        f"mqtts://{CANARY}:x@broker",
        f"Authorization: Token {CANARY}",
        f"'Authorization': 'Bearer {CANARY}'",
        f"Basic {CANARY}==",
    ],
)
def test_a_secret_in_a_text_is_removed(text: str) -> None:
    assert CANARY not in redact(text)
    assert "[removed]" in redact(text)


def test_ordinary_text_stays() -> None:
    text = "broker 127.0.0.1:1883: connection lost at 08:00:00 (token bucket empty)"
    assert redact(text) == text


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_log_that_cannot_be_written_stops_nobody(unbuffered: str) -> None:
    program = (
        "import logging, structlog; from telemetry.service.log import configure; configure();"
        "structlog.get_logger().error('the journal is full'); logging.getLogger('x').error('so it is'); print('alive')"
    )
    with Path("/dev/full").open("w") as full:
        environment = os.environ | {"PYTHONUNBUFFERED": unbuffered}
        answer = subprocess.run(
            [sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=full, env=environment, check=True
        )
    assert answer.stdout == b"alive\n"


def test_a_secret_in_a_field_is_removed(capsys: pytest.CaptureFixture[str]) -> None:
    import structlog  # noqa: PLC0415 - configured here, and put back

    service_log.configure()
    try:
        structlog.get_logger("test").warning(
            "connecting", password=CANARY, api_key=CANARY, reason=OSError(f"http://u:{CANARY}@h refused"), host="h"
        )
    finally:
        structlog.reset_defaults()
    said = capsys.readouterr().err
    assert CANARY not in said
    event = json.loads(said)
    assert event["host"] == "h"
    assert event["event"] == "connecting"
