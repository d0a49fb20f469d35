"""Signed webhooks, as Standard Webhooks has them (https://www.standardwebhooks.com).

The body is the message's `data`. `webhook-id` is the delivery's id, the same on a retry, by which a receiver tells
duplicates; `webhook-signature` is an HMAC-SHA256 over id, time and body. Redirects are not followed, proxies of the
environment not used: the connection goes to an address that `guard` has checked, and to no other.
"""

import asyncio
import base64
import hashlib
import hmac
import logging
import ssl
import time
from collections.abc import Callable, Sequence
from datetime import UTC
from email.utils import parsedate_to_datetime
from http import HTTPStatus

import httpx2

from alerts.notice import Attempt, Delivery, Verdict
from alerts.receivers.guard import ForbiddenError, Network, Resolve, Target, checked, resolve
from alerts.receivers.receiver import later, refused
from telemetry.reading import NS_PER_S

STEP_TIMEOUT_S = 10.0
"""To connect, and between two bytes."""
TIMEOUT_S = 20.0
"""For all of an attempt."""
ANSWER_MOST = 2048
"""Bytes of an answer that are read; the rest is the receiver's business."""
_TRY_AGAIN = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY, HTTPStatus.TOO_MANY_REQUESTS})
_USER_AGENT = "Caretaker-Webhook/1"


def signature(key: bytes, delivery_id: str, timestamp_s: int, body: bytes) -> str:
    """`v1,` and the Base64 of HMAC-SHA256 over `id.timestamp.body` (Standard Webhooks, symmetric)."""
    signed = b".".join((delivery_id.encode(), str(timestamp_s).encode(), body))
    return f"v1,{base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()}"


def retry_after_s(value: str | None, now_ns: int) -> float | None:
    """Seconds that a Retry-After header asks for, whichever of its two forms it has; None: nothing that we can read."""
    if value is None:
        return None
    text = value.strip()
    if text.isascii() and text.isdecimal():
        return float(text[:9])
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    if moment.tzinfo is None:  # "-0000": UTC
        moment = moment.replace(tzinfo=UTC)
    return max(0.0, moment.timestamp() - now_ns / NS_PER_S)


class WebhookReceiver:
    """Posts to `https://…`."""

    def __init__(
        self,
        key: bytes,
        allow: Sequence[Network] = (),
        *,
        resolver: Resolve = resolve,
        tls: ssl.SSLContext | None = None,
        now_ns: Callable[[], int] = time.time_ns,
        timeout_s: float = TIMEOUT_S,
    ) -> None:
        """`key` signs; `allow` are networks that may be reached besides public ones; `tls` None: the usual trust."""
        self._key = key
        self._allow = allow
        self._resolver = resolver
        self._tls = ssl.create_default_context() if tls is None else tls
        self._now_ns = now_ns
        self._timeout_s = timeout_s
        for library in ("httpx2", "httpcore2"):  # they log addresses
            logging.getLogger(library).setLevel(logging.WARNING)

    async def send(self, delivery: Delivery, address: str) -> Attempt:
        """Post once. 2xx: delivered; 408, 425, 429, 5xx, timeouts, broken connections: later; all else: refused."""
        try:
            async with asyncio.timeout(self._timeout_s):
                target = await checked(address, self._allow, self._resolver)
                return await self._post(delivery, address, target)
        except ForbiddenError as error:
            return refused(f"not sent: {error}", address)
        except (TimeoutError, httpx2.TimeoutException):
            return later("no answer in time", address)
        except httpx2.InvalidURL:
            return refused("not sent: not an address of the form https://host/path", address)
        except httpx2.TransportError as error:
            return later(f"{type(error).__name__}: {error}", address)
        except OSError as error:
            return later(f"the name can't be resolved: {error.strerror or error}", address)
        except AttributeError:  # anyio 4 asks a socket that was reset in this very moment for its peer
            return later("the connection was reset", address)

    async def _post(self, delivery: Delivery, address: str, target: Target) -> Attempt:
        """To the first of the checked addresses that lets us in."""
        transport = httpx2.AsyncHTTPTransport(verify=self._tls)
        async with httpx2.AsyncClient(
            transport=transport, timeout=STEP_TIMEOUT_S, follow_redirects=False, trust_env=False
        ) as client:
            for number, ip in enumerate(target.addresses, start=1):
                request = self._request(client, delivery, address, target, str(ip))
                try:
                    answer = await client.send(request, stream=True)
                except (httpx2.ConnectError, httpx2.ConnectTimeout):
                    if number == len(target.addresses):
                        raise
                    continue
                try:
                    return await self._judged(answer, address)
                finally:
                    await answer.aclose()
        raise AssertionError("a target has addresses")

    def _request(
        self, client: httpx2.AsyncClient, delivery: Delivery, address: str, target: Target, ip: str
    ) -> httpx2.Request:
        """To the address `ip`, speaking to the name: that stands in Host, and in the certificate that is asked for."""
        url = httpx2.URL(address)
        timestamp_s = self._now_ns() // NS_PER_S
        body = delivery.message.data
        return client.build_request(
            "POST",
            url.copy_with(host=ip, fragment=None),
            content=body,
            headers={
                "host": url.netloc.decode("ascii"),
                "content-type": "application/json",
                "user-agent": _USER_AGENT,
                "webhook-id": delivery.id,
                "webhook-timestamp": str(timestamp_s),
                "webhook-signature": signature(self._key, delivery.id, timestamp_s, body),
            },
            extensions={"sni_hostname": target.host},
        )

    async def _judged(self, answer: httpx2.Response, address: str) -> Attempt:
        status = answer.status_code
        if answer.is_success:
            return Attempt(Verdict.DELIVERED, str(status))
        detail = f"{status} {await _start_of(answer)}"
        if answer.is_server_error or status in _TRY_AGAIN:
            return later(detail, address, retry_after_s(answer.headers.get("retry-after"), self._now_ns()))
        if answer.has_redirect_location:
            return refused(f"{status}: redirects are not followed; name the final address", address)
        return refused(detail, address)


async def _start_of(answer: httpx2.Response) -> str:
    """The first bytes of an answer, uncompressed ones only: a few bytes can unpack to gigabytes."""
    if "content-encoding" in answer.headers:
        return ""
    start = b""
    async for part in answer.aiter_raw(ANSWER_MOST):
        start += part
        if len(start) >= ANSWER_MOST:
            break
    return start[:ANSWER_MOST].decode("utf-8", "replace")
