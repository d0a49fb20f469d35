"""`python -m bench.pace`: publish at a given rate, in a process of its own.

Message n is due at its event time, whatever happened before: when something holds the publisher up, that shows in the
delays, because they count from the event time, not from the sending.
"""

import argparse
import time

from bench.city import City
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
    parser.add_argument(
        "--incident-of", type=int, help="a city's messages, with so many incidents; none: air stations'"
    )
    given = parser.parse_args()
    shape = (given.messages, given.devices, given.start_ms, given.rate)
    city = given.incident_of is not None
    pace(given.port, City(*shape, incident_of=given.incident_of, beats=False) if city else Load(*shape))


if __name__ == "__main__":
    main()
