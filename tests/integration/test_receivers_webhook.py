"""Webhooks to a real server: signed, once, to where they may go, and what its answers mean."""

import asyncio
import base64
import logging
import time
from collections.abc import Callable, Iterator, Sequence
from email.utils import formatdate
from ipaddress import ip_network
from pathlib import Path

import pytest
from msgspec.structs import replace
from standardwebhooks import Webhook, WebhookVerificationError

from alerts.alert import Severity
from alerts.notice import Attempt, Cause, Channel, Delivery, Message, Verdict
from alerts.receivers.receiver import DETAIL_MOST
from alerts.receivers.webhook import WebhookReceiver, retry_after_s, signature
from tests.integration.http_receiver import Answers, HttpReceiver, Posted, server_tls

KEY = b"a key of thirty-two bytes length"
LOOPBACK = [ip_network("127.0.0.0/8")]
S = 1_000_000_000
DELIVERY = Delivery(
    id="msg_2kj4h5g6f7d8s9a0q1w2e3r4t5",
    person="duty-manager",
    place=0,
    channel=Channel.WEBHOOK,
    cause=Cause.NEW,
    created_ns=0,
    alerts=("0a1b2c3d4e",),
    message=Message("Odour", "It smells.", Severity.WARNING, '{"type":"alert.new","text":"異味"}'.encode()),
)


@pytest.fixture
def server() -> Iterator[HttpReceiver]:
    with HttpReceiver() as made:
        yield made


def receiver(timeout_s: float = 5.0) -> WebhookReceiver:
    return WebhookReceiver(KEY, LOOPBACK, timeout_s=timeout_s)


async def test_a_webhook_is_signed_so_that_others_can_verify_it(server: HttpReceiver) -> None:
    attempts = [await receiver().send(DELIVERY, server.url("/hook?x=1")) for _ in range(2)]
    assert [attempt.verdict for attempt in attempts] == [Verdict.DELIVERED] * 2
    checking = Webhook(f"whsec_{base64.b64encode(KEY).decode()}")
    for posted in server.posted:
        assert checking.verify(posted.body, posted.headers) == {"type": "alert.new", "text": "異味"}
        assert (posted.path, posted.id) == ("/hook?x=1", DELIVERY.id), "the same id on a retry"
        assert posted.headers["content-type"] == "application/json"
        assert posted.headers["host"] == f"127.0.0.1:{server.port}"
    with pytest.raises(WebhookVerificationError):
        checking.verify(server.posted[0].body + b" ", server.posted[0].headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(base64.b64encode(b"j" * 32).decode()).verify(server.posted[0].body, server.posted[0].headers)


def test_the_signature_of_the_standards_own_example() -> None:
    key = base64.b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    given = signature(key, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}')
    assert given == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


D, L, R = Verdict.DELIVERED, Verdict.LATER, Verdict.REFUSED


@pytest.mark.parametrize(
    ("status", "verdict"),
    [(200, D), (201, D), (202, D), (204, D), (300, R), (301, R), (302, R), (303, R), (304, R), (307, R), (308, R),
     (400, R), (401, R), (403, R), (404, R), (405, R), (408, L), (409, R), (410, R), (413, R), (415, R), (422, R),
     (425, L), (429, L), (451, R), (500, L), (501, L), (502, L), (503, L), (504, L), (599, L)],
)  # fmt: skip
async def test_what_a_status_means(server: HttpReceiver, status: int, verdict: Verdict) -> None:
    server.behave = lambda _, answer: answer.status(status, location=server.url("/elsewhere"))
    attempt = await receiver().send(DELIVERY, server.url("/hook"))
    assert attempt.verdict is verdict
    assert str(status) in attempt.detail
    assert [posted.path for posted in server.posted] == ["/hook"], "redirects are not followed"


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize(
    ("value", "seconds"),
    [("7", 7.0), (" 120 ", 120.0), ("0", 0.0), ("-1", None), ("1.5", None), ("soon", None), ("", None)],
)
async def test_retry_after_in_seconds(server: HttpReceiver, status: int, value: str, seconds: float | None) -> None:
    server.behave = lambda _, answer: answer.status(status, retry_after=value)
    attempt = await receiver().send(DELIVERY, server.url())
    assert (attempt.verdict, attempt.retry_after_s) == (L, seconds)


def test_retry_after_as_a_date() -> None:
    now_ns = 1_795_334_400 * S
    assert retry_after_s(formatdate(1_795_334_430, usegmt=True), now_ns) == 30
    assert retry_after_s(formatdate(1_795_334_000, usegmt=True), now_ns) == 0
    assert retry_after_s("Sun, 22 Nov 2026 08:00:10 -0000", now_ns) == 10
    assert retry_after_s("Sun, 99 Nov 2026 08:00:10 GMT", now_ns) is None
    assert retry_after_s("9" * 400, now_ns) == 999_999_999


@pytest.mark.parametrize(
    ("behave", "detail"),
    [(Answers.silence, "no answer in time"), (Answers.drip, "no answer in time"), (Answers.reset, "ReadError")],
)
async def test_who_does_not_answer_is_asked_later(
    server: HttpReceiver, behave: Callable[[Answers], None], detail: str
) -> None:
    server.behave = lambda _, answer: behave(answer)
    begin = time.monotonic()
    attempt = await receiver(timeout_s=0.3).send(DELIVERY, server.url())
    assert attempt.verdict is L
    assert detail in attempt.detail
    assert time.monotonic() - begin < 3, "an attempt is bounded as a whole, not byte by byte"


async def test_nobody_there_is_asked_later() -> None:
    with HttpReceiver() as gone:
        url = gone.url()
    assert (await receiver().send(DELIVERY, url)).verdict is L


async def test_a_name_that_cannot_be_resolved_is_asked_later() -> None:
    async def no_answer(_host: str, _port: int) -> Sequence[str]:
        raise OSError("no answer from the name server")

    attempt = await WebhookReceiver(KEY, resolver=no_answer).send(DELIVERY, "https://hooks.example.org/")
    assert (attempt.verdict, "no answer from" in attempt.detail) == (L, True)


async def test_an_endless_answer_is_read_only_a_little(server: HttpReceiver) -> None:
    server.behave = lambda _, answer: answer.endless(500)
    attempt = await receiver().send(DELIVERY, server.url())
    assert attempt.verdict is L
    assert 1000 < len(attempt.detail) <= DETAIL_MOST


async def test_a_packed_answer_is_not_unpacked(server: HttpReceiver) -> None:
    server.behave = lambda _, answer: answer.status(400, b"\x1f\x8b not gzip", content_encoding="gzip")
    assert await receiver().send(DELIVERY, server.url()) == Attempt(R, "400")


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "2130706433", "[::ffff:127.0.0.1]"])
async def test_the_inside_is_not_reached(server: HttpReceiver, host: str) -> None:
    for scheme in ("http", "https"):
        url = f"{scheme}://{host}:{server.port}/"
        attempt = await WebhookReceiver(KEY).send(DELIVERY, url)
        assert attempt.verdict is R
        assert "loopback" in attempt.detail
    assert server.posted == []


async def test_a_proxy_of_the_environment_is_not_used(server: HttpReceiver, monkeypatch: pytest.MonkeyPatch) -> None:
    with HttpReceiver() as proxy:
        for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.url())
        assert (await receiver().send(DELIVERY, server.url())).verdict is D
        assert proxy.posted == []


class Names:
    """A name server that gives each answer once, and the last for ever."""

    def __init__(self, *answers: Sequence[str]) -> None:
        self.answers = list(answers)
        self.asked = 0

    async def __call__(self, _host: str, _port: int) -> Sequence[str]:
        self.asked += 1
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


async def test_the_checked_address_is_the_connected_one(tmp_path: Path) -> None:
    """The name exists nowhere: only the answer that was checked leads to the server, and the certificate is its own."""
    server, client = server_tls(tmp_path, "hooks.example.org")
    names = Names(["127.0.0.1"], ["192.0.2.1"])
    with HttpReceiver(tls=server) as https:
        webhooks = WebhookReceiver(KEY, LOOPBACK, resolver=names, tls=client)
        attempt = await webhooks.send(DELIVERY, https.url("/hook", "hooks.example.org"))
        assert attempt.verdict is D, attempt.detail
        assert https.posted[0].headers["host"] == f"hooks.example.org:{https.port}"
        assert names.asked == 1
        attempt = await webhooks.send(DELIVERY, https.url("/hook", "hooks.example.org"))
        assert (attempt.verdict, "reserved" in attempt.detail) == (R, True), "each attempt is checked anew"
        assert len(https.posted) == 1


async def test_a_certificate_of_another_name_is_not_trusted(tmp_path: Path) -> None:
    server, client = server_tls(tmp_path, "hooks.example.org")
    with HttpReceiver(tls=server) as https:
        webhooks = WebhookReceiver(KEY, LOOPBACK, resolver=Names(["127.0.0.1"]), tls=client)
        attempt = await webhooks.send(DELIVERY, https.url("/hook", "other.example.org"))
        assert (attempt.verdict, "certificate" in attempt.detail) == (L, True)
        attempt = await WebhookReceiver(KEY, LOOPBACK, resolver=Names(["127.0.0.1"])).send(
            DELIVERY, https.url("/hook", "hooks.example.org")
        )
        assert (attempt.verdict, "certificate" in attempt.detail) == (L, True)
        assert https.posted == []


async def test_the_next_address_is_tried_where_nobody_listens(server: HttpReceiver) -> None:
    webhooks = WebhookReceiver(KEY, LOOPBACK, resolver=Names(["127.0.0.2", "127.0.0.1"]))
    assert (await webhooks.send(DELIVERY, server.url("/hook", "hooks.example.org"))).verdict is D
    assert len(server.posted) == 1


SECRET = "T0KEN-canary-7f3a"


async def test_secrets_of_an_address_are_nowhere(server: HttpReceiver, caplog: pytest.LogCaptureFixture) -> None:
    """A server that sends everything back that it was sent, under every status, and none of it is kept."""

    def echo(posted: Posted, answer: Answers) -> None:
        body = f"no {posted.path} {posted.path.replace('%2D', '-')} {posted.headers} link?signature=abc-DEF_1".encode()
        answer.status(int(posted.path.split("/")[1]), body)

    server.behave = echo
    caplog.set_level(logging.DEBUG)
    paths = (f"{SECRET}/x", f"a?token={SECRET}", SECRET.replace("-", "%2D"))
    urls = [server.url(f"/{status}/{path}") for status in (200, 302, 404, 429, 500) for path in paths]
    details = [(await receiver().send(DELIVERY, url)).detail for url in urls]
    with HttpReceiver() as gone:
        url = gone.url(f"/{SECRET}")
    details.append((await receiver().send(DELIVERY, url)).detail)
    details.append((await receiver().send(DELIVERY, f"https://user:{SECRET}@hooks.example.org/{SECRET}")).detail)
    details.append((await receiver().send(DELIVERY, f"https://{SECRET}.example.org:99999/{SECRET}")).detail)
    told = "\n".join([*details, caplog.text])
    assert "no " in told
    for secret in (SECRET, SECRET.replace("-", "%2D"), KEY.decode(), base64.b64encode(KEY).decode(), "abc-DEF_1"):
        assert secret not in told


async def test_a_cancelled_attempt_ends_at_once(server: HttpReceiver) -> None:
    server.behave = lambda _, answer: answer.silence()
    task = asyncio.create_task(receiver().send(replace(DELIVERY, attempts=3), server.url()))
    while not server.posted:  # noqa: ASYNC110 - the server is another thread
        await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
