"""The health check of our containers: ready or why not, over http and over https with our authority."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from deploy.authority import new_authority
from deploy.health import look, main
from telemetry.service import http
from telemetry.service.http import HttpSettings
from telemetry.service.probe import Tls, serve, serve_site
from tests.components import free_port


@asynccontextmanager
async def answering(reasons: Sequence[str] = (), tls: Tls | None = None) -> AsyncIterator[str]:
    """A service that is ready, or not for these reasons; its address."""
    app = http.application(http.health(lambda: reasons), HttpSettings())
    port: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    if tls is None:
        task = asyncio.ensure_future(serve(app, "127.0.0.1", 0, port.set_result))
    else:
        task = asyncio.ensure_future(serve_site(app, "127.0.0.1", 0, tls, port.set_result))
    try:
        yield f"{'http' if tls is None else 'https'}://127.0.0.1:{await port}/health/ready"
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def asked(url: str, authority: Path | None = None) -> str | None:
    return await asyncio.to_thread(look, url, None if authority is None else str(authority))


async def test_ready_is_well(capsys: pytest.CaptureFixture[str]) -> None:
    async with answering() as url:
        assert await asked(url) is None
        assert await asyncio.to_thread(main, [url]) == 0
    assert capsys.readouterr().out == ""


async def test_not_ready_says_why(capsys: pytest.CaptureFixture[str]) -> None:
    async with answering(["broker: refused", "journal: full"]) as url:
        assert await asyncio.to_thread(main, [url]) == 1
        assert capsys.readouterr().out == f"{url}: 503, broker: refused; journal: full\n"
        other = url.replace("ready", "nothing")
        assert await asked(other) == f"{other}: 404, Not Found"


async def test_nobody_there_is_not_well() -> None:
    url = f"http://127.0.0.1:{free_port()}/health/ready"
    assert "refused" in (await asked(url) or "")


async def test_another_s_certificate_is_not_well(tmp_path: Path) -> None:
    now = datetime.now(UTC)
    ours, theirs = new_authority("ours", now), new_authority("theirs", now)
    signed = ours.server("api", ["127.0.0.1"], now)
    files = {"ours.pem": ours.pem.certificate, "theirs.pem": theirs.pem.certificate, "api.pem": signed.certificate}
    for name, content in {**files, "api.key": signed.key}.items():
        (tmp_path / name).write_bytes(content)
    async with answering(tls=Tls(tmp_path / "api.pem", tmp_path / "api.key")) as url:
        assert await asked(url, tmp_path / "ours.pem") is None
        assert "certificate verify failed" in (await asked(url, tmp_path / "theirs.pem") or "").lower()


def test_it_starts_without_what_services_need() -> None:
    code = "import sys, deploy.health; print(sorted({'typer', 'pydantic', 'structlog', 'uvicorn'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=30)
    assert done.stdout == "[]\n"
