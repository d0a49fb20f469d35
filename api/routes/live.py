"""`GET /live`: what has just arrived, as Server-Sent Events."""

from typing import Annotated, Any

from fastapi import APIRouter, Header, Query

from api.live.event import EventKind
from api.live.listen import listen
from api.live.stream import MEDIA_TYPE, Stream
from api.live.wanted import Asked
from api.problem import AwayError, ForbiddenError, NotFoundError
from api.routes.depends import AccessOf, CallerOf, SourcesOf, refused
from api.routes.words import Id

router = APIRouter(tags=["live"])

VALUES_MOST = 100
ID_CHARACTERS = 64
LONGEST_S = 3_600

EXAMPLE = """\
retry: 2000
id: 5f0c2a91-1041
event: hello
data: {"id":"5f0c2a91-1041","resumed":false}

id: 5f0c2a91-1042
event: reading
data: {"device":"nh3-1","site":"toilet-1","time":1795334400000,"values":{"nh3_ppm":0.4},"quality":{}}

id: 5f0c2a91-1043
event: alert
data: {"alert":"3f2a9c01b7d4e586","rule":"odour","device":"nh3-1","site":"toilet-1","change":"raised","severity":\
"warning","at":1795334400000,"value":12.5,"threshold":10.0,"by":null,"to":null,"comment":null}

"""
STREAM: dict[str, Any] = {
    "description": "The stream. It ends when the client closes it, after `for_s`, or with an event `dropped`.",
    "content": {MEDIA_TYPE: {"schema": {"type": "string"}, "example": EXAMPLE}},
}
REFUSED = refused(ForbiddenError, NotFoundError, AwayError)


@router.get("/live", status_code=200, response_class=Stream, responses={200: STREAM, **REFUSED})
async def live(
    sources: SourcesOf,
    access: AccessOf,
    caller: CallerOf,
    site: Annotated[tuple[Id, ...], Query(description="Only these sites.", max_length=VALUES_MOST)] = (),
    device: Annotated[tuple[Id, ...], Query(description="Only these devices.", max_length=VALUES_MOST)] = (),
    metric: Annotated[
        tuple[Id, ...],
        Query(
            description="Only these metrics of readings, and alerts of rules that watch one of them.",
            max_length=VALUES_MOST,
        ),
    ] = (),
    kind: Annotated[tuple[EventKind, ...], Query(description="Only these events.", max_length=len(EventKind))] = (),
    for_s: Annotated[
        int | None, Query(ge=1, le=LONGEST_S, description="End after so many seconds; none: never.")
    ] = None,
    last_event_id: Annotated[
        str | None, Query(max_length=ID_CHARACTERS, description="As the header, for clients that can't send one.")
    ] = None,
    last_event_id_header: Annotated[
        str | None,
        Header(alias="Last-Event-ID", max_length=ID_CHARACTERS, description="Go on after this event."),
    ] = None,
) -> Stream:
    """Readings and changes of alerts, from the moment at which they arrive.

    Each event has an id. Who comes back with the last one (browsers do it by themselves) is given what came meanwhile.
    What is no longer kept is told by an event `missed`: `until` says up to when the history has to be asked. The first
    event is `hello`; it says where the stream begins. Where nothing comes, a comment does every 15 s.

    Who does not read what is sent is dropped; the event `dropped` gives the reason, where it can still be sent.
    """
    asked = Asked(frozenset(site), frozenset(device), frozenset(metric), frozenset(kind))
    last_id = last_event_id_header or last_event_id
    return listen(sources, caller, asked, last_id, for_s, access.still)
