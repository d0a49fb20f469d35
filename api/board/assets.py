"""What browsers load beside the pages: one stylesheet, one small script, one icon. Nothing comes from elsewhere."""

import hashlib
from collections.abc import Mapping
from importlib import resources
from typing import NamedTuple

from fastapi import FastAPI, Response

FOLDER = "/look"
_CACHE = "public, max-age=31536000, immutable"


class Asset(NamedTuple):
    """One file, as it is served: its address changes with its content."""

    href: str
    media_type: str
    content: bytes


def load() -> Mapping[str, Asset]:
    """By name: `look.css` (with the sheets of the parts behind it), `frame.js`, `icon.svg`."""
    folder = resources.files("api.board")
    sheets = sorted(
        (one for one in folder.iterdir() if one.name.startswith("look-") and one.name.endswith(".css")),
        key=lambda one: one.name,
    )
    look = "\n".join(one.read_text("utf-8") for one in (folder / "look.css", *sheets))
    return {
        "look.css": _asset("look.css", "text/css", look),
        "frame.js": _asset("frame.js", "text/javascript", (folder / "frame.js").read_text("utf-8")),
        "icon.svg": _asset("icon.svg", "image/svg+xml", (folder / "icon.svg").read_text("utf-8")),
    }


def serve(app: FastAPI, assets: Mapping[str, Asset]) -> None:
    """Add them to the application, for everybody: there is nothing in them to hide."""
    for asset in assets.values():
        _add(app, asset.href.partition("?")[0], asset)
    _add(app, "/favicon.ico", assets["icon.svg"])


def _add(app: FastAPI, path: str, asset: Asset) -> None:
    @app.get(path, include_in_schema=False)
    async def answer() -> Response:
        return Response(asset.content, media_type=asset.media_type, headers={"Cache-Control": _CACHE})


def _asset(name: str, media_type: str, text: str) -> Asset:
    content = text.encode()
    return Asset(f"{FOLDER}/{name}?{hashlib.sha256(content).hexdigest()[:12]}", media_type, content)
