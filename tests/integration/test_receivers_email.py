"""Mail to a real SMTP server: what arrives, how it is protected, and what its replies mean."""

import asyncio
import email
import logging
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from msgspec.structs import replace

from alerts.alert import Severity
from alerts.notice import Cause, Channel, Delivery, Message, Verdict
from alerts.receivers.email import EmailReceiver, mail, recipient_of
from alerts.settings import SmtpSettings
from tests.integration.http_receiver import server_tls

ADDRESS = "mailto:duty.manager@example.org"
PASSWORD = "pa55-canary-91c2"
DELIVERY = Delivery(
    id="msg_2kj4h5g6f7d8s9a0q1w2e3r4t5",
    person="duty-manager",
    place=0,
    channel=Channel.EMAIL,
    cause=Cause.NEW,
    created_ns=1_795_334_400_000_000_000,
    alerts=("0a1b2c3d4e", "ffffffffff"),
    message=Message("嚴重：異味 3.4 ppm", "氨氣：3.4 ppm\n.\nFrom here\n" + "x" * 2000, Severity.CRITICAL, b"{}"),  # noqa: RUF001 - Chinese
)
D, L, R = Verdict.DELIVERED, Verdict.LATER, Verdict.REFUSED


class Mailbox:
    """What the server does with each command, and what it has taken."""

    def __init__(self, *, rcpt: str = "250 OK", data: str = "250 OK") -> None:
        self.replies = {"rcpt": rcpt, "data": data}
        self.mails: list[EmailMessage] = []
        self.encrypted: list[bool] = []
        self.logins: list[tuple[bytes, bytes]] = []

    async def handle_RCPT(  # noqa: N802 - the library's name
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        envelope.rcpt_tos.append(address)
        return self.replies["rcpt"]

    async def handle_DATA(  # noqa: N802 - the library's name
        self, _server: SMTP, session: Session, envelope: Envelope
    ) -> str:
        if self.replies["data"].startswith("2"):
            assert isinstance(envelope.content, bytes)
            self.mails.append(email.message_from_bytes(envelope.content, policy=default))
            self.encrypted.append(session.ssl is not None)
        return self.replies["data"]

    def login(
        self, _server: SMTP, _session: Session, _envelope: Envelope, _mechanism: str, data: LoginPassword
    ) -> AuthResult:
        self.logins.append((data.login, data.password))
        right = data.password == PASSWORD.encode()
        return AuthResult(success=right, handled=right)  # not handled: the server says 535


@asynccontextmanager
async def smtp(mailbox: Mailbox, **options: Any) -> AsyncIterator[int]:
    """A server on the loopback; gives its port."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: SMTP(mailbox, loop=loop, **options), "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


def receiver(port: int, *, tls: ssl.SSLContext | None = None, timeout_s: float = 5.0, **settings: Any) -> EmailReceiver:
    fields = {"host": "localhost", "port": port, "sender": "alerts@example.org", "security": "none"} | settings
    return EmailReceiver(SmtpSettings.model_validate(fields), tls=tls, timeout_s=timeout_s)


async def test_what_arrives() -> None:
    mailbox = Mailbox()
    async with smtp(mailbox) as port:
        attempts = [await receiver(port).send(replace(DELIVERY, attempts=number), ADDRESS) for number in (0, 1)]
    assert [attempt.verdict for attempt in attempts] == [D, D]
    first, again = mailbox.mails
    assert str(first["Subject"]) == DELIVERY.message.title
    assert str(first["To"]) == "duty.manager@example.org"
    assert str(first["From"]) == "Caretaker <alerts@example.org>"
    assert str(first["Message-ID"]) == "<msg_2kj4h5g6f7d8s9a0q1w2e3r4t5@example.org>"
    assert str(first["References"]) == "<0a1b2c3d4e@example.org>"
    assert str(first["Auto-Submitted"]) == "auto-generated"
    assert str(first["Importance"]) == "high"
    assert str(first["Date"]) == "Sun, 22 Nov 2026 08:00:00 +0000"
    assert first.get_content().replace("\r\n", "\n").rstrip("\n") == DELIVERY.message.text
    assert first.items() == again.items(), "a retry is the same mail"


@pytest.mark.parametrize("where", ["rcpt", "data"])
@pytest.mark.parametrize(
    ("reply", "verdict"),
    [
        ("421 shutting down", L),
        ("450 mailbox busy", L),
        ("451 greylisted <duty.manager@example.org>", L),
        ("452 disk full", L),
        ("550 no such user duty.manager@example.org", R),
        ("552 too large", R),
        ("554 5.7.1 refused", R),
    ],
)
async def test_what_a_reply_means(where: str, reply: str, verdict: Verdict) -> None:
    async with smtp(Mailbox(**{where: reply})) as port:
        attempt = await receiver(port).send(DELIVERY, ADDRESS)
    assert attempt.verdict is verdict
    assert attempt.detail.startswith(reply[:3])
    assert "duty.manager" not in attempt.detail


@pytest.fixture
def contexts(tmp_path: Path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    return server_tls(tmp_path, "localhost")


async def test_starttls_and_a_password(contexts: tuple[ssl.SSLContext, ssl.SSLContext]) -> None:
    mailbox = Mailbox()
    async with smtp(mailbox, tls_context=contexts[0], auth_required=True, authenticator=mailbox.login) as port:
        sending = receiver(port, tls=contexts[1], security="starttls", username="caretaker", password=PASSWORD)
        attempt = await sending.send(DELIVERY, ADDRESS)
    assert attempt.verdict is D, attempt.detail
    assert mailbox.encrypted == [True]
    assert mailbox.logins == [(b"caretaker", PASSWORD.encode())]


async def test_tls_from_the_start(contexts: tuple[ssl.SSLContext, ssl.SSLContext]) -> None:
    mailbox = Mailbox()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: SMTP(mailbox, loop=loop), "127.0.0.1", 0, ssl=contexts[0])
    port = server.sockets[0].getsockname()[1]
    attempt = await receiver(port, tls=contexts[1], security="tls").send(DELIVERY, ADDRESS)
    server.close()
    assert attempt.verdict is D, attempt.detail
    assert len(mailbox.mails) == 1


async def test_nothing_is_said_to_a_server_that_cannot_be_trusted(
    contexts: tuple[ssl.SSLContext, ssl.SSLContext],
) -> None:
    """One whose certificate is of nobody we know, and one that offers no encryption: no password, no mail."""
    mailbox = Mailbox()
    for options in ({"tls_context": contexts[0]}, {}):
        async with smtp(mailbox, authenticator=mailbox.login, auth_require_tls=False, **options) as port:
            sending = receiver(port, security="starttls", username="caretaker", password=PASSWORD)
            attempt = await sending.send(DELIVERY, ADDRESS)
        assert attempt.verdict is not D
    assert (mailbox.mails, mailbox.logins) == ([], [])


async def test_a_wrong_password_is_refused_and_shown_nowhere(
    contexts: tuple[ssl.SSLContext, ssl.SSLContext], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    mailbox = Mailbox()
    wrong = f"{PASSWORD}-wrong"
    async with smtp(mailbox, tls_context=contexts[0], auth_required=True, authenticator=mailbox.login) as port:
        sending = receiver(port, tls=contexts[1], security="starttls", username="caretaker", password=wrong)
        attempt = await sending.send(DELIVERY, ADDRESS)
    assert (attempt.verdict, attempt.detail[:3]) == (R, "535")
    ours = "\n".join(record.getMessage() for record in caplog.records if not record.name.startswith("mail."))
    assert wrong not in attempt.detail + ours


Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], None]


def _silent(_reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    pass


def _hangs_up(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"220 here\r\n")
    writer.close()


def _resets(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.transport.abort()


def _speaks_http(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
    writer.close()


def _is_full(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"421 too many connections\r\n")
    writer.close()


@pytest.mark.parametrize("talk", [_silent, _hangs_up, _resets, _speaks_http, _is_full])
async def test_a_server_in_trouble_is_asked_later(talk: Talk) -> None:
    writers = []

    def talks(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        talk(reader, writer)

    server = await asyncio.start_server(talks, "127.0.0.1", 0)
    attempt = await receiver(server.sockets[0].getsockname()[1], timeout_s=0.3).send(DELIVERY, ADDRESS)
    assert attempt.verdict is L, attempt.detail
    for writer in writers:
        writer.close()
    server.close()


async def test_nobody_there_is_asked_later() -> None:
    async with smtp(Mailbox()) as port:
        pass
    assert (await receiver(port).send(DELIVERY, ADDRESS)).verdict is L


async def test_without_a_mail_server_everything_is_refused() -> None:
    attempt = await EmailReceiver(None).send(DELIVERY, ADDRESS)
    assert (attempt.verdict, "alerts.smtp" in attempt.detail) == (R, True)


@pytest.mark.parametrize(
    ("address", "mailbox"),
    [
        ("mailto:duty.manager@example.org", "duty.manager@example.org"),
        ("MAILTO:a+b@example.org", "a+b@example.org"),
        ("mailto:a%2Bb@example.org?subject=x&bcc=c@example.org", "a+b@example.org"),
        ("mailto:a@example.org,b@example.org", None),
        ("mailto:a@example.org%0d%0aBcc:b@example.org", None),
        ("mailto:a%20b@example.org", None),
        ("mailto:<a@example.org>", None),
        ("mailto:a@b@example.org", None),
        ("mailto:example.org", None),
        ("mailto:", None),
        ("mailtos://user:pass@example.org", None),
        ("a@example.org", None),
    ],
)
def test_addresses(address: str, mailbox: str | None) -> None:
    assert recipient_of(address) == mailbox


async def test_a_bad_address_is_refused_without_asking_anybody() -> None:
    attempt = await receiver(1).send(DELIVERY, "mailto:a@example.org%0d%0aBcc:b@example.org")
    assert attempt.verdict is R
    assert "a@example.org" not in attempt.detail


def test_a_quiet_mail() -> None:
    quiet = replace(DELIVERY, alerts=(), message=Message("Daily digest: all quiet", "", None, b"{}"))
    made = mail(quiet, "a@example.org", "alerts@example.org")
    assert "References" not in made
    assert "Importance" not in made
