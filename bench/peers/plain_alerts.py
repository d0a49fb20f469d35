"""A plain evaluator: paho-mqtt, json, a table of thresholds and SQLite, as one writes it in an afternoon.

Written to be good at it: a persistent session at QoS 1, one look-up of the rules by the kind of device, one transaction
a second for the alerts, and for what was heard last of each device, so that a restart does not forget who is silent.

What it does not do: paho acknowledges each message before it is judged, so what is in memory is lost with the process,
`for` and windows with it; a message that comes twice counts twice, one that comes late counts as the newest; `for` ends
with the next reading and not when its time is over; silence goes by the wall clock, so an outage of its own raises
alerts on everybody; one severity a rule, a window's mean is that of its readings. It tells nobody.
"""

import argparse
import json
import sqlite3
import threading
import time
from collections import defaultdict, deque
from pathlib import Path

import paho.mqtt.client as mqtt

FLUSH_INTERVAL_S = 1.0
SILENT_AFTER_S = 780.0
LOOK_FOR_SILENCE_S = 10.0

# rule, metric, side, raise, clear, for in ms
THRESHOLDS = {
    "toilet_odour": [("odour", "nh3_ppm", "above", 4, 2.5, 120_000)],
    "toilet_supplies": [("paper-low", "paper_pct", "below", 10, 30, 0), ("battery", "battery_pct", "below", 10, 50, 120_000)],
    "toilet_leak": [("leak", "leak", "above", 0.5, 0.5, 0), ("battery", "battery_pct", "below", 10, 50, 120_000)],
    "toilet_cubicle": [("occupied", "occupied", "above", 0.5, 0.5, 120_000), ("battery", "battery_pct", "below", 10, 50, 120_000)],
}
# rule, metric, window in ms, raise, clear
MEANS = {
    "toilet_water": [("flow", "water_flow_lpm", 600_000, 60, 20)],
    "air_indoor": [("room-air", "co2_ppm", 3_600_000, 1000, 950), ("particles", "pm2_5_ugm3", 3_600_000, 150, 100)],
    "air_station": [("particles", "pm2_5_ugm3", 3_600_000, 150, 100)],
}
IMBALANCES = {"meter_power": [("imbalance", ("current_l1_a", "current_l2_a", "current_l3_a"), 25, 20, 120_000, "power_kw", 10)]}

SCHEMA = """
PRAGMA journal_mode = WAL;
PRAGMA synchronous = FULL;
CREATE TABLE IF NOT EXISTS device (device TEXT PRIMARY KEY, heard REAL, readings INTEGER) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS alert (rule TEXT, device TEXT, raised INTEGER, value REAL, resolved INTEGER);
CREATE INDEX IF NOT EXISTS alert_device ON alert (rule, device);
"""


class Evaluator:
    def __init__(self, kinds: dict[str, str], file: Path) -> None:
        self.kinds = kinds
        self.database = sqlite3.connect(file, check_same_thread=False)
        self.database.executescript(SCHEMA)
        self.lock = threading.Lock()
        self.heard: dict[str, float] = dict(self.database.execute("SELECT device, heard FROM device"))
        self.changed: dict[str, int] = defaultdict(int)
        self.active: set[tuple[str, str]] = set()
        self.since: dict[tuple[str, str], int] = {}
        self.windows: dict[tuple[str, str], deque] = defaultdict(deque)
        self.news: list[tuple] = []

    def take(self, topic: str, payload: bytes) -> None:
        device = topic.split("/")[3]
        kind = self.kinds.get(device)
        if kind is None:
            return
        reading = json.loads(payload)
        time_ms, values = reading["time"], reading["values"]
        with self.lock:
            self.heard[device] = time.time()
            self.changed[device] += 1
            if ("silent", device) in self.active:
                self.set("silent", device, False, time_ms, None)
            for rule, metric, side, raise_at, clear_at, for_ms in THRESHOLDS.get(kind, ()):
                if metric in values:
                    self.compare(rule, device, side, values[metric], raise_at, clear_at, for_ms, time_ms)
            for rule, metric, window_ms, raise_at, clear_at in MEANS.get(kind, ()):
                if metric in values:
                    window = self.windows[rule, device]
                    window.append((time_ms, values[metric]))
                    while window[0][0] <= time_ms - window_ms:
                        window.popleft()
                    mean = sum(value for _, value in window) / len(window)
                    self.compare(rule, device, "above", mean, raise_at, clear_at, 0, time_ms)
            for rule, metrics, raise_at, clear_at, for_ms, guard, least in IMBALANCES.get(kind, ()):
                phases = [values[metric] for metric in metrics if metric in values]
                if len(phases) == len(metrics) and values.get(guard, 0) > least:
                    mean = sum(phases) / len(phases)
                    worst = max(abs(phase - mean) for phase in phases) / mean * 100 if mean > 0 else 0
                    self.compare(rule, device, "above", worst, raise_at, clear_at, for_ms, time_ms)

    def compare(self, rule, device, side, value, raise_at, clear_at, for_ms, time_ms) -> None:
        key = rule, device
        bad = value > raise_at if side == "above" else value < raise_at
        if key in self.active:
            if value <= clear_at if side == "above" else value >= clear_at:
                self.set(rule, device, False, time_ms, value)
        elif not bad:
            self.since.pop(key, None)
        elif time_ms - self.since.setdefault(key, time_ms) >= for_ms:
            self.set(rule, device, True, time_ms, value)

    def set(self, rule, device, active, time_ms, value) -> None:
        if active:
            self.active.add((rule, device))
            self.news.append((rule, device, time_ms, value, True))
        else:
            self.active.discard((rule, device))
            self.since.pop((rule, device), None)
            self.news.append((rule, device, time_ms, value, False))

    def flush(self) -> None:
        with self.lock:
            news, self.news = self.news, []
            changed, self.changed = self.changed, defaultdict(int)
            rows = [(device, self.heard[device], count) for device, count in changed.items()]
        if not news and not rows:
            return
        with self.database as database:
            database.executemany(
                "INSERT INTO device VALUES (?, ?, ?) ON CONFLICT (device) DO UPDATE SET heard = excluded.heard, "
                "readings = readings + excluded.readings",
                rows,
            )
            for rule, device, time_ms, value, raised in news:
                if raised:
                    database.execute("INSERT INTO alert VALUES (?, ?, ?, ?, NULL)", (rule, device, time_ms, value))
                else:
                    database.execute(
                        "UPDATE alert SET resolved = ? WHERE rule = ? AND device = ? AND resolved IS NULL",
                        (time_ms, rule, device),
                    )

    def look_for_silence(self) -> None:
        now = time.time()
        with self.lock:
            for device, heard in self.heard.items():
                if now - heard > SILENT_AFTER_S and ("silent", device) not in self.active:
                    self.set("silent", device, True, int(now * 1000), None)

    def keep(self) -> None:
        looked = time.monotonic()
        while True:
            time.sleep(FLUSH_INTERVAL_S)
            if time.monotonic() - looked > LOOK_FOR_SILENCE_S:
                looked = time.monotonic()
                self.look_for_silence()
            self.flush()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--mqtt-port", type=int, required=True)
    parser.add_argument("--client-id", required=True)
    parser.add_argument("--filter", required=True)
    parser.add_argument("--devices", type=Path, required=True, help="JSON: device to kind")
    parser.add_argument("--database", type=Path, required=True)
    given = parser.parse_args()
    evaluator = Evaluator(json.loads(given.devices.read_text()), given.database)
    client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, given.client_id, clean_session=False)
    client.on_connect = lambda client, *_: client.subscribe(given.filter, qos=1)
    client.on_message = lambda _client, _data, message: evaluator.take(message.topic, message.payload)
    threading.Thread(target=evaluator.keep, daemon=True).start()
    client.connect("127.0.0.1", given.mqtt_port)
    client.loop_forever()


if __name__ == "__main__":
    main()
