"""The files from which a Grafana takes data sources and dashboards at its start."""

import json
from pathlib import Path, PurePosixPath
from typing import Any

import pytest
import yaml

from grafana.change import Kind
from grafana.page import Dashboard
from grafana.provisioning import PROVIDERS, SOURCES, files, write
from grafana.sources import Source
from grafana.wanted import Wanted

DOCUMENT: dict[str, Any] = {"title": "廁所", "tags": ["caretaker"], "panels": [{"title": "$site"}]}
SEEN_AS = PurePosixPath("/etc/grafana/caretaker")


def wanting(*names: str) -> Wanted:
    ones = [Dashboard("caretaker-zh", "物業 $", f"caretaker-{name}-zh", name, DOCUMENT, {}) for name in names]
    source = Source(
        "caretaker-influxdb",
        {"name": "a", "url": "https://a/$b", "jsonData": {"dbName": "$d"}},
        {"p": "$__file{/run/secrets/influxdb}"},
    )
    return Wanted({"caretaker-zh": "物業 $"}, [source], {"zh-Hant": ones}, [])


def test_grafana_finds_everything_and_variables_are_meant() -> None:
    found = files(wanting("toilets"), SEEN_AS)
    assert yaml.safe_load(found[SOURCES]) == {
        "apiVersion": 1,
        "datasources": [
            {
                "uid": "caretaker-influxdb",
                "name": "a",
                "url": "https://a/$$b",
                "jsonData": {"dbName": "$$d"},
                "orgId": 1,
                "editable": False,
                "secureJsonData": {"p": "$__file{/run/secrets/influxdb}"},
            }
        ],
    }
    assert yaml.safe_load(found[PROVIDERS]) == {
        "apiVersion": 1,
        "providers": [
            {
                "name": "caretaker-zh",
                "orgId": 1,
                "type": "file",
                "folder": "物業 $$",
                "folderUid": "caretaker-zh",
                "allowUiUpdates": False,
                "disableDeletion": False,
                "updateIntervalSeconds": 30,
                "options": {"path": "/etc/grafana/caretaker/dashboards/zh-Hant"},
            }
        ],
    }
    text = found[PurePosixPath("dashboards/zh-Hant/caretaker-toilets-zh.json")]
    assert json.loads(text) == {**DOCUMENT, "uid": "caretaker-toilets-zh"}
    assert "廁所" in text


def test_only_what_differs_is_written_and_foreign_files_stay(tmp_path: Path) -> None:
    def run(*names: str) -> dict[str, Kind]:
        return {change.name: change.kind for change in write(files(wanting(*names), SEEN_AS), tmp_path)}

    assert set(run("toilets", "air").values()) == {Kind.MADE}
    written = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*") if path.is_file()}
    assert set(run("toilets", "air").values()) == {Kind.UNCHANGED}
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*") if path.is_file()} == written
    theirs = tmp_path / "dashboards" / "zh-Hant" / "theirs.json"
    theirs.write_text("{}")
    old = tmp_path / "dashboards" / "en" / "caretaker-air.json"
    old.parent.mkdir()
    old.write_text("{}")
    (tmp_path / PROVIDERS).write_text("")
    assert {name: kind for name, kind in run("toilets").items() if kind is not Kind.UNCHANGED} == {
        str(PROVIDERS): Kind.UPDATED,
        "dashboards/en/caretaker-air.json": Kind.REMOVED,
        "dashboards/zh-Hant/caretaker-air-zh.json": Kind.REMOVED,
    }
    assert theirs.exists()
    assert not list(tmp_path.rglob("*.new"))


def test_a_file_that_is_in_the_way_is_said(tmp_path: Path) -> None:
    (tmp_path / "provisioning").write_text("")
    with pytest.raises(OSError, match="provisioning"):
        write(files(wanting("toilets"), SEEN_AS), tmp_path)
