"""What is printed: a code for each area in which something can be entered, for those who may print it."""

from itertools import product
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
import segno

from api.access.caller import Caller, Role, Way
from api.access.visitors import Codes
from api.board.pages import codes as page
from api.now import Now
from api.problem import ForbiddenError, NotFoundError
from api.queries.events import What
from api.queries.here import codes_of
from tests.builders import area, device, registry, site

CODES = Codes(b"k" * 32)
AREAS = [area(), area("plant", "floor"), area("roof", "roof")]
FOUND = registry(
    device("panel-1", area="male", metrics=("feedback", "assistance", "cleaned"), interval_s=None),
    device("water-1", area="plant", metrics=("water_m3",)),
    device("nh3-1", area="roof"),
    sites=[site(areas=AREAS)],
)


def sources() -> Any:
    return SimpleNamespace(registry=FOUND, now=Now())


def caller(role: Role = Role.OPERATOR, way: Way = Way.SESSION, *sites: str) -> Caller:
    return Caller("night shift", role, frozenset(sites) if sites else None, way, "")


async def test_each_area_in_which_something_can_be_entered_has_a_code_that_opens_it() -> None:
    found = await codes_of(sources(), caller(), CODES, "toilet-1")
    assert [(one.area.id, list(one.whats), one.meters) for one in found] == [
        ("male", [What.FEEDBACK, What.ASSISTANCE, What.CLEANED], False),
        ("plant", [], True),
    ]
    for one in found:
        parts = urlsplit(one.address)
        assert parts.path == f"/here/toilet-1/{one.area.id}"
        assert CODES.check("toilet-1", one.area.id, parse_qs(parts.query)["signature"][0]) is not None


@pytest.mark.parametrize("who", [caller(Role.VIEWER), caller(Role.ADMIN, Way.LINK), caller(Role.ADMIN, Way.CODE)])
async def test_whoever_may_not_act_gets_none(who: Caller) -> None:
    with pytest.raises(ForbiddenError):
        await codes_of(sources(), who, CODES, "toilet-1")


async def test_sites_of_others_have_none() -> None:
    with pytest.raises(NotFoundError):
        await codes_of(sources(), caller(Role.ADMIN, Way.KEY, "toilet-2"), CODES, "toilet-1")


def test_the_picture_is_the_address_dark_on_light_with_its_quiet_zone() -> None:
    address = "https://caretaker.example.org/here/toilet-1/male?signature=fcaet4ne2ucleqtqxwic2xs2de"
    drawn = unquote(page.picture(address))
    assert drawn.startswith("data:image/svg+xml")
    same = segno.make_qr(address, error="m", boost_error=False)
    width = same.symbol_size(border=4)[0]
    assert f"0 0 {width} {width}" in drawn
    assert "#fff" in drawn
    assert page.picture(address) != page.picture(address.replace("male", "female"))


def test_every_layout_and_every_use_has_its_words() -> None:
    assert set(page.LAYOUTS) == set(page.Layout)
    assert set(page._FOR) == set(product((True, False), repeat=2))
    assert len(set(page._FOR.values())) == len(page._FOR)
