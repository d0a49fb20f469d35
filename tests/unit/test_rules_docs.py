"""What the documentation says of rules is so: its example is a rule, its tests hold, and no setting is left out."""

import re
from pathlib import Path

import pytest

from alerts.message.compose import TEMPLATE_FIELDS
from alerts.proof.file import load_proofs
from alerts.proof.proof import prove
from alerts.proof.written import ExpectEntry, ProofEntry, ProofsFile, ReadingsEntry
from alerts.rules.load import load_rules
from alerts.rules.rule import Aggregate
from alerts.rules.written import LevelEntry, NoDataEntry, RuleEntry, RulesFile, SeveritiesEntry, WhenEntry, WhereEntry
from telemetry.document import Section
from telemetry.registry.load import load_registry

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "write-a-rule.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```yaml\n(.*?)```", TEXT, re.DOTALL)


def test_the_example_is_a_rule_and_its_tests_hold(tmp_path: Path) -> None:
    for name in ("sites.yaml", "devices.csv"):
        (tmp_path / name).write_text(
            (ROOT / "caretaker" / "starter" / name).read_text(encoding="utf-8"), encoding="utf-8"
        )
    tests = tmp_path / "tests.yaml"
    (rule,) = (block for block in BLOCKS if block.startswith("rules:"))
    (tmp_path / "rules.yaml").write_text(rule, encoding="utf-8")
    tests.write_text(next(block for block in BLOCKS if block.startswith("tests:")), encoding="utf-8")
    registry = load_registry(tmp_path)

    outcomes = [prove(proof) for proof in load_proofs([tests], tmp_path, registry, load_rules(tmp_path, registry))]

    assert [outcome.complaints for outcome in outcomes] == [(), ()]


@pytest.mark.parametrize(
    "section",
    [
        RulesFile,
        RuleEntry,
        WhereEntry,
        WhenEntry,
        NoDataEntry,
        SeveritiesEntry,
        LevelEntry,
        ProofsFile,
        ProofEntry,
        ReadingsEntry,
        ExpectEntry,
    ],
)
def test_each_setting_is_explained(section: type[Section]) -> None:
    names = [info.alias or name for name, info in section.model_fields.items()]

    assert [name for name in names if not re.search(rf"[`{{\s]{name}[`:]", TEXT)] == []


def test_each_field_and_each_aggregate_is_named() -> None:
    assert set(re.findall(r"`\{(\w+)\}`", TEXT)) == TEMPLATE_FIELDS
    assert [name for name in Aggregate if f"`{name}`" not in TEXT] == []


def test_it_counts_the_examples_right() -> None:
    city = ROOT / "examples" / "hong-kong"
    number = int(re.findall(r"has (\d+) more", TEXT)[0])

    # Its own first one is among them.
    assert number + 1 == len(load_rules(city, load_registry(city)).rules)
