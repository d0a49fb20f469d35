"""The page behind a link in a message. Pure."""

from collections.abc import Sequence
from datetime import UTC, datetime, tzinfo
from enum import Enum, auto

from msgspec import Struct

from alerts.desk import AlertWords, Change, Severity, Transition
from api.board.said import SAID
from api.board.words import Words
from api.plain.page import render
from api.queries.link import COMMENT_MOST, Deed, Linked, Shut
from telemetry.reading import NS_PER_S
from telemetry.wording import later

JUST_NOW_NS = 600 * NS_PER_S
"""So long a page says first what its reader has just said."""


class Note(Enum):
    """What came of a press, where the page can't show it by itself."""

    WAITING = auto()
    RESOLVED_ALREADY = auto()
    NOT_POSSIBLE = auto()
    COMMENT_MISSING = auto()
    COMMENT_UNFIT = auto()
    AWAY = auto()


NOTES = {
    Note.WAITING: later("Kept. The alert service has not answered yet; it is entered as soon as it does."),
    Note.RESOLVED_ALREADY: later("Nothing was entered: the alert is resolved already."),
    Note.NOT_POSSIBLE: later("Nothing was entered: as things stand this is not possible."),
    Note.COMMENT_MISSING: later("Nothing was entered: the comment is empty."),
    Note.COMMENT_UNFIT: later("Nothing was entered: the comment is too long, or holds signs that are no text."),
    Note.AWAY: later("This could not be entered just now. Try again in a minute."),
}

SHUT = {
    Shut.MALFORMED: (
        later("This link is not complete"),
        later("Open it from the message itself, or copy the whole of it: it ends with the signature."),
    ),
    Shut.FORGED: (
        later("This link is not valid"),
        later("It was changed on the way, or is not from us. Open it from the message itself."),
    ),
    Shut.EXPIRED: (
        later("This link has expired"),
        later("Links in messages work for a limited time. Sign in to the board, or wait for the next message."),
    ),
    Shut.NO_PERSON: (
        later("This link is no longer for you"),
        later("You are not told of this place any more. Ask whoever runs Caretaker, or sign in to the board."),
    ),
    Shut.NO_ALERT: (
        later("This alert is no longer kept"),
        later("It was resolved long ago. There is nothing to do."),
    ),
    Shut.AWAY: (
        later("The alerts can't be read just now"),
        later("Try again in a minute. The link still works."),
    ),
}
"""Title, and what to do."""

_SAID_BY_YOU = {
    Change.ACKNOWLEDGED: later("Recorded: you are on your way."),
    Change.ASSIGNED: later("Recorded: you gave it to {to}."),
    Change.COMMENTED: later("Recorded: your comment."),
    Change.RESOLVED: later("Recorded: it is done."),
}
_SEVERITIES = {
    Severity.CRITICAL: later("Critical"),
    Severity.WARNING: later("Warning"),
    Severity.INFORMATION: later("Information"),
}


class Said(Struct, frozen=True):
    """Something that somebody said of the alert."""

    who: str
    when: str
    comment: str


def alert_page(
    linked: Linked, told: AlertWords, words: Words, now_ns: int, note: Note | None = None, grafana: str | None = None
) -> str:
    """The alert, what can be said of it, and what was said; `told` and `words` are of the person's language.

    `grafana`: where Grafana draws it.
    """
    alert, zone = linked.alert, told.zone(linked.alert)
    over = alert.resolved_ns is not None
    return render(
        "link/alert.html",
        words,
        alert=alert,
        title=told.name(alert.rule),
        look="resolved" if over else alert.severity.word,
        state=words("Resolved") if over else words(_SEVERITIES[alert.severity]),
        resolved="" if alert.resolved_ns is None else _when(alert.resolved_ns, zone, words, now_ns),
        just_said=_just_said(linked, told, words, now_ns),
        note="" if note is None else words(NOTES[note]),
        facts=_facts(linked, told, words, now_ns),
        person=linked.person.name,
        theirs=linked.theirs,
        latches=linked.rule is not None and linked.rule.latches,
        deeds=Deed,
        said=[
            Said(
                words(SAID[one.change], person=told.person(one.by or ""), to=told.person(one.to or "")),
                _when(one.at_ns, zone, words, now_ns),
                one.comment or "",
            )
            for one in reversed(linked.said)
        ],
        comment_most=COMMENT_MOST,
        grafana=grafana,
    )


def shut_page(why: Shut, words: Words) -> str:
    """Why the link opens nothing, and what to do."""
    title, text = SHUT[why]
    return render("link/shut.html", words, title=words(title), text=words(text))


def done_text(words: Words, comment: str) -> str:
    """What `DONE` says: a word, and the comment if there is one."""
    return words("Done: {comment}", comment=comment) if comment else words("Done")


def _facts(linked: Linked, told: AlertWords, words: Words, now_ns: int) -> Sequence[tuple[str, str]]:
    """Names and texts, in the order in which they are read; what is not known is left out."""
    alert, zone = linked.alert, told.zone(linked.alert)
    has = words("Nobody yet")
    if alert.acknowledged_by is not None and alert.acknowledged_ns is not None:
        since = _when(alert.acknowledged_ns, zone, words, now_ns)
        has = words("{person}, since {when}", person=told.person(alert.acknowledged_by), when=since)
    facts = (
        (words("What"), told.shown(alert)),
        (words("Where"), words.list([part for part in (told.area_name(alert), told.site_name(alert)) if part])),
        (words("Device"), told.device_name(alert)),
        (words("Since"), _when(alert.raised_ns, zone, words, now_ns)),
        (words("Who has it"), has if alert.active else ""),
        (words("What to do"), told.advice(alert.rule) if alert.active else ""),
    )
    return [(name, text) for name, text in facts if text]


def _just_said(linked: Linked, told: AlertWords, words: Words, now_ns: int) -> Said | None:
    last: Transition | None = linked.last_said
    if last is None or now_ns - last.noticed_ns > JUST_NOW_NS:
        return None
    when = _when(last.at_ns, told.zone(linked.alert), words, now_ns)
    by = words("By {person}, {when}.", person=linked.person.name, when=when)
    return Said(words(_SAID_BY_YOU[last.change], to=told.person(last.to or "")), by, last.comment or "")


def _when(time_ns: int, zone: tzinfo, words: Words, now_ns: int) -> str:
    """`16:05 (25 min ago)`; of another day with its date."""
    days = {datetime.fromtimestamp(one / NS_PER_S, UTC).astimezone(zone).date() for one in (time_ns, now_ns)}
    clock = words.clock(time_ns, zone)
    return words(
        "{time} ({ago})",
        time=clock if len(days) == 1 else f"{words.day(time_ns, zone)} {clock}",
        ago=words.ago(time_ns, now_ns),
    )
