"""Answers with an ETag: who has the newest one already is told so in a line (304)."""

from collections.abc import Callable, Coroutine
from hashlib import blake2b
from typing import Any

from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import Response

NOT_MODIFIED = 304
_DIGEST_BYTES = 12

ETAG_HEADER: dict[str, Any] = {
    "headers": {"ETag": {"description": "Of this answer; send it as If-None-Match.", "schema": {"type": "string"}}}
}
TAGGED: dict[int | str, dict[str, Any]] = {
    200: ETAG_HEADER,
    NOT_MODIFIED: {"description": "It is still the one with the ETag in `If-None-Match`.", "content": {}},
}


class TaggedRoute(APIRoute):
    """Of a GET: the body's digest is its ETag. It saves the way, not the work."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The handler, its answer tagged."""
        answer = super().get_route_handler()

        async def tagged(request: Request) -> Response:
            response = await answer(request)
            if request.method != "GET" or response.status_code != 200:  # noqa: PLR2004 - HTTP's own number
                return response
            tag = f'"{blake2b(bytes(response.body), digest_size=_DIGEST_BYTES).hexdigest()}"'
            if is_among(tag, request.headers.getlist("if-none-match")):
                return Response(status_code=NOT_MODIFIED, headers={"ETag": tag})
            response.headers["ETag"] = tag
            return response

        return tagged


def is_among(tag: str, lines: list[str]) -> bool:
    """Whether If-None-Match names it: compared weakly, as RFC 9110 (13.1.2) has it."""
    given = [one.strip().removeprefix("W/") for line in lines for one in line.split(",")]
    return tag in given or "*" in given
