"""What people are told where something is refused, or does not answer: in their language, with what to do."""

from collections.abc import Mapping

from api.board import parts
from api.board.words import ENGLISH, Words
from api.problem import ApiError, NotFoundError
from telemetry.wording import later

TOLD: Mapping[int, str] = {
    400: later("This address is not understood. Go back, or begin at the overview and follow the links."),
    403: later("You may not see or do this. Whoever runs Caretaker can give you another role, or more sites."),
    404: later("There is none, or it is at a site that you do not see."),
    409: later("This is not possible as things stand. Look at what is shown now: somebody may have been quicker."),
    422: later("This can't be done as it was asked for. Change what you asked for, and try again."),
    503: later("What this needs does not answer just now. Nothing else is affected; try again in a minute."),
}
"""By status."""
OTHERWISE = later("This could not be done.")


class NowhereError(NotFoundError):
    """No page has this address. Its text is in the reader's language."""


def refusal(error: ApiError, words: Words) -> parts.Tag:
    """A note in a page; what exactly was found stands small below, in the language of programs and logs."""
    if isinstance(error, NowhereError):
        return parts.message(str(error), trouble=True)
    with parts.message(_told(error, words), trouble=True) as drawn:
        parts.tag("span", str(error), "found", lang=ENGLISH)
    return drawn


def spoken(error: ApiError, words: Words) -> str:
    """The same in one breath."""
    return words("{told} ({found})", told=_told(error, words), found=error)


def _told(error: ApiError, words: Words) -> str:
    return words(TOLD.get(error.status, OTHERWISE))
