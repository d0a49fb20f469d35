"""Who asks: keys, signed-in browsers, and what of them is still good."""

import hashlib
import hmac
import math
import time
from collections.abc import Callable
from pathlib import Path

import structlog
from msgspec import Struct, structs
from starlette.datastructures import Headers

from api.access import browsers, keys
from api.access.audit import DAY_NS, Audit
from api.access.browsers import Browser
from api.access.bucket import Buckets, household
from api.access.caller import Caller, Role, Way
from api.access.cookie import Cookie
from api.access.database import AccessDatabase
from api.access.fresh import Fresh
from api.access.keys import Key, KeyState
from api.access.visitors import Codes
from api.problem import AwayError, TooManyError, UnauthorizedError
from api.settings import ApiSettings
from telemetry.loopback import is_loopback

log = structlog.get_logger(__name__)

ENTERED = "admin"
"""The name of whoever entered with the token of `caretaker up`."""
KEY_TEXT_MOST = 256
"""Characters; ours has 55."""
_ATTEMPTS, _ATTEMPTS_PER_S = 5, 1 / 12
_WRONG_KEYS, _WRONG_KEYS_PER_S = 20, 1 / 3
_WRITTEN, _WRITTEN_PER_S = 30, 1 / 6
_NEVER_NS = 2**63 - 1


class _Standing(Struct, frozen=True):
    """What was found behind a cookie or a key."""

    caller: Caller
    """Without an address."""
    ends_ns: int


class Access:
    """Knows callers. One for the process, on its event loop."""

    def __init__(
        self,
        settings: ApiSettings,
        data: Path,
        clock: Callable[[], int] = time.time_ns,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Open the files, or make them, in `data`. `clock` is wall clock in ns UTC, `monotonic` in seconds.

        Raises `AccessUnusableError`.
        """
        folder = data / "api"
        self.codes = Codes.open(folder / "code.key")
        self.cookie = Cookie(settings)
        self.database = AccessDatabase(settings.database or folder / "access.db")
        self.audit = Audit(self.database, settings.signed_in_days, clock)
        self._token = None if settings.sign_in is None else settings.sign_in.get_secret_value()
        self._signed_in_ns = settings.signed_in_days * DAY_NS
        self._clock = clock
        self._proved: Fresh[bytes, _Standing] = Fresh(monotonic)
        self._still: Fresh[str | int, _Standing] = Fresh(monotonic)
        self._attempts = Buckets(_ATTEMPTS, _ATTEMPTS_PER_S, monotonic)
        self._wrong_keys = Buckets(_WRONG_KEYS, _WRONG_KEYS_PER_S, monotonic)
        self._written = Buckets(_WRITTEN, _WRITTEN_PER_S, monotonic)

    async def close(self) -> None:
        """Close the file. A second call does nothing."""
        await self.database.close()

    async def caller_of(self, headers: Headers, address: str) -> Caller | None:
        """Who sends a request or opens a websocket: by its key, else by its cookie. None: nobody we know.

        A good key passes however many wrong ones came from its address: behind one address there may be many people,
        and 256 bits can't be guessed. Only the wrong ones are slowed down.

        Raises `TooManyError` for wrong keys, `AwayError`.
        """
        scheme, _, text = headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer":
            found = await self._by_key(text.strip())
            if found is None:
                _refuse_above(self._wrong_keys.take(household(address)))
        else:
            cookie = self.cookie.read(headers)
            found = None if cookie is None else await self._by_cookie(cookie)
        return None if found is None else structs.replace(found, address=address)

    async def still(self, caller: Caller) -> Caller | None:
        """The same caller with the role and the sites it has now; None: its key or its browser ended meanwhile.

        For whoever stays connected: to be asked at each action, and each minute while a page is open, so that a
        browser that only looks stays signed in. Callers by link or code were checked when they came.

        Raises `AwayError`.
        """
        if not (caller.browser or caller.key):
            return caller
        name = caller.browser or caller.key
        standing = self._still.get(name)
        if standing is None:
            until_s = self._still.asking()
            standing = (
                await self._standing_of_browser(await self.database.look(browsers.find, caller.browser))
                if caller.browser
                else await self._standing_of_key(await self.database.look(keys.find, caller.key))
            )
            if standing is None:
                return None
            self._still.put(name, standing, until_s)
        return structs.replace(standing.caller, address=caller.address) if standing.ends_ns > self._clock() else None

    async def sign_in(self, key: str, address: str) -> str:
        """The cookie for a browser whose person gave a key.

        Raises `UnauthorizedError`, `TooManyError` after several wrong ones, `AwayError`.
        """
        self._attempt(address)
        found = await self._by_key(key.strip())
        if found is None:
            await self._failed(address, "sign_in.refused")
            raise UnauthorizedError("this key is not known, or no longer good")
        return await self._signed_in(found, None, address)

    async def enter(self, token: str, address: str) -> str:
        """The cookie for a browser that has the token of `caretaker up`, from this machine. Raises as `sign_in`."""
        self._attempt(address)
        ours = self._token
        same = hmac.compare_digest(token.encode("utf-8", "replace"), (ours or "").encode())
        if ours is None or not same or not is_loopback(address):
            await self._failed(address, "enter.refused")
            raise UnauthorizedError("this link is no longer good: each start of Caretaker makes a new one")
        return await self._signed_in(Caller(ENTERED, Role.ADMIN, None, Way.SESSION, ""), ours, address)

    async def sign_out(self, caller: Caller) -> None:
        """End a signed-in browser. Raises `AwayError`."""
        await self.database.change(browsers.delete, caller.browser)
        self.forget()
        await self.audit.record(caller, "signed_out", "browser")

    async def has_keys(self) -> bool:
        """Whether there is a key that opens anything. Raises `AwayError`."""
        return await self.database.look(keys.any_good, self._clock())

    def forget(self) -> None:
        """Ask the file again, for everybody: a key or a browser was ended here."""
        self._proved.clear()
        self._still.clear()

    async def _by_key(self, text: str) -> Caller | None:
        if len(text) > KEY_TEXT_MOST:
            return None
        name = _digest(text)
        standing = self._proved.get(name)
        if standing is None:
            until_s = self._proved.asking()
            standing = await self._standing_of_key(await self.database.look(keys.prove, text))
            if standing is None:
                return None
            self._proved.put(name, standing, until_s)
        return standing.caller if standing.ends_ns > self._clock() else None

    async def _by_cookie(self, cookie: str) -> Caller | None:
        name = _digest(cookie)
        standing = self._proved.get(name)
        if standing is None:
            until_s = self._proved.asking()
            browser = await self.database.look(browsers.prove, cookie)
            if browser is not None and browser.token is not None and not self._same_token(cookie, browser.token):
                return None
            standing = await self._standing_of_browser(browser)
            if standing is None:
                return None
            self._proved.put(name, standing, until_s)
        return standing.caller if standing.ends_ns > self._clock() else None

    def _same_token(self, cookie: str, bound: bytes) -> bool:
        return self._token is not None and hmac.compare_digest(browsers.bind(cookie, self._token), bound)

    async def _standing_of_key(self, key: Key | None) -> _Standing | None:
        now_ns = self._clock()
        if key is None or key.state(now_ns) is not KeyState.GOOD:
            return None
        if key.use_is_news(now_ns):
            await self._note(keys.note_use, key.id, now_ns)
        return _Standing(Caller(key.name, key.role, key.sites, Way.KEY, "", key.id), key.expires_ns or _NEVER_NS)

    async def _standing_of_browser(self, browser: Browser | None) -> _Standing | None:
        now_ns = self._clock()
        if browser is None or browser.used_ns + self._signed_in_ns <= now_ns:
            return None
        if browser.use_is_news(now_ns):
            await self._note(browsers.note_use, browser.id, now_ns)
        if browser.key is None:
            return _Standing(Caller(ENTERED, Role.ADMIN, None, Way.SESSION, "", browser=browser.id), _NEVER_NS)
        behind = await self._standing_of_key(browser.key)
        if behind is None:
            return None
        return structs.replace(behind, caller=structs.replace(behind.caller, way=Way.SESSION, browser=browser.id))

    async def _note(self, note: Callable[..., None], name: str | int, now_ns: int) -> None:
        try:
            await self.database.change(note, name, now_ns)
        except AwayError:  # logged there; when a key was used is no reason to refuse it
            return

    async def _signed_in(self, caller: Caller, token: str | None, address: str) -> str:
        self._attempts.give_back(household(address))
        browser, cookie = await self.database.change(browsers.insert, caller.key or None, token, self._clock())
        caller = structs.replace(caller, way=Way.SESSION, browser=browser, address=address)
        await self.audit.record(caller, "signed_in", "browser")
        log.info("signed_in", who=caller.name, address=address)
        return cookie

    def _attempt(self, address: str) -> None:
        # Taken before it is looked at, so that many at once are no way around the limit.
        _refuse_above(self._attempts.take(household(address)))

    async def _failed(self, address: str, what: str) -> None:
        """Written down, but not so often that strangers fill the disk or push out what matters."""
        if not self._written.take("all"):
            log.warning("sign_in_refused", what=what, address=address)
            await self.audit.record_stranger(address, what)


def _digest(secret: str) -> bytes:
    """The name under which it is remembered: the secret itself does not stay in memory."""
    return hashlib.sha256(secret.encode("utf-8", "replace")).digest()


def _refuse_above(wait_s: float) -> None:
    if wait_s:
        raise TooManyError("too many wrong keys from this address", math.ceil(wait_s))
