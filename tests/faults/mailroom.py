"""A real SMTP server (aiosmtpd) on the loopback, in its own thread, which replies to each mailbox as it is told."""

import asyncio
import email
import logging
import re
import threading
from collections import defaultdict
from collections.abc import Iterable, Mapping
from email.policy import default
from types import TracebackType
from typing import Self

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

_ID = re.compile(r"<(msg_[a-z2-7]+)@")
_STOP_LIMIT_S = 10.0


class Mailroom:
    """Use it with `with`."""

    def __init__(self, password: str, replies: Mapping[str, Iterable[str]]) -> None:
        """`replies`: by mailbox, to its first mails one after the other; then 250."""
        self._password = password.encode()
        self._replies = {mailbox: iter(some) for mailbox, some in replies.items()}
        self.ids: dict[str, list[str]] = defaultdict(list)
        """By mailbox: what was taken, by the delivery's id."""
        self.tries: dict[str, int] = defaultdict(int)
        """By mailbox: how often it was asked for."""
        self.port = 0
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="mailroom", daemon=True)

    def __enter__(self) -> Self:
        logging.getLogger("mail").setLevel(logging.ERROR)  # the library warns of itself
        self._thread.start()
        self._server = asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result(_STOP_LIMIT_S)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.call_soon_threadsafe(self._server.close)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_STOP_LIMIT_S)
        self._loop.close()

    async def _listen(self) -> asyncio.Server:
        def session() -> SMTP:
            return SMTP(self, loop=self._loop, authenticator=self._login, auth_require_tls=False)

        return await self._loop.create_server(session, "127.0.0.1", 0)

    def _login(
        self, _server: SMTP, _session: Session, _envelope: Envelope, _mechanism: str, data: LoginPassword
    ) -> AuthResult:
        right = data.password == self._password
        return AuthResult(success=right, handled=right)

    async def handle_RCPT(  # noqa: N802 - the library's name
        self, _server: SMTP, session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        self.tries[address] += 1
        if not session.authenticated:
            return "530 not logged in"
        reply = next(self._replies.get(address, iter(())), "250 OK")
        if reply.startswith("2"):
            envelope.rcpt_tos.append(address)
        return reply

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802 - as above
        assert isinstance(envelope.content, bytes)
        message = email.message_from_bytes(envelope.content, policy=default)
        found = _ID.match(str(message["Message-ID"]))
        for address in envelope.rcpt_tos:
            self.ids[address].append(found[1] if found else "")
        return "250 taken"
