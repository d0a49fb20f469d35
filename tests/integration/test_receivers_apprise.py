"""Apprise: the services that it may reach, and what becomes of an attempt. Services are played by a local server."""

import logging
from collections.abc import Iterator
from typing import Any

import apprise
import pytest
from apprise.manager_plugins import NotificationManager
from apprise.plugins.telegram import NotifyTelegram
from msgspec.structs import replace

from alerts.alert import Severity
from alerts.notice import Cause, Channel, Delivery, Message, Verdict
from alerts.receivers.apprise import HOSTED, SERVICES, AppriseReceiver, problem_of
from tests.integration.http_receiver import Answers, HttpReceiver, Posted

# Apprise imports it when it loads its plugins.
pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")

TOKEN = "AAF-canary_5d10_t0ken-of-35-characters"
ADDRESS = f"tgram://123456789:{TOKEN}/-100200300/"
DELIVERY = Delivery(
    id="msg_2kj4h5g6f7d8s9a0q1w2e3r4t5",
    person="duty-manager",
    place=0,
    channel=Channel.APPRISE,
    cause=Cause.NEW,
    created_ns=0,
    alerts=("0a1b2c3d4e",),
    message=Message("Critical: Odour", "Ammonia: 3.4 ppm <b>", Severity.CRITICAL, b"{}"),
)
D, L, R = Verdict.DELIVERED, Verdict.LATER, Verdict.REFUSED


@pytest.fixture
def telegram(monkeypatch: pytest.MonkeyPatch) -> Iterator[HttpReceiver]:
    """Telegram, on the loopback."""
    with HttpReceiver(lambda _, answer: answer.status(200, b'{"ok":true,"result":{}}')) as server:
        monkeypatch.setattr(NotifyTelegram, "notify_url", server.url("/bot"))
        monkeypatch.setattr(NotifyTelegram, "request_rate_per_sec", 0)
        yield server


@pytest.fixture
def receiver() -> Iterator[AppriseReceiver]:
    made = AppriseReceiver(timeout_s=20)
    yield made
    made.close()


async def test_a_message_arrives(telegram: HttpReceiver, receiver: AppriseReceiver) -> None:
    attempt = await receiver.send(DELIVERY, ADDRESS)
    assert attempt.verdict is D, attempt.detail
    (posted,) = telegram.posted
    assert posted.path == f"/bot123456789:{TOKEN}/sendMessage"
    assert "3.4 ppm &lt;b&gt;" in posted.body.decode(), "text is text, not markup"


@pytest.mark.parametrize(
    ("status", "verdict"),
    [(400, R), (401, R), (403, R), (404, R), (410, R), (422, R), (429, L), (500, L), (502, L), (503, L)],
)
async def test_what_a_refusal_means(
    telegram: HttpReceiver, receiver: AppriseReceiver, status: int, verdict: Verdict
) -> None:
    body = f'{{"ok":false,"description":"Unauthorized {TOKEN}"}}'.encode()
    telegram.behave = lambda _, answer: answer.status(status, body)
    attempt = await receiver.send(DELIVERY, ADDRESS)
    assert attempt.verdict is verdict
    assert attempt.detail
    assert TOKEN not in attempt.detail


async def test_who_does_not_answer_is_asked_later(telegram: HttpReceiver) -> None:
    telegram.behave = lambda _, answer: answer.silence()
    impatient = AppriseReceiver(timeout_s=0.2)
    attempt = await impatient.send(DELIVERY, ADDRESS)
    impatient.close()
    assert (attempt.verdict, attempt.detail) == (L, "no answer in time")
    telegram.behave = lambda _, answer: answer.reset()
    patient = AppriseReceiver()
    assert (await patient.send(DELIVERY, ADDRESS)).verdict is L
    patient.close()


class Everything(logging.Handler):
    """All that libraries log, whatever the level."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record))


@pytest.fixture
def logged() -> Iterator[list[str]]:
    """By the root's handlers, as in a service; pytest's own look into loggers that keep their lines to themselves."""
    handler, root = Everything(), logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    yield handler.lines
    root.setLevel(level)
    root.removeHandler(handler)


async def test_secrets_of_an_address_are_nowhere(
    telegram: HttpReceiver, receiver: AppriseReceiver, logged: list[str], capfd: pytest.CaptureFixture[str]
) -> None:
    def echo(posted: Posted, answer: Answers) -> None:
        answer.status(500, f'{{"ok":false,"description":"no {posted.path}"}}'.encode())

    telegram.behave = echo
    details = [(await receiver.send(DELIVERY, ADDRESS)).detail]
    assert "Failed to send Telegram notification" in details[0]
    for schema in ("tgram://", "json://", "nothing://", "workflows://x."):
        attempt = await receiver.send(DELIVERY, f"{schema}{TOKEN}")
        assert attempt.verdict is R
        details.append(attempt.detail)
    told = "\n".join([*details, *logged, *capfd.readouterr()])
    assert TOKEN not in told
    assert "123456789" not in told


@pytest.mark.parametrize("cause", [Cause.NEW, Cause.RESOLVED, Cause.DIGEST])
@pytest.mark.parametrize("severity", [None, *Severity])
async def test_every_severity_can_be_sent(
    telegram: HttpReceiver, receiver: AppriseReceiver, cause: Cause, severity: Severity | None
) -> None:
    delivery = replace(DELIVERY, cause=cause, message=replace(DELIVERY.message, severity=severity))
    assert (await receiver.send(delivery, ADDRESS)).verdict is D
    assert len(telegram.posted) == 1


@pytest.mark.parametrize(
    "address",
    [
        "json://127.0.0.1/",
        "jsons://hooks.example.org/",
        "xml://127.0.0.1/",
        "form://127.0.0.1/",
        "mailto://user:pass@127.0.0.1",
        "mailtos://user:pass@example.org",
        "ntfy://127.0.0.1/topic",
        "matrix://127.0.0.1/",
        "gotify://127.0.0.1/token",
        "apprise://127.0.0.1/token",
        "mqtt://127.0.0.1/topic",
        "rsyslog://127.0.0.1",
        "syslog://",
        "dbus://",
        "gnome://",
        "windows://",
        "macosx://",
        "file:///etc/passwd",
        "slack://a/b/c?template=/etc/passwd",
        "tgram://123:abc/1?TEMPLATE=file:///etc/passwd",
        "tgram://123:abc/1?verify=no",
        "tgram://123:abc/1?optional=yes",
        "tgram://123:abc/1?retry=5",
        "http://127.0.0.1/",
        "tgram:123:abc",
        "",
    ],
)
def test_what_is_not_handed_to_apprise(address: str) -> None:
    assert problem_of(address)


@pytest.mark.parametrize(
    ("host", "fits"),
    [
        ("prod-01.eastasia.logic.azure.com:443", True),
        ("abc.09.environment.api.powerplatform.com", True),
        ("logic.azure.com.evil.example", False),
        ("evil-logic.azure.com", False),
        ("127.0.0.1", False),
    ],
)
async def test_a_service_with_its_host_in_the_address(
    host: str, fits: bool, receiver: AppriseReceiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def notify(self: apprise.NotifyBase, **_: object) -> bool:
        asked.append(str(self.host))
        return True

    monkeypatch.setattr(plugin_of("workflows"), "notify", notify)
    attempt = await receiver.send(DELIVERY, f"workflows://{host}/643e69f83c8944/iXvpb4b5fg/")
    assert attempt.verdict is (D if fits else R), attempt.detail
    assert bool(asked) is fits


def plugin_of(schema: str) -> Any:
    """Apprise's class for a schema; its registry has no types."""
    manager: Any = NotificationManager
    return manager()[schema]


def test_the_services_are_apprises_and_have_their_own_hosts() -> None:
    """A service that gains a host in its address with a new version of Apprise must not slip in."""
    for schema in SERVICES:
        plugin = plugin_of(schema)
        assert plugin.enabled, schema
        assert plugin.protocol is None, f"{schema} speaks without encryption"
        assert not any("{host}" in template for template in plugin.templates), schema
    for schema in HOSTED:
        assert any("{host}" in template for template in plugin_of(schema).templates), schema
