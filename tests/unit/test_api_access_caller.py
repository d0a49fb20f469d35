"""What each role may, and whose sites are whose: every cell."""

from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from api.access import keyring
from api.access.access import Access
from api.access.caller import Caller, Role, Way, require, require_site
from api.access.keys import Draft, Key, KeyState
from api.problem import ForbiddenError, NotFoundError
from api.settings import ApiSettings
from telemetry.catalogue.load import load_catalogue
from telemetry.catalogue.metric import Privacy

V, A = Role.VIEWER, Role.ADMIN
MAY = {Role.VIEWER: 1, Role.OPERATOR: 2, Role.ADMIN: 3}
"""How many of the roles' doings, in their order."""


def caller(role: Role, *sites: str) -> Caller:
    return Caller("somebody", role, frozenset(sites) if sites else None, Way.KEY, "127.0.0.1")


@pytest.mark.parametrize(
    ("role", "needed", "may"),
    [(role, needed, number < count) for role, count in MAY.items() for number, needed in enumerate(Role)],
)
def test_each_role_may_what_those_before_it_may(role: Role, needed: Role, may: bool) -> None:
    if may:
        require(caller(role), needed)
    else:
        with pytest.raises(ForbiddenError, match=f"needs the role {needed.word}"):
            require(caller(role), needed)


@pytest.mark.parametrize(("role", "may"), [(V, False), (Role.OPERATOR, True), (A, True)])
def test_what_says_where_people_are_needs_an_operator(role: Role, may: bool) -> None:
    metrics = load_catalogue().values()
    personal = [metric for metric in metrics if metric.privacy is Privacy.PERSONAL]
    assert personal
    assert {caller(role).reads(metric) for metric in personal} == {may}
    assert all(caller(role).reads(metric) for metric in metrics if metric not in personal)


def test_a_site_of_others_does_not_exist() -> None:
    require_site(caller(A), "pier", "site pier")
    require_site(caller(V, "pier"), "pier", "site pier")
    with pytest.raises(NotFoundError, match="there is no site hill"):
        require_site(caller(A, "pier"), "hill", "site hill")


ACTIONS: dict[str, Callable[[Access, Caller], Awaitable[object]]] = {
    "list": keyring.list_keys,
    "make": lambda access, who: keyring.make_key(access, who, Draft("new", V, frozenset({"pier"})), 1),
    "revoke": lambda access, who: keyring.revoke_key(access, who, "nonesuch", 1),
    "audit": lambda access, who: keyring.read_audit(access, who, None, 10),
}


@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.parametrize("role", Role)
async def test_keys_and_the_audit_log_are_for_admins(tmp_path: Path, role: Role, action: str) -> None:
    access = Access(ApiSettings(), tmp_path)
    try:
        await ACTIONS[action](access, caller(role))
        refused: type[Exception] | None = None
    except (ForbiddenError, NotFoundError) as error:
        refused = type(error)
    finally:
        await access.close()
    allowed = NotFoundError if action == "revoke" else None
    assert refused is (allowed if role is A else ForbiddenError)


async def test_an_admin_of_some_sites_gives_away_and_sees_no_more_than_it_has(tmp_path: Path) -> None:
    access = Access(ApiSettings(), tmp_path)
    mine = caller(A, "pier", "hill")
    everywhere, _ = await keyring.make_key(access, caller(A), Draft("everywhere", V), 1)
    for sites in (None, frozenset({"pier", "market"})):
        with pytest.raises(ForbiddenError, match="your own sites"):
            await keyring.make_key(access, mine, Draft("more", V, sites), 2)
    own, _ = await keyring.make_key(access, mine, Draft("own", A, frozenset({"pier"})), 3)
    assert [key.id for key in await keyring.list_keys(access, mine)] == [own.id]
    with pytest.raises(NotFoundError):
        await keyring.revoke_key(access, mine, everywhere.id, 4)
    with pytest.raises(ForbiddenError, match="all sites"):
        await keyring.read_audit(access, mine, None, 10)
    await keyring.revoke_key(access, mine, own.id, 4)
    await access.close()


@pytest.mark.parametrize(
    ("expires_ns", "revoked_ns", "now_ns", "state"),
    [
        (None, None, 10, KeyState.GOOD),
        (11, None, 10, KeyState.GOOD),
        (10, None, 10, KeyState.EXPIRED),
        (None, 9, 10, KeyState.REVOKED),
        (5, 9, 10, KeyState.REVOKED),
    ],
)
def test_the_state_of_a_key(expires_ns: int | None, revoked_ns: int | None, now_ns: int, state: KeyState) -> None:
    assert Key("abcdefgh", "k", V, None, 0, expires_ns, revoked_ns).state(now_ns) is state
