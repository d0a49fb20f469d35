"""The cookie of a signed-in browser: no script reads it, no other site's page sends it along with a change."""

from starlette.datastructures import Headers
from starlette.requests import cookie_parser

from api.settings import ApiSettings

LIFE_S = 400 * 86_400
"""The longest that browsers keep one. When it ends in truth is decided here, by when it was last used."""
VALUE_MOST = 128
"""Characters; ours has 43."""


class Cookie:
    """How it is called and sent."""

    def __init__(self, settings: ApiSettings) -> None:
        # Plain HTTP is for loopback only; there a browser would not take a cookie that asks for TLS.
        self._secure = settings.tls is not None or bool(settings.proxies)
        # With this beginning browsers see to it that no other host of the domain can set it.
        self.name = "__Host-caretaker" if self._secure else "caretaker"

    def read(self, headers: Headers) -> str | None:
        """The value in a request."""
        values = (cookie_parser(line).get(self.name) for line in headers.getlist("cookie"))
        value = next((value for value in values if value), None)
        return None if value is None or len(value) > VALUE_MOST else value

    def given(self, value: str) -> str:
        """The header `Set-Cookie` that gives it."""
        return self._header(value, LIFE_S)

    def taken(self) -> str:
        """The header `Set-Cookie` that takes it away."""
        return self._header("", 0)

    def _header(self, value: str, life_s: int) -> str:
        secure = "; Secure" if self._secure else ""
        return f"{self.name}={value}; Path=/; Max-Age={life_s}; HttpOnly; SameSite=Lax{secure}"
