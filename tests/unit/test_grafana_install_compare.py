"""What is named as different between what is wanted and what Grafana has."""

from typing import Any

import pytest

from grafana.change import Change, Kind, Reason, Thing
from grafana.client import Trouble, too_old, trouble_of
from grafana.compare import NAMED_MOST, dashboard_differences, source_differences

PANELS: list[dict[str, Any]] = [
    {"id": 1, "type": "row", "title": "Now", "panels": [{"id": 2, "title": "Use", "type": "stat"}]},
    {"id": 3, "title": "Odour", "type": "timeseries", "description": None},
]
WANTED: dict[str, Any] = {"uid": "caretaker-toilets", "title": "Toilets", "refresh": "5s", "panels": PANELS}


@pytest.mark.parametrize(
    ("stored", "said"),
    [
        ({}, []),
        ({"id": 7, "version": 3}, []),
        ({"links": None, "panels": [PANELS[0], {"id": 3, "title": "Odour", "type": "timeseries"}]}, []),
        ({"title": "Loos"}, ["title"]),
        ({"refresh": None, "editable": False}, ["refresh", "editable"]),
        ({"panels": [PANELS[0]]}, ["no panel 'Odour'"]),
        ({"panels": [*PANELS, {"id": 9, "type": "text"}]}, ["another panel 'of type text'"]),
        ({"panels": PANELS[::-1]}, ["the order of panels"]),
        ({"panels": [PANELS[0], {**PANELS[1], "title": "Smell", "fill": 1}]}, ["panel 'Odour': title, fill"]),
        (
            {"panels": [{**PANELS[0], "panels": [{"id": 2, "title": "Use", "type": "gauge"}]}, PANELS[1]]},
            ["panel 'Use': type"],
        ),
        ({"panels": [{**PANELS[0], "panels": []}, PANELS[1]]}, ["panel 'Now': panels", "no panel 'Use'"]),
    ],
)
def test_of_a_dashboard_fields_and_panels_are_named(stored: dict[str, Any], said: list[str]) -> None:
    assert list(dashboard_differences(WANTED, {**WANTED, **stored})) == said


def test_many_differences_are_counted() -> None:
    found = dashboard_differences(WANTED, {**WANTED, **{f"field{number}": 1 for number in range(20)}})
    assert (len(found), found[-1]) == (NAMED_MOST + 1, "and 12 more")


SOURCE = {"name": "a", "url": "http://127.0.0.1", "user": "", "jsonData": {"httpMode": "POST", "dbName": "d"}}


@pytest.mark.parametrize(
    ("stored", "said"),
    [
        ({"id": 1, "isDefault": True, "readOnly": False}, []),
        ({"url": "http://127.0.0.2"}, ["url"]),
        ({"jsonData": None}, ["jsonData.httpMode", "jsonData.dbName"]),
        ({"jsonData": {"httpMode": "GET", "dbName": "d", "pdcInjected": False}}, ["jsonData.httpMode"]),
        ({"jsonData": {**SOURCE["jsonData"], "tlsSkipVerify": True}}, ["jsonData.tlsSkipVerify"]),  # type: ignore[dict-item]  # of one shape
    ],
)
def test_of_a_data_source_only_what_is_ours_counts(stored: dict[str, Any], said: list[str]) -> None:
    assert list(source_differences(SOURCE, {**SOURCE, **stored})) == said


@pytest.mark.parametrize(
    ("status", "message", "trouble"),
    [
        (401, "invalid API key", Trouble.UNKNOWN_TOKEN),
        (403, "Access denied", Trouble.NO_RIGHT),
        (404, "Dashboard not found", Trouble.GONE),
        (409, "data source with the same name already exists", Trouble.NAME_TAKEN),
        (409, "Datasource has already been updated by someone else.", Trouble.CHANGED_MEANWHILE),
        (412, "A dashboard with the same name in the folder already exists", Trouble.NAME_TAKEN),
        (412, "The dashboard has been changed by someone else", Trouble.CHANGED_MEANWHILE),
        (413, "", Trouble.TOO_LARGE),
        (400, "Dashboard refresh interval is too low", Trouble.NOT_TAKEN),
        (422, "", Trouble.NOT_TAKEN),
        (429, "", Trouble.TOO_OFTEN),
        (500, "", Trouble.BROKEN),
        (502, "", Trouble.BROKEN),
    ],
)
def test_what_a_status_means(status: int, message: str, trouble: Trouble) -> None:
    assert trouble_of(status, message) is trouble


def test_each_trouble_has_its_own_mend() -> None:
    found = {trouble_of(status, text) for status in range(400, 600) for text in ("", "someone else")}
    # Without a status: nobody answers, or nobody who is Grafana.
    assert set(Trouble) - found == {Trouble.AWAY, Trouble.UNTRUSTED, Trouble.NOT_GRAFANA}
    assert len({trouble.value for trouble in Trouble}) == len(Trouble)


@pytest.mark.parametrize(
    ("version", "is_too_old"),
    [("9.3.2", False), ("9.2.20", True), ("8.5.27", True), ("10.0.0-pre", False), ("13.1.0", False), (None, False)],
)
def test_a_grafana_older_than_9_3_is_noticed(version: str | None, is_too_old: bool) -> None:
    assert too_old(version) is is_too_old


@pytest.mark.parametrize(
    ("kind", "reason", "is_amiss"),
    [
        (Kind.MADE, None, True),
        (Kind.UPDATED, Reason.EDITED, True),
        (Kind.UNCHANGED, None, False),
        (Kind.UNCHANGED, Reason.SECRET_SENT, False),
        (Kind.REMOVED, None, True),
        (Kind.KEPT, Reason.NOT_WANTED, False),
        (Kind.LEFT_OUT, Reason.NO_PROMETHEUS, False),
        (Kind.LEFT_OUT, Reason.FROM_FILES, True),
    ],
)
def test_what_a_comparison_calls_amiss(kind: Kind, reason: Reason | None, is_amiss: bool) -> None:
    assert Change(Thing.DASHBOARD, "caretaker-air", kind, reason=reason).is_amiss is is_amiss
