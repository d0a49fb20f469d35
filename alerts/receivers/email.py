"""E-mail by the operator's mail server."""

import asyncio
import base64
import re
import ssl
from datetime import UTC, datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from urllib.parse import unquote

import aiosmtplib

from alerts.alert import Severity
from alerts.notice import Attempt, Delivery, Verdict
from alerts.receivers.receiver import later, refused
from alerts.settings import SmtpSettings
from telemetry.reading import NS_PER_S
from telemetry.service.log import REMOVED

STEP_TIMEOUT_S = 10.0
"""To connect, and for each answer."""
TIMEOUT_S = 20.0
"""For all of an attempt."""
SENDER_NAME = "Caretaker"
_PERMANENT = 500
_ADDRESS = re.compile(r"[^@\s<>(),;:\"\\\[\]]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?")


class EmailReceiver:
    """Sends to `mailto:somebody@example.org`, one connection a mail."""

    def __init__(
        self, settings: SmtpSettings | None, *, tls: ssl.SSLContext | None = None, timeout_s: float = TIMEOUT_S
    ) -> None:
        """Without settings everything is refused. `tls` None: as the settings say."""
        self._settings = settings
        if tls is None and settings is not None and settings.security != "none":
            tls = ssl.create_default_context(cafile=settings.ca)
        self._tls = tls
        self._timeout_s = timeout_s

    async def send(self, delivery: Delivery, address: str) -> Attempt:
        """Hand one mail to the server. 4xx, timeouts, broken connections: later. 5xx and a bad address: refused."""
        if self._settings is None:
            return refused("no mail server is configured: `alerts.smtp` in caretaker.yaml", address)
        recipient = recipient_of(address)
        if recipient is None:
            return refused("not an address of the form mailto:somebody@example.org", address)
        try:
            async with asyncio.timeout(self._timeout_s):
                await self._hand_over(mail(delivery, recipient, self._settings.sender), recipient, self._settings)
        except aiosmtplib.SMTPRecipientsRefused as error:
            first = error.recipients[0]
            return _answered(first.code, _without_login(first.message, self._settings), address)
        except aiosmtplib.SMTPResponseException as error:
            return _answered(error.code, _without_login(error.message, self._settings), address)
        except TimeoutError:  # of aiosmtplib too
            return later("no answer in time", address)
        except aiosmtplib.SMTPNotSupported as error:
            return refused(f"the mail server can't do what it would have to: {error}", address)
        except (aiosmtplib.SMTPException, OSError) as error:
            return later(f"{type(error).__name__}: {error}", address)
        return Attempt(Verdict.DELIVERED)

    async def _hand_over(self, message: EmailMessage, recipient: str, settings: SmtpSettings) -> None:
        await aiosmtplib.send(
            message,
            sender=settings.sender,
            recipients=[recipient],
            hostname=settings.host,
            port=settings.port,
            username=settings.username,
            password=settings.secret(),
            timeout=STEP_TIMEOUT_S,
            use_tls=settings.security == "tls",
            start_tls=settings.security == "starttls",
            tls_context=self._tls,
        )


def recipient_of(address: str) -> str | None:
    """The one mailbox of a `mailto:`; None: it isn't one. Subject, copies and whatever else stands in it are left."""
    scheme, _, rest = address.partition(":")
    mailbox = unquote(rest.partition("?")[0])
    return mailbox if scheme.lower() == "mailto" and _ADDRESS.fullmatch(mailbox) else None


def mail(delivery: Delivery, recipient: str, sender: str) -> EmailMessage:
    """The mail of a delivery: the same at every attempt, so that a mailbox can tell duplicates by its Message-ID."""
    domain = sender.rpartition("@")[2]
    message = EmailMessage(policy=SMTP)
    message["From"] = Address(SENDER_NAME, addr_spec=sender)
    message["To"] = recipient
    message["Subject"] = delivery.message.title
    message["Date"] = format_datetime(datetime.fromtimestamp(delivery.created_ns // NS_PER_S, UTC))
    message["Message-ID"] = f"<{delivery.id}@{domain}>"
    if delivery.alerts:
        # All mails about an alert name the same ancestor, which is never sent: mailboxes show them together.
        message["References"] = f"<{delivery.alerts[0]}@{domain}>"
    # No answers by machines, please (RFC 3834, and Exchange's own).
    message["Auto-Submitted"] = "auto-generated"
    message["X-Auto-Response-Suppress"] = "All"
    if delivery.message.severity is Severity.CRITICAL:
        message["Importance"] = "high"
    message.set_content(delivery.message.text)
    return message


def _without_login(text: str, settings: SmtpSettings) -> str:
    """A server's reply, which may repeat what we have logged in with, as it is or as it went over the wire."""
    password = settings.secret()
    if not password:
        return text
    wire = (f"\0{settings.username}\0{password}", password)
    for form in (*(base64.b64encode(one.encode()).decode() for one in wire), password):
        text = text.replace(form, REMOVED)
    return text


def _answered(code: int, text: str, address: str) -> Attempt:
    """What a reply of the server means (RFC 5321, 4.2.1): 4yz may pass, 5yz will not."""
    detail = f"{code} {text}"
    return refused(detail, address) if code >= _PERMANENT else later(detail, address)
