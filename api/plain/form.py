"""What a form of a plain page says, and whether it was a page of ours that sent it."""

from collections.abc import Mapping
from urllib.parse import parse_qs

from starlette.requests import Request

from api.access.origin import same_origin

FIELDS_MOST = 10


async def form_of(request: Request, bytes_most: int) -> Mapping[str, str] | None:
    """Its fields by name, empty ones left out; None: it is larger than any form of ours, or none at all."""
    body = await request.body()  # the guard has seen to it that it has an end
    if len(body) > bytes_most:
        return None
    try:
        found = parse_qs(body.decode("ascii"), errors="replace", max_num_fields=FIELDS_MOST)
    except ValueError:
        return None
    return {name: values[0] for name, values in found.items()}


def sent_by_our_page(request: Request) -> bool:
    """Where a browser says which page sent it, that has to be one of ours; `null` is no page of ours."""
    said = {"origin", "sec-fetch-site"} & set(request.headers)
    return not said or same_origin(request.headers, request.state.origin)
