"""Which pages may have a browser send something, who is at the other end, and which names are ours: tables."""

from ipaddress import ip_network

import pytest
from starlette.datastructures import Headers

from api.access.bucket import Buckets, household
from api.access.client import Client, client_of, is_ours
from api.access.origin import Doubt, doubt, local_path
from api.access.places import Place, is_static, place_of

OURS = "https://caretaker.example.org"
JSON = {"content-type": "application/json"}
FORM = {"content-type": "application/x-www-form-urlencoded"}
FROM_US = {"sec-fetch-site": "same-origin"}


@pytest.mark.parametrize(
    ("method", "headers", "api", "found"),
    [
        ("GET", {}, True, None),
        ("HEAD", {"origin": "https://evil.example.org"}, True, None),
        ("POST", {"origin": OURS} | JSON, True, None),
        ("POST", FROM_US | JSON, True, None),
        ("POST", FROM_US | {"content-type": "Application/JSON; charset=utf-8"}, True, None),
        ("POST", JSON, True, Doubt.ORIGIN),
        ("POST", {"origin": "null"} | JSON, True, Doubt.ORIGIN),
        ("POST", {"origin": "https://evil.example.org"} | JSON, True, Doubt.ORIGIN),
        ("POST", {"origin": "http://caretaker.example.org"} | JSON, True, Doubt.ORIGIN),
        ("POST", {"origin": OURS + ".evil.example.org"} | JSON, True, Doubt.ORIGIN),
        ("POST", {"origin": OURS, "sec-fetch-site": "cross-site"} | JSON, True, Doubt.ORIGIN),
        ("POST", {"origin": OURS, "sec-fetch-site": "same-site"} | JSON, True, Doubt.ORIGIN),
        ("POST", {"sec-fetch-site": "none"} | JSON, True, Doubt.ORIGIN),
        ("POST", FROM_US | FORM, True, Doubt.FORM),
        ("POST", FROM_US | {"content-type": "text/plain"}, True, Doubt.FORM),
        ("POST", FROM_US | {"content-type": "multipart/form-data"}, True, Doubt.FORM),
        ("POST", FROM_US, True, Doubt.FORM),
        ("PUT", JSON, True, Doubt.ORIGIN),
        ("PATCH", FROM_US | FORM, True, Doubt.FORM),
        ("DELETE", {}, True, Doubt.ORIGIN),
        ("DELETE", FROM_US, True, None),
        ("DELETE", FROM_US | FORM, True, Doubt.FORM),
        ("POST", FROM_US | {"content-type": "text/plain"}, False, None),
        ("POST", {"content-type": "text/plain"}, False, Doubt.ORIGIN),
    ],
)
def test_csrf(method: str, headers: dict[str, str], api: bool, found: Doubt | None) -> None:
    assert doubt(method, Headers(headers), OURS, api=api) is found


PROXIES = (ip_network("10.0.0.0/24"), ip_network("fd00::/64"))


@pytest.mark.parametrize(
    ("peer", "headers", "client"),
    [
        ("203.0.113.9", {}, Client("203.0.113.9", "http")),
        ("", {}, Client("", "http")),
        ("203.0.113.9", {"x-forwarded-for": "1.2.3.4", "x-forwarded-proto": "https"}, Client("203.0.113.9", "http")),
        ("10.0.0.1", {}, Client("10.0.0.1", "http")),
        (
            "10.0.0.1",
            {"x-forwarded-for": "198.51.100.7", "x-forwarded-proto": "https"},
            Client("198.51.100.7", "https"),
        ),
        ("10.0.0.1", {"x-forwarded-for": "1.2.3.4, 198.51.100.7"}, Client("198.51.100.7", "http")),
        ("10.0.0.1", {"x-forwarded-for": "1.2.3.4, 198.51.100.7, 10.0.0.2"}, Client("198.51.100.7", "http")),
        ("10.0.0.1", {"x-forwarded-for": "10.0.0.3, 10.0.0.2"}, Client("10.0.0.3", "http")),
        ("10.0.0.1", {"x-forwarded-for": "1.2.3.4, unknown"}, Client("10.0.0.1", "http")),
        ("10.0.0.1", {"x-forwarded-for": "198.51.100.7:4711"}, Client("198.51.100.7", "http")),
        ("10.0.0.1", {"x-forwarded-for": "[2001:db8::7]:4711"}, Client("2001:db8::7", "http")),
        ("10.0.0.1", {"x-forwarded-for": "2001:db8::7"}, Client("2001:db8::7", "http")),
        ("10.0.0.1", {"x-forwarded-proto": "https, http"}, Client("10.0.0.1", "http")),
        ("10.0.0.1", {"x-forwarded-proto": "gopher"}, Client("10.0.0.1", "http")),
        ("::ffff:10.0.0.1", {"x-forwarded-for": "198.51.100.7"}, Client("198.51.100.7", "http")),
        ("::ffff:203.0.113.9", {}, Client("203.0.113.9", "http")),
        ("fd00::1", {"x-forwarded-for": "198.51.100.7"}, Client("198.51.100.7", "http")),
    ],
)
def test_only_our_proxies_are_believed(peer: str, headers: dict[str, str], client: Client) -> None:
    assert client_of(peer, "http", Headers(headers), PROXIES) == client


def test_a_proxy_that_adds_a_line_of_its_own_is_believed_before_the_line_it_was_sent() -> None:
    lines = [(b"x-forwarded-for", b"1.2.3.4"), (b"x-forwarded-for", b"198.51.100.7")]
    assert client_of("10.0.0.1", "http", Headers(raw=lines), PROXIES).address == "198.51.100.7"


@pytest.mark.parametrize(
    ("host", "ours"),
    [
        ("127.0.0.1:8088", True),
        ("localhost", True),
        ("LocalHost.", True),
        ("[::1]:8088", True),
        ("192.0.2.5:8088", True),
        ("192.0.2.6:8088", True),
        ("caretaker.example.org", True),
        ("Caretaker.Example.org:443", True),
        ("wall.example.org:8443", True),
        ("wall.example.org", False),
        ("0.0.0.0", False),
        ("192.0.2.7", False),
        ("evil.example.org", False),
        ("caretaker.example.org.evil.example.org", False),
        ("localhost@evil.example.org", False),
        ("localhost:x", False),
        ("localhost evil", False),
        ("", False),
    ],
)
def test_names_that_are_ours(host: str, ours: bool) -> None:
    names = ("caretaker.example.org", "wall.example.org:8443")
    assert is_ours(host, "192.0.2.5", "192.0.2.6", names) is ours


@pytest.mark.parametrize(
    ("text", "there"),
    [
        ("/alerts/3f2a?wall=1#now", "/alerts/3f2a?wall=1#now"),
        ("/廁所", "/廁所"),
        ("//evil.example.org", "/"),
        ("/\\evil.example.org", "/"),
        ("\\\\evil.example.org", "/"),
        ("https://evil.example.org", "/"),
        ("javascript:alert(1)", "/"),
        ("/\t/evil.example.org", "/"),
        ("/a\r\nSet-Cookie: x=y", "/"),
        ("/sign-in?next=/", "/"),
        ("/sign-out", "/"),
        ("", "/"),
        ("alerts", "/"),
    ],
)
def test_after_signing_in_nobody_is_led_elsewhere(text: str, there: str) -> None:
    assert local_path(text) == there


@pytest.mark.parametrize(
    ("path", "place"),
    [
        ("/api/v1/health", Place.HEALTH),
        ("/api/v1/health/ready", Place.HEALTH),
        ("/api/v1/healthy", Place.API),
        ("/openapi.json", Place.PUBLIC),
        ("/a/3f2a", Place.PUBLIC),
        ("/here/pier/male", Place.PUBLIC),
        ("/_nicegui/3.18.0/static/vue.js", Place.PUBLIC),
        ("/enter", Place.PUBLIC),
        ("/sign-in", Place.FORM),
        ("/sign-out", Place.FORM),
        ("/api/v1/keys", Place.API),
        ("/api", Place.API),
        ("/metrics", Place.API),
        ("/_nicegui_ws/socket.io/", Place.SOCKET),
        ("/_nicegui/client/1/upload/2", Place.SOCKET),
        ("/_nicegui/3.18.0/dynamic_resources/x", Place.SOCKET),
        ("/", Place.PAGE),
        ("/sites/pier", Place.PAGE),
        ("/sign-in/x", Place.PAGE),
    ],
)
def test_places(path: str, place: Place) -> None:
    assert place_of(path) is place
    assert is_static(path) == path.endswith("vue.js")


def test_a_bucket_fills_again_and_forgets_whom_it_has_not_seen_for_longest(monkeypatch: pytest.MonkeyPatch) -> None:
    now_s = 0.0
    monkeypatch.setattr("api.access.bucket.NAMES_MOST", 3)
    bucket = Buckets(2, 0.5, lambda: now_s)
    assert [bucket.take("a") for _ in range(3)] == [0, 0, 2]
    assert bucket.take("b") == 0
    now_s = 1.0
    assert bucket.take("a") == 1
    now_s = 2.0
    assert bucket.take("a") == 0
    for name in "cdef":
        bucket.take(name)
    assert len(bucket) == 3


def test_an_ipv6_network_is_one_household() -> None:
    assert household("2001:db8::1") == household("2001:db8::ffff:1") != household("2001:db8:0:1::1")
    assert household("192.0.2.1") != household("192.0.2.2")
