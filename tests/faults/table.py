"""Every scenario, in the order in which they run."""

from collections.abc import Callable
from dataclasses import dataclass

from tests.faults.report import Figure
from tests.faults.rig import Stage
from tests.faults.scenarios import crash


@dataclass(frozen=True, slots=True)
class Scenario:
    """One way in which things go wrong."""

    name: str
    promises: str
    done: str
    """What is done, in a sentence."""
    run: Callable[[Stage], list[Figure]]


SCENARIOS = {
    scenario.name: scenario
    for scenario in (
        Scenario("crash", "R1 R2", "`kill -9` of the ingestor, outages of a slow store, under load", crash.run),
    )
}
