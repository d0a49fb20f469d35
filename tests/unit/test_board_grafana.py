"""Pages that lead to where Grafana draws the same; and that nothing of it is there where nobody has named one."""

from contextlib import AbstractAsyncContextManager
from typing import Any

import pytest

from api.board.words import COOKIE
from api.dashboards import Dashboards, Panels
from api.problem import AwayError
from api.queries import alerts, history
from tests.unit.board_ground import Site, elements, opened
from tests.unit.test_board_alerts import detail

URL = "https://grafana.example.org"
PAGES = ("/alerts/ab12", "/devices/nh3-1", "/sites/pier")


def _panel(metric: str, kind: str, language: str) -> tuple[str, int] | None:
    return (f"air-{language}", 4) if (metric, kind) == ("nh3_ppm", "other") else None


DASHBOARDS = Dashboards(
    URL,
    ("en", "zh-Hant"),
    Panels(_panel, lambda kind, language: f"{kind}-{language}", "devices-{}".format),
)


@pytest.fixture(autouse=True)
def one_alert(monkeypatch: pytest.MonkeyPatch) -> None:
    async def found(*_: object) -> object:
        return detail(site="pier", says={}, latches=False, silenced=False)

    async def away(*_: object) -> object:
        raise AwayError("the store is away")

    monkeypatch.setattr(alerts, "alert", found)
    monkeypatch.setattr(history, "series", away)


def board(dashboards: Dashboards | None) -> AbstractAsyncContextManager[Site]:
    return opened(lambda _: 0, dashboards)


async def links(site: Site, path: str, **headers: str) -> list[tuple[str, dict[str, Any]]]:
    """Those that lead out of the board, with what is read."""
    answer = await site.get(path, **headers)
    assert answer.status_code == 200
    drawn = [(one.get("text", ""), one.get("props", {})) for one in elements(answer).values() if one["tag"] == "a"]
    return [(text, props) for text, props in drawn if str(props.get("href", "")).startswith("http")]


async def test_each_page_has_a_link_that_opens_a_tab_of_its_own() -> None:
    async with board(DASHBOARDS) as site:
        found = [await links(site, path) for path in PAGES]
        chinese = [await links(site, path, cookie=f"{COOKIE}=zh-Hant") for path in PAGES]
        wall = [await links(site, f"{path}?wall=1") for path in PAGES]
    assert [text for ((text, _),) in found] == ["Open in Grafana"] * 3
    assert [text for ((text, _),) in chinese] == ["在 Grafana 開啟"] * 3
    assert {(props["target"], props["rel"]) for ((_, props),) in found} == {("_blank", "noopener")}
    starts = [
        "/d/air-en?viewPanel=4&var-site=pier&var-device=nh3-1&from=",
        "/d/devices-en?var-site=pier&",
        "/d/other-en?",
    ]
    for ((_, props),), start in zip(found, starts, strict=True):
        assert props["href"].startswith(URL + start)
    for ((_, props),), start in zip(chinese, starts, strict=True):
        assert props["href"].startswith(URL + start.replace("-en?", "-zh-Hant?"))
    assert wall == [[], [], []], "nobody can press a link on a wall"


async def test_without_a_grafana_there_is_no_trace_of_it() -> None:
    async with board(None) as site:
        for path in PAGES:
            answer = await site.get(path)
            assert answer.status_code == 200
            assert "grafana" not in answer.text.lower()
