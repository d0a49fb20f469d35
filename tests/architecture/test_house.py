"""The house rules that a reader would trip over. Which package may import which is held by `.importlinter`."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("telemetry", "ingestor", "alerts", "api", "grafana", "deploy", "simulators", "caretaker", "bench")
MODULES = [path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))]
MOST_LINES = 350
"""A room that grows past it is two ideas."""
SAYS_NOTHING = re.compile(r"(utils?|helpers?|common|misc|manager|base)")


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def test_there_are_modules_to_look_at() -> None:
    assert len(MODULES) > 100


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_a_module_is_one_idea_with_a_name(path: Path) -> None:
    lines = path.read_text(encoding="utf-8").splitlines()
    assert len(lines) <= MOST_LINES
    assert not SAYS_NOTHING.fullmatch(path.stem)
    if lines and path.stem != "__init__":
        assert lines[0].startswith('"""'), "the first line says what it is"


def test_nothing_is_left_for_later() -> None:
    left = [name_of(path) for path in MODULES if re.search(r"\b(TODO|FIXME|XXX)\b", path.read_text(encoding="utf-8"))]
    assert left == []


def test_the_locked_requirements_name_no_address() -> None:
    for lock in ("requirements.txt", "requirements-dev.txt"):
        text = (ROOT / lock).read_text(encoding="utf-8")
        assert "--hash=sha256:" in text
        assert not re.search(r"https?://|--index-url|--find-links|--extra-index", text)
