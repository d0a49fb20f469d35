"""The dead man's switch: an address outside is called every minute while all is well, and raises the alarm when not."""

import asyncio
from collections.abc import Callable

import httpx2
import structlog
from pydantic import SecretStr

log = structlog.get_logger(__name__)

EVERY_S = 60.0
TIMEOUT_S = 10.0


async def call(url: SecretStr, is_well: Callable[[float], bool], every_s: float = EVERY_S) -> None:
    """Call until cancelled. `is_well` is asked whether readings were judged within so many seconds."""
    said = True
    async with httpx2.AsyncClient(timeout=TIMEOUT_S, follow_redirects=False, trust_env=False) as client:
        while True:
            if is_well(every_s):
                try:
                    answer = await client.get(url.get_secret_value())
                    well = answer.is_success
                    reason = f"it answered {answer.status_code}"
                except httpx2.HTTPError as error:
                    # The error's text holds the address, which is a secret.
                    well, reason = False, type(error).__name__
                if well is not said:
                    log.info("the watchdog is reached") if well else log.warning(
                        "the watchdog is not reached", reason=reason
                    )
                said = well
            await asyncio.sleep(every_s)
