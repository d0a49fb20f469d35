"""What the page on dashboards says is so: settings, files, limits, refusals, and the name of every dashboard."""

import re
from pathlib import Path

import yaml

from alerts.rules.load import load_rules
from grafana.client import Trouble, trouble_of
from grafana.dashboards import dashboards
from grafana.deployment import MOST_NAMED, Deployment
from grafana.provisioning import DASHBOARDS, PROVIDERS, SOURCES
from grafana.settings import GrafanaSettings, InfluxSource, load_settings
from telemetry.registry.load import load_registry

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "dashboards.md").read_text(encoding="utf-8")
CITY = ROOT / "examples" / "hong-kong"


def test_the_settings_are_settings_and_all_of_them(tmp_path: Path) -> None:
    (block,) = re.findall(r"```yaml\n(.*?)```", TEXT, re.DOTALL)
    (tmp_path / "caretaker.yaml").write_text(block)
    asked = load_settings(tmp_path).grafana
    assert asked.languages == ("en", "zh-Hant")
    shown = set(yaml.safe_load(block)["grafana"])
    assert set(GrafanaSettings.model_fields) - shown == {"token", "insecure"}
    for name in {*GrafanaSettings.model_fields, *InfluxSource.model_fields} - {"bucket", "token", "password"}:
        assert re.search(rf"\b{name}\b", TEXT), name


def test_dashboards_and_folders_are_named() -> None:
    registry = load_registry(CITY)
    rules = load_rules(CITY, registry)
    for language in ("en", "zh-Hant"):
        ones = dashboards(Deployment(registry, rules, "http://127.0.0.1:8088", language))
        assert all(f"**{one.folder_title}**" in TEXT for one in ones)
        if language == "en":
            titles = re.findall(r"^\| ([A-Z][\w ]*) \|", TEXT, re.MULTILINE)
            assert {one.title for one in ones} <= set(titles)


def test_files_limits_and_refusals_are_those_of_the_code() -> None:
    assert f"`{SOURCES}`" in TEXT
    assert f"`{PROVIDERS}`" in TEXT
    assert f"`{DASHBOARDS}/LANGUAGE/*.json`" in TEXT
    assert f"{MOST_NAMED:,} devices" in TEXT
    assert trouble_of(401) is Trouble.UNKNOWN_TOKEN
    assert trouble_of(403) is Trouble.NO_RIGHT
    assert "role Admin" in TEXT
    assert "role Admin" in Trouble.NO_RIGHT.value
