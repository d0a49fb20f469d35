"""The page about routes shows routes that load, and explains every cause and every reason."""

import re
from pathlib import Path

import pytest

from alerts.alert import Severity
from alerts.dispatch.load import load_routing
from alerts.notice import Cause, Muted
from alerts.rules.rule import Rules
from telemetry.registry.load import load_registry
from tests.unit.dispatch_play import rule

PAGE = (Path(__file__).parents[2] / "docs" / "route-alerts.md").read_text(encoding="utf-8")
SITES = "sites: [{id: harbour-road, timezone: Asia/Hong_Kong}]"


def test_what_the_page_shows_is_good(tmp_path: Path) -> None:
    people, routes = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    for name, text in (("sites.yaml", SITES), ("people.yaml", people), ("routes.yaml", routes)):
        (tmp_path / name).write_text(text)
    routing = load_routing(tmp_path, load_registry(tmp_path), Rules((rule("assistance"),)))
    assert routing.quiet_hours[0].severities == {Severity.INFORMATION, Severity.WARNING}
    assert len(routing.root.routes) == 2


@pytest.mark.parametrize("word", [*Cause, *Muted])
def test_every_cause_and_reason_is_explained(word: str) -> None:
    assert re.search(rf"^\| `{word}` \|", PAGE, re.MULTILINE)
