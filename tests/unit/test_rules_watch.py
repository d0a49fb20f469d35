"""Rules that are edited: good changes are taken over, bad ones told, the old rules stay in force."""

import os
from pathlib import Path

import pytest

from alerts.configuration import watch_rules
from alerts.rules.rule import Rules
from telemetry.document import DocumentError
from telemetry.registry.models import Registry
from tests.builders import device, registry

RULE = """\
rules:
  - id: {id}
    names: {{en: One}}
    why: Because.
    where: {{kinds: [toilet_odour]}}
    when: {{metric: nh3_ppm}}
    severities: {{warning: {{above: {above}}}}}
"""


class City:
    """A registry that can change."""

    def __init__(self) -> None:
        self.registry = registry(device())

    def __call__(self) -> Registry:
        return self.registry


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    write(tmp_path, above=3)
    return tmp_path


def write(directory: Path, above: object = 3, name: str = "rules.yaml", id: str = "one") -> None:  # noqa: A002 - a rule's
    path = directory / name
    path.write_text(RULE.format(above=above, id=id))
    # Two writes within one tick of the clock that give the same size would look the same.
    status = path.stat()
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns + 1_000_000 * len(str(above))))


def ids(rules: Rules) -> list[str]:
    return [rule.id for rule in rules.rules]


def test_without_good_rules_nothing_begins(directory: Path) -> None:
    write(directory, above="high")

    with pytest.raises(DocumentError):
        watch_rules(directory, City())


def test_nothing_changed_nothing_read(directory: Path) -> None:
    watch = watch_rules(directory, City())
    first = watch.current

    assert watch.poll() is None
    assert watch.current is first
    assert (watch.reloads, watch.failures, watch.problems) == (0, 0, ())


def test_a_change_is_taken_over(directory: Path) -> None:
    watch = watch_rules(directory, City())
    write(directory, above=12.5)

    rules = watch.poll()

    assert rules is watch.current
    assert rules.rules[0].levels[0].raise_at == 12.5
    assert (watch.reloads, watch.poll()) == (1, None)


def test_files_come_and_go(directory: Path) -> None:
    watch = watch_rules(directory, City())
    write(directory, name="rules-2.yaml", id="two")
    watch.poll()
    assert ids(watch.current) == ["two", "one"]

    (directory / "rules.yaml").unlink()
    watch.poll()
    assert ids(watch.current) == ["two"]


def test_a_broken_file_changes_nothing_but_is_told(directory: Path) -> None:
    watch = watch_rules(directory, City())
    first = watch.current
    write(directory, above="high")

    assert watch.poll() is None
    assert watch.current is first
    assert watch.failures == 1
    assert [problem.field for problem in watch.problems] == ["rules[0].severities.warning.above"]
    assert watch.poll() is None
    assert watch.failures == 1, "the same broken file is told once"


def test_a_mended_file_is_good_again(directory: Path) -> None:
    watch = watch_rules(directory, City())
    first = watch.current
    write(directory, above="high")
    watch.poll()
    write(directory, above=3)

    assert watch.poll() is None, "the rules are what they were"
    assert watch.current == first
    assert watch.problems == ()

    write(directory, above="higher")
    watch.poll()
    write(directory, above=4.25)
    assert watch.poll() is not None
    assert watch.problems == ()


def test_rules_are_judged_again_when_the_registry_changes(directory: Path) -> None:
    city = City()
    watch = watch_rules(directory, city)
    first = watch.current

    city.registry = registry(device(kind="toilet_smell"))
    assert watch.poll() is None
    assert watch.current is first, "a rule for a kind that is gone does no harm"
    assert watch.problems[0].field == "rules[0].where.kinds[0]"

    city.registry = registry(device(), device("nh3-2"))
    assert watch.poll() is None
    assert watch.problems == ()
