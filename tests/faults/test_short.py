"""The short form of every scenario; and every mutant must turn its scenario red. `make faults` runs the long form."""

import importlib.util
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
from _pytest.mark.structures import ParameterSet

from tests.components import Influxd
from tests.faults.mutants import MUTANTS
from tests.faults.rig import Stage
from tests.faults.table import SCENARIOS

WAITS = {
    "api",
    "backup",
    "full-journal",
    "memory",
    "network",
    "engine-killed",
    "receivers",
    "broker-away",
    "engine-away",
    "alert-database-away",
    "clock-on-the-wall",
    "id-made-anew-for-each-attempt",
    "acknowledged-before-committed",
    "duplicates-dropped",
    "not-synced",
}
"""Five seconds to half a minute each, most of it waiting; others, some of them their own mutants, look at the same code
every day. `make faults` runs them."""
ATTEMPTS = 3
"""A few kills at random moments may all miss the moment that a mutant opens: the short form is run again then."""


def every_day(names: Iterable[str]) -> list[ParameterSet]:
    return [pytest.param(name, marks=[pytest.mark.long] if name in WAITS else []) for name in names]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Influxd]:
    influxd = Influxd(tmp_path_factory.mktemp("faults") / "influxdb")
    influxd.start()
    yield influxd
    influxd.stop()


@pytest.mark.parametrize("name", every_day(SCENARIOS))
def test_promise_holds(name: str, store: Influxd, tmp_path: Path) -> None:
    figures = SCENARIOS[name].run(Stage(tmp_path, store, full=False))
    assert figures
    assert [figure for figure in figures if not figure.holds] == []


@pytest.mark.parametrize("name", every_day(MUTANTS))
def test_mutant_is_caught(name: str, store: Influxd, tmp_path: Path) -> None:
    mutant = MUTANTS[name]
    for attempt in range(ATTEMPTS):
        stage = Stage(tmp_path / str(attempt), store, full=False, mutant=name)
        found = [figure.holds for figure in SCENARIOS[mutant.scenario].run(stage) if figure.name == mutant.figure]
        if found == [False]:
            return
    pytest.fail(f"{name} was not caught in {ATTEMPTS} runs: {mutant.figure} holds")


@pytest.mark.parametrize("name", MUTANTS)
def test_mutant_still_fits_the_source(name: str) -> None:
    mutant = MUTANTS[name]
    found = importlib.util.find_spec(mutant.module)
    assert found is not None
    assert found.origin is not None
    source = Path(found.origin).read_text(encoding="utf-8")
    compile(mutant.apply(source), mutant.name, "exec")
