"""History over HTTP: what is sent, and what a broken answer looks like."""

import asyncio
import csv
import io
from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import httpx2
import pytest

from api.access.access import Access
from api.access.caller import Caller
from api.application import application
from api.queries.history import Column
from api.routes import history as route
from api.routes.depends import caller_of, sources_of
from telemetry.reading import NS_PER_MS, NS_PER_S, Quality
from telemetry.service.probe import serve
from telemetry.stores.store import Page
from tests.builders import metric
from tests.unit.history_ground import ADMIN, NOW_NS, VIEWER, GoingAway, Ground

START_NS = NOW_NS - 86_400 * NS_PER_S
HISTORY = "/api/v1/devices/nh3-1/history"


class Server:
    """The API on a port of the loopback; a test says what it stands on and who asks."""

    def __init__(self, ground: Ground, port: int) -> None:
        self.ground = ground
        self.caller: Caller = ADMIN
        self.client = httpx2.AsyncClient(base_url=f"http://127.0.0.1:{port}")

    async def get(self, path: str = HISTORY, accept: str = "*/*", **query: object) -> httpx2.Response:
        # Closed at once: a server that is to end waits for open ones.
        headers = {"Accept": accept, "Connection": "close"}
        return await self.client.get(path, params=cast("Any", query), headers=headers)


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Server]:
    ground = Ground(tmp_path / "store.db")
    app = application(ground.sources(), cast("Access", SimpleNamespace()))
    ready: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    serving = asyncio.ensure_future(serve(app, "127.0.0.1", 0, ready.set_result))
    async with asyncio.timeout(20):
        one = Server(ground, await ready)
    app.dependency_overrides[caller_of] = lambda: one.caller
    app.dependency_overrides[sources_of] = ground.sources
    yield one
    await one.client.aclose()
    serving.cancel()
    await asyncio.gather(serving, return_exceptions=True)
    await ground.close()


async def test_columns_with_their_marks(server: Server) -> None:
    doubts = {
        START_NS + 1 * NS_PER_MS: Quality.SUSPECT,
        START_NS + 2 * NS_PER_MS: Quality.MANUAL | Quality.SUSPECT,
        START_NS + 3 * NS_PER_MS: Quality.ARRIVAL_TIME,
        START_NS + 4 * NS_PER_MS: Quality.MANUAL,
    }
    await server.ground.fill("nh3_ppm", {START_NS + k * NS_PER_MS: 0.25 * k for k in range(6)}, doubts=doubts)
    await server.ground.fill("firmware", {START_NS: '</script>"廁'})
    answer = await server.get(metric=["nh3_ppm", "firmware", "uses"])
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")
    start_ms = START_NS // NS_PER_MS
    assert answer.json() == {
        "device": "nh3-1",
        "start": "2026-11-21T08:00:00Z",
        "end": "2026-11-22T08:00:00Z",
        "window_s": None,
        "aggregate": None,
        "series": [
            {
                "metric": "nh3_ppm",
                "unit": "[ppm]",
                "aggregate": None,
                "times": [start_ms + k for k in range(6)],
                "values": [0.25 * k for k in range(6)],
                "suspect": [1, 2],
                "manual": [2, 4],
            },
            {
                "metric": "firmware",
                "unit": "1",
                "aggregate": None,
                "times": [start_ms],
                "values": ['</script>"廁'],
                "suspect": [],
                "manual": [],
            },
            {
                "metric": "uses",
                "unit": "{#}",
                "aggregate": None,
                "times": [],
                "values": [],
                "suspect": [],
                "manual": [],
            },
        ],
    }
    route.History.model_validate_json(answer.content)


async def test_windows_say_what_they_are(server: Server) -> None:
    await server.ground.fill("nh3_ppm", {START_NS + k * 60 * NS_PER_S: float(k) for k in range(120)})
    answer = (await server.get(metric="nh3_ppm", window="1h", aggregate="max")).json()
    assert (answer["window_s"], answer["aggregate"]) == (3_600, "max")
    assert answer["series"][0]["values"] == [59.0, 119.0]
    assert answer["series"][0]["aggregate"] == "max"
    assert (await server.get(metric="nh3_ppm", window="1h")).json()["series"][0]["aggregate"] == "mean"


async def test_many_values_are_sent_whole_though_few_are_held(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(route, "HELD_BYTES", 1_000)
    values: dict[int, float | str] = {START_NS + k * NS_PER_MS: k / 8 for k in range(50_000)}
    await server.ground.fill("nh3_ppm", values, doubts={START_NS + 45_000 * NS_PER_MS: Quality.SUSPECT})
    (column,) = (await server.get(metric="nh3_ppm")).json()["series"]
    assert column["times"] == [time_ns // NS_PER_MS for time_ns in values]
    assert column["values"] == list(values.values())
    assert column["suspect"] == [45_000]


async def test_a_table_for_spreadsheets_is_no_program(server: Server) -> None:
    texts = ["=1+1", "+1", "-1", "@SUM(A1)", "\tx", "\rx", "2.1", 'say "x", y\nz', "null", "", "'", "廁"]
    await server.ground.fill("firmware", {START_NS + k * NS_PER_MS: text for k, text in enumerate(texts)})
    await server.ground.fill(
        "nh3_ppm", {START_NS: -0.5, START_NS + 1: 1e-7}, doubts={START_NS: Quality.SUSPECT | Quality.MANUAL}
    )
    answer = await server.get(metric=["firmware", "nh3_ppm"], format="csv")
    assert answer.headers["content-type"] == "text/csv; charset=utf-8; header=present"
    assert answer.headers["content-disposition"] == (
        'attachment; filename="nh3-1_20261121T080000Z_20261122T080000Z.csv"'
    )
    rows = list(csv.reader(io.StringIO(answer.text, newline=""), strict=True))
    assert rows[0] == ["time", "metric", "value", "quality"]
    shown = [f"'{text}" if text[:1] in "=+-@\t\r" and text else text for text in texts]
    assert rows[1:] == [
        *([f"2026-11-21T08:00:00.{k:03d}Z", "firmware", text, "good"] for k, text in enumerate(shown)),
        ["2026-11-21T08:00:00.000Z", "nh3_ppm", "-0.5", "suspect manual"],
        ["2026-11-21T08:00:00.000Z", "nh3_ppm", "1e-7", "good"],
    ]
    assert answer.text.count("\r\n") == len(rows)


WANTED: list[tuple[str, str | None, bool]] = [
    ("*/*", None, False),
    ("text/csv", None, True),
    ("Text/CSV;q=0.9, text/plain", None, True),
    ("application/json, text/csv", None, False),
    ("text/csv", "json", False),
    ("application/json", "csv", True),
]


async def test_who_wants_a_table_says_so(server: Server) -> None:
    for accept, asked, is_csv in WANTED:
        answer = await server.get(accept=accept, **({} if asked is None else {"format": asked}))
        assert answer.headers["content-type"].startswith("text/csv" if is_csv else "application/json"), accept
        assert answer.headers["vary"] == "Accept"


@pytest.mark.parametrize("form", ["json", "csv"])
async def test_a_store_that_goes_away_breaks_the_answer(server: Server, form: str) -> None:
    server.ground.store = GoingAway(pages=2)
    with pytest.raises(httpx2.RemoteProtocolError):
        await server.get(format=form, metric="nh3_ppm")
    server.ground.store = GoingAway(pages=0)
    answer = await server.get(format=form)
    assert (answer.status_code, answer.headers["content-type"]) == (503, "application/problem+json")
    assert int(answer.headers["retry-after"]) > 0
    assert answer.json()["detail"].startswith("the store does not answer")
    assert "disk" not in answer.text  # what it said may name addresses inside


REFUSED: list[tuple[str, dict[str, Any], int]] = [
    ("/api/v1/devices/nobody/history", {}, 404),
    (HISTORY, {"metric": "visitors_now"}, 403),
    (HISTORY, {"metric": "a_metric"}, 404),
    (HISTORY, {"metric": [f"m{k}" for k in range(21)]}, 400),
    (HISTORY, {"metric": "Nh3'"}, 400),
    (HISTORY, {"window": "fortnight"}, 400),
    (HISTORY, {"start": "2026-11-22T08:00:00"}, 400),
    (HISTORY, {"start": "1795334400"}, 400),
    (HISTORY, {"points": 2, "window": "auto"}, 400),
    (HISTORY, {"window": "36h"}, 422),
    (HISTORY, {"start": "2027-01-01T00:00:00Z"}, 422),
]


async def test_refusals_are_problems(server: Server) -> None:
    server.caller = VIEWER
    for path, query, status in REFUSED:
        answer = await server.get(path, **query)
        assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json"), query
        assert answer.json()["status"] == status


async def test_memory_does_not_grow_with_the_answer() -> None:
    """What is made waits for whoever reads: a page is asked for when the one before has been taken."""
    given = 0

    async def pages() -> AsyncIterator[Page]:
        nonlocal given
        while True:
            given += 1
            yield Page(b"[1]", b"[1.5]", 1)

    column = Column(metric("nh3_ppm"), None, pages())
    sent = route._column(column)
    for asked in range(1, 50):
        await anext(sent)
        assert given <= asked
    await cast("Any", sent).aclose()
