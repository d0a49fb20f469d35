"""TLS to a port that may end it with an alert, in a thread of its own.

OpenSSL keeps what went wrong in a list of the thread; what a connection that ended badly has left there is taken for
the error of another one. A broker that asks for a certificate of ours ends each connection so.
"""

import asyncio
import socket
import ssl
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TypeVar

LIMIT_S = 5.0
ANSWER_BYTES = 4_096
Result = TypeVar("Result")


async def apart(call: Callable[[], Result]) -> Result:
    """The result of a call that blocks for some seconds at most, in a thread that ends with it."""
    with ThreadPoolExecutor(1, "doctor") as own:
        return await asyncio.get_running_loop().run_in_executor(own, call)


def certificate_of(host: str, port: int, context: ssl.SSLContext) -> bytes:
    """What it shows, DER. Raises `OSError`, among them `ssl.SSLCertVerificationError` and `TimeoutError`."""
    with (
        socket.create_connection((host, port), LIMIT_S) as plain,
        context.wrap_socket(plain, server_hostname=host) as encrypted,
    ):
        found = encrypted.getpeercert(binary_form=True)
    assert found is not None, "a server shows one"
    return found


def answer_to(said: bytes, host: str, port: int, context: ssl.SSLContext) -> bytes:
    """The first that it says to `said`; nothing: it closes the connection. Raises as `certificate_of`."""
    with (
        socket.create_connection((host, port), LIMIT_S) as plain,
        context.wrap_socket(plain, server_hostname=host) as encrypted,
        suppress(OSError),
    ):
        encrypted.sendall(said)
        return encrypted.recv(ANSWER_BYTES)
    return b""
