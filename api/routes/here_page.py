"""The page behind a printed code: plain HTML, so that it is there at once on any phone. Pure."""

import base64
import hashlib
from collections.abc import Mapping, Sequence
from enum import Enum, auto

from jinja2 import Environment, StrictUndefined
from msgspec import Struct

from api.board.words import Words, later
from api.queries.events import What
from api.queries.here import Ask, AskError, Entry, Here, Meter, Said, Shut


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
    return _render(
        _HERE,
        sheet,
        here,
        title=_name(here, words),
        note="" if note is None else words(NOTES[note]),
        once=once,
        whats={one.name: one in here.whats for one in What},
        nothing=not here.whats and not here.meters,
        faces=[(score, words(name), _MOUTHS[score]) for score, name in SCORES.items()],
        meters=[_register(one, words, now_ns) for one in here.meters],
        staff=here.operator is not None and (What.CLEANED in here.whats or bool(here.meters)),
        as_whom="" if here.operator is None else words("You act as {person}.", person=here.operator.name),
    )


def thanks_page(here: Here, said: Said, meter: Meter | None, sheet: Sheet, back: str) -> str:
    """What was recorded."""
    words = sheet.words
    clock = words.clock(said.time_ns, here.site.timezone)
    recorded = words("Recorded at {time}: {what}", time=clock, what=_said(said.entry, meter, words))
    helping = said.entry.what is What.ASSISTANCE
    return _render(_THANKS, sheet, here, title=words("Thank you"), recorded=recorded, helping=helping, back=back)


def ask_page(here: Here, asked: AskError, entry: Entry, sheet: Sheet, back: str) -> str:
    """Whether it is meant."""
    words = sheet.words
    if asked.why is Ask.HELP:
        title, yes = words("Do you need help?"), words("Yes, I need help")
        text = words("Whoever looks after {place} is told.", place=_name(here, words))
    else:
        title, yes = words("Is this right?"), words("Yes, record it")
        text = _lower(asked.meter, entry, words)
    form = {name: str(getattr(entry, name)) for name in ("once", "value", "device", "metric")}
    fields = {"what": entry.what.value, **form, "sure": "yes"}
    return _render(_ASK, sheet, here, title=title, text=text, yes=yes, fields=fields, back=back, why=asked.why.value)


def closed_page(why: Shut, sheet: Sheet) -> str:
    """Why the code opens nothing, and what to do."""
    title, text = SHUT[why]
    return _render(_CLOSED, sheet, None, title=sheet.words(title), text=sheet.words(text))


def _render(part: str, sheet: Sheet, here: Here | None, **fields: object) -> str:
    words = sheet.words
    where = "" if here is None else words.name(here.site.names, here.site.id)
    area = "" if here is None else _name(here, words)
    return _PAGES[part].render(words=words, others=sheet.others, where=where, area=area, style=_STYLE, **fields)


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


_STYLE = """
:root{--page:#fff;--text:#1b1f24;--quiet:#57606a;--line:#d0d7de;--soft:#f3f5f7;--act:#0b57a4;--on-act:#fff;
--critical:#B3261E;--on-critical:#fff;--warning:#B25E00;color-scheme:light dark}
@media(prefers-color-scheme:dark){:root{--page:#14181d;--text:#e8ebee;--quiet:#a3adb8;--line:#3a434d;--soft:#1e242b;
--act:#8ec1f5;--on-act:#0d1a28;--critical:#ff8a80;--on-critical:#2a0805;--warning:#f5a742}}
*{box-sizing:border-box}
body{margin:0;background:var(--page);color:var(--text);font:14px/1.45 system-ui,-apple-system,"Segoe UI",Roboto,
"PingFang HK","Noto Sans HK","Microsoft JhengHei",sans-serif;font-variant-numeric:tabular-nums;overflow-wrap:anywhere}
header,main{max-width:560px;margin:0 auto;padding:0 16px}
header{display:flex;align-items:center;justify-content:space-between;gap:16px;padding-top:8px;color:var(--quiet)}
header a{display:inline-flex;align-items:center;justify-content:flex-end;min-height:44px;min-width:44px}
main{padding-bottom:48px}
h1{font-size:28px;line-height:1.2;font-weight:600;margin:16px 0 8px}
h2{font-size:18px;line-height:1.3;font-weight:600;margin:32px 0 8px}
h3{font-size:14px;font-weight:600;margin:24px 0 0}
p{margin:8px 0}
.quiet{color:var(--quiet)}
.note{border:1px solid var(--line);border-left:4px solid var(--warning);background:var(--soft);padding:8px 16px;
margin:16px 0;border-radius:4px}
.big{font-size:18px}
.faces{display:grid;grid-template-columns:repeat(5,1fr);gap:8px;margin:16px 0}
.faces button{flex-direction:column;gap:8px;min-height:96px;padding:8px 0;font-size:12px;line-height:1.25;
justify-content:flex-start;color:var(--text);border-color:var(--line);background:var(--soft);overflow-wrap:normal}
.faces svg{width:44px;height:44px;flex:none;fill:none;stroke:currentColor;stroke-width:2.5;stroke-linecap:round}
button,.button{min-height:44px;padding:8px 16px;font:inherit;font-size:18px;font-weight:600;border-radius:4px;
border:1px solid var(--act);background:var(--page);color:var(--act);cursor:pointer;text-decoration:none;
display:inline-flex;align-items:center;justify-content:center;text-align:center}
.wide{width:100%;margin-top:8px}
.first{background:var(--act);color:var(--on-act)}
.help{border-color:var(--critical);color:var(--critical)}
.first.help{background:var(--critical);color:var(--on-critical)}
label{display:block;margin-top:8px}
.reading{display:flex;gap:8px;align-items:center;margin-top:8px}
input{flex:1 1 0;min-width:0;min-height:44px;padding:8px 12px;font:inherit;font-size:18px;color:inherit;
background:var(--page);border:1px solid var(--quiet);border-radius:4px}
.unit{color:var(--quiet);min-width:3ch}
:focus-visible{outline:3px solid var(--act);outline-offset:2px}
a{color:var(--act)}
"""

STYLE_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
"""For the content security policy: this style and no other."""

_HEAD = """<!doctype html>
<html lang="{{ words.language }}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width,initial-scale=1">
<meta name="robots" content="noindex,nofollow">
<title>{{ title }} · Caretaker</title>
<style>{{ style|safe }}</style>
</head>
<body>
<header><span>{{ where }}{% if where and title != area %} · {{ area }}{% endif %}</span><span>
{% for tag, (name, address) in others.items() %}<a href="{{ address }}" lang="{{ tag }}">{{ name }}</a>
{% endfor %}</span></header>
<main>
<h1>{{ title }}</h1>
"""

_HERE = """
{% if note %}<p class="note" role="alert">{{ note }}</p>{% endif %}
{% if nothing %}<p>{{ words("Nothing can be entered here.") }}</p>{% endif %}
{% if whats.FEEDBACK %}
<h2>{{ words("How was it?") }}</h2>
<form method="post">
<input type="hidden" name="once" value="{{ once }}"><input type="hidden" name="what" value="feedback">
<div class="faces">
{% for score, name, mouth in faces %}<button name="value" value="{{ score }}"><svg viewBox="0 0 44 44"
 aria-hidden="true"><circle cx="22" cy="22" r="19"/><path d="M15 16v2M29 16v2"/><path d="{{ mouth }}"/></svg>
{{- name }}</button>
{% endfor %}</div>
</form>
{% endif %}
{% if whats.ASSISTANCE %}
<h2>{{ words("Is something wrong?") }}</h2>
<form method="post">
<input type="hidden" name="once" value="{{ once }}"><input type="hidden" name="what" value="assistance">
<button class="wide help">{{ words("I need help") }}</button>
</form>
{% endif %}
{% if staff %}
<h2>{{ words("For staff") }}</h2>
<p class="quiet">{{ as_whom }}</p>
{% if whats.CLEANED %}
<form method="post">
<input type="hidden" name="once" value="{{ once }}"><input type="hidden" name="what" value="cleaned">
<button class="wide first">{{ words("Cleaned") }}</button>
</form>
{% endif %}
{% for one in meters %}
<form method="post" autocomplete="off">
<input type="hidden" name="once" value="{{ once }}"><input type="hidden" name="what" value="reading">
<input type="hidden" name="device" value="{{ one.device }}"><input type="hidden" name="metric" value="{{ one.metric }}">
<h3>{{ one.title }}</h3>
<label for="m{{ loop.index }}">{{ one.name }}</label>
<div class="reading">
<input id="m{{ loop.index }}" name="value" type="number" step="any" min="0" inputmode="decimal" required
 aria-describedby="u{{ loop.index }} l{{ loop.index }}">
<span class="unit" id="u{{ loop.index }}">{{ one.unit }}</span>
<button aria-describedby="l{{ loop.index }}" aria-label="{{ words("Record") }}: {{ one.title }}, {{ one.name }}">
{{- words("Record") }}</button>
</div>
<p class="quiet" id="l{{ loop.index }}">{{ one.last }}</p>
</form>
{% endfor %}
{% endif %}
{% if whats.FEEDBACK or whats.ASSISTANCE %}
<p class="quiet">{{ words("We keep what you say and when, and nothing about you.") }}</p>
{% endif %}
"""

_THANKS = """
<p class="big" role="status">{{ recorded }}</p>
{% if helping %}
<p>{{ words("If somebody is in danger, call the emergency services as well.") }}</p>
{% endif %}
<a class="button wide" href="{{ back }}">{{ words("Say something else") }}</a>
"""

_ASK = """
<p class="big">{{ text }}</p>
<form method="post">
{% for name, value in fields.items() %}<input type="hidden" name="{{ name }}" value="{{ value }}">
{% endfor %}<button class="wide first{% if why == "help" %} help{% endif %}">{{ yes }}</button>
</form>
<a class="button wide" href="{{ back }}">{{ words("No, go back") }}</a>
"""

_CLOSED = """
<p class="big">{{ text }}</p>
<a class="button wide" href="/sign-in" rel="noreferrer">{{ words("Sign in") }}</a>
"""

_FOOT = """</main>
</body>
</html>
"""

_JINJA = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
_PARTS: Sequence[str] = (_HERE, _THANKS, _ASK, _CLOSED)
_PAGES = {part: _JINJA.from_string(_HEAD + part + _FOOT) for part in _PARTS}
