"""The guard before a real application: what it lets through, what it refuses, and how."""

import json
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import httpx2
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.testclient import TestClient, WebSocketDenialResponse
from starlette.websockets import WebSocket

from api.access import keyring
from api.access.access import Access
from api.access.caller import Caller, Role, Way
from api.access.keys import Draft
from api.guard import BODY_BYTES, HEADER_BYTES, PAGE_COSTS, PATH_BYTES, UnsafeError, guarded, refuse_unsafe
from api.settings import ApiSettings

BASE = "http://127.0.0.1:8088"
OURS = {"origin": BASE, "content-type": "application/json"}
ADMIN = Caller("admin", Role.ADMIN, None, Way.COMMAND, "")
JSON_TYPE = "application/problem+json"


async def show(request: Request) -> Response:
    caller: Caller | None = request.state.caller
    body = await request.body()
    assert request.client is not None
    return JSONResponse(
        {
            "who": caller and caller.name,
            "address": request.client.host,
            "scheme": request.url.scheme,
            "bytes": len(body),
            "forwarded": [name for name in request.headers if "forward" in name],
        }
    )


async def socket(websocket: WebSocket) -> None:
    await websocket.accept()
    await websocket.send_text(websocket.state.caller.name)
    await websocket.close()


METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"]
ROUTES = [
    WebSocketRoute("/_nicegui_ws/socket.io/", socket),
    Mount("/", routes=[Route("/{path:path}", show, methods=METHODS)]),
]


class House:
    """An application behind its guard, one key, and one browser that has signed in with it."""

    def __init__(self, access: Access, settings: ApiSettings) -> None:
        self.access = access
        self.app = guarded(Starlette(routes=ROUTES), settings, access)
        self.key = ""
        self.cookie = ""

    def client(self, peer: str = "127.0.0.1", base: str = BASE) -> httpx2.AsyncClient:
        return httpx2.AsyncClient(transport=httpx2.ASGITransport(self.app, client=(peer, 4711)), base_url=base)

    @property
    def bearer(self) -> dict[str, str]:
        return {"authorization": f"Bearer {self.key}"}

    @property
    def session(self) -> dict[str, str]:
        return {"cookie": f"{self.access.cookie.name}={self.cookie}"}


@pytest.fixture
async def build(tmp_path: Path) -> AsyncIterator[Callable[..., Any]]:
    made: list[Access] = []

    async def build(**options: Any) -> House:
        settings = ApiSettings(**options)
        access = Access(settings, tmp_path)
        made.append(access)
        house = House(access, settings)
        _, house.key = await keyring.make_key(access, ADMIN, Draft("office", Role.OPERATOR), time.time_ns())
        house.cookie = await access.sign_in(house.key, "127.0.0.1")
        return house

    yield build
    for access in made:
        await access.close()


@pytest.mark.parametrize(
    ("path", "status", "signed_in"),
    [
        ("/api/v1/health/ready", 200, 200),
        ("/openapi.json", 200, 200),
        ("/sign-in", 200, 200),
        ("/a/3f2a?signature=x", 200, 200),
        ("/here/pier/male", 200, 200),
        ("/_nicegui/3.18.0/static/vue.js", 200, 200),
        ("/api/v1/sites", 401, 200),
        ("/api/nothing", 401, 200),
        ("/metrics", 401, 200),
        ("/_nicegui_ws/socket.io/", 401, 200),
        ("/_nicegui/3.18.0/dynamic_resources/x", 401, 200),
        ("/", 303, 200),
        ("/sites/pier", 303, 200),
    ],
)
async def test_who_may_come_near(build: Callable[..., Any], path: str, status: int, signed_in: int) -> None:
    house: House = await build()
    async with house.client() as client:
        nobody = await client.get(path)
        assert nobody.status_code == status
        if status == 401:
            assert nobody.headers["content-type"] == JSON_TYPE
            assert nobody.headers["www-authenticate"] == "Bearer"
        assert (await client.get(path, headers=house.session)).status_code == signed_in
        assert (await client.get(path, headers=house.bearer)).status_code == signed_in
        assert nobody.headers["x-content-type-options"] == "nosniff"
        assert "frame-ancestors 'none'" in nobody.headers["content-security-policy"]


async def test_a_page_leads_to_the_form_and_back(build: Callable[..., Any]) -> None:
    house: House = await build()
    async with house.client() as client:
        found = await client.get("/sites/pier?wall=1&x=%26")
        assert found.headers["location"] == "/sign-in?next=%2Fsites%2Fpier%3Fwall%3D1%26x%3D%2526"
        assert (await client.post("/sites/pier")).status_code == 401


@pytest.mark.parametrize(
    ("way", "headers", "status"),
    [
        ("bearer", {}, 200),
        ("bearer", {"origin": "https://evil.example.org"}, 200),
        ("session", {}, 403),
        ("session", {"content-type": "application/json"}, 403),
        ("session", {"origin": BASE}, 403),
        ("session", OURS, 200),
        ("session", OURS | {"origin": "http://127.0.0.1:9999"}, 403),
        ("session", OURS | {"sec-fetch-site": "cross-site"}, 403),
        ("session", {"sec-fetch-site": "same-origin", "content-type": "application/json"}, 200),
    ],
)
@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH"])
async def test_another_page_can_not_use_a_browsers_cookie(
    build: Callable[..., Any], way: str, headers: dict[str, str], status: int, method: str
) -> None:
    house: House = await build()
    async with house.client() as client:
        answer = await client.request(method, "/api/v1/alerts", headers=getattr(house, way) | headers, content=b"{}")
    assert answer.status_code == status


async def test_forms_are_for_our_pages_whoever_sends_them(build: Callable[..., Any]) -> None:
    house: House = await build()
    form = {"content-type": "application/x-www-form-urlencoded"}
    async with house.client() as client:
        for path in ("/sign-in", "/sign-out"):
            assert (await client.post(path, headers=form, content=b"key=x")).status_code == 403
            assert (await client.post(path, headers=form | {"origin": BASE}, content=b"key=x")).status_code == 200


@pytest.mark.parametrize(
    ("headers", "opens"),
    [
        ({}, False),
        ({"origin": "http://evil.example.org"}, False),
        ({"origin": "http://127.0.0.1:8088"}, True),
        ({"origin": "https://127.0.0.1:8088"}, False),
    ],
)
async def test_a_websocket_is_for_a_signed_in_browser_on_our_page(
    build: Callable[..., Any], headers: dict[str, str], opens: bool
) -> None:
    house: House = await build()
    client = TestClient(house.app, base_url=BASE)
    for signed_in, expected in ((True, opens), (False, False)):
        given = headers | (house.session if signed_in else {})
        address = "ws://127.0.0.1:8088/_nicegui_ws/socket.io/"
        if expected:
            with client.websocket_connect(address, headers=given) as websocket:
                assert websocket.receive_text() == "office"
            continue
        with pytest.raises(WebSocketDenialResponse) as refused, client.websocket_connect(address, headers=given):
            pass
        assert refused.value.headers["content-type"] == JSON_TYPE


@pytest.mark.parametrize(("host", "status"), [("127.0.0.1:8088", 200), ("localhost", 200), ("evil.example.org", 421)])
async def test_requests_to_other_names_are_refused(build: Callable[..., Any], host: str, status: int) -> None:
    house: House = await build()
    async with house.client() as client:
        answer = await client.get("/api/v1/health", headers={"host": host})
    assert answer.status_code == status
    if status != 200:
        assert answer.headers["content-type"] == JSON_TYPE


async def test_two_hosts_or_none_are_no_request(build: Callable[..., Any]) -> None:
    house: House = await build()
    for hosts in ([], [(b"host", b"localhost"), (b"host", b"evil.example.org")]):
        sent: list[Any] = []

        async def send(message: Any, sent: list[Any] = sent) -> None:
            sent.append(message)

        scope = {"type": "http", "method": "GET", "path": "/api/v1/health", "raw_path": b"/api/v1/health"}
        scope |= {"query_string": b"", "scheme": "http", "headers": hosts, "client": ("127.0.0.1", 1)}
        await house.app(scope, None, send)  # type: ignore[arg-type]  # refused before anything is received
        assert sent[0]["status"] == 400


async def chunks(size: int) -> AsyncIterator[bytes]:
    for _ in range(0, size, 1 << 16):
        yield bytes(1 << 16)


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        ({"content": bytes(BODY_BYTES)}, 200),
        ({"content": bytes(BODY_BYTES + 1)}, 413),
        ({"content": "chunks of a MiB"}, 200),
        ({"content": "chunks of more"}, 413),
        ({"headers": {"x-large": "a" * HEADER_BYTES}}, 431),
        ({"url": "/api/v1/" + "a" * PATH_BYTES}, 414),
        ({"url": "/api/v1/sites?" + "a" * PATH_BYTES}, 414),
    ],
)
async def test_what_is_too_large_is_refused(build: Callable[..., Any], request_: dict[str, Any], status: int) -> None:
    house: House = await build()
    content = request_.get("content", b"")
    if isinstance(content, str):
        content = chunks(BODY_BYTES + (1 << 16 if "more" in content else 0))
    headers = house.bearer | request_.get("headers", {})
    async with house.client() as client:
        answer = await client.post(request_.get("url", "/api/v1/x"), headers=headers, content=content)
    assert answer.status_code == status
    if status == 200:
        assert answer.json()["bytes"] == BODY_BYTES
    else:
        assert answer.headers["content-type"] == JSON_TYPE
        assert answer.json()["status"] == status


async def test_too_many_requests(build: Callable[..., Any]) -> None:
    house: House = await build(requests_per_minute=4)
    async with house.client() as client, house.client("192.0.2.9") as other:
        for _ in range(20):
            assert (await client.get("/_nicegui/3.18.0/static/vue.js")).status_code == 200
        statuses = [(await client.get("/api/v1/x", headers=house.bearer)).status_code for _ in range(5)]
        assert statuses == [200] * 4 + [429]
        elsewhere = await other.get("/api/v1/x", headers=house.bearer)
        assert elsewhere.status_code == 429, "the key has had its share, wherever it is used"
        assert 0 < int(elsewhere.headers["retry-after"]) <= 15
        assert (await other.get("/api/v1/health")).status_code == 200


async def test_pages_of_the_board_cost_more(build: Callable[..., Any]) -> None:
    house: House = await build(requests_per_minute=2 * PAGE_COSTS)
    async with house.client() as client:
        pages = [await client.get("/sites/pier", headers=house.session) for _ in range(3)]
        assert [one.status_code for one in pages] == [200, 200, 429]
        assert (await client.get("/api/v1/x", headers=house.session)).status_code == 200
        assert (await client.get("/look/look.css", headers=house.session)).status_code == 200
        assert (await client.get("/", headers=house.bearer)).status_code == 429, "the key has had its share"


async def test_proxies_say_for_whom_they_ask_and_nobody_else_does(build: Callable[..., Any]) -> None:
    house: House = await build(proxies=["10.0.0.0/8"], names=["caretaker.example.org"])
    told = {"x-forwarded-for": "198.51.100.7", "x-forwarded-proto": "https", "x-forwarded-prefix": "//evil.example.org"}
    base = "http://caretaker.example.org"
    async with house.client("10.0.0.1", base) as proxy, house.client("203.0.113.9", base) as stranger:
        ours = await proxy.get("/api/v1/x", headers=house.bearer | told)
        assert ours.json() | {"bytes": 0} == {
            "who": "office", "address": "198.51.100.7", "scheme": "https", "bytes": 0, "forwarded": [],
        }  # fmt: skip
        assert "strict-transport-security" in ours.headers
        assert "wss://caretaker.example.org" in ours.headers["content-security-policy"]
        lied = await stranger.get("/api/v1/x", headers=house.bearer | told)
        assert (lied.json()["address"], lied.json()["scheme"]) == ("203.0.113.9", "http")
        assert "strict-transport-security" not in lied.headers
        changed = await proxy.post(
            "/api/v1/x",
            headers=house.session
            | told
            | {"origin": "https://caretaker.example.org", "content-type": "application/json"},
            content=b"{}",
        )
        assert changed.status_code == 200
    assert house.access.cookie.given("x").startswith("__Host-caretaker=x; Path=/; ")
    assert house.access.cookie.given("x").endswith("; HttpOnly; SameSite=Lax; Secure")


async def test_other_pages_may_use_the_api_with_a_key_where_they_are_listed(build: Callable[..., Any]) -> None:
    house: House = await build(origins=["https://page.example.org"])
    ask = {"access-control-request-method": "POST", "access-control-request-headers": "authorization"}
    async with house.client() as client:
        for origin, allowed in (("https://page.example.org", True), ("https://evil.example.org", False)):
            before = await client.options("/api/v1/x", headers={"origin": origin} | ask)
            assert (before.status_code == 200) is allowed
            answer = await client.get("/api/v1/x", headers=house.bearer | {"origin": origin})
            assert (answer.headers.get("access-control-allow-origin") == origin) is allowed
            assert "access-control-allow-credentials" not in answer.headers
        refused = await client.get("/api/v1/x", headers={"origin": "https://page.example.org"})
        assert refused.status_code == 401
        assert refused.headers["access-control-allow-origin"] == "https://page.example.org", "so that it can read why"


async def test_a_server_that_others_reach_starts_with_a_key_only(tmp_path: Path) -> None:
    certificate = tmp_path / "tls.pem"
    certificate.touch()
    files = {"certificate": certificate, "key": certificate}
    access = Access(ApiSettings(), tmp_path)
    outside = ApiSettings.model_validate({"host": "0.0.0.0", "tls": files})
    await refuse_unsafe(ApiSettings(), access)
    with pytest.raises(UnsafeError, match="caretaker keys create"):
        await refuse_unsafe(outside, access)
    key, _ = await keyring.make_key(access, ADMIN, Draft("office", Role.VIEWER), time.time_ns())
    await refuse_unsafe(outside, access)
    await keyring.revoke_key(access, ADMIN, key.id, time.time_ns())
    with pytest.raises(UnsafeError):
        await refuse_unsafe(outside, access)
    await access.close()


async def test_a_refusal_is_problem_details(build: Callable[..., Any]) -> None:
    house: House = await build()
    async with house.client() as client:
        answer = await client.get("/api/v1/sites", headers={"authorization": "Bearer ck_wrong"})
    assert json.loads(answer.content) == {
        "type": "about:blank",
        "title": "Not signed in",
        "status": 401,
        "detail": "send a key as `Authorization: Bearer ck_…`, or sign in at /sign-in",
        "errors": [],
    }
