"""The ingestor's own port: what each address answers, and to whom."""

import json
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from starlette.testclient import TestClient

from ingestor.http import Pages, application
from ingestor.journal import Journal
from ingestor.quarantine import Quarantine
from ingestor.state import State
from ingestor.write import Drain
from telemetry.admission.admit import admit
from telemetry.message import Admitted, Message
from telemetry.mqtt.connection import Counts
from telemetry.mqtt.session import Session
from telemetry.registry.watch import RegistryWatch
from telemetry.service.http import HttpSettings
from tests.builders import device, registry

NOW_NS = 1_795_334_400_000_000_000
REGISTRY = registry(device())


class Port:
    """The application over a real journal; a session that says what the test says."""

    def __init__(self, journal: Journal, path: Path) -> None:
        self.journal = journal
        self.session = SimpleNamespace(counts=Counts(), trouble=None, unacknowledged=0)
        self.drain = Drain(journal, cast("Any", None))
        watch = SimpleNamespace(current=REGISTRY, problems=())
        self._state = State(cast("Session", self.session), journal, self.drain, cast("RegistryWatch", watch))
        self._pages = Pages(self._state, Quarantine(path), self.admit)
        self.known = REGISTRY

    def admit(self, message: Message) -> Admitted:
        return admit(message, self.known)

    def client(self, settings: HttpSettings | None = None, host: str = "127.0.0.1") -> TestClient:
        return TestClient(application(self._pages, self._state, settings or HttpSettings()), base_url=f"http://{host}")


@asynccontextmanager
async def port_over(path: Path) -> AsyncIterator[Port]:
    journal = Journal.open(path, 1 << 20, 1 << 20, lambda refused: Message("t", b"", False, refused.time_ns))
    try:
        yield Port(journal, path)
    finally:
        await journal.close()


@pytest.fixture
async def port(tmp_path: Path) -> AsyncIterator[Port]:
    async with AsyncExitStack() as stack:
        opened = await stack.enter_async_context(port_over(tmp_path / "journal.db"))
        for topic, payload in (
            ("caretaker/v1/toilet-1/nh3-1/readings", b'{"values":{"nh3_ppm":0.5}}'),
            ("caretaker/v1/toilet-1/nh3-2/readings", b'{"values":{"nh3_ppm":0.5}}'),
            ("caretaker/v1/toilet-1/nh3-1/readings", b"\xff<script>"),
        ):
            await opened.journal.append([opened.admit(Message(topic, payload, False, NOW_NS))])
        yield opened


async def test_live_and_ready(port: Port) -> None:
    client = port.client()
    assert client.get("/health/live").json() == {"live": True}
    assert client.get("/health/ready").json() == {"ready": True, "reasons": []}


async def test_not_ready_gives_its_reasons(port: Port) -> None:
    port.session.trouble = "broker x: refused"
    port.drain.trouble = "store: away"
    answer = port.client().get("/health/ready")
    assert answer.status_code == 503
    assert answer.json() == {"ready": False, "reasons": ["broker x: refused"]}, "a store that is away is waited for"
    port.drain.alarm = True
    assert port.client().get("/health/ready").json()["reasons"] == ["broker x: refused", "store: away"]


async def test_account(port: Port) -> None:
    account = port.client().get("/account").json()
    assert (account["received"], account["quarantined"], account["journal"]) == (3, 2, 1)
    assert account["rejects"] == {"unknown_device": 1, "not_utf8": 1}
    assert account["balanced"] is True


async def test_metrics_are_prometheus_text(port: Port) -> None:
    answer = port.client().get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert "caretaker_ingestor_readings_received_total 3.0" in answer.text
    assert 'caretaker_ingestor_rejections_total{reason="unknown_device"} 1.0' in answer.text
    assert "caretaker_ingestor_account_balanced 1.0" in answer.text


async def test_the_quarantine_is_listed_newest_first_in_pages(port: Port) -> None:
    client = port.client()
    first = client.get("/quarantine", params={"limit": 1}).json()
    assert first["counts"] == {"unknown_device": 1, "not_utf8": 1}
    (newest,) = first["messages"]
    assert (newest["reason"], newest["payload"], newest["received_ns"]) == ("not_utf8", "\\xff<script>", NOW_NS)
    (older,) = client.get("/quarantine", params={"before": newest["id"]}).json()["messages"]
    assert older["reason"] == "unknown_device"
    assert client.get("/quarantine", params={"reason": "too_old"}).json()["messages"] == []
    assert client.get(f"/quarantine/{older['id']}").json() == older


async def test_replay_lets_in_what_is_known_now(port: Port) -> None:
    client = port.client()
    assert client.post("/quarantine/replay").json() == {"still refused": 2}
    port.known = registry(device(), device("nh3-2"))
    assert client.post("/quarantine/replay", json={"reason": "unknown_device"}).json() == {"replayed": 1}
    (left,) = client.get("/quarantine").json()["messages"]
    assert client.post(f"/quarantine/{left['id']}/replay").json() == {"still refused": 1}
    assert client.post("/quarantine/replay", json={"ids": [99]}).json() == {"not there": 1}
    batch = await port.journal.oldest(10)
    assert batch is not None
    assert [one.device for one in batch.readings] == ["nh3-1", "nh3-2"]
    assert client.get("/account").json()["balanced"] is True


Ask = Callable[[TestClient], Any]


@pytest.mark.parametrize(
    ("ask", "status"),
    [
        (lambda client: client.get("/quarantine/99"), 404),
        (lambda client: client.get("/quarantine?limit=many"), 400),
        (lambda client: client.get("/quarantine?limit=-5"), 200),
        (lambda client: client.post("/quarantine/replay", content=b"[1]"), 400),
        (lambda client: client.post("/quarantine/replay", content=b"{"), 400),
        (lambda client: client.post("/quarantine/replay", content=json.dumps({"ids": ["x"]})), 400),
        (lambda client: client.post("/quarantine/replay", content=b"x" * 70_000), 413),
        (lambda client: client.post("/quarantine/replay", headers={"origin": "http://evil.example"}), 403),
        (lambda client: client.get("/account", headers={"host": "evil.example"}), 400),
        (lambda client: client.post("/account"), 405),
    ],
)
async def test_wrong_questions_get_a_right_answer(port: Port, ask: Ask, status: int) -> None:
    assert ask(port.client()).status_code == status


async def test_with_a_token_all_but_health_asks_for_it(port: Port) -> None:
    settings = HttpSettings.model_validate({"host": "0.0.0.0", "token": "s3cret"})
    client = port.client(settings, host="ingestor.example")
    assert client.get("/health/ready").status_code == 200
    for path in ("/metrics", "/account", "/quarantine", "/quarantine/1"):
        assert client.get(path).status_code == 401
        assert client.get(path, headers={"authorization": "Bearer wrong"}).status_code == 401
        assert client.get(path, headers={"authorization": "Bearer s3cret"}).status_code == 200
    assert client.post("/quarantine/replay").status_code == 401
