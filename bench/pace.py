"""`python -m bench.pace`: publish at a given rate, in a process of its own.

Message n is due at its event time, whatever happened before: when something holds the publisher up, that shows in the
delays, because they count from the event time, not from the sending.
"""

import argparse
import time

from bench.load import Load
from bench.wire import Wire

TICK_S = 0.001


def pace(port: int, load: Load) -> None:
    """Publish all of `load`, each when it is due; return when the broker has acknowledged all."""
    with Wire(port, "bench-pace") as wire:
        packets = [wire.packet(*message) for message in load.published()]
        sent = 0
        while sent < len(packets):
            passed_ms = time.time_ns() // 1_000_000 - load.start_ms
            due = min(max(0, passed_ms * load.rate // 1_000), len(packets), sent + wire.window - wire.outstanding)
            if due > sent:
                wire.send(packets[sent:due])
                sent = due
            wire.poll(TICK_S)
        wire.settle(0)


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser()
    for name in ("port", "messages", "devices", "start-ms", "rate"):
        parser.add_argument(f"--{name}", type=int, required=True)
    given = parser.parse_args()
    pace(given.port, Load(given.messages, given.devices, given.start_ms, given.rate))


if __name__ == "__main__":
    main()
