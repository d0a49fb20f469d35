"""The short form: a day of one toilet block with a few troubles, through the same path as the week."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

import pytest

from simulators.models.city import City
from simulators.settings import load_simulation
from telemetry.registry.load import load_registry
from tests.evaluate.city import of_site
from tests.evaluate.plant import MS_PER_DAY, Planting
from tests.evaluate.planted import Planted, Trouble
from tests.evaluate.report import ZONE, figures
from tests.evaluate.score import Score, near_misses, scores, total
from tests.evaluate.sorts import SORTS
from tests.evaluate.week import CITY, Judged, Stretch, judge_site, truth_of

SITE = "mong-kok-market"
START_MS = round(datetime(2026, 5, 12, tzinfo=ZONE).timestamp() * 1000)
END_MS = START_MS + MS_PER_DAY
TROUBLES = {
    Trouble.GATEWAY_DOWN,
    Trouble.LEAK,
    Trouble.ODOUR_STRONG,
    Trouble.ODOUR_BRIEF,
    Trouble.PAPER_OUT,
    Trouble.TAP_RUNNING,
    Trouble.CUBICLE_LONG,
    Trouble.HELP,
    Trouble.SENSOR_SILENT,
    Trouble.OUT_OF_SERVICE,
    Trouble.BATTERY_LOW,
}


@pytest.fixture(scope="module")
def day() -> tuple[list[Planted], Judged]:
    """The ledger of the day, and what was raised."""
    registry = of_site(load_registry(CITY), SITE, ())
    city = City(registry, load_simulation(CITY).seed)
    sorts = [replace(sort, number=1) for sort in SORTS if sort.trouble in TROUBLES]
    planted = tuple(Planting(city, 0, START_MS, 1, START_MS).plant(sorts))
    stretch = Stretch(SITE, START_MS, START_MS, END_MS, planted, warm_up_days=0)
    return [*planted, *truth_of(stretch)], judge_site(stretch)


def test_everything_is_found_and_nothing_is_invented(day: tuple[list[Planted], Judged]) -> None:
    ledger, judged = day

    score = total(scores(ledger, judged.claims, START_MS, END_MS).values())

    assert len(score.findings) >= len(TROUBLES)
    assert near_misses(ledger)
    assert [finding.expected for finding in score.findings if finding.delay_s is None] == []
    assert list(score.false) == []


def test_a_rule_that_says_nothing_is_noticed(day: tuple[list[Planted], Judged]) -> None:
    ledger, judged = day

    found = scores(ledger, [claim for claim in judged.claims if claim.rule != "leak"], START_MS, END_MS)

    assert found["leak"].recall == 0.0
    assert _red(found, ledger) >= {"recall of what is critical"}


def test_what_nobody_planted_is_noticed(day: tuple[list[Planted], Judged]) -> None:
    ledger, judged = day
    ledger = [one for one in ledger if one.trouble is not Trouble.LEAK]

    found = scores(ledger, judged.claims, START_MS, END_MS)

    assert {claim.rule for claim in found["leak"].false} == {"leak"}
    assert found["leak"].precision == 0.0


def _red(found: Mapping[str, Score], ledger: list[Planted]) -> set[str]:
    return {figure.name for figure in figures(found, ledger) if figure.holds is False}
