"""`caretaker keys`: on the file itself, beside a service that uses it."""

import json
import re
import time
from pathlib import Path

import pytest
from starlette.datastructures import Headers
from typer.testing import CliRunner, Result

from api.access.access import Access
from api.access.caller import Role
from api.settings import ApiSettings
from caretaker.commands.keys import app

CITY = Path(__file__).parents[2] / "examples" / "hong-kong"


@pytest.fixture
def places(tmp_path: Path) -> list[str]:
    return ["--config", str(CITY), "--data", str(tmp_path)]


def call(*words: str) -> Result:
    return CliRunner().invoke(app, words)


async def test_a_key_made_here_opens_a_service_that_runs_and_one_revoked_does_not(
    tmp_path: Path, places: list[str]
) -> None:
    access = Access(ApiSettings(), tmp_path)
    made = call("create", "--name", "office", "--role", "operator", *places)
    assert made.exit_code == 0, made.output
    text = made.stdout.strip()
    assert re.fullmatch(r"ck_[a-z2-7]{8}_[\w-]{43}", text)
    assert "not shown again" in made.stderr
    headers = Headers({"authorization": f"Bearer {text}"})
    caller = await access.caller_of(headers, "192.0.2.1")
    assert caller is not None
    assert (caller.name, caller.role, caller.sites) == ("office", Role.OPERATOR, None)
    assert text[12:] not in call("list", *places).output + call("audit", *places).output
    assert "revoked: office" in call("revoke", text[3:11], *places).output
    assert "was revoked before" in call("revoke", text[3:11], *places).output
    access.forget()
    assert await access.caller_of(headers, "192.0.2.1") is None
    await access.close()


def test_programs_get_the_key_and_all_about_it(places: list[str]) -> None:
    made = call("create", "--name", "wall", "--role", "viewer", "--expires", "90d", "--format", "json", *places)
    key = json.loads(made.stdout)
    assert key["key"].startswith(f"ck_{key['id']}_")
    (listed,) = json.loads(call("list", "--format", "json", *places).stdout)
    del key["key"]
    assert listed == key
    assert listed["expires"] > time.strftime("%Y-%m-%d", time.gmtime())
    assert call("create", "--name", "b", "--role", "viewer", "--format", "csv", *places).stdout.startswith(
        "key,id,name"
    )
    assert "2 of 2 good" in call("list", *places).stderr
    entries = json.loads(call("audit", "--format", "json", *places).stdout)
    assert [(one["what"], one["way"]) for one in entries] == [("key.created", "command")] * 2


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--name", " ", "--role", "admin"], "a name has 1 to 64 characters"),
        (["--name", "a\nb", "--role", "admin"], "a name has 1 to 64 characters"),
        (["--name", "a", "--role", "admin", "--site", "nowhere"], "there is no site nowhere"),
        (["--name", "a", "--role", "admin", "--expires", "soon"], "is not a span"),
        (["--name", "a", "--role", "admin", "--expires", "0d"], "at most ten years"),
        (["--name", "a", "--role", "admin", "--expires", "9999w"], "at most ten years"),
        (["--name", "a", "--role", "owner"], "owner"),
        (["--role", "admin"], "--name"),
    ],
)
def test_a_mistake_is_explained(places: list[str], options: list[str], said: str) -> None:
    result = call("create", *options, *places)
    assert result.exit_code == 2
    assert said in result.output
    assert call("list", "--format", "json", *places).stdout == "[]\n"


def test_where_there_are_none(tmp_path: Path, places: list[str]) -> None:
    assert "No keys yet: caretaker keys create" in call("list", *places).output
    assert call("audit", *places).exit_code == 0
    assert call("revoke", "abcdefgh", *places).exit_code == 1
    assert not (tmp_path / "api").exists(), "looking makes nothing"
    call("create", "--name", "a", "--role", "admin", *places)
    missing = call("revoke", "abcdefgh", *places)
    assert (missing.exit_code, "there is no key abcdefgh" in missing.output) == (1, True)


def test_a_file_that_is_none_of_ours_is_said(tmp_path: Path, places: list[str]) -> None:
    (tmp_path / "api").mkdir()
    (tmp_path / "api" / "access.db").write_bytes(b"nothing of ours " * 100)
    result = call("list", *places)
    assert result.exit_code == 3
    assert "not a database" in result.output
