"""Keys and signed-in browsers: until when they open something, and that no secret is ever left behind."""

import asyncio
import sqlite3
import stat
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
from pydantic import SecretStr
from starlette.datastructures import Headers

from api.access import keyring, keys
from api.access.access import Access
from api.access.audit import DAY_NS, KEEP_DAYS
from api.access.caller import Caller, Role, Way
from api.access.database import AccessUnusableError, opened
from api.access.fresh import LIFE_S
from api.access.keys import USE_NOTED_NS, Draft
from api.problem import ApiError, AwayError, TooManyError, UnauthorizedError
from api.settings import ApiSettings
from telemetry.reading import NS_PER_S

ADMIN = Caller("somebody", Role.ADMIN, None, Way.COMMAND, "")
HERE = "127.0.0.1"
TOKEN = "canary-token-of-up-0123456789"
START_NS = 1_800_000_000 * NS_PER_S


class Clocks:
    """Moved by hand."""

    def __init__(self) -> None:
        self.now_ns = START_NS
        self.at_s = 100.0

    def pass_(self, seconds: float) -> None:
        self.now_ns += round(seconds * NS_PER_S)
        self.at_s += seconds


@pytest.fixture
def clocks() -> Clocks:
    return Clocks()


@pytest.fixture
async def access(tmp_path: Path, clocks: Clocks) -> AsyncIterator[Access]:
    one = Access(
        ApiSettings(sign_in=SecretStr(TOKEN), signed_in_days=14), tmp_path, lambda: clocks.now_ns, lambda: clocks.at_s
    )
    yield one
    await one.close()


def bearer(text: str) -> Headers:
    return Headers({"authorization": f"Bearer {text}"})


def with_cookie(value: str) -> Headers:
    return Headers({"cookie": f"other=1; caretaker={value}"})


async def make(access: Access, clocks: Clocks, role: Role = Role.OPERATOR, expires_ns: int | None = None) -> str:
    draft = Draft("office", role, frozenset({"pier"}), expires_ns)
    return (await keyring.make_key(access, ADMIN, draft, clocks.now_ns))[1]


async def test_a_key_says_who_asks(access: Access, clocks: Clocks) -> None:
    text = await make(access, clocks)
    caller = await access.caller_of(bearer(text), "192.0.2.1")
    assert caller == Caller("office", Role.OPERATOR, frozenset({"pier"}), Way.KEY, "192.0.2.1", text[3:11])
    assert await access.caller_of(Headers({"authorization": f"bearer  {text} "}), HERE)
    assert await access.caller_of(Headers({}), HERE) is None


async def test_what_is_not_a_key_opens_nothing(access: Access, clocks: Clocks) -> None:
    text = await make(access, clocks)
    other = await make(access, clocks)
    wrong = ["", "ck_", text[:-1], text + "A", text[:12] + other[12:], text.upper(), "x" * 10_000, "ck_廁所", "\xff"]
    for one in wrong:
        assert await access.caller_of(Headers(raw=[(b"authorization", b"Bearer " + one.encode())]), HERE) is None


async def test_a_wrong_key_is_not_made_up_for_by_a_good_cookie(access: Access, clocks: Clocks) -> None:
    cookie = await access.sign_in(await make(access, clocks), HERE)
    assert await access.caller_of(with_cookie(cookie), HERE)
    both = Headers({"cookie": f"caretaker={cookie}", "authorization": "Bearer ck_wrong"})
    assert await access.caller_of(both, HERE) is None


async def test_a_key_ends_on_time_though_it_was_used_just_before(access: Access, clocks: Clocks) -> None:
    text = await make(access, clocks, expires_ns=clocks.now_ns + NS_PER_S)
    cookie = await access.sign_in(text, HERE)
    for headers in (bearer(text), with_cookie(cookie)):
        assert await access.caller_of(headers, HERE)
    clocks.pass_(1)
    for headers in (bearer(text), with_cookie(cookie)):
        assert await access.caller_of(headers, HERE) is None


async def test_its_use_is_noted_once_a_minute(access: Access, clocks: Clocks) -> None:
    text = await make(access, clocks)
    noted = set()
    for _ in range(7):
        await access.caller_of(bearer(text), HERE)
        (key,) = await keyring.list_keys(access, ADMIN)
        noted.add(key.used_ns)
        clocks.pass_(20)
    assert noted == {START_NS, START_NS + USE_NOTED_NS, START_NS + 2 * USE_NOTED_NS}


REVOKE = """
import sys, time
from pathlib import Path
from api.access import keyring
from api.access.caller import Caller, Role, Way
from api.access.database import opened
with opened(Path(sys.argv[1])) as connection:
    keyring.revoke(connection, Caller("root", Role.ADMIN, None, Way.COMMAND, ""), sys.argv[2], time.time_ns())
"""


async def gone(ask: Callable[[], Awaitable[Caller | None]], limit_s: float) -> float:
    """Seconds until nobody is there any more."""
    start_s = time.monotonic()
    while await ask() is not None:
        assert time.monotonic() - start_s < limit_s
        await asyncio.sleep(0.02)
    return time.monotonic() - start_s


async def test_a_key_that_another_process_revokes_opens_nothing_two_seconds_later(tmp_path: Path) -> None:
    access = Access(ApiSettings(), tmp_path)
    key, text = await keyring.make_key(access, ADMIN, Draft("office", Role.ADMIN), time.time_ns())
    cookie = await access.sign_in(text, HERE)
    caller = await access.caller_of(with_cookie(cookie), HERE)
    assert caller is not None
    asks: list[Callable[[], Awaitable[Caller | None]]] = [
        lambda: access.caller_of(bearer(text), HERE),
        lambda: access.caller_of(with_cookie(cookie), HERE),
        lambda: access.still(caller),
    ]
    assert all([await ask() is not None for ask in asks])
    path = str(tmp_path / "api" / "access.db")
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", REVOKE, path, key.id)
    while process.returncode is None:  # all are asked for again and again meanwhile
        for ask in asks:
            await ask()
        await asyncio.sleep(0.01)
    assert process.returncode == 0
    for ask in asks:
        assert await gone(ask, LIFE_S + 3) <= LIFE_S + 2
    await access.close()


async def test_a_key_that_is_revoked_here_ends_at_once_with_its_browsers(access: Access, clocks: Clocks) -> None:
    text = await make(access, clocks)
    cookie = await access.sign_in(text, HERE)
    caller = await access.caller_of(with_cookie(cookie), HERE)
    assert caller is not None
    await keyring.revoke_key(access, ADMIN, text[3:11], clocks.now_ns)
    assert await access.caller_of(bearer(text), HERE) is None
    assert await access.caller_of(with_cookie(cookie), HERE) is None
    assert await access.still(caller) is None


async def test_a_browser_stays_signed_in_while_it_is_used(access: Access, clocks: Clocks) -> None:
    cookie = await access.sign_in(await make(access, clocks), HERE)
    caller = await access.caller_of(with_cookie(cookie), HERE)
    assert caller is not None
    assert (caller.way, caller.role, caller.sites) == (Way.SESSION, Role.OPERATOR, frozenset({"pier"}))
    for _ in range(4):
        clocks.pass_(10 * 86_400)
        assert await access.still(caller) == caller, "a page that stays open counts as use"
    clocks.pass_(14 * 86_400)
    assert await access.still(caller) is None
    assert await access.caller_of(with_cookie(cookie), HERE) is None


async def test_signing_out_ends_it(access: Access, clocks: Clocks) -> None:
    cookie = await access.sign_in(await make(access, clocks), HERE)
    caller = await access.caller_of(with_cookie(cookie), HERE)
    assert caller is not None
    await access.sign_out(caller)
    assert await access.caller_of(with_cookie(cookie), HERE) is None
    assert await access.still(caller) is None


async def test_the_token_of_up_lets_in_from_this_machine_until_there_is_another(
    access: Access, clocks: Clocks, tmp_path: Path
) -> None:
    for wrong, address in (("x" * 20, HERE), ("", HERE), (TOKEN, "192.0.2.1"), (TOKEN, "")):
        with pytest.raises(UnauthorizedError):
            await access.enter(wrong, address)
    cookie = await access.enter(TOKEN, HERE)
    caller = await access.caller_of(with_cookie(cookie), HERE)
    assert caller is not None
    assert (caller.role, caller.sites, caller.key) == (Role.ADMIN, None, "")
    assert await access.still(caller) == caller
    for settings in (ApiSettings(sign_in=SecretStr("another-token-0123456789")), ApiSettings()):
        later = Access(settings, tmp_path, lambda: clocks.now_ns)
        assert await later.caller_of(with_cookie(cookie), HERE) is None
        await later.close()


async def test_guessing_is_slowed_down(access: Access, clocks: Clocks) -> None:
    text = await make(access, clocks)

    async def outcomes(n: int, attempt: Callable[[], Awaitable[object]]) -> list[str]:
        found = await asyncio.gather(*(attempt() for _ in range(n)), return_exceptions=True)
        return [type(one).__name__ for one in found]

    wrong = await outcomes(8, lambda: access.sign_in("ck_wrong", "192.0.2.1"))
    assert wrong == ["UnauthorizedError"] * 5 + ["TooManyError"] * 3
    with pytest.raises(TooManyError) as refused:
        await access.sign_in(text, "192.0.2.1")
    assert 0 < int(refused.value.headers["Retry-After"]) <= 12
    assert await access.sign_in(text, "192.0.2.2"), "another address is not concerned"
    clocks.pass_(12)
    assert await access.sign_in(text, "192.0.2.1")
    tries = await outcomes(22, lambda: access.caller_of(bearer("ck_wrong"), "192.0.2.3"))
    assert tries == ["NoneType"] * 20 + ["TooManyError"] * 2
    assert await access.caller_of(bearer(text), "192.0.2.3"), "a good key passes where others are wrong"


async def test_the_log_says_who_did_what_newest_first(access: Access, clocks: Clocks) -> None:
    text = await make(access, clocks)
    cookie = await access.sign_in(text, "192.0.2.1")
    with pytest.raises(UnauthorizedError):
        await access.sign_in("ck_wrong", "192.0.2.6")
    caller = await access.caller_of(with_cookie(cookie), "192.0.2.1")
    assert caller is not None
    await access.audit.record(caller, "alert.acknowledged", "alert 3f2a", "on my way")
    await keyring.revoke_key(access, ADMIN, text[3:11], clocks.now_ns)
    entries = await access.audit.page(None, 10)
    assert [(one.who, one.way, one.what, one.target, one.address) for one in entries] == [
        ("somebody", Way.COMMAND, "key.revoked", f"key {text[3:11]}", ""),
        ("office", Way.SESSION, "alert.acknowledged", "alert 3f2a", "192.0.2.1"),
        ("", None, "sign_in.refused", "", "192.0.2.6"),
        ("office", Way.SESSION, "signed_in", "browser", "192.0.2.1"),
        ("somebody", Way.COMMAND, "key.created", f"key {text[3:11]}", ""),
    ]
    assert await access.audit.page(entries[1].id, 2) == entries[2:4]


async def test_strangers_do_not_fill_the_log(access: Access) -> None:
    for number in range(60):
        with pytest.raises(UnauthorizedError):
            await access.sign_in("ck_wrong", f"192.0.2.{number}")
    assert len(await access.audit.page(None, 100)) == 30


async def test_the_log_is_kept_for_400_days(access: Access, clocks: Clocks) -> None:
    await make(access, clocks)
    clocks.pass_(KEEP_DAYS * DAY_NS // NS_PER_S)
    await access.audit.record(ADMIN, "still", "there")
    assert len(await access.audit.page(None, 10)) == 2
    clocks.pass_(DAY_NS // NS_PER_S)
    await access.audit.record(ADMIN, "and", "again")
    assert [one.what for one in await access.audit.page(None, 10)] == ["and", "still"]


async def test_no_secret_is_left_anywhere(
    access: Access, clocks: Clocks, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    text = await make(access, clocks, Role.ADMIN)
    cookie, entered = await access.sign_in(text, HERE), await access.enter(TOKEN, HERE)
    wrong = f"ck_abcdefgh_{'canary' * 8}"[:55]
    errors: list[str] = []
    for attempt in (access.sign_in(wrong, HERE), access.enter(f"{TOKEN}x", HERE)):
        with pytest.raises(ApiError) as refused:
            await attempt
        errors.append(str(refused.value))
    caller = await access.caller_of(with_cookie(cookie), HERE)
    assert caller is not None
    await access.audit.record(
        caller, "careless", f"key {text}", f"Bearer {cookie} https://me:canary-word@x " + "y" * 980
    )
    await access.sign_out(caller)
    code = access.codes.make("pier", "male")
    shown = repr(await access.audit.page(None, 100)) + repr(await keyring.list_keys(access, ADMIN))
    written = b"".join(path.read_bytes() for path in (tmp_path / "api").glob("access.db*"))
    await access.close()
    written += (tmp_path / "api" / "access.db").read_bytes()
    output = "".join(capfd.readouterr()) + shown + "".join(errors)
    for secret in (text, text[12:], cookie, entered, TOKEN, wrong[12:], code, "canary"):
        assert secret not in output
        assert secret.encode() not in written
    assert text[3:11] in shown


async def test_files_are_for_their_owner_only(access: Access, clocks: Clocks, tmp_path: Path) -> None:
    await make(access, clocks)
    files = sorted((tmp_path / "api").iterdir())
    assert [path.name for path in files] == ["access.db", "access.db-shm", "access.db-wal", "code.key"]
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}


def test_a_file_that_can_not_be_used_is_explained(tmp_path: Path) -> None:
    path = tmp_path / "access.db"
    with opened(path) as connection:
        assert keys.listed(connection) == []
    with sqlite3.connect(path) as other:
        other.execute("PRAGMA user_version = 99")
    other.close()
    with pytest.raises(AccessUnusableError, match="newer version"), opened(path):
        pass
    path.write_bytes(b"not a database, but long enough to be looked at as one" * 100)
    with pytest.raises(AccessUnusableError, match="not a database"), opened(path):
        pass
    with pytest.raises(AccessUnusableError, match=r"access\.db/below"), opened(path / "below"):
        pass


async def test_while_the_file_is_held_by_another_who_asks_is_told_to_come_back(
    access: Access, clocks: Clocks, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = await make(access, clocks)
    await access.database.look(lambda connection: connection.execute("PRAGMA busy_timeout = 10").fetchone())
    monkeypatch.setattr("api.access.database.log.error", lambda *_, **__: None)
    other = sqlite3.connect(tmp_path / "api" / "access.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(AwayError):
        await access.audit.record(ADMIN, "what", "target")
    assert await access.caller_of(bearer(text), HERE), "looking waits for nobody, and noting the use is not needed"
    other.close()
    await access.audit.record(ADMIN, "what", "target")
