"""The page about the API says what is so."""

import json
import re
from datetime import datetime
from pathlib import Path

import pytest

from api.access.caller import Role
from api.queries.alerts import WAIT_S
from api.queries.answer import Answer, moment
from api.queries.devices import quality_words
from api.queries.events import What
from api.queries.paging import ITEMS, ITEMS_MOST
from api.queries.standing import SILENT_INTERVALS, State
from telemetry.reading import NS_PER_MS, Quality


class Dated(Answer):
    """Any answer with a time."""

    at: datetime


TEXT = (Path(__file__).parents[2] / "docs" / "api.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("word", [*State, *What])
def test_each_word_has_its_row(word: str) -> None:
    assert re.search(rf"^\| `{word}` \| \S", TEXT, re.MULTILINE)


@pytest.mark.parametrize("role", Role)
def test_each_role_has_its_row(role: Role) -> None:
    assert f"\n| {role.word} | " in TEXT


@pytest.mark.parametrize("flag", Quality)
def test_each_doubt_is_named(flag: Quality) -> None:
    (word,) = quality_words(flag)
    assert f"`{word}`" in TEXT


def test_its_limits_are_ours() -> None:
    assert f"`limit` ({ITEMS}, at most {ITEMS_MOST:,})" in TEXT
    assert f"waits up to\n{WAIT_S:.0f} s for it" in TEXT
    assert SILENT_INTERVALS == 3
    assert "three intervals without a reading" in TEXT


@pytest.mark.parametrize("time_ms", [1_795_334_400_250, 1_795_334_400_000])
def test_times_are_written_as_it_says(time_ms: int) -> None:
    document = Dated(at=moment(time_ms * NS_PER_MS)).model_dump_json()
    assert f"`{json.loads(document)['at']}`" in TEXT


@pytest.mark.parametrize("path", sorted(set(re.findall(r"`(?:[A-Z]+ )?(/[a-z{}/]+)`", TEXT))))
def test_its_addresses_are_there(path: str) -> None:
    from api.application import OPERATIONS  # noqa: PLC0415 - takes a second, and only these need it

    known = {route.path for router in OPERATIONS for route in router.routes if hasattr(route, "path")}
    short = {name.replace(":int", "") for name in known}
    assert path == "/metrics" or any(one == path or one.endswith(path) for one in short), path
