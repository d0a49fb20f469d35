"""The page on which somebody signs in. Pure."""

from enum import Enum, auto

from api.access.access import KEY_TEXT_MOST
from api.board.words import Words
from api.plain.page import render
from telemetry.wording import later


class Wrong(Enum):
    """Why somebody is not signed in."""

    KEY = auto()
    TOKEN = auto()
    TOO_MANY = auto()
    AWAY = auto()


WRONG = {
    Wrong.KEY: later("This key is not known, or no longer good. Look whether all of it was copied."),
    Wrong.TOKEN: later("This link is no longer good: each start of Caretaker makes a new one. Take the newest."),
    Wrong.TOO_MANY: later("Too many attempts from here. Try again in a minute."),
    Wrong.AWAY: later("The keys can't be read just now. Try again in a minute."),
}


def sign_in_page(words: Words, there: str, wrong: Wrong | None = None) -> str:
    """The form for a key; `there`: the path to which it leads."""
    said = "" if wrong is None else words(WRONG[wrong])
    return render("sign_in.html", words, next=there, wrong=said, key_most=KEY_TEXT_MOST)
