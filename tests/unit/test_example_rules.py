"""The example city's rules do what they say: each has tests that fail without it, and its words in both languages."""

from pathlib import Path

import pytest

from alerts.alert import Change, Severity
from alerts.proof.file import Proof, load_proofs
from alerts.proof.proof import prove
from alerts.rules.load import TESTS, load_rules
from alerts.rules.rule import Happening, NoData, Rule, State
from alerts.rules.select import selected
from telemetry.registry.load import load_registry

EXAMPLES = Path(__file__).parents[2] / "examples"
CITY = EXAMPLES / "hong-kong"
STARTER = Path(__file__).parents[2] / "caretaker" / "starter"
REGISTRY = load_registry(CITY)
RULES = load_rules(CITY, REGISTRY)
PROOFS = load_proofs(sorted((CITY / TESTS).glob("*.yaml")), CITY, REGISTRY, RULES)


def by_id(rule: Rule) -> str:
    return rule.id


@pytest.mark.parametrize("proof", PROOFS, ids=lambda proof: proof.name)
def test_exactly_what_is_expected_happens(proof: Proof) -> None:
    assert not prove(proof).complaints


@pytest.mark.parametrize("rule", RULES.rules, ids=by_id)
def test_each_severity_of_each_rule_is_seen(rule: Rule) -> None:
    seen = {expected.severity for proof in PROOFS for expected in proof.expected if expected.rule == rule.id}

    assert seen == {level.severity for level in rule.levels}


@pytest.mark.parametrize("rule", RULES.rules, ids=by_id)
def test_each_rule_is_seen_not_to_raise(rule: Rule) -> None:
    """There is a test in which its device speaks of its metric, and nothing comes of it."""

    def is_quiet(proof: Proof) -> bool:
        raised = {expected.device for expected in proof.expected if expected.rule == rule.id}
        devices = {name for name, rules in selected(proof.rules, proof.registry).items() if rule in rules} - raised
        return any(
            reading.device in devices and (not rule.metrics or not set(rule.metrics).isdisjoint(reading.values))
            for _, reading in proof.arrivals
        )

    assert any(is_quiet(proof) for proof in PROOFS)


@pytest.mark.parametrize("rule", RULES.rules, ids=by_id)
def test_each_rule_says_why_and_what_to_do_in_both_languages(rule: Rule) -> None:
    assert rule.why.endswith(".")
    for texts in (rule.names, rule.message, rule.advice):
        assert texts.keys() == {"en", "zh-Hant"}
    assert all(text.endswith((".", "。")) for texts in (rule.message, rule.advice) for text in texts.values())
    assert "{device}" in rule.message["en"]
    assert "{device}" in rule.message["zh-Hant"]
    assert rule.labels.keys() == {"team"}


@pytest.mark.parametrize("rule", RULES.rules, ids=by_id)
def test_what_wobbles_has_a_hysteresis(rule: Rule) -> None:
    """Anything that is compared with a threshold clears elsewhere than it raises; counts are whole."""
    if isinstance(rule.condition, Happening | NoData | State) or rule.id == "cleaning-overdue":
        return
    assert all(level.raise_at != level.clear_at for level in rule.levels)


def test_every_device_of_the_city_is_watched() -> None:
    living = {name for name, device in REGISTRY.devices.items() if not device.archive}

    assert selected(RULES, REGISTRY).keys() == living


def test_help_is_critical_and_expires() -> None:
    (rule,) = (rule for rule in RULES.rules if rule.id == "assistance")

    assert rule.latches
    assert [level.severity for level in rule.levels] == [Severity.CRITICAL]
    assert rule.expire_after_ns is not None
    assert rule.flapping is None


def test_tests_end_as_well_as_they_begin() -> None:
    changes = {expected.change for proof in PROOFS for expected in proof.expected}

    assert changes == {Change.RAISED, Change.ROSE, Change.FELL, Change.RESOLVED}


def test_the_first_configuration_has_rules() -> None:
    rules = load_rules(STARTER, load_registry(STARTER))

    assert [rule.id for rule in rules.rules] == ["odour", "gateway-down", "device-silent"]
