"""The dead man's switch: an address outside is called every minute while all is well, and raises the alarm when not."""

import asyncio
import time
from collections.abc import Callable

import httpx2
import structlog
from pydantic import SecretStr

log = structlog.get_logger(__name__)

EVERY_S = 60.0
TIMEOUT_S = 10.0
LOOK_EVERY_S = 1.0


async def call(url: SecretStr, is_well: Callable[[float], bool], every_s: float = EVERY_S) -> None:
    """Call until cancelled. `is_well` is asked whether readings were judged within so many seconds."""
    due_s, reached = time.monotonic(), True
    async with httpx2.AsyncClient(timeout=TIMEOUT_S, follow_redirects=False, trust_env=False) as client:
        while True:
            if time.monotonic() >= due_s and is_well(every_s):
                due_s = time.monotonic() + every_s
                trouble = await _called(client, url)
                if trouble is not None and reached:
                    log.warning("the watchdog is not reached", reason=trouble)
                reached = trouble is None
            await asyncio.sleep(LOOK_EVERY_S)


async def _called(client: httpx2.AsyncClient, url: SecretStr) -> str | None:
    """Why a call failed, without the address, which is a secret; None: it did not."""
    try:
        answer = await client.get(url.get_secret_value())
    except (httpx2.HTTPError, httpx2.InvalidURL) as error:
        return type(error).__name__
    return None if answer.is_success else f"it answered {answer.status_code}"
