"""A hundred thousand devices load in seconds and in bounded memory."""

import json
import subprocess
import sys
from pathlib import Path

DEVICES = 100_000
PROGRAM = """
import json, re, sys, time
from pathlib import Path
from telemetry.registry.load import load_registry
start = time.perf_counter()
registry = load_registry(Path(sys.argv[1]))
seconds = time.perf_counter() - start
# Not getrusage: its peak is inherited from the process that started this one.
peak_kib = int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1])
print(json.dumps([len(registry.by_topic), seconds, peak_kib / 1024]))
"""


def test_a_hundred_thousand_devices(tmp_path: Path) -> None:
    site = "{{id: site-{0}, timezone: Asia/Hong_Kong, areas: [{{id: male, type: male}}]}}"
    (tmp_path / "sites.yaml").write_text("sites: [" + ", ".join(site.format(i) for i in range(1000)) + "]")
    with (tmp_path / "devices.csv").open("w", encoding="utf-8") as file:
        file.write("id,site,kind,area,parent,unit,interval_s,metrics,name_en,name_zh,labels,out_of_service\n")
        for i in range(DEVICES):
            parent = f"device-{i - i % 100}" if i % 100 else ""
            metrics = "nh3_ppm h2s_ppm temperature_c humidity_pct battery_pct rssi_dbm"
            names = f"Odour sensor {i},氣味感應器 {i}"
            file.write(
                f"device-{i},site-{i % 1000},toilet_odour,male,{parent},SN-{i},10,{metrics},{names},room={i % 20},\n"
            )

    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(tmp_path)], capture_output=True, text=True, timeout=60, check=True
    )
    devices, seconds, peak_mib = json.loads(done.stdout)

    assert devices == DEVICES
    # Measured: 2 s and 205 MiB. The promise is 5 s; a machine shared with other tests gets more.
    assert seconds < 15
    assert peak_mib < 300
