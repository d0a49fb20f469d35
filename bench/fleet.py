"""The simulators: 10,000 devices from one process."""

import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from bench import ground
from bench.measure import cpu_s, peak_mib, wait_for
from bench.options import Options
from bench.pipelines import Running
from bench.report import Figure
from simulators.ledger import LedgerReader

DEVICES = 10_000
INTERVAL_S = 10
BEHIND_A_GATEWAY = 50
START_LIMIT_S = 90.0
"""Connections are made and the day is planned: for so long the fleet may be behind."""
CORES_GOAL = 1.0
PAGE_ROWS = 20_000


def fleet(options: Options) -> list[Figure]:
    """10,000 simulated devices, each every 10 s: the share of a core, what the broker acknowledged, who was silent."""
    seconds = max(options.seconds, INTERVAL_S)
    with ground.folder() as path, ground.mosquitto(path) as broker, _running(path, broker.port) as running:
        with closing(_ledger(path, running)) as ledger:
            wait_for(
                lambda: _acknowledged_per_s(ledger) > 0.9 * DEVICES / INTERVAL_S, "the fleet keeps up", START_LIMIT_S
            )
            before_s, begin_s, begin_ack = cpu_s(running.pid), time.monotonic(), ledger.last_ack()
            time.sleep(seconds)
            cores = (cpu_s(running.pid) - before_s) / (time.monotonic() - begin_s)
            heard, acknowledged = _heard(ledger, begin_ack)
        peak = peak_mib(running.pid)
    what = f"simulators, {DEVICES:,} devices every {INTERVAL_S} s"
    return [
        Figure("fleet.cores", f"{what}: of one core", cores, "cores", CORES_GOAL),
        Figure("fleet.rate", f"{what}: acknowledged a second", acknowledged / seconds, "/s"),
        Figure("fleet.silent", f"{what}: silent for {seconds} s", DEVICES - heard, "devices", at_most=0.01 * DEVICES),
        Figure("fleet.memory", f"{what}: peak memory", peak, "MiB"),
    ]


@contextmanager
def _running(path: Path, port: int) -> Iterator[Running]:
    config, data = path / "config", path / "data"
    config.mkdir()
    (config / "caretaker.yaml").write_text(f"broker: {{port: {port}}}\n", encoding="utf-8")
    (config / "sites.yaml").write_text(
        "sites:\n  - {id: town, kind: air, timezone: Asia/Hong_Kong, names: {en: Town}}\n", encoding="utf-8"
    )
    with (config / "devices.csv").open("w", encoding="utf-8") as sheet:
        sheet.write("id,site,kind,parent,interval_s,metrics\n")
        for number in range(DEVICES):
            gateway = f"gateway-{number - number % BEHIND_A_GATEWAY}"
            if number % BEHIND_A_GATEWAY == 0:
                sheet.write(f"{gateway},town,gateway,,{INTERVAL_S},uptime_s\n")
            else:
                sheet.write(f"air-{number},town,air_station,{gateway},{INTERVAL_S},pm2_5_ugm3 pm10_ugm3 no2_ugm3\n")
    (path / "log").mkdir()
    command = [sys.executable, "-m", "caretaker", "simulate", "--config", str(config), "--data", str(data)]
    running = Running(command, path / "log")
    try:
        yield running
    finally:
        running.stop()


def _ledger(path: Path, running: Running) -> LedgerReader:
    file = path / "data" / "ledger.db"

    def made() -> bool:
        running.check()
        return file.exists() and file.stat().st_size > 0

    wait_for(made, "the ledger is made")
    return LedgerReader(file)


def _acknowledged_per_s(ledger: LedgerReader) -> float:
    before, begin_s = ledger.last_ack(), time.monotonic()
    time.sleep(2.0)
    return (ledger.last_ack() - before) / (time.monotonic() - begin_s)


def _heard(ledger: LedgerReader, after: int) -> tuple[int, int]:
    """How many devices, and how many readings, were acknowledged after this row."""
    devices: set[str] = set()
    readings = 0
    while rows := ledger.acknowledged(after, PAGE_ROWS):
        devices |= {row.device for row in rows}
        readings += len(rows)
        after = rows[-1].ack
    return len(devices), readings
