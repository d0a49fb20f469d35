"""Dashboards get into a Grafana, and a second run changes nothing; the same tests against a double and a real one."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx2
import pytest

from alerts.rules.load import load_rules
from grafana.change import Change, Kind, Reason
from grafana.client import GrafanaClient, GrafanaError, Trouble
from grafana.install import compared, health, install
from grafana.settings import GrafanaSettings, PrometheusSource, Settings
from grafana.sources import INFLUXDB_UID, spoken
from grafana.wanted import wanted
from telemetry.registry.load import load_registry
from telemetry.stores.settings import InfluxSettings
from tests.integration.grafana_ground import (
    ELSEWHERE,
    FOLDER,
    House,
    a_dashboard,
    a_house,
    a_source,
    panel,
    wanting,
)
from tests.integration.grafana_stand_in import PERSON
from tests.integration.influxdb_double import InfluxdbDouble, Reply

CITY = Path(__file__).parents[2] / "examples" / "hong-kong"
NAMES = {"uid": "caretaker-toilets", "title": "Toilets"}


@pytest.fixture(params=["double", "real"])
def house(request: pytest.FixtureRequest) -> Iterator[House]:
    with a_house(request.param) as one:
        yield one


@pytest.fixture
def double() -> Iterator[House]:
    with a_house("double") as one:
        yield one


@pytest.fixture
def influxdb() -> Iterator[InfluxdbDouble]:
    one = InfluxdbDouble()
    yield one
    one.close()


def kinds(changes: object) -> dict[str, Kind]:
    assert isinstance(changes, list)
    return {change.name: change.kind for change in changes}


def of(changes: object, uid: str) -> Change:
    assert isinstance(changes, list)
    (found,) = [change for change in changes if change.name == uid]
    assert isinstance(found, Change)
    return found


def test_all_is_made_once_and_a_second_run_changes_nothing(house: House) -> None:
    what = wanting(a_dashboard("toilets"), a_dashboard("air"))
    with house.client() as client:
        assert set(kinds(compared(client, what)).values()) == {Kind.MADE}
        assert client.get(f"/api/folders/{FOLDER}") is None, "comparing writes nothing"
        first = install(client, what)
        assert set(kinds(first).values()) == {Kind.MADE}
        assert [change.name for change in first] == [FOLDER, INFLUXDB_UID, "caretaker-toilets", "caretaker-air"]
        second = install(client, what)
        assert set(kinds(second).values()) == {Kind.UNCHANGED}
        assert set(kinds(compared(client, what)).values()) == {Kind.UNCHANGED}
    assert house.stored("caretaker-air")["meta"]["version"] == 1
    assert house.stored("caretaker-air")["meta"]["folderUid"] == FOLDER


def test_a_changed_deployment_updates_what_differs_and_names_it(house: House) -> None:
    new = a_dashboard("toilets", panel(1, "Use by hour", unit="short"), panel(3, "Leaks"))
    with house.client() as client:
        install(client, wanting(a_dashboard("toilets"), a_dashboard("air")))
        changes = install(client, wanting(new, a_dashboard("air"), source=a_source("http://127.0.0.1:10")))
        assert kinds(changes) == {
            FOLDER: Kind.UNCHANGED,
            INFLUXDB_UID: Kind.UPDATED,
            "caretaker-toilets": Kind.UPDATED,
            "caretaker-air": Kind.UNCHANGED,
        }
        assert list(of(changes, INFLUXDB_UID).differences) == ["url"]
        assert list(of(changes, "caretaker-toilets").differences) == [
            "panel 'Use by hour': unit",
            "no panel 'Leaks'",
            "another panel 'Odour'",
        ]
        assert of(changes, "caretaker-toilets").reason is None, "we saved it last"
        # Now its last version says that it was us, where the first only says that it was the first.
        again = install(client, wanting(a_dashboard("toilets"), a_dashboard("air")))
        assert of(again, "caretaker-toilets").reason is None
    assert [one["title"] for one in house.stored("caretaker-toilets")["dashboard"]["panels"]] == [
        "Use by hour",
        "Odour",
    ]


def test_what_somebody_edited_is_said_and_becomes_ours_again(house: House) -> None:
    what = wanting(a_dashboard("toilets"))
    with house.client() as client:
        install(client, what)
        house.edit("caretaker-toilets", panels=[panel(1, "Use by hour"), panel(2, "Smell")], refresh="1m")
        (change,) = [one for one in compared(client, what) if one.kind.differs]
        assert list(change.differences) == ["refresh", "panel 'Odour': title"]
        assert (change.reason, change.edited_by) == (Reason.EDITED, "version 2, by a service account")
        assert of(install(client, what), "caretaker-toilets").kind is Kind.UPDATED
        assert of(compared(client, what), "caretaker-toilets").kind is Kind.UNCHANGED
    assert house.stored("caretaker-toilets")["meta"]["version"] == 3, "the edit is in the history"


def test_of_a_person_the_role_is_said_and_never_the_name(double: House) -> None:
    what = wanting(a_dashboard("toilets"))
    with double.client() as client:
        install(client, what)
        document = {**double.stored("caretaker-toilets")["dashboard"], "refresh": "1m"}
        body = {"dashboard": document, "folderUid": FOLDER, "overwrite": True}
        headers = {"Authorization": PERSON}
        httpx2.post(f"{double.url}/api/dashboards/db", json=body, headers=headers, trust_env=False).raise_for_status()
        assert of(compared(client, what), "caretaker-toilets").edited_by == "version 2, by an Admin"
    # An Editor may not see who has which role, a Viewer not even who saved it.
    with double.client(double.token_of("Editor")) as client:
        assert of(compared(client, what), "caretaker-toilets").edited_by == "version 2, by a person"
    with double.client(double.token_of("Viewer")) as client:
        assert of(compared(client, what), "caretaker-toilets").edited_by == ""
    assert double.double is not None
    double.double.newer = True
    with double.client() as client:
        assert of(compared(client, what), "caretaker-toilets").edited_by == "version 2, by an Admin"


def test_a_dashboard_that_was_moved_comes_back(house: House) -> None:
    what = wanting(a_dashboard("toilets"))
    with house.client() as client:
        install(client, what)
        house.call("POST", "/api/folders", {"uid": ELSEWHERE, "title": "Somebody's own"})
        house.edit("caretaker-toilets", folder=ELSEWHERE)
        assert list(of(install(client, what), "caretaker-toilets").differences) == ["folder"]
    assert house.stored("caretaker-toilets")["meta"]["folderUid"] == FOLDER


def test_a_folder_is_renamed(house: House) -> None:
    what = wanting(a_dashboard("toilets"))
    with house.client() as client:
        install(client, what)
        version = house.call("GET", f"/api/folders/{FOLDER}")["version"]
        house.call("PUT", f"/api/folders/{FOLDER}", {"title": "Theirs", "version": version})
        assert of(install(client, what), FOLDER).kind is Kind.UPDATED
        assert set(kinds(install(client, what)).values()) == {Kind.UNCHANGED}
    assert house.call("GET", f"/api/folders/{FOLDER}")["title"] == "Caretaker"


class Interrupted(GrafanaClient):
    """Somebody saves between our reading and our writing."""

    def __init__(self, house: House) -> None:
        super().__init__(house.url, house.token)
        self.house = house

    def send(self, method: str, path: str, body: Mapping[str, Any] | None, doing: str) -> Any:
        if path == "/api/dashboards/db":
            self.house.edit("caretaker-toilets", refresh="10s")
        return super().send(method, path, body, doing)


def test_what_somebody_saves_at_the_same_moment_is_not_lost(house: House) -> None:
    with house.client() as client:
        install(client, wanting(a_dashboard("toilets")))
    with Interrupted(house) as client, pytest.raises(GrafanaError, match="save the dashboard") as caught:
        install(client, wanting(a_dashboard("toilets", panel(1, "One"))))
    assert caught.value.trouble is Trouble.CHANGED_MEANWHILE
    assert house.stored("caretaker-toilets")["dashboard"]["refresh"] == "10s"


def test_somebody_elses_dashboard_with_our_title_stays_theirs(house: House) -> None:
    with house.client() as client:
        install(client, wanting(a_dashboard("air")))
        theirs = {"uid": "theirs", "title": "Toilets", "panels": [], "schemaVersion": 36}
        house.call("POST", "/api/dashboards/db", {"dashboard": theirs, "folderUid": FOLDER})
        with pytest.raises(GrafanaError, match=r"save the dashboard caretaker-toilets \(Toilets\): 412") as caught:
            install(client, wanting(a_dashboard("air"), a_dashboard("toilets")))
    assert caught.value.trouble is Trouble.NAME_TAKEN
    assert house.stored("theirs")["meta"]["version"] == 1


def test_only_our_own_old_dashboards_are_pruned_and_only_when_asked(house: House) -> None:
    both = wanting(a_dashboard("toilets"), a_dashboard("air"))
    with house.client() as client:
        install(client, both)
        theirs = {"uid": "theirs", "title": "Theirs", "tags": ["caretaker"], "panels": [], "schemaVersion": 36}
        house.call("POST", "/api/dashboards/db", {"dashboard": theirs, "folderUid": FOLDER})
        untagged = {**theirs, "uid": "caretaker-test-untagged", "title": "Untagged", "tags": []}
        house.call("POST", "/api/dashboards/db", {"dashboard": untagged, "folderUid": FOLDER})
        fewer = wanting(a_dashboard("toilets"))
        change = of(install(client, fewer), "caretaker-air")
        assert (change.kind, change.reason, change.is_amiss) == (Kind.KEPT, Reason.NOT_WANTED, False)
        assert of(compared(client, fewer, prune=True), "caretaker-air").is_amiss
        assert of(install(client, fewer, prune=True), "caretaker-air").kind is Kind.REMOVED
        assert client.get("/api/dashboards/uid/caretaker-air") is None
        assert "caretaker-air" not in kinds(install(client, fewer, prune=True))
    assert house.stored("theirs")["meta"]["version"] == 1
    assert house.stored("caretaker-test-untagged")["meta"]["version"] == 1


@pytest.mark.parametrize(
    ("role", "refused"), [("Editor", "put the data source caretaker-influxdb"), ("Viewer", "put the folder caretaker")]
)
def test_a_service_account_without_the_right_is_told_so(house: House, role: str, refused: str) -> None:
    what = wanting(a_dashboard("toilets"), source=a_source(secret=""))
    with house.client(house.token_of(role)) as lesser, house.client() as client:
        install(client, what)
        assert set(kinds(compared(lesser, what)).values()) == {Kind.UNCHANGED}
        version = house.call("GET", f"/api/folders/{FOLDER}")["version"]
        if role == "Viewer":
            house.call("PUT", f"/api/folders/{FOLDER}", {"title": "Theirs", "version": version})
        other = wanting(a_dashboard("toilets"), source=a_source("http://127.0.0.1:10", secret=""))
        with pytest.raises(GrafanaError, match=f"{refused}: 403") as caught:
            install(lesser, other)
    assert caught.value.trouble is Trouble.NO_RIGHT
    assert "Admin" in caught.value.mend


def test_who_is_no_admin_may_not_even_learn_that_something_is_not_there(house: House) -> None:
    with (
        house.client(house.token_of("Editor")) as client,
        pytest.raises(GrafanaError, match="read /api/fold") as caught,
    ):
        compared(client, wanting(a_dashboard("toilets")))
    assert caught.value.trouble is Trouble.NO_RIGHT


def test_an_unknown_token_and_a_wrong_address(house: House) -> None:
    with house.client("glsa_unknown-canary") as client, pytest.raises(GrafanaError) as caught:
        install(client, wanting(a_dashboard("toilets")))
    assert (caught.value.trouble, caught.value.status) == (Trouble.UNKNOWN_TOKEN, 401)
    assert "canary" not in str(caught.value)
    with house.client() as client:
        assert client.version()
    if house.double is not None:
        house.double.page = 404, "<!doctype html><title>Grafana</title>"
    with GrafanaClient(f"{house.url}/sub", house.token) as client, pytest.raises(GrafanaError) as caught:
        client.version()
    assert caught.value.trouble is Trouble.NOT_GRAFANA


def test_grafana_reaches_the_store_with_the_token_and_says_so(house: House, influxdb: InfluxdbDouble) -> None:
    series = {"name": "measurements", "columns": ["name"], "values": [["toilet"], ["meter"]]}
    shown = json.dumps({"results": [{"statement_id": 0, "series": [series]}]})
    influxdb.documents["POST", "/query"] = Reply(200, shown, {"Content-Type": "application/json"})
    what = wanting(a_dashboard("toilets"), source=a_source(influxdb.url))
    with house.client() as client:
        install(client, what)
        (good,) = health(client, what.sources)
        assert (good.uid, good.is_good) == (INFLUXDB_UID, True)
        assert "2 measurements" in good.message
        (call,) = influxdb.calls
        assert (call.method, call.headers["Authorization"]) == ("POST", "Token canary-token")
        assert call.query["db"] == "caretaker"
        influxdb.documents["POST", "/query"] = Reply(401, '{"error": "unauthorized"}')
        (bad,) = health(client, what.sources)
        assert (bad.is_good, "401" in bad.message) == (False, True)


def test_a_new_token_arrives_although_nothing_else_differs(house: House, influxdb: InfluxdbDouble) -> None:
    with house.client() as client:
        install(client, wanting(a_dashboard("toilets"), source=a_source(influxdb.url)))
        what = wanting(a_dashboard("toilets"), source=a_source(influxdb.url, "renewed"))
        change = of(install(client, what), INFLUXDB_UID)
        assert (change.kind, change.reason) == (Kind.UNCHANGED, Reason.SECRET_SENT)
        health(client, what.sources)
    assert influxdb.calls[-1].headers["Authorization"] == "Token renewed"


def test_the_user_and_password_of_1x_arrive(house: House, influxdb: InfluxdbDouble) -> None:
    store = InfluxSettings.model_validate(
        {"kind": "influxdb", "url": influxdb.url, "bucket": "town/autogen", "username": "reader", "password": "a b:c"}
    )
    what = wanted(Settings(store=store), load_registry(CITY), load_rules(CITY, load_registry(CITY)), spoken)
    with house.client() as client:
        install(client, wanting(a_dashboard("toilets"), source=what.sources[0]))
        health(client, what.sources)
    call = influxdb.calls[-1]
    assert httpx2.BasicAuth("reader", "a b:c")._auth_header == call.headers["Authorization"]
    assert call.query["db"] == "town"


@pytest.mark.parametrize("kind", ["real"])
def test_a_query_longer_than_an_address_goes_through(kind: str, influxdb: InfluxdbDouble) -> None:
    devices = "|".join(f"device-{number}" for number in range(10_000))
    text = f"SHOW SERIES WHERE device =~ /^({devices})$/"
    with a_house(kind) as house:
        with house.client() as client:
            install(client, wanting(a_dashboard("toilets"), source=a_source(influxdb.url)))
        query = {"refId": "A", "datasource": {"uid": INFLUXDB_UID}, "query": text, "rawQuery": True}
        house.call("POST", "/api/ds/query", {"queries": [query], "from": "now-1h", "to": "now"})
    assert len(influxdb.calls[-1].body) > 100_000


def test_what_somebody_set_in_a_data_source_stays(house: House) -> None:
    path = f"/api/datasources/uid/{INFLUXDB_UID}"
    with house.client() as client:
        install(client, wanting(a_dashboard("toilets")))
        stored = house.call("GET", path)
        plain = {**stored["jsonData"], "timeInterval": "10s", "keepCookies": ["sid"], "tlsSkipVerify": True}
        house.call("PUT", path, {**stored, "jsonData": plain, "isDefault": True, "withCredentials": True})
        changed, same = (of(install(client, wanting(a_dashboard("toilets"))), INFLUXDB_UID) for _ in range(2))
    assert (changed.kind, list(changed.differences)) == (Kind.UPDATED, ["jsonData.tlsSkipVerify"])
    assert (same.kind, same.reason) == (Kind.UNCHANGED, Reason.SECRET_SENT)
    stored = house.call("GET", path)
    ours = {**a_source().document["jsonData"], "timeInterval": "10s", "keepCookies": ["sid"]}
    assert {name: value for name, value in stored["jsonData"].items() if name != "pdcInjected"} == ours
    assert (stored["isDefault"], stored["withCredentials"]) == (True, True)


def test_what_grafana_has_from_files_is_left_to_them(double: House) -> None:
    what = wanting(a_dashboard("toilets"))
    with double.client() as client:
        install(client, what)
        assert double.double is not None
        double.double.sources[INFLUXDB_UID]["readOnly"] = True
        double.double.dashboards["caretaker-toilets"].provisioned = True
        assert set(kinds(install(client, what)).values()) == {Kind.UNCHANGED}
        other = wanting(a_dashboard("toilets", panel(1, "One")), source=a_source("http://127.0.0.1:10"))
        changes = install(client, other)
        for uid in (INFLUXDB_UID, "caretaker-toilets"):
            change = of(changes, uid)
            assert (change.kind, change.reason, change.is_amiss) == (Kind.LEFT_OUT, Reason.FROM_FILES, True)


@pytest.mark.parametrize(("prune", "kind"), [(True, Kind.LEFT_OUT), (False, Kind.KEPT)])
def test_an_old_one_that_grafana_has_from_files_goes_with_its_file(prune: bool, kind: Kind, double: House) -> None:
    both = wanting(a_dashboard("toilets"), a_dashboard("air"))
    with double.client() as client:
        install(client, both)
        assert double.double is not None
        double.double.dashboards["caretaker-air"].provisioned = True
        fewer = wanting(a_dashboard("toilets"))
        for changes in (compared(client, fewer, prune=prune), install(client, fewer, prune=prune)):
            change = of(changes, "caretaker-air")
            assert (change.kind, change.reason, change.is_amiss) == (kind, Reason.FROM_FILES, prune)


def test_the_dashboards_of_the_example_city_are_taken_as_they_are(house: House) -> None:
    registry = load_registry(CITY)
    store = InfluxSettings(kind="influxdb", url="http://127.0.0.1:9", bucket="caretaker")
    settings = Settings(store=store, grafana=GrafanaSettings(prometheus=PrometheusSource(url="http://127.0.0.1:9090")))
    what = wanted(settings, registry, load_rules(CITY, registry), spoken)
    assert what.dashboards["en"]
    assert what.dashboards["zh-Hant"]
    with house.client() as client:
        assert set(kinds(install(client, what)).values()) == {Kind.MADE}
        again = [change for change in install(client, what) if change.kind is not Kind.UNCHANGED]
        assert again == []
