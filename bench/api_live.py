"""Benchmark of the live stream: a thousand listeners while a thousand readings a second arrive.

The service is the one that users run, in a process of its own, behind the embedded broker. Two processes listen, one
publishes. Each listener has to hear each reading that it asked for, or to be told that it does not. One more listens to
everything and never reads: it has to be dropped, and nobody may notice.
"""

import json
import re
import socket
import subprocess
import sys
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import quantiles

from api.access import keyring
from api.access.caller import Caller, Role, Way
from api.access.database import opened
from api.access.keys import Draft
from bench import ground
from bench.api_live_listeners import Heard
from bench.delay import LATE_LIMIT_S, PREPARE_S
from bench.embedded import embedded_broker
from bench.load import Load, site_id
from bench.measure import cpu_s, peak_mib, wait_for
from bench.options import Options
from bench.pipelines import ROOT, Ends, Ours, Running
from bench.report import Figure
from caretaker.broker import INFLIGHT
from tests.components import free_port

RATE = 1_000
DEVICES = 1_000
SITES = 10
LISTENERS = 1_000
PROCESSES = 2
KEYS = 12
"""One may have a hundred streams; and one for who does not read."""
LEAST_S = 30
"""Shorter runs end before the system's buffers are full for who does not read: some megabytes."""
P99_GOAL_MS = 500.0
LAST_S = 30.0
"""After the last reading: by then each listener has it, or never."""
DROPPED = re.compile(r'^caretaker_api_live_dropped_total\{reason="(\w+)"\} (\S+)$', re.MULTILINE)
DROP_LIMIT_S = 20.0


def one_site(options: Options) -> list[Figure]:
    """1,000 live listeners on a site each, 1,000 readings a second: delay, memory, each has all or was told."""
    return _figures("site", "a site each", options, [site_id(number) for number in range(SITES)])


def everything(options: Options) -> list[Figure]:
    """The same with all 1,000 on everything: a million events a second go out."""
    return _figures("all", "all on everything", options, [])


def _figures(name: str, whom: str, options: Options, sites: Sequence[str]) -> list[Figure]:
    seconds = max(options.seconds, LEAST_S)
    with (
        ground.folder() as path,
        embedded_broker(path) as broker,
        _service(path, broker.port) as service,
        _listeners(service.port, service.keys, sites) as listeners,
        _who_does_not_read(service) as still,
    ):
        start_ms = time.time_ns() // 1_000_000 + int(2 * PREPARE_S * 1_000)
        load = Load(RATE * seconds, DEVICES, start_ms, RATE)
        used_s = _publish(broker.port, load, service.running)
        _wait_heard(listeners, sum(_due(load, sites)) * LISTENERS // max(1, len(sites)))
        heard = [_ended(one) for one in listeners]
        peak = peak_mib(service.running.pid)
        wait_for(lambda: service.dropped()["too_slow"] > 0, "who does not read is dropped", DROP_LIMIT_S)
        told = _rest_of(still)
    right, verdict = _judged(heard, load, sites, told)
    delays = quantiles((delay for one in heard for delay in one.delays_ms), n=100)
    worst = max(one.worst_ms for one in heard)
    what = f"live, {LISTENERS:,} listeners, {whom}, {RATE:,}/s"
    wrong = not right
    return [
        Figure(f"api.live.{name}.p50", f"{what}: publish to listener, p50", delays[49], "ms", wrong=wrong),
        Figure(
            f"api.live.{name}.p99", f"{what}: publish to listener, p99", delays[98], "ms", P99_GOAL_MS, verdict, wrong
        ),
        Figure(f"api.live.{name}.worst", f"{what}: the latest of all", worst, "ms", wrong=wrong),
        Figure(f"api.live.{name}.cpu", f"{what}: CPU of the service", 100 * used_s / seconds, "%", wrong=wrong),
        Figure(f"api.live.{name}.memory", f"{what}: peak memory of the service", peak, "MiB", wrong=wrong),
    ]


class _Service:
    """The API as users run it."""

    def __init__(self, folder: Path, mqtt_port: int) -> None:
        self.port = free_port()
        arguments = Ours().configure(folder, Ends(mqtt_port, None), DEVICES)
        (folder / "config" / "caretaker.yaml").write_text(
            f"broker: {{port: {mqtt_port}}}\n"
            f"store: {{kind: sqlite}}\n"
            f"api: {{port: {self.port}, session: {{receive_maximum: {INFLIGHT}}}}}\n",
            encoding="utf-8",
        )
        access = folder / "data" / "api"
        access.mkdir()
        bench = Caller("bench", Role.ADMIN, None, Way.KEY, "")
        with opened(access / "access.db") as connection:
            drafts = [Draft(f"bench {number}", Role.ADMIN, None, None) for number in range(KEYS)]
            self.keys = [keyring.make(connection, bench, draft, time.time_ns())[1] for draft in drafts]
        self.running = Running([sys.executable, "-m", "caretaker", "run", "api", *arguments], folder)

    def ready(self) -> bool:
        """Whether it answers."""
        self.running.check()
        try:
            return bool(self.dropped())
        except OSError:
            return False

    def dropped(self) -> Counter[str]:
        """Streams that it has ended, by reason."""
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}/metrics")
        request.add_header("Authorization", f"Bearer {self.keys[-1]}")
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310 - ours
            return Counter({why: int(float(count)) for why, count in DROPPED.findall(answer.read().decode())})


@contextmanager
def _service(path: Path, mqtt_port: int) -> Iterator[_Service]:
    folder = path / "pipeline"
    folder.mkdir()
    service = _Service(folder, mqtt_port)
    try:
        wait_for(service.ready, "the API answers")
        yield service
    finally:
        service.running.stop()


@contextmanager
def _listeners(port: int, keys: list[str], sites: Sequence[str]) -> Iterator[list[subprocess.Popen[str]]]:
    """They have all been greeted."""
    command = [sys.executable, "-m", "bench.api_live_listeners", "--port", str(port)]
    command += ["--count", str(LISTENERS // PROCESSES)]
    for site in sites:
        command += ["--site", site]
    processes: list[subprocess.Popen[str]] = []
    try:
        for _ in range(PROCESSES):
            one = subprocess.Popen(command, cwd=ROOT, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
            processes.append(one)
            assert one.stdin is not None
            assert one.stdout is not None
            one.stdin.write(" ".join(keys[:-1]) + "\n")
            one.stdin.flush()
            if one.stdout.readline() != "ready\n":
                raise RuntimeError("the listeners failed")
        yield processes
    finally:
        for one in processes:
            one.kill()
            one.communicate()


@contextmanager
def _who_does_not_read(service: _Service) -> Iterator[socket.socket]:
    with socket.socket() as one:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        one.connect(("127.0.0.1", service.port))
        one.sendall(
            f"GET /api/v1/live HTTP/1.1\r\nHost: 127.0.0.1:{service.port}\r\n"
            f"Authorization: Bearer {service.keys[-1]}\r\n\r\n".encode()
        )
        yield one


def _publish(port: int, load: Load, running: Running) -> float:
    """Publish all from another process; CPU seconds of the service meanwhile."""
    command = [sys.executable, "-m", "bench.pace", "--port", str(port)]
    for name, value in (("messages", load.messages), ("devices", load.devices), ("rate", load.rate)):
        command += [f"--{name}", str(value)]
    publisher = subprocess.Popen([*command, "--start-ms", str(load.start_ms)], cwd=ROOT)
    try:
        time.sleep(max(0.0, load.start_ms / 1_000 - time.time()))
        before_s = cpu_s(running.pid)
        if publisher.wait(load.messages / load.rate + LATE_LIMIT_S) != 0:
            raise RuntimeError("the publisher failed")
        return cpu_s(running.pid) - before_s
    finally:
        publisher.kill()
        publisher.wait()


def _wait_heard(listeners: Sequence[subprocess.Popen[str]], due: int) -> None:
    """Until they have heard so many, or it takes too long."""
    end = time.monotonic() + LAST_S
    while time.monotonic() < end and sum(_count(one) for one in listeners) < due:
        time.sleep(0.5)


def _count(one: subprocess.Popen[str]) -> int:
    assert one.stdin is not None
    assert one.stdout is not None
    one.stdin.write("?\n")
    one.stdin.flush()
    return int(one.stdout.readline())


def _ended(one: subprocess.Popen[str]) -> Heard:
    output, _ = one.communicate(timeout=60)
    return Heard(**json.loads(output))


def _rest_of(one: socket.socket) -> bytes:
    """What was sent to who did not read, read at last, to its end."""
    one.settimeout(DROP_LIMIT_S)
    parts = []
    while part := one.recv(1 << 20):
        parts.append(part)
    return b"".join(parts)


def _due(load: Load, sites: Sequence[str]) -> list[int]:
    """Readings that each listener has to hear, in turn."""
    by_site = Counter(site_id(number) for number in load.order)
    return [by_site[site] for site in sites] or [load.messages]


def _judged(heard: Sequence[Heard], load: Load, sites: Sequence[str], told: bytes) -> tuple[bool, str]:
    """Whether each listener has all that it asked for, or was told; in words."""
    due = _due(load, sites)
    missing = silent = extra = 0
    for process in heard:
        for number, count in enumerate(process.counts):
            wanted = due[number % len(due)]
            extra += count > wanted
            missing += count < wanted and number in process.told
            silent += count < wanted and number not in process.told
    disorder = sum(process.disorder for process in heard)
    right = not (silent or extra or disorder)
    given = sum(sum(process.counts) for process in heard)
    return right, (
        f"{given:,} events; {missing} listeners were told that they missed something; "
        + ("nobody else did" if right else f"WRONG: {silent} missed without a word, {extra + disorder} doubled")
        + f"; who did not read was dropped{'' if b'event: dropped' in told else ', too late to be told'}"
    )
