"""The whole system in processes of its own, as `caretaker up` starts it, and a device whose buttons a test presses."""

import subprocess
import sys
import time
from pathlib import Path

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from tests.components import free_port, wait_until

REPOSITORY = Path(__file__).parents[2]
EXAMPLE = REPOSITORY / "examples" / "hong-kong"
STOP_LIMIT_S = 40.0
PORTS = ("--port", "--port-5", "--http-port", "--alerts-port", "--board-port")


class City:
    """The example city, on free ports."""

    def __init__(self, folder: Path, *, config: Path = EXAMPLE, fill_days: int = 2) -> None:
        self.config, self.data = config, folder / "data"
        self.ports = {option: free_port() for option in PORTS}
        self.url = f"http://127.0.0.1:{self.ports['--board-port']}"
        self._log = (folder / "up.log").open("w+b")
        options = [word for option, port in self.ports.items() for word in (option, str(port))]
        command = ["up", str(config), "--data", str(self.data), "--no-view", "--no-incident"]
        self._process = subprocess.Popen(
            [sys.executable, "-m", "caretaker", *command, "--fill-days", str(fill_days), *options],
            stdout=self._log,
            stderr=subprocess.STDOUT,
            cwd=REPOSITORY,
        )

    def ready(self) -> None:
        """Wait until the board answers and the past is filled in."""
        wait_until(lambda: "board: " in self.log, "the board's address is printed", 60)
        wait_until((self.data / "filled").exists, "the past is filled in", 60)

    @property
    def log(self) -> str:
        """All that `caretaker up` has printed."""
        return Path(self._log.name).read_text(errors="replace")

    @property
    def entrance(self) -> str:
        """The address that was printed."""
        return next(line for line in self.log.splitlines() if line.startswith("board: ")).removeprefix("board: ")

    def publish(self, site: str, device: str, payload: str | bytes) -> None:
        """As the device would; returns when the broker has it."""
        client = paho.Client(CallbackAPIVersion.VERSION2, client_id=f"{device}-{time.monotonic_ns()}")
        client.connect("127.0.0.1", self.ports["--port"])
        client.loop_start()
        client.publish(f"caretaker/v1/{site}/{device}/readings", payload, 1).wait_for_publish(10)
        client.disconnect()
        client.loop_stop()

    def stop(self) -> None:
        """In order; fails where something is missing in the store."""
        self._process.terminate()
        code = self._process.wait(STOP_LIMIT_S)
        log = self.log
        self._log.close()
        assert code == 0, log
