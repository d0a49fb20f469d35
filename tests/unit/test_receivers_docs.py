"""What the documentation says of receivers is so: its Python verifies our signatures, its JSON is what we send."""

import base64
import json
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from alerts.message.link import key_of
from alerts.message.payload import Body, Data, Fact
from alerts.receivers.apprise import FORBIDDEN_OPTIONS, SERVICES
from alerts.receivers.guard import Forbidden
from alerts.receivers.webhook import signature
from alerts.settings import load_settings

TEXT = (Path(__file__).parents[2] / "docs" / "receivers.md").read_text(encoding="utf-8")
KEY = b"a key of thirty-two bytes length"
SECRET = f"whsec_{base64.b64encode(KEY).decode()}"


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", TEXT, re.DOTALL)


@pytest.fixture(scope="module")
def verified() -> Callable[[str, dict[str, str], bytes], bool]:
    names: dict[str, Any] = {}
    (code,) = blocks("python")
    exec(code, names)  # noqa: S102 - the page's own code is what is tested
    function: Callable[[str, dict[str, str], bytes], bool] = names["verified"]
    return function


def test_the_ten_lines_verify_our_signature(verified: Callable[[str, dict[str, str], bytes], bool]) -> None:
    def headers(now_s: int) -> dict[str, str]:
        signed = signature(KEY, "msg_1", now_s, b"{}")
        return {"webhook-id": "msg_1", "webhook-timestamp": str(now_s), "webhook-signature": signed}

    now_s = int(time.time())
    assert verified(SECRET, headers(now_s), b"{}")
    assert not verified(SECRET, headers(now_s), b"{ }")
    assert not verified(SECRET, headers(now_s) | {"webhook-id": "msg_2"}, b"{}")
    assert not verified(SECRET, headers(now_s - 301), b"{}")
    assert len(blocks("python")[0].strip().splitlines()) <= 10


def test_the_body_is_what_is_sent() -> None:
    body = json.loads(blocks("json")[0])
    msgspec.convert(body, Body)
    assert list(body) == list(Body.__struct_fields__)
    assert list(body["data"]) == list(Data.__struct_fields__)
    assert list(body["data"]["alerts"][0]) == list(Fact.__struct_fields__)


def test_the_settings_are_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    password = tmp_path / "smtp-password"
    password.write_text("x")
    pages = [block for block in blocks("yaml") if block.startswith("alerts:")]
    assert len(pages) == 3
    for page in pages:
        (tmp_path / "caretaker.yaml").write_text(page.replace("/etc/caretaker/smtp-password", str(password)))
        load_settings(tmp_path, tmp_path)
    (name, value) = re.findall(r"`(CARETAKER_\w+)='(.*?)'`", TEXT)[0]
    monkeypatch.setenv(name, value.replace("whsec_…", SECRET))
    secret = load_settings(tmp_path, tmp_path).alerts.webhook.secret
    assert secret is not None
    assert key_of(secret.get_secret_value()) == KEY


@pytest.mark.parametrize("word", [*Forbidden, *sorted(FORBIDDEN_OPTIONS)])
def test_every_reason_and_option_is_on_the_page(word: str) -> None:
    assert f"`{word}`" in TEXT


def test_services_by_apprises_names_for_them() -> None:
    """A service that joins the list is named on the page: there are about as many names as schemas."""
    (names,) = re.findall(r"appriseit\.com/services/\): (.*?)\.\n\n", TEXT, re.DOTALL)
    aliases = {"elks", "nexmo", "spush", "victorops", "wxteams", "azure"}
    assert len(re.split(r"[,;]\s+", names)) == len(SERVICES - aliases) + 1, "and Microsoft Teams"
