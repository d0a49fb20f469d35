"""How the week is scored and planted: what counts as found, as missed, as false."""

from pathlib import Path

import pytest

from alerts.rules.load import load_rules
from telemetry.registry.load import load_registry
from tests.evaluate.planted import Allowed, Expected, Planted, Trouble, read_ledger, write_ledger
from tests.evaluate.score import Claim, around, near_misses, only, scores, total
from tests.evaluate.sorts import CRITICAL, SORTS, WARNING
from tests.evaluate.week import CITY

MIN = 60_000
START, END = 0, 1_000 * MIN
ODOUR = Planted(
    Trouble.ODOUR_STRONG,
    ("nh3-1",),
    100 * MIN,
    160 * MIN,
    16.0,
    (Expected("odour", "nh3-1", CRITICAL, 100 * MIN, 140 * MIN),),
    (Allowed("odour", "nh3-1", CRITICAL, 100 * MIN, 180 * MIN),),
)
QUIET = Planted(Trouble.ODOUR_BRIEF, ("nh3-2",), 100 * MIN, 108 * MIN)


def claim(at_min: float, severity: int = CRITICAL, device: str = "nh3-1", rule: str = "odour") -> Claim:
    at_ms = round(at_min * MIN)
    return Claim(rule, device, severity, raises=severity > 0, at_ms=at_ms, noticed_ms=at_ms)


@pytest.mark.parametrize(
    ("said", "delay_s"),
    [
        ([claim(110)], 600.0),
        ([claim(105, WARNING), claim(120)], 1200.0),
        ([claim(105, WARNING)], None),
        ([claim(141)], None),
        ([], None),
        ([claim(90)], 0.0),
        ([claim(90), claim(95, 0)], None),
        ([claim(110, device="nh3-2")], None),
        ([claim(110, rule="leak")], None),
    ],
    ids=["in time", "rises", "not enough", "too late", "never", "stood already", "stood before", "elsewhere", "other"],
)
def test_found_means_that_severity_on_that_device_in_time(said: list[Claim], delay_s: float | None) -> None:
    found = scores([ODOUR], said, START, END)["odour"]

    assert [finding.delay_s for finding in found.findings] == [delay_s]
    assert found.recall == (0.0 if delay_s is None else 1.0)


@pytest.mark.parametrize(
    ("said", "is_true"),
    [
        (claim(110), True),
        (claim(110, WARNING), True),
        (claim(180), True),
        (claim(181), False),
        (claim(99), False),
        (claim(104, device="nh3-2"), False),
    ],
    ids=["during", "less bad", "just after", "long after", "before", "a near miss"],
)
def test_true_means_that_it_was_the_case(said: Claim, *, is_true: bool) -> None:
    found = scores([ODOUR, QUIET], [said], START, END)["odour"]

    assert found.precision == (1.0 if is_true else 0.0)


def test_worse_than_it_is_is_false() -> None:
    weak = Planted(
        ODOUR.trouble, ODOUR.devices, ODOUR.begin_ms, ODOUR.end_ms, may=(Allowed("odour", "nh3-1", WARNING, 0, END),)
    )

    assert scores([weak], [claim(110)], START, END)["odour"].precision == 0.0


def test_only_what_is_noticed_in_the_week_counts() -> None:
    found = scores([ODOUR], [claim(110), claim(1_001)], START, END)["odour"]

    assert (found.claims, len(found.false)) == (1, 0)
    assert scores([ODOUR], [], START, 139 * MIN) == {}, "there was no time to notice it"


def test_a_rule_that_was_never_expected_is_scored_too() -> None:
    found = scores([], [claim(110)], START, END)["odour"]

    assert (found.recall, found.precision, found.delays_s) == (None, 0.0, None)


def test_scores_add_up_and_can_be_parted_by_severity() -> None:
    parts = scores([ODOUR, QUIET], [claim(110), claim(110, WARNING, rule="leak")], START, END)
    everything = total(parts.values())

    assert (everything.found, everything.claims, len(everything.false)) == (1, 2, 1)
    assert only(everything, CRITICAL).recall == 1.0
    assert [one.rule for one in only(everything, WARNING).false] == ["leak"]


def test_near_misses_are_those_of_which_nobody_may_hear() -> None:
    assert near_misses([ODOUR, QUIET]) == [QUIET]
    assert around(claim(104, device="nh3-2"), [ODOUR, QUIET]) is QUIET
    assert around(claim(400, device="nh3-2"), [ODOUR, QUIET]) is None


def test_the_ledger_comes_back_as_it_was_written(tmp_path: Path) -> None:
    write_ledger(tmp_path / "ledger.jsonl", [QUIET, ODOUR])

    assert read_ledger(tmp_path / "ledger.jsonl") == [QUIET, ODOUR]


def test_every_example_rule_is_put_to_the_test() -> None:
    rules = {rule.id for rule in load_rules(CITY, load_registry(CITY)).rules}

    assert {sign.rule for sort in SORTS for sign in sort.signs if sign.must} == rules


def test_every_trouble_is_planted_or_happens_by_itself() -> None:
    planted = {sort.trouble for sort in SORTS}

    assert {trouble for trouble in Trouble if trouble not in planted} == {
        trouble for trouble in Trouble if trouble.startswith("own-")
    }
