"""Runs the alert service until it comes by a kill point: `CARETAKER_FAULTS_KILL=NAME:COUNT python -m …`.

Without the variable it runs as usual. `--mutant` brings a defect in beside it.
"""

import argparse
import importlib
import os
import sys
from pathlib import Path

from tests.faults.mutant_launcher import bring_in
from tests.faults.mutants import MUTANTS


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--mutant", choices=MUTANTS)
    parser.add_argument("--config", type=Path, required=True)
    parser.add_argument("--data", type=Path, required=True)
    given = parser.parse_args()
    if given.mutant is not None:
        bring_in(MUTANTS[given.mutant])
    points = importlib.import_module("tests.faults.kill_points")  # only now: it imports what a mutant replaces
    name, _, count = os.environ.get(points.ENVIRONMENT, "").partition(":")
    if name:
        points.KILL_POINTS[name].install(int(count))
    code: int = importlib.import_module("alerts.app").main(given.config, given.data)
    return code


if __name__ == "__main__":
    sys.exit(main())
