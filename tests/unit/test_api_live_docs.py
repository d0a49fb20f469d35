"""The page about the live stream says all that can happen, and its program is one."""

import re
from pathlib import Path

import pytest

from api.live import hub
from api.live.event import EventKind
from api.live.hub import Dropped
from api.live.past import MOST_BYTES, MOST_EVENTS
from api.live.resume import Why

TEXT = (Path(__file__).parents[2] / "docs" / "live.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("word", [*Why, *Dropped])
def test_each_reason_has_its_row(word: str) -> None:
    assert re.search(rf"^\| `{word}` \| \w", TEXT, re.MULTILINE)


def test_each_kind_of_event_has_its_example() -> None:
    for kind in EventKind:
        assert f"\nevent: {kind}\ndata: {{" in TEXT


def test_its_limits_are_ours() -> None:
    assert f"{MOST_BYTES >> 20} MiB, {MOST_EVENTS:,} events" in TEXT
    assert f"{hub.MOST_OF_ONE} streams of one key and {hub.MOST_LISTENERS:,} in all" in TEXT
    assert f"for {hub.STUCK_S:.0f} s nothing" in TEXT
    assert f"Where nothing comes for {hub.KEEP_ALIVE_S:.0f} s" in TEXT


def test_its_program_is_one() -> None:
    (program,) = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
    compile(program, "docs/live.md", "exec")
