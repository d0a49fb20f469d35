"""`caretaker up` as a user runs it, with the example city."""

import asyncio
import contextlib
import csv
import json
import re
import shutil
import signal
import socket
import sqlite3
import sys
import time
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
import psutil
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from tests.components import free_port

REPOSITORY = Path(__file__).parents[2]
LIMIT_S = 40.0
FIRST_READING_LIMIT_S = 20.0
"""Ten on a machine that does nothing else."""
PORTS = ("--port", "--port-5", "--http-port", "--alerts-port", "--board-port")


async def until(true: Callable[[], bool], limit_s: float = LIMIT_S) -> None:
    async with asyncio.timeout(limit_s):
        while not true():  # noqa: ASYNC110 - what other processes do sets no event
            await asyncio.sleep(0.05)


class Up:
    """One configuration, one data directory, free ports."""

    def __init__(self, folder: Path) -> None:
        self.config = folder / "city"
        shutil.copytree(REPOSITORY / "examples" / "hong-kong", self.config)
        (self.config / "simulation.yaml").write_text("seed: 1\npoison: {rate: 0.02}\n")
        self.data = folder / "data"
        self.ports = [free_port() for _ in PORTS]
        self.processes: list[Process] = []

    async def start(self, *options: str) -> Process:
        numbers = zip(PORTS, map(str, self.ports), strict=True)
        where = ["up", str(self.config), "--data", str(self.data), "--no-view", "--fill-days", "0", "--no-incident"]
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "caretaker", *where, *(word for pair in numbers for word in pair), *options),
            stdout=PIPE,
            stderr=PIPE,
            cwd=REPOSITORY,
        )
        self.processes.append(process)
        return process

    def stored(self) -> int:
        """Values in the store."""
        if not (self.data / "store.db").exists():
            return 0
        store = sqlite3.connect(self.data / "store.db")
        try:
            return int(store.execute("SELECT count(*) FROM sample").fetchone()[0])
        except sqlite3.OperationalError:  # no tables yet
            return 0
        finally:
            store.close()

    def child(self, name: str) -> psutil.Process | None:
        """The process of this `up` whose command line has `name`."""
        marks = {name, str(self.data)}
        for child in psutil.Process(self.processes[-1].pid).children():
            # One that has just ended has no command line any more.
            with contextlib.suppress(psutil.Error):
                if marks <= set(child.cmdline()):
                    return child
        return None

    async def alerts(self, *words: str, expect: int = 0) -> Any:
        """What `caretaker alerts` answers, as a program reads it."""
        where = ["--config", str(self.config), "--data", str(self.data)]
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "caretaker", "alerts", *words, *where), stdout=PIPE, stderr=PIPE, cwd=REPOSITORY
        )
        code, out, err = await answer(process)
        assert code == expect, err
        return json.loads(out) if out else err


async def answer(process: Process) -> tuple[int, str, str]:
    out, err = await asyncio.wait_for(process.communicate(), LIMIT_S)
    return process.returncode or 0, out.decode(), err.decode()


@pytest.fixture
async def up(tmp_path: Path) -> AsyncIterator[Up]:
    found = Up(tmp_path)
    yield found
    for process in found.processes:
        if process.returncode is None:
            process.kill()
            await process.communicate()


def checked(out: str) -> int:
    """How many readings the last line says were found in the store."""
    found = re.search(r"stopped: ([\d,]+) acknowledged readings found in the store", out)
    assert found is not None, out
    return int(found[1].replace(",", ""))


async def test_the_first_reading_is_soon_stored_and_ctrl_c_stops_in_order(up: Up) -> None:
    began = time.monotonic()
    process = await up.start()
    await until(lambda: up.stored() > 0)
    assert time.monotonic() - began < FIRST_READING_LIMIT_S
    assert (up.data / "sessions" / "caretaker-ingestor").exists()
    process.send_signal(signal.SIGINT)
    code, out, err = await answer(process)
    assert code == 0, err
    assert "missing: 0" in out
    assert checked(out) > 0
    stops = [line for line in err.splitlines() if line.startswith("stopping")]
    assert stops == ["stopping: simulators", "stopping: ingestor, alerts", "stopping: api, broker"]
    assert not (up.data / "sessions").exists(), "the broker's end is no loss: nothing was left in it"


async def test_a_killed_ingestor_comes_back_and_nothing_is_missing(up: Up) -> None:
    process = await up.start()
    await until(lambda: up.stored() > 0)
    first = up.child("ingestor")
    assert first is not None
    first.kill()
    await until(lambda: (again := up.child("ingestor")) is not None and again.pid != first.pid)
    before = up.stored()
    await until(lambda: up.stored() > before)
    process.send_signal(signal.SIGTERM)
    code, out, err = await answer(process)
    assert (code, "missing: 0" in out) == (0, True), err


@pytest.mark.long
async def test_what_a_store_swallows_is_found_out(up: Up) -> None:
    process = await up.start()
    await until(lambda: up.stored() > 0)
    store = sqlite3.connect(up.data / "store.db", timeout=10)
    store.execute("CREATE TRIGGER swallow BEFORE INSERT ON sample BEGIN SELECT RAISE(IGNORE); END")
    store.close()
    ledger = sqlite3.connect(up.data / "ledger.db")

    def acknowledged() -> int:
        return int(ledger.execute("SELECT coalesce(max(ack), 0) FROM sent").fetchone()[0])

    before = acknowledged()
    await until(lambda: acknowledged() > before + 20)
    ledger.close()
    process.send_signal(signal.SIGINT)
    code, out, err = await answer(process)
    assert code == 1
    assert re.search(r"missing: [1-9]", out)
    assert "acknowledged readings are missing" in err


async def test_children_of_a_killed_up_are_gone_and_the_next_goes_on_with_the_same_data(up: Up) -> None:
    process = await up.start()
    await until(lambda: up.stored() > 0)
    children = psutil.Process(process.pid).children(recursive=True)
    assert len(children) >= 3
    process.kill()
    await process.communicate()
    await until(lambda: not any(child.is_running() for child in children))
    before = up.stored()
    again = await up.start()
    await until(lambda: up.stored() > before)
    again.send_signal(signal.SIGINT)
    code, _, err = await answer(again)
    # What the embedded broker held in memory at the kill is gone, and said to be.
    assert code in {0, 1}, err


async def test_a_second_ctrl_c_stops_at_once(up: Up) -> None:
    process = await up.start()
    await until(lambda: up.stored() > 0)
    ingestor = up.child("ingestor")
    assert ingestor is not None
    ingestor.suspend()  # does not hear SIGTERM
    process.send_signal(signal.SIGINT)
    assert process.stderr is not None
    async with asyncio.timeout(LIMIT_S):
        while b"stopping: ingestor" not in await process.stderr.readline():
            pass
    began = time.monotonic()
    process.send_signal(signal.SIGINT)
    await answer(process)
    assert time.monotonic() - began < 5.0


@pytest.mark.long
async def test_a_call_for_help_is_told_acknowledged_and_resolved(up: Up) -> None:
    process = await up.start()
    await until(lambda: up.stored() > 0)
    button = paho.Client(CallbackAPIVersion.VERSION2, client_id="tst-button-male")
    button.connect("127.0.0.1", up.ports[0])
    button.loop_start()
    topic = "caretaker/v1/tsim-sha-tsui-pier/tst-button-male/readings"
    button.publish(topic, '{"values": {"assistance": 1}}', 1).wait_for_publish(10)
    button.loop_stop()
    async with asyncio.timeout(LIMIT_S):
        while not (messages := await up.alerts("inbox", "--format", "json")):
            pass  # each look takes as long as a command's start
    (alert,) = await up.alerts("list", "--format", "json")
    assert (alert["rule"], alert["device"], alert["severity"]) == ("assistance", "tst-button-male", "critical")
    assert {message["person"] for message in messages} == {"duty-attendant"}
    assert "acknowledged" in await up.alerts("ack", alert["id"][:5], "--by", "the attendant")
    assert "resolved" in await up.alerts("resolve", alert["id"], "--by", "the attendant", "--comment", "all is well")
    assert await up.alerts("list", "--format", "json") == []
    story = await up.alerts("show", alert["id"], "--format", "json")
    assert [one["change"] for one in story["transitions"]] == ["raised", "acknowledged", "resolved"]
    assert story["comment"] == "all is well"

    process.send_signal(signal.SIGINT)
    code, out, err = await answer(process)
    assert (code, "missing: 0" in out) == (0, True), err
    said = [line for line in out.splitlines() if alert["id"][:8] in line or " told " in line]
    for word in (
        "raised, critical",
        "told Duty attendant",
        "acknowledged by the attendant",
        "resolved: closed by hand",
    ):
        assert any(word in line for line in said), out


@pytest.mark.parametrize(("place", "option"), list(enumerate(PORTS)))
async def test_a_port_in_use_is_said_before_anything_starts(up: Up, place: int, option: str) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", up.ports[place]))
        other.listen()
        code, out, err = await answer(await up.start())
    assert code == 3
    assert f"port {up.ports[place]} on 127.0.0.1" in err
    assert f"choose another with {option} NUMBER" in err
    assert out == ""
    assert "starting" not in err
    assert "Traceback" not in err


async def test_a_wrong_configuration_never_starts_half_a_system(up: Up) -> None:
    sites = up.config / "sites.yaml"
    sites.write_text(sites.read_text().replace("timezone: Asia/Hong_Kong", "timezone: Asia/Hongkong_", 1))
    code, _, err = await answer(await up.start())
    assert code == 1
    assert "sites.yaml:" in err
    assert "Asia/Hongkong_" in err
    assert "starting" not in err
    assert "Traceback" not in err


async def test_a_second_up_on_the_same_data_is_refused(up: Up) -> None:
    first = await up.start()
    await until(lambda: up.stored() > 0)
    kept, up.ports = up.ports, [free_port() for _ in PORTS]
    code, _, err = await answer(await up.start())
    assert code == 3
    assert f"another `caretaker up` (process {first.pid}) already runs" in err
    up.ports = kept
    first.send_signal(signal.SIGINT)
    assert (await answer(first))[0] == 0


async def test_a_device_on_the_network_comes_in_with_its_password(up: Up) -> None:
    process = await up.start("--lan")
    await until(lambda: up.stored() > 0)
    with (up.data / "credentials.csv").open(newline="") as text:
        passwords = {row["user"]: row["password"] for row in csv.DictReader(text)}
    name = "tst-odour-male"
    client = paho.Client(CallbackAPIVersion.VERSION2, client_id=name)
    client.tls_set(str(up.data / "tls" / "ca.pem"))
    client.username_pw_set(name, passwords[name])
    client.connect("localhost", up.ports[0], 15)
    client.loop_start()
    client.publish(f"caretaker/v1/tsim-sha-tsui-pier/{name}/readings", '{"values": {"nh3_ppm": 3.25}}', 1)

    def arrived() -> bool:
        store = sqlite3.connect(up.data / "store.db")
        found = store.execute("SELECT count(*) FROM sample WHERE value = 3.25").fetchone()[0]
        store.close()
        return bool(found)

    await until(arrived)
    client.disconnect()
    client.loop_stop()
    process.send_signal(signal.SIGINT)
    code, _, err = await answer(process)
    assert code == 0, err
    assert "a device that is let in could publish under another's name" in err
