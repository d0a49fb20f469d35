"""The page behind a printed code. Pure."""

from collections.abc import Mapping
from enum import Enum, auto

from msgspec import Struct

from api.board.words import Words
from api.plain.page import render
from api.queries.events import What
from api.queries.here import Ask, AskError, Entry, Here, Meter, Said, Shut
from telemetry.wording import later


class Note(Enum):
    """Why nothing was entered."""

    NO_NUMBER = auto()
    UNLIKELY = auto()
    NOT_POSSIBLE = auto()
    AWAY = auto()


NOTES = {
    Note.NO_NUMBER: later("Nothing was entered: write the figures as a number, as in 1234.5."),
    Note.UNLIKELY: later("Nothing was entered: no meter of this kind can show this value."),
    Note.NOT_POSSIBLE: later("Nothing was entered: as things stand this is not possible."),
    Note.AWAY: later("This could not be entered just now. Try again in a minute."),
}

SHUT = {
    Shut.INCOMPLETE: (
        later("This code is not complete"),
        later("Scan the printed code once more. Whoever works here can sign in instead."),
    ),
    Shut.FORGED: (
        later("This code is not valid"),
        later("It is not from us, or belongs to an older sheet. Please tell whoever looks after this place."),
    ),
    Shut.GONE: (
        later("This place is no longer here"),
        later("The code is good, but its area was taken out. Please tell whoever looks after this place."),
    ),
}
"""Title, and what to do."""

SCORES = {
    1: later("Very bad"),
    2: later("Bad"),
    3: later("So-so"),
    4: later("Good"),
    5: later("Very good"),
}
_MOUTHS = {
    1: "M12 33c3-7 17-7 20 0",
    2: "M13 31c4-4 14-4 18 0",
    3: "M13 29h18",
    4: "M13 27c4 4 14 4 18 0",
    5: "M12 25c2 9 18 9 20 0z",
}

Others = Mapping[str, tuple[str, str]]


class Sheet(Struct, frozen=True):
    """What every page needs."""

    words: Words
    others: Others
    """The other languages: tag to what it calls itself, and the address of the page in it."""


class _Register(Struct, frozen=True):
    """A meter, as it stands on the page."""

    device: str
    metric: str
    title: str
    name: str
    unit: str
    last: str


def here_page(here: Here, once: str, now_ns: int, sheet: Sheet, note: Note | None = None) -> str:
    """What can be said there. `once` is the value by which this page's forms are known."""
    words = sheet.words
    of_staff = What.CLEANED in here.whats or here.meters
    return _render(
        "say",
        sheet,
        here,
        title=_name(here, words),
        note="" if note is None else words(NOTES[note]),
        once=once,
        whats={one.name: one in here.whats for one in What},
        nothing=not here.whats and not here.meters,
        faces=[(score, words(name), _MOUTHS[score]) for score, name in SCORES.items()],
        meters=[_register(one, words, now_ns) for one in here.meters],
        staff="" if here.operator is None or not of_staff else here.operator.name,
    )


def thanks_page(here: Here, said: Said, meter: Meter | None, sheet: Sheet, back: str) -> str:
    """What was recorded."""
    words = sheet.words
    clock = words.clock(said.time_ns, here.site.timezone)
    recorded = words("Recorded at {time}: {what}", time=clock, what=_said(said.entry, meter, words))
    helping = said.entry.what is What.ASSISTANCE
    return _render("thanks", sheet, here, title=words("Thank you"), recorded=recorded, helping=helping, back=back)


def ask_page(here: Here, asked: AskError, entry: Entry, sheet: Sheet, back: str) -> str:
    """Whether it is meant."""
    words = sheet.words
    helping = asked.why is Ask.HELP
    if helping:
        title, yes = words("Do you need help?"), words("Yes, I need help")
        text = words("Whoever looks after {place} is told.", place=_name(here, words))
    else:
        title, yes = words("Is this right?"), words("Yes, record it")
        text = _lower(asked.meter, entry, words)
    form = {name: str(getattr(entry, name)) for name in ("once", "value", "device", "metric")}
    fields = {"what": entry.what.value, **form, "sure": "yes"}
    return _render("ask", sheet, here, title=title, text=text, yes=yes, fields=fields, back=back, helping=helping)


def closed_page(why: Shut, sheet: Sheet) -> str:
    """Why the code opens nothing, and what to do."""
    title, text = SHUT[why]
    return _render("closed", sheet, None, title=sheet.words(title), text=sheet.words(text))


def _render(template: str, sheet: Sheet, here: Here | None, **values: object) -> str:
    words = sheet.words
    where = "" if here is None else words.name(here.site.names, here.site.id)
    area = "" if here is None else _name(here, words)
    return render(f"here/{template}.html", words, others=sheet.others, where=where, area=area, **values)


def _name(here: Here, words: Words) -> str:
    return words.name(here.area.names, here.area.id)


def _said(entry: Entry, meter: Meter | None, words: Words) -> str:
    match entry.what:
        case What.FEEDBACK:
            return words(SCORES.get(round(entry.value), str(entry.value)))
        case What.ASSISTANCE:
            return words("help is needed")
        case What.CLEANED:
            return words("cleaned")
        case What.READING:
            return entry.metric if meter is None else f"{_title(meter, words)} {_figure(meter, entry.value, words)}"


def _lower(meter: Meter | None, entry: Entry, words: Words) -> str:
    assert meter is not None, "only a meter can be lower"
    assert meter.last is not None, "and only than it was"
    return words(
        "You entered {value}, and the last value of {meter} is {last}. A meter does not count down: look at the "
        "figures once more, unless it was exchanged.",
        value=_figure(meter, entry.value, words),
        meter=_title(meter, words),
        last=_figure(meter, float(meter.last.value), words),
    )


def _register(meter: Meter, words: Words, now_ns: int) -> _Register:
    last = words("Never read before")
    if meter.last is not None:
        figure, age = _figure(meter, float(meter.last.value), words), words.ago(meter.last.time_ns, now_ns)
        last = words("Last value: {value}, {age}", value=figure, age=age)
    return _Register(
        meter.device.id,
        meter.metric.name,
        words.name(meter.device.names, meter.device.id),
        words.name(meter.metric.names, meter.metric.name),
        words.unit(meter.metric.unit),
        last,
    )


def _title(meter: Meter, words: Words) -> str:
    return f"{words.name(meter.device.names, meter.device.id)} · {words.name(meter.metric.names, meter.metric.name)}"


def _figure(meter: Meter, value: float, words: Words) -> str:
    return f"{words.number(value, meter.metric.decimals)} {words.unit(meter.metric.unit)}".rstrip()
