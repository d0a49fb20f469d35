"""Signing in and out in a browser, and the keys over HTTP, with the guard before them."""

import re
import time
from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI
from pydantic import SecretStr
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from api.access import keyring
from api.access.access import Access
from api.access.caller import Caller, Role, Way
from api.access.keys import Draft
from api.guard import guarded
from api.problem import MEDIA_TYPE, ApiError, problem_of
from api.routes import audit, keys, sign_in
from api.settings import ApiSettings

BASE = "http://127.0.0.1:8088"
TOKEN = "token-of-up-0123456789"
ROOT = Caller("root", Role.ADMIN, None, Way.COMMAND, "")


async def refused(_: Request, error: Exception) -> Response:
    assert isinstance(error, ApiError)
    return JSONResponse(problem_of(error).model_dump(mode="json"), error.status, error.headers, media_type=MEDIA_TYPE)


@pytest.fixture
async def access(tmp_path: Path) -> AsyncIterator[Access]:
    one = Access(ApiSettings(sign_in=SecretStr(TOKEN)), tmp_path)
    yield one
    await one.close()


@pytest.fixture
async def client(access: Access) -> AsyncIterator[httpx2.AsyncClient]:
    app = FastAPI(exception_handlers={ApiError: refused})
    for router in (keys.router, audit.router):
        app.include_router(router, prefix="/api/v1")
    app.include_router(sign_in.router)
    app.state.access = access
    app.state.sources = SimpleNamespace(
        registry=SimpleNamespace(sites={"pier": None, "hill": None}), clock=time.time_ns
    )
    transport = httpx2.ASGITransport(guarded(app, ApiSettings(), access))
    async with httpx2.AsyncClient(transport=transport, base_url=BASE, headers={"origin": BASE}) as one:
        yield one


async def made(access: Access, role: Role = Role.ADMIN, *sites: str) -> str:
    draft = Draft("office", role, frozenset(sites) if sites else None)
    return (await keyring.make_key(access, ROOT, draft, time.time_ns()))[1]


async def test_signing_in_leads_where_somebody_wanted_to_go_and_out_again(
    access: Access, client: httpx2.AsyncClient
) -> None:
    text = await made(access)
    form = await client.get("/sign-in?next=/api/v1/keys")
    assert 'name="next" value="/api/v1/keys"' in form.text
    done = await client.post("/sign-in", data={"key": f" {text}\n", "next": "/api/v1/keys"})
    assert (done.status_code, done.headers["location"]) == (303, "/api/v1/keys")
    given = done.headers["set-cookie"]
    assert re.fullmatch(r"caretaker=[\w-]{43}; Path=/; Max-Age=34560000; HttpOnly; SameSite=Lax", given)
    assert (await client.get("/api/v1/keys")).status_code == 200
    assert (await client.get("/sign-in?next=/alerts")).headers["location"] == "/alerts"
    left = await client.post("/sign-out")
    assert (left.status_code, left.headers["location"]) == (303, "/sign-in")
    assert "Max-Age=0" in left.headers["set-cookie"]
    client.cookies.set("caretaker", given.split(";")[0].partition("=")[2])
    assert (await client.get("/api/v1/keys")).status_code == 401, "the cookie itself is worth nothing any more"


@pytest.mark.parametrize(
    ("languages", "language", "said"),
    [("en-GB,en", "en", "not known"), ("zh-HK,zh;q=0.9,en;q=0.8", "zh-Hant", "密鑰不正確"), ("fr", "en", "not known")],
)
async def test_a_wrong_key_is_said_where_it_is_read_out(
    client: httpx2.AsyncClient, languages: str, language: str, said: str
) -> None:
    secret = "ck_abcdefgh_<script>"
    wrong = await client.post(
        "/sign-in", data={"key": secret, "next": '/"><script>'}, headers={"accept-language": languages}
    )
    assert wrong.status_code == 401
    assert f'<html lang="{language}">' in wrong.text
    assert 'aria-describedby="wrong hint"' in wrong.text
    assert said in wrong.text.partition('id="wrong" role="alert"')[2]
    assert "<script" not in wrong.text
    assert secret not in wrong.text
    assert "set-cookie" not in wrong.headers
    assert "style-src 'sha256-" in wrong.headers["content-security-policy"]


async def test_too_many_wrong_keys(client: httpx2.AsyncClient) -> None:
    statuses = [(await client.post("/sign-in", data={"key": "x"})).status_code for _ in range(6)]
    assert statuses == [401] * 5 + [429]
    odd = await client.post("/sign-in", content="&".join(f"a{n}=1" for n in range(50)))
    assert odd.status_code == 429
    assert int(odd.headers["retry-after"]) > 0


async def test_the_token_leaves_the_address_bar(client: httpx2.AsyncClient) -> None:
    assert (await client.get("/enter?token=wrong")).status_code == 401
    entered = await client.get(f"/enter?token={TOKEN}")
    assert (entered.status_code, entered.headers["location"]) == (303, "/")
    assert (await client.get("/api/v1/audit")).json()["items"][0]["who"] == "admin"


async def test_a_key_is_made_used_and_revoked(access: Access, client: httpx2.AsyncClient) -> None:
    bearer = {"authorization": f"Bearer {await made(access)}"}
    body: dict[str, Any] = {"name": "wall screen", "role": "viewer", "sites": ["pier"], "expires_days": 90}
    answer = await client.post("/api/v1/keys", json=body, headers=bearer)
    assert answer.status_code == 201
    key = answer.json()
    assert re.fullmatch(rf"ck_{key['id']}_[\w-]{{43}}", key["key"])
    assert (key["role"], key["sites"], key["state"], key["used"]) == ("viewer", ["pier"], "good", None)
    theirs = {"authorization": f"Bearer {key['key']}"}
    assert (await client.get("/api/v1/keys", headers=theirs)).status_code == 403
    listed = (await client.get("/api/v1/keys", headers=bearer)).json()
    assert [one["name"] for one in listed] == ["wall screen", "office"]
    assert key["key"][12:] not in str(listed)
    for _ in range(2):
        assert (await client.delete(f"/api/v1/keys/{key['id']}", headers=bearer)).status_code == 204
    assert (await client.get("/api/v1/keys", headers=theirs)).status_code == 401
    assert (await client.delete("/api/v1/keys/aaaaaaaa", headers=bearer)).status_code == 404
    unknown = await client.post("/api/v1/keys", json=body | {"sites": ["nowhere"]}, headers=bearer)
    assert (unknown.status_code, unknown.json()["detail"]) == (404, "there is no site nowhere")


async def test_the_log_comes_in_pages(access: Access, client: httpx2.AsyncClient) -> None:
    bearer = {"authorization": f"Bearer {await made(access)}"}
    for number in range(4):
        await access.audit.record(ROOT, "counted", str(number))
    found: list[str] = []
    cursor: dict[str, str] = {}
    while True:
        page = (await client.get("/api/v1/audit", params={"limit": "2", **cursor}, headers=bearer)).json()
        found += [one["target"] for one in page["items"]]
        if page["next"] is None:
            break
        cursor = {"cursor": page["next"]}
    assert found[:4] == ["3", "2", "1", "0"]
    assert len(found) == 5
    assert (await client.get("/api/v1/audit?cursor=x", headers=bearer)).status_code == 400
    some = {"authorization": f"Bearer {await made(access, Role.ADMIN, 'pier')}"}
    assert (await client.get("/api/v1/audit", headers=some)).status_code == 403
