"""Headers that tell browsers what our pages never do, so that what is smuggled into one can't do it either. Pure."""

from collections.abc import Mapping

# The board is drawn by NiceGUI: Vue compiles its templates in the browser (`unsafe-eval`), and a page begins with a
# script of its own (`unsafe-inline`). So this policy is no second line against markup that is shown as markup; it
# keeps what got in from loading more, and from sending anything elsewhere.
_POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; font-src 'self' data:; connect-src {connect}; object-src 'none'; "
    "frame-ancestors 'none'; base-uri 'none'; form-action 'self'"
)
_FEATURES = "camera=(), geolocation=(), microphone=(), payment=(), usb=()"
_YEAR_S = 31_536_000


def safety_headers(host: str, *, secure: bool) -> Mapping[str, str]:
    """For every answer. `host` is our name as it was asked for, empty where it was not ours; `secure`: over TLS.

    Addresses of links hold signatures: `same-origin` tells no other server of them. `no-referrer` would do so too, but
    then browsers send `Origin: null` with our own forms.
    """
    socket = f" {'wss' if secure else 'ws'}://{host}" if host else ""
    headers = {
        "Content-Security-Policy": _POLICY.format(connect=f"'self'{socket}"),
        "Cross-Origin-Opener-Policy": "same-origin",
        "Permissions-Policy": _FEATURES,
        "Referrer-Policy": "same-origin",
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
    }
    if secure:
        headers["Strict-Transport-Security"] = f"max-age={_YEAR_S}"
    return headers
