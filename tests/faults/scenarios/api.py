"""The API never slows the ingest, and what of it has nothing to do with the store goes on while the store is away."""

import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress

from tests.components import free_port, wait_until
from tests.faults.load import SITE, Client, Load, Numbers
from tests.faults.process import AlertsProcess, ApiProcess
from tests.faults.report import Figure, Figures
from tests.faults.rig import Rig, Setup, Stage

PROMISE = "API"
ENDLESS = 1_000_000
LEAK = "leak-1"
RULES = f"""
rules:
  - id: leak
    names: {{en: Leak}}
    why: Water that runs where none should is never right.
    where: {{devices: [{LEAK}]}}
    when: {{state: leak, is: true}}
    severities: {{critical: {{}}}}
"""
PEOPLE = "people: [{id: duty-attendant, name: Duty attendant, language: en}]\n"
ROUTES = "route: {to: [duty-attendant], group_wait: 0s}\n"
LISTENERS, ASKERS = 20, 3
KEEPS_UP = 0.9
LOOK_EVERY_S = 0.1


def run(stage: Stage) -> list[Figure]:
    """Load; then the same with an API that is asked as fast as it answers; then it stands still, and dies."""
    rate_hz, part_s = (2_000, 10) if stage.full else (1_000, 3)
    figures = Figures()
    ports = {"alerts": free_port(), "api": free_port()}
    settings = {"alerts": {"http": {"port": ports["alerts"]}}, "api": {"port": ports["api"]}}
    with ExitStack() as stack:
        rig = stack.enter_context(Rig(stage, Setup(settings=settings, more_devices=[f"{LEAK},leak"])))
        for name, text in (("rules", RULES), ("people", PEOPLE), ("routes", ROUTES)):
            (rig.config / f"{name}.yaml").write_text(text)
        alerts = AlertsProcess(rig.config, rig.data, rig.folder / "alerts.log", ports["alerts"])
        stack.callback(alerts.kill)
        alerts.start()
        alerts.wait_ready()
        key = _make_key(rig)
        api = ApiProcess(rig.config, rig.data, rig.folder / "api.log", ports["api"], key=key)
        stack.callback(api.kill)
        load = stack.enter_context(rig.load(Numbers(ENDLESS), rate_hz))
        _watch(rig, load, 1.0)
        alone, _ = _watch(rig, load, part_s)
        figures.at_least(PROMISE, "acknowledged of what the broker took without the API", alone, KEEPS_UP)

        api.start()
        api.wait_ready()
        with _asked(api) as answered:
            busy, pause_s = _watch(rig, load, part_s)
        figures.at_least(PROMISE, "acknowledged of what the broker took while it is asked", busy, KEEPS_UP)
        figures.at_most(PROMISE, "longest pause meanwhile", pause_s, 2.0, "s")
        figures.at_least(PROMISE, "answers meanwhile", len(answered), part_s)

        _store_away(rig, api, figures)

        api.signal(signal.SIGSTOP)
        still, pause_s = _watch(rig, load, part_s)
        api.kill()
        dead, _ = _watch(rig, load, part_s)
        figures.at_least(PROMISE, "acknowledged of what the broker took while it stands still", still, KEEPS_UP)
        figures.at_most(PROMISE, "longest pause while it stands still", pause_s, 2.0, "s")
        figures.at_least(PROMISE, "acknowledged of what the broker took while it is dead", dead, KEEPS_UP)
        api.start()
        api.wait_ready()
        figures.exactly(PROMISE, "status of history after it is back", api.history(load.numbers.device(0))[0], 200)
        load.halt()
        rig.quiet(120)
        rig.judge(load, figures, PROMISE)
    return figures.all


def _store_away(rig: Rig, api: ApiProcess, figures: Figures) -> None:
    device = Numbers(0).device(0)
    rig.to_store.refuse()
    wait_until(lambda: api.history(device)[0] != 200, "history says that the store is away")
    status, headers, body = api.history(device)
    figures.exactly(PROMISE, "status of history without the store", status, 503)
    figures.says(PROMISE, "its media type", headers.get("content-type", ""), "application/problem+json")
    figures.at_least(PROMISE, "its Retry-After", int(headers.get("retry-after", 0)), 1, "s")
    figures.says(PROMISE, "its detail", body.get("detail", ""), "store")
    with Client(rig.broker.port, "leak") as client:
        events = api.listen()
        next(event for event in events if event == "reading")
        figures.exactly(
            PROMISE, "status of what is in memory without the store", api.get(f"/api/v1/devices/{device}")[0], 200
        )
        began = time.monotonic()
        payload = json.dumps({"values": {"leak": True}}).encode()
        client.publish(0, f"caretaker/v1/{SITE}/{LEAK}/readings", payload)
        next(event for event in events if event == "alert")
        figures.at_most(PROMISE, "a new alert in the live stream without the store", time.monotonic() - began, 5.0, "s")
        found = api.get("/api/v1/alerts")[2]
        figures.exactly(PROMISE, "alerts listed without the store", len(found["items"]), 1)
        events.close()
    rig.to_store.heal()
    wait_until(lambda: api.history(device)[0] == 200, "history is back")


def _make_key(rig: Rig) -> str:
    command = ["keys", "create", "--name", "faults", "--role", "operator", "--format", "json"]
    answer = subprocess.run(
        [sys.executable, "-m", "caretaker", *command, "--config", str(rig.config), "--data", str(rig.data)],
        capture_output=True,
        check=True,
        timeout=60,
    )
    found = json.loads(answer.stdout)
    key: str = (found[0] if isinstance(found, list) else found)["key"]
    return key


def _watch(rig: Rig, load: Load, for_s: float) -> tuple[float, float]:
    """How much of what the broker took meanwhile the ingestor acknowledged, and the longest time without, s.

    Of what the broker took, not in a second: whoever asks and publishes is one process here, and slows itself.
    """
    before = len(load.acknowledged)
    began = seen = _acknowledged(rig)
    longest_s, since = 0.0, time.monotonic()
    end = since + for_s
    while time.monotonic() < end:
        now = _acknowledged(rig)
        if now != seen:
            seen, since = now, time.monotonic()
        longest_s = max(longest_s, time.monotonic() - since)
        time.sleep(LOOK_EVERY_S)
    return (_acknowledged(rig) - began) / (len(load.acknowledged) - before), longest_s


def _acknowledged(rig: Rig) -> float:
    return rig.ingestor.metric("messages_acknowledged_total")


@contextmanager
def _asked(api: ApiProcess) -> Iterator[Sequence[int]]:
    """Asked and listened to as fast as it answers; gives the statuses of the answers."""
    over = threading.Event()
    statuses: list[int] = []
    device = Numbers(0).device(0)

    def ask() -> None:
        while not over.is_set():
            statuses.extend(api.get(path)[0] for path in (f"/api/v1/devices/{device}/history", "/api/v1/sites"))

    def listen() -> None:
        with suppress(OSError):
            for _ in api.listen():
                if over.is_set():
                    return

    threads = [threading.Thread(target=work, daemon=True) for work in (*[ask] * ASKERS, *[listen] * LISTENERS)]
    for thread in threads:
        thread.start()
    try:
        yield statuses
    finally:
        over.set()
        for thread in threads:
            thread.join(10)
