"""Those who come without a key: printed codes and links."""

from pathlib import Path

import pytest

from api.access.access import Access
from api.access.caller import Caller, Role, Way
from api.access.database import AccessUnusableError
from api.access.visitors import Codes
from api.settings import ApiSettings

HERE = "127.0.0.1"


def test_a_printed_code_lets_look_at_its_site(tmp_path: Path) -> None:
    codes = Codes.open(tmp_path / "api" / "code.key")
    signature = codes.make("pier", "male")
    assert len(signature) == 26
    assert codes.check("pier", "male", signature.upper(), HERE) == Caller(
        "visitor", Role.VIEWER, frozenset({"pier"}), Way.CODE, HERE
    )
    for site, area, given in (
        ("pier", "female", signature),
        ("hill", "male", signature),
        ("pier\nmale", "", signature),
        ("pier", "male", signature[:-1]),
        ("pier", "male", ""),
        ("pier", "male", "廁所\udcff"),
    ):
        assert codes.check(site, area, given) is None
    assert Codes.open(tmp_path / "api" / "code.key").make("pier", "male") == signature
    (tmp_path / "api" / "code.key").write_text("canary")
    with pytest.raises(AccessUnusableError) as error:
        Codes.open(tmp_path / "api" / "code.key")
    assert "canary" not in str(error.value)


async def test_who_came_by_link_or_code_was_checked_then(tmp_path: Path) -> None:
    access = Access(ApiSettings(), tmp_path)
    caller = Caller("duty", Role.OPERATOR, frozenset({"pier"}), Way.LINK, HERE)
    assert await access.still(caller) is caller
    await access.close()
