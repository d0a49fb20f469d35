"""Every role at every operation of the OpenAPI document (S7), and what of people's whereabouts a viewer can see."""

import json
import time
from collections.abc import Iterator
from typing import Any, NamedTuple

import httpx2
import pytest

from tests.components import wait_until
from tests.integration.api_house import House, running

CALLERS = ("", "viewer", "operator", "admin", "admin@garden")
"""Nobody, each role with all sites, and who has everything but the site that is asked for."""
SILENCE = {"matchers": {"rule": "odour", "site": "pier"}, "end": "2126-01-01T00:00:00Z", "reason": "A test."}
KEY = {"name": "another", "role": "viewer", "sites": ["pier"]}
SPAN = "since=2026-01-01T00:00:00Z&until=2126-01-01T00:00:00Z"


class Ask(NamedTuple):
    """How an operation is asked about something at the pier, and what each of `CALLERS` gets."""

    statuses: tuple[int, int, int, int, int]
    path: str = ""
    """Instead of the document's; names in braces are filled in."""
    body: object = None


READ = (401, 200, 200, 200, 404)
READ_ALL = (401, 200, 200, 200, 200)
"""Lists: what is of others is left out."""
EXPECTED = {
    "GET /api/v1/sites": Ask(READ_ALL),
    "GET /api/v1/sites/{site}": Ask(READ),
    "GET /api/v1/sites/{site}/latest": Ask(READ),
    "GET /api/v1/devices": Ask(READ, "/api/v1/devices?site=pier"),
    "GET /api/v1/devices/{device}": Ask(READ),
    "GET /api/v1/devices/{device}/latest": Ask(READ),
    "GET /api/v1/devices/{device}/history": Ask(READ),
    "GET /api/v1/devices/{device}/rules": Ask(READ),
    "GET /api/v1/alerts": Ask(READ, "/api/v1/alerts?site=pier"),
    "GET /api/v1/alerts/history": Ask(READ, f"/api/v1/alerts/history?{SPAN}&site=pier"),
    "GET /api/v1/alerts/{alert}": Ask(READ),
    "POST /api/v1/alerts/{alert}/acknowledge": Ask((401, 403, 200, 200, 404), body={}),
    "POST /api/v1/alerts/{alert}/assign": Ask((401, 403, 200, 200, 404), body={"person": "manager"}),
    "POST /api/v1/alerts/{alert}/comment": Ask((401, 403, 200, 200, 404), body={"text": "A test."}),
    "POST /api/v1/alerts/{alert}/resolve": Ask((401, 403, 200, 409, 404), "/api/v1/alerts/{call}/resolve", {}),
    "GET /api/v1/silences": Ask(READ_ALL),
    "POST /api/v1/silences": Ask((401, 403, 201, 201, 403), body=SILENCE),
    "DELETE /api/v1/silences/{silence}": Ask((401, 403, 204, 404, 404)),
    "GET /api/v1/rules": Ask(READ_ALL),
    "GET /api/v1/rules/{rule}": Ask(READ_ALL),
    "GET /api/v1/people": Ask((401, 403, 200, 200, 200)),
    "POST /api/v1/events": Ask((401, 403, 201, 201, 404), body={"site": "pier", "area": "male", "what": "cleaned"}),
    "GET /api/v1/live": Ask(READ, "/api/v1/live?for_s=1&site=pier"),
    "GET /api/v1/quarantine": Ask((401, 403, 200, 200, 200)),
    "POST /api/v1/quarantine/replay": Ask((401, 403, 403, 200, 403), body={"reason": "not_json"}),
    "GET /api/v1/quarantine/{message}": Ask((401, 403, 200, 200, 404)),
    "POST /api/v1/quarantine/{message}/replay": Ask((401, 403, 403, 200, 404)),
    "GET /api/v1/catalogue": Ask(READ_ALL),
    "GET /api/v1/keys": Ask((401, 403, 403, 200, 200)),
    "POST /api/v1/keys": Ask((401, 403, 403, 201, 404), body=KEY),
    "DELETE /api/v1/keys/{id}": Ask((401, 403, 403, 204, 404)),
    "GET /api/v1/audit": Ask((401, 403, 403, 200, 403)),
    "GET /api/v1/health/live": Ask((200, 200, 200, 200, 200)),
    "GET /api/v1/health/ready": Ask((200, 200, 200, 200, 200)),
    "GET /metrics": Ask((401, 200, 200, 200, 200)),
}
CALLS = [
    pytest.param(name, caller, status, id=f"{caller or 'nobody'} {name}")
    for name, ask in EXPECTED.items()
    for caller, status in zip(CALLERS, ask.statuses, strict=True)
]


class Place(NamedTuple):
    """A house with something of each sort at the pier."""

    house: House
    ids: dict[str, str]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    with running(tmp_path_factory.mktemp("roles")) as house:
        house.measure("pier", "nh3-1", nh3_ppm=6.0)
        house.measure("pier", "door-1", visitors_now=80, people_in=3)
        house.measure("pier", "button-1", assistance=1)
        house.publish("pier", "nh3-1", "not json")
        ids = {"site": "pier", "device": "door-1", "rule": "odour"}
        ids |= {"alert": house.alert_of("odour"), "call": house.alert_of("call"), "crowd": house.alert_of("crowd")}
        wait_until(lambda: bool(house.get("/quarantine")["items"]), "the broken message is in quarantine")
        ids["message"] = str(house.get("/quarantine")["items"][0]["id"])
        with house.client("admin") as client:
            ids["silence"] = client.post("/silences", json=SILENCE).json()["id"]
            client.post("/silences", json={**SILENCE, "matchers": {"device": "nh3-1"}})
            ids["id"] = client.post("/keys", json=KEY).json()["id"]
        yield Place(house, ids)


def test_every_operation_of_the_document_is_expected(place: Place) -> None:
    document = httpx2.get(f"{place.house.url}/openapi.json").json()
    there = {f"{method.upper()} {path}" for path, item in document["paths"].items() for method in item}
    assert there == set(EXPECTED)


@pytest.mark.parametrize(("name", "caller", "status"), CALLS)
def test_every_role_at_every_operation(place: Place, name: str, caller: str, status: int) -> None:
    method, path = name.split(" ")
    ask = EXPECTED[name]
    with place.house.client(caller) as client:
        url = place.house.url + (ask.path or path).format(**place.ids)
        answer = client.request(method, url, json=ask.body)
    assert answer.status_code == status, answer.text
    if status >= 400:
        problem = answer.json()
        assert answer.headers["content-type"] == "application/problem+json"
        assert problem["status"] == status
        assert problem["detail"]
    if status == 404:
        with place.house.client(caller) as client:  # as if it were not there at all
            other = {"site": "nowhere", "device": "nothing", "alert": "0" * 16, "call": "0" * 16, "silence": "0" * 8}
            ids = place.ids | other | {"message": "987654321", "id": "a" * 8}
            body = json.loads(json.dumps(ask.body).replace("pier", "nowhere"))
            url = place.house.url + (ask.path or path).format(**ids).replace("=pier", "=nowhere")
            assert client.request(method, url, json=body).status_code == 404


def test_lists_leave_out_what_is_of_others(place: Place) -> None:
    house = place.house
    foreign = {
        path: json.dumps(house.get(path, "admin@garden"))
        for path in ("/sites", "/devices", "/alerts", f"/alerts/history?{SPAN}", "/silences", "/quarantine", "/people")
    }
    assert [path for path, text in foreign.items() if "pier" in text or "nh3-1" in text] == []
    assert [one["id"] for one in json.loads(foreign["/devices"])["items"]] == ["meter-1"]


BOARD = (
    "/",
    "/sites/garden",
    "/devices",
    "/devices/meter-1",
    "/devices/meter-1/power_kw",
    "/alerts",
    "/alerts?show=all",
    "/silences",
    "/rules",
    "/rules/power",
    "/rules/odour",
    "/quarantine",
    "/quarantine?reason=not_json",
    "/connect",
    "/codes",
    "/codes?site=garden",
)
FOREIGN = ("pier", "Pier", "碼頭", "nh3-1", "door-1", "button-1")


@pytest.mark.parametrize("who", ["operator@garden", "admin@garden"])
def test_no_page_of_the_board_names_what_is_of_others(place: Place, who: str) -> None:
    house = place.house
    headers = {"Authorization": f"Bearer {house.keys[who]}"}
    with httpx2.Client(base_url=house.url, headers=headers, timeout=20, trust_env=False) as client:
        pages = {path: client.get(path) for path in BOARD}
    assert {answer.status_code for answer in pages.values()} == {200}
    found = {(path, name) for path, answer in pages.items() for name in FOREIGN if name in answer.text}
    assert found == set()


PERSONAL = {"visitors_now", "people_in"}


def personal(document: Any) -> set[str]:
    """Names of personal metrics that stand somewhere beside a value."""
    if isinstance(document, dict):
        found = {name for one in document.values() for name in personal(one)}
        metric = document.get("metric")
        has_value = document.get("value") is not None or document.get("values") or document.get("threshold") is not None
        named = {name for name in PERSONAL if has_value and name == metric}
        return found | named | (PERSONAL & document.keys())
    return {name for one in document for name in personal(one)} if isinstance(document, list) else set()


@pytest.mark.parametrize(("who", "sees"), [("viewer", False), ("operator", True)])
@pytest.mark.parametrize(
    "path",
    ["/sites/pier", "/sites/pier/latest", "/devices/door-1", "/devices/door-1/latest", "/alerts", "/alerts/{crowd}"],
)
def test_where_people_are_is_for_operators(place: Place, path: str, who: str, sees: bool) -> None:
    document = place.house.get(path.format(**place.ids), who)
    assert bool(personal(document)) == (sees and path != "/sites/pier")
    if who == "viewer":
        assert "80 " not in json.dumps(document), "nor in words"


@pytest.mark.parametrize(("who", "value"), [("viewer", None), ("operator", 80.0)])
def test_what_rules_think_of_people_is_for_operators(place: Place, who: str, value: float | None) -> None:
    (crowd,) = place.house.get("/devices/door-1/rules", who)
    assert (crowd["rule"], crowd["thought"], crowd["severity"], crowd["alert"]) == (
        "crowd",
        "raised",
        "warning",
        place.ids["crowd"],
    )
    assert crowd["value"] == value


def test_the_past_of_people_is_for_operators(place: Place) -> None:
    house = place.house
    path = "/devices/door-1/history?metric=visitors_now"
    wait_until(lambda: "80" in json.dumps(house.get(path, "operator")["series"]), "the value is in the store")
    with house.client("viewer") as client:
        assert client.get(path).status_code == 403
        plain = client.get("/devices/door-1/history")
    assert plain.status_code == 403 or not PERSONAL & {one["metric"] for one in plain.json()["series"]}


@pytest.mark.parametrize(("who", "sees"), [("viewer", False), ("operator", True)])
def test_people_who_come_and_go_are_not_in_a_viewers_stream(place: Place, who: str, sees: bool) -> None:
    house = place.house
    text = ""
    with house.client(who) as client, client.stream("GET", "/live?for_s=20&kind=reading") as stream:
        assert stream.status_code == 200
        moment_s = time.monotonic()
        for line in stream.iter_lines():
            text += line + "\n"
            if "event: hello" in line:
                house.measure("pier", "door-1", visitors_now=81)
                house.measure("pier", "nh3-1", nh3_ppm=6.5)
            if "6.5" in line or time.monotonic() > moment_s + 15:
                break
    assert "6.5" in text
    assert ("visitors_now" in text) == sees
