"""Beginning to listen: who may, to what, from where; and whether it still may."""

from collections.abc import Awaitable, Callable

from api.access.caller import Caller
from api.live.hub import Dropped
from api.live.resume import start
from api.live.stream import Stream
from api.live.wanted import Asked, Wanted, wanted
from api.problem import ApiError, AwayError
from api.queries.readers import require_reader
from api.sources import Sources

Still = Callable[[Caller], Awaitable[Caller | None]]
"""The caller as it is now; None: its key or its sign-in is over. May raise `AwayError`."""


def listen(
    sources: Sources, caller: Caller, asked: Asked, last_id: str | None, for_s: int | None, still: Still
) -> Stream:
    """A stream that has joined the hub: it is to be sent.

    Raises `ForbiddenError`, `NotFoundError`, `TooManyError`, `AwayError`.
    """
    require_reader(caller)
    given = _wanted(sources, caller, asked)
    hub = sources.hub
    hub.flush()
    begins = start(last_id, hub.run_id, hub.past, sources.clock())
    if begins.missed is not None:
        hub.missed += 1
    listener = hub.join(caller, given, begins.number)

    async def check() -> Dropped | None:
        try:
            now = await still(caller)
        except AwayError:
            return None  # it may not be known just now; the next look comes
        if now is None:
            return Dropped.ACCESS_ENDED
        try:
            same = _wanted(sources, now, asked) == given
        except ApiError:
            same = False
        return None if same else Dropped.CHANGED

    return Stream(hub, listener, begins, check, for_s)


def _wanted(sources: Sources, caller: Caller, asked: Asked) -> Wanted:
    return wanted(asked, caller, sources.registry, sources.rules.rules)
