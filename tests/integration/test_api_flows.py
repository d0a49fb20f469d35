"""What people do over the API, with the alert service, the ingestor and a broker behind it."""

import html
import re
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
import pytest

from alerts.desk import links_of
from grafana import shown
from tests.components import wait_until
from tests.integration.api_house import GRAFANA, House, running


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with running(tmp_path_factory.mktemp("flows")) as house:
        house.measure("pier", "nh3-1", nh3_ppm=6.0)
        house.measure("pier", "door-1", visitors_now=80)
        house.measure("garden", "meter-1", power_kw=10)
        house.alert_of("odour")
        house.alert_of("crowd")
        yield house


def post(house: House, path: str, body: object, who: str = "operator") -> tuple[int, Any]:
    with house.client(who) as client:
        answer = client.post(path, json=body)
    return answer.status_code, answer.json()


def audited(house: House) -> list[tuple[str, str, str, str]]:
    return [(one["who"], one["what"], one["target"], one["detail"]) for one in house.get("/audit?limit=50")["items"]]


def hours_on(hours: float) -> str:
    return (datetime.now(UTC) + timedelta(hours=hours)).isoformat()


def test_a_link_in_a_message_leads_on_to_the_panel_of_the_alert(house: House) -> None:
    """Through all of it: the settings of the service, the command that wires it, the dashboards that there are."""
    alert = house.alert_of("odour")
    address = links_of(house.data, house.url, 1).make(alert, "attendant", time.time_ns())
    page = httpx2.get(address, trust_env=False).text
    found = re.search(rf'href="{GRAFANA}(/d/[^"]+)"', page)
    assert found is not None
    place = shown.panel_of("nh3_ppm", "toilet", "en")
    assert place is not None
    asked = f"/d/{place[0]}?viewPanel={place[1]}&var-site=pier&var-device=nh3-1&from="
    assert html.unescape(found[1]).startswith(asked)


def test_an_alert_is_taken_given_and_commented(house: House) -> None:
    alert = house.alert_of("odour")
    status, after = post(house, f"/alerts/{alert}/acknowledge", {"comment": "on my way", "until": hours_on(1)})
    assert (status, after["acknowledged_by"], after["comment"]) == (200, "operator", "on my way")
    assert after["acknowledged_until"] is not None
    status, after = post(house, f"/alerts/{alert}/assign", {"person": "attendant"})
    assert (status, after["acknowledged_by"]) == (200, "Duty attendant"), "a name, not an id"
    assert [one["id"] for one in house.get("/alerts?who=attendant")["items"]] == [alert]
    assert [one["id"] for one in house.get("/alerts?who=Duty attendant")["items"]] == [alert]
    assert house.get("/alerts?who=manager")["items"] == []
    status, after = post(house, f"/alerts/{alert}/comment", {"text": "the fan stands still"})
    assert (status, after["comment"]) == (200, "the fan stands still")
    assert [one["change"] for one in after["steps"]] == ["raised", "acknowledged", "assigned", "commented"]
    assert after["steps"][2]["to"] == "Duty attendant"
    target = f"alert {alert}"
    assert audited(house)[:3] == [
        ("operator", "alert.commented", target, "the fan stands still"),
        ("operator", "alert.assigned", target, "to attendant"),
        ("operator", "alert.acknowledged", target, audited(house)[2][3]),
    ]
    assert "on my way" in audited(house)[2][3]


def test_who_was_told_is_named_but_never_where(house: House) -> None:
    alert = house.alert_of("odour")
    wait_until(
        lambda: any(one["person"] == "Duty attendant" for one in house.get(f"/alerts/{alert}")["deliveries"]),
        "the attendant is told",
    )
    with house.client("admin") as client:
        everything = "".join(client.get(path).text for path in ("/people", "/alerts", f"/alerts/{alert}", "/audit"))
    assert "canary" not in everything
    assert house.get(f"/alerts/{alert}", "viewer")["deliveries"] == []


def test_an_alert_that_ends_by_itself_is_not_resolved_by_hand(house: House) -> None:
    status, problem = post(house, f"/alerts/{house.alert_of('odour')}/resolve", {})
    assert (status, problem["title"]) == (409, "Not possible now")
    assert "it ends by itself" in problem["detail"]


@pytest.mark.parametrize(
    ("action", "body", "says"),
    [
        ("assign", {"person": "nobody"}, "there is no person nobody"),
        ("acknowledge", {"until": "2020-01-01T00:00:00Z"}, "over already"),
        ("comment", {"text": "\x00"}, "control characters"),
        ("comment", {"text": "   "}, "empty"),
    ],
)
def test_a_wish_without_sense_is_refused(house: House, action: str, body: object, says: str) -> None:
    status, problem = post(house, f"/alerts/{house.alert_of('odour')}/{action}", body)
    assert status == 422
    assert says in problem["detail"]


def test_a_silence_holds_until_it_is_ended(house: House) -> None:
    alert = house.alert_of("crowd")
    wanted = {"matchers": {"rule": "crowd", "site": "pier"}, "end": hours_on(1), "reason": "A concert."}
    status, made = post(house, "/silences", wanted, "operator@pier")
    assert status == 201
    assert house.get(f"/alerts/{alert}")["silenced"]
    assert [one["id"] for one in house.get("/silences", "operator@pier")] == [made["id"]]
    assert house.get("/silences", "operator@garden") == []
    with house.client("operator@pier") as client:
        assert client.delete(f"/silences/{made['id']}").status_code == 204
    assert not house.get(f"/alerts/{alert}")["silenced"]
    assert [one[1] for one in audited(house)[:2]] == ["silence.ended", "silence.made"]


@pytest.mark.parametrize(
    ("matchers", "status"),
    [
        ({"site": "pier"}, 201),
        ({"site": "pier|garden"}, 403),
        ({"site": "p*"}, 403),
        ({"rule": "odour"}, 403),
        ({"site": "pier", "sevrity": "warning"}, 422),
    ],
)
def test_a_silence_hushes_only_ones_own(house: House, matchers: dict[str, str], status: int) -> None:
    wanted = {"matchers": matchers, "end": hours_on(0.1), "reason": "A test."}
    found, made = post(house, "/silences", wanted, "operator@pier")
    assert found == status
    if status == 201:
        with house.client() as client:
            client.delete(f"/silences/{made['id']}")


def latest(house: House, device: str, metric: str) -> Any:
    found = house.get(f"/devices/{device}/latest", "operator")["latest"]
    return next((one for one in found if one["metric"] == metric), None)


def test_what_is_entered_takes_the_one_way_in(house: House) -> None:
    status, recorded = post(house, "/events", {"site": "pier", "area": "male", "what": "feedback", "value": 4})
    assert (status, recorded["device"], recorded["values"]) == (201, "button-1", {"feedback": 4.0})
    wait_until(lambda: latest(house, "button-1", "feedback") is not None, "it is in the present")
    assert latest(house, "button-1", "feedback")["value"] == 4.0
    assert latest(house, "button-1", "feedback")["quality"] == ["manual"]
    reading = {"site": "garden", "what": "reading", "values": {"energy_import_kwh": 4711.5}, "note": "by eye"}
    status, recorded = post(house, "/events", reading)
    assert (status, recorded["device"]) == (201, "meter-1")
    path = "/devices/meter-1/history?metric=energy_import_kwh"
    wait_until(lambda: house.get(path)["series"][0]["values"] == [4711.5], "it is in the store")
    assert house.get(path)["series"][0]["manual"] == [0]
    assert audited(house)[0] == ("operator", "event.recorded", "device meter-1", "energy_import_kwh=4711.5; by eye")


def test_what_is_sent_again_with_its_time_is_stored_once(house: House) -> None:
    said = {"site": "pier", "area": "female", "device": "button-2", "what": "feedback", "time": hours_on(-0.1)}
    for value in (2, 2, 3):
        assert post(house, "/events", said | {"value": value})[0] == 201
    path = "/devices/button-2/history?metric=feedback"
    wait_until(lambda: 3.0 in house.get(path)["series"][0]["values"], "the last one is in the store")
    assert sorted(house.get(path)["series"][0]["values"]) == [2.0, 3.0]


@pytest.mark.parametrize(
    ("body", "status", "says"),
    [
        ({"site": "pier", "area": "female", "what": "cleaned"}, 409, "button-2, button-3"),
        ({"site": "garden", "what": "cleaned"}, 409, "no device of garden measures cleaned"),
        ({"site": "pier", "device": "nh3-1", "what": "cleaned"}, 409, "does not measure cleaned"),
        ({"site": "pier", "device": "meter-1", "what": "cleaned"}, 404, "meter-1"),
        ({"site": "pier", "area": "roof", "what": "cleaned"}, 404, "roof"),
        ({"site": "pier", "area": "male", "what": "feedback", "value": 9}, 422, "possible is 1 to 5"),
        ({"site": "pier", "area": "male", "what": "feedback"}, 422, "needs its score"),
        ({"site": "pier", "area": "male", "what": "cleaned", "values": {"leak": 1}}, 422, "`values` belong to"),
        ({"site": "garden", "what": "reading", "values": {"power_kw": "much"}}, 422, "expected a number"),
        ({"site": "pier", "area": "male", "what": "cleaned", "time": hours_on(5)}, 422, "ahead"),
        ({"site": "pier", "area": "male", "what": "cleaned", "time": 1795334400}, 400, "a time as in"),
        ({"site": "pier", "area": "male", "what": "mopped"}, 400, "body.what"),
    ],
)
def test_what_admission_would_refuse_is_not_published(house: House, body: object, status: int, says: str) -> None:
    found, problem = post(house, "/events", body)
    assert found == status, problem
    assert says in problem["detail"]
    assert problem["status"] == status


def test_the_quarantine_is_replayed_once_its_cause_is_mended(house: House) -> None:
    house.publish("pier", "button-9", '{"values": {"cleaned": 1}}')
    wait_until(lambda: house.get("/quarantine")["counts"].get("unknown_device") == 1, "it is in quarantine")
    message = house.get("/quarantine?reason=unknown_device", "operator@pier")["items"][0]
    assert (message["topic"], message["payload"]) == (
        "caretaker/v1/pier/button-9/readings",
        '{"values": {"cleaned": 1}}',
    )
    status, result = post(house, f"/quarantine/{message['id']}/replay", {}, "admin")
    assert (status, result["replayed"], sum(result["still_refused"].values())) == (200, 0, 1)
    assert audited(house)[0][:3] == ("admin", "quarantine.replayed", f"quarantine {message['id']}")


def test_pages_go_on_where_the_last_one_ended(house: House) -> None:
    for path in (
        "/devices",
        "/alerts?which=all",
        "/alerts/history?since=2026-01-01T00:00:00Z&until=2126-01-01T00:00:00Z",
    ):
        sign = "&" if "?" in path else "?"
        whole = house.get(path)["items"]
        assert len(whole) > 1
        found: list[Any] = []
        cursor: str | None = ""
        while cursor is not None:
            page = house.get(f"{path}{sign}limit=1{cursor and '&cursor='}{cursor}")
            found += page["items"]
            cursor = page["next"]
        assert found == whole


@pytest.mark.parametrize("cursor", ["x", "%00", "W10", "WzEsMl0", "WyJhIl0", "WzFlOTldXQ", "é", "A" * 512])
def test_a_cursor_of_somebody_else_is_not_understood(house: House, cursor: str) -> None:
    with house.client() as client:
        for path in ("/devices", "/alerts", "/quarantine", "/audit"):
            answer = client.get(f"{path}?cursor={cursor}")
            assert (answer.status_code, answer.json()["status"]) == (400, 400)


@pytest.mark.parametrize("path", ["/catalogue", "/rules", "/rules/odour", "/people", "/sites", "/devices?kind=meter"])
def test_what_has_not_changed_is_not_sent_again(house: House, path: str) -> None:
    with house.client() as client:
        first = client.get(path)
        tag = first.headers["etag"]
        for line in (tag, f'"other", W/{tag}', "*"):
            again = client.get(path, headers={"If-None-Match": line})
            assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
        assert client.get(path, headers={"If-None-Match": '"other"'}).status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "status", "allow"),
    [
        ("GET", "/nothing", 404, None),
        ("GET", "/sites/", 404, None),
        ("PUT", "/sites", 405, "GET"),
        ("GET", "/events", 405, "POST"),
        ("PATCH", "/silences", 405, "GET, POST"),
        ("GET", "/quarantine/replay", 405, "POST"),
        ("TRACE", "/sites/pier", 405, "GET"),
    ],
)
def test_what_is_not_there_says_so(house: House, method: str, path: str, status: int, allow: str | None) -> None:
    with house.client() as client:
        answer = client.request(method, path)
    assert (answer.status_code, answer.headers.get("allow")) == (status, allow)
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["status"] == status


def test_what_is_not_understood_says_where_and_repeats_nothing(house: House) -> None:
    with house.client() as client:
        answer = client.get("/devices?limit=canary&state=canary")
    problem = answer.json()
    assert {one["where"] for one in problem["errors"]} == {"query.limit", "query.state"}
    assert "canary" not in problem["detail"]
    with house.client() as client:
        broken = client.post("/events", content=b'{"site": ', headers={"content-type": "application/json"})
    assert (broken.status_code, broken.json()["errors"][0]["where"]) == (400, "body")


def test_without_the_alert_service_the_rest_goes_on_and_wishes_are_kept(house: House) -> None:
    alert = house.alert_of("odour")
    house.alerts.stop()
    began_s = time.monotonic()
    status, after = post(house, f"/alerts/{alert}/comment", {"text": "kept"})
    assert (status, after["waiting"]) == (202, True)
    assert time.monotonic() - began_s < 10
    assert house.get("/sites")[1]["alerts"]["warning"] >= 1, "what it has found is there to be read"
    house.alerts.start()
    wait_until(lambda: house.get(f"/alerts/{alert}")["comment"] == "kept", "the wish is fulfilled")


def test_without_the_ingestor_only_the_quarantine_is_away(house: House) -> None:
    house.ingestor.stop()
    with house.client() as client:
        answer = client.get("/quarantine")
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
        assert "the ingestor does not answer" in answer.json()["detail"]
        assert client.get("/sites").status_code == 200
    house.ingestor.start()
    house.ingestor.wait_ready()


def test_without_the_broker_nothing_is_entered_and_it_says_why(house: House) -> None:
    house.stop_broker()
    wait_until(lambda: house.api.ready()[0] is False, "it says that it is not ready")
    assert "nothing arrives" in house.api.ready()[1]
    status, problem = post(house, "/events", {"site": "pier", "area": "male", "what": "cleaned"})
    assert (status, problem["title"]) == (503, "Away")
    assert house.get("/sites/pier/latest")
    house.start_broker()
    wait_until(lambda: house.api.ready()[0], "it is ready again")
