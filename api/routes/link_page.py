"""The page behind a link in a message: plain HTML, so that it is there at once on any phone. Pure."""

import base64
import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime, tzinfo
from enum import Enum, auto

from jinja2 import Environment, StrictUndefined
from msgspec import Struct

from alerts.desk import AlertWords, Change, Severity, Transition
from api.board.words import Words, later
from api.queries.link import COMMENT_MOST, Deed, Linked, Shut
from telemetry.reading import NS_PER_S

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

_SAID = {
    Change.ACKNOWLEDGED: later("{person} is on it"),
    Change.ASSIGNED: later("{person} gave it to {to}"),
    Change.COMMENTED: later("{person} wrote"),
    Change.RESOLVED: later("{person} has ended it"),
}
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


def alert_page(linked: Linked, told: AlertWords, words: Words, now_ns: int, note: Note | None = None) -> str:
    """The alert, what can be said of it, and what was said; `told` and `words` are of the person's language."""
    alert, zone = linked.alert, told.zone(linked.alert)
    latches = linked.rule is not None and linked.rule.latches
    ended = ""
    if alert.resolved_ns is not None:
        ended = words("Resolved {when}. Nothing needs to be done.", when=_when(alert.resolved_ns, zone, words, now_ns))
    return _PAGE.render(
        language=words.language,
        title=told.name(alert.rule),
        look="resolved" if ended else alert.severity.word,
        severity=words("Resolved") if ended else words(_SEVERITIES[alert.severity]),
        just_said=_just_said(linked, told, words, now_ns),
        note="" if note is None else words(NOTES[note]),
        facts=_facts(linked, told, words, now_ns),
        suspect=words("The value is outside the range that is plausible: the sensor may be at fault.")
        if alert.suspect
        else "",
        ended=ended,
        active=alert.active,
        theirs=linked.theirs,
        deeds={deed.name: deed.value for deed in Deed},
        texts={
            "on_my_way": words("On my way"),
            "done": words("Done"),
            "comment": words("Comment"),
            "comment_hint": words("It goes with the button that you press."),
            "only_comment": words("Send the comment only"),
            "as_whom": words("You act as {person}.", person=linked.person.name),
            "what_done_does": words("Done ends the alert.")
            if latches
            else words("Done is noted; the alert ends by itself when the readings are fine again."),
            "said": words("What was said"),
            "board": words("Everything about it, on the board"),
        },
        said=[
            Said(
                words(_SAID[one.change], person=told.person(one.by or ""), to=told.person(one.to or "")),
                _when(one.at_ns, zone, words, now_ns),
                one.comment or "",
            )
            for one in reversed(linked.said)
        ],
        board=f"../alerts/{alert.id}",
        comment_most=COMMENT_MOST,
        style=_STYLE,
    )


def shut_page(why: Shut, words: Words) -> str:
    """Why the link opens nothing, and what to do."""
    title, text = SHUT[why]
    return _SHUT_PAGE.render(
        language=words.language,
        title=words(title),
        text=words(text),
        board=words("To the board"),
        style=_STYLE,
    )


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


_STYLE = """
:root{--page:#fff;--text:#1b1f24;--quiet:#57606a;--line:#d0d7de;--soft:#f3f5f7;--act:#0b57a4;--on-act:#fff;
--critical:#B3261E;--warning:#B25E00;color-scheme:light dark}
@media(prefers-color-scheme:dark){:root{--page:#14181d;--text:#e8ebee;--quiet:#a3adb8;--line:#3a434d;--soft:#1e242b;
--act:#8ec1f5;--on-act:#0d1a28;--critical:#ff8a80;--warning:#f5a742}}
*{box-sizing:border-box}
body{margin:0;background:var(--page);color:var(--text);font:14px/1.45 system-ui,-apple-system,"Segoe UI",Roboto,
"PingFang HK","Noto Sans HK","Microsoft JhengHei",sans-serif;font-variant-numeric:tabular-nums;overflow-wrap:anywhere}
main{max-width:560px;margin:0 auto;padding:24px 16px 40px}
h1{font-size:28px;line-height:1.2;font-weight:600;margin:8px 0 16px}
h2{font-size:18px;line-height:1.3;font-weight:600;margin:32px 0 8px}
p{margin:8px 0}
.mark{display:flex;align-items:center;gap:8px;font-weight:600;margin:0}
.mark svg{width:20px;height:20px;flex:none}
.critical{color:var(--critical)}.warning{color:var(--warning)}.information,.resolved{color:var(--quiet)}
.said-now,.note{border:1px solid var(--line);border-left:4px solid var(--act);background:var(--soft);
padding:8px 16px;margin:16px 0;border-radius:4px}
.note{border-left-color:var(--warning)}
.said-now b{font-size:18px}
dl{display:grid;grid-template-columns:max-content 1fr;gap:8px 16px;margin:16px 0}
dt,.quiet{color:var(--quiet)}
dd{margin:0}
dd:first-of-type{font-size:18px;line-height:1.35}dt:first-of-type{line-height:24px}
label{display:block;font-weight:600;margin-top:24px}
textarea{display:block;width:100%;min-height:72px;margin-top:8px;padding:8px;font:inherit;font-size:18px;
color:inherit;background:var(--page);border:1px solid var(--quiet);border-radius:4px}
.buttons{display:flex;flex-wrap:wrap;gap:8px;margin-top:16px}
button,.button{min-height:44px;padding:8px 16px;font:inherit;font-size:18px;font-weight:600;border-radius:4px;
border:1px solid var(--act);background:var(--page);color:var(--act);cursor:pointer;text-decoration:none;
display:inline-flex;align-items:center;justify-content:center}
.buttons button{flex:1 1 40%}
button.first{background:var(--act);color:var(--on-act)}
button.plain{flex-basis:100%;border-color:var(--line);font-size:14px;color:var(--text)}
:focus-visible{outline:3px solid var(--act);outline-offset:2px}
ol{list-style:none;margin:0;padding:0}
li{padding:8px 0;border-top:1px solid var(--line)}
a{color:var(--act)}
.away{display:inline-flex;min-height:44px;align-items:center;margin-top:16px}
q{quotes:none;display:block;white-space:pre-line}
"""

STYLE_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
"""For the content security policy: this style and no other."""

_HEAD = """<!doctype html>
<html lang="{{ language }}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width,initial-scale=1">
<meta name="robots" content="noindex,nofollow">
<title>{{ title }} · Caretaker</title>
<style>{{ style|safe }}</style>
</head>
<body>
<main>
"""

_FOOT = """</main>
</body>
</html>
"""

_SHAPES = """{% macro shape(look) %}<svg viewBox="0 0 20 20" aria-hidden="true">
{%- if look == "critical" %}<path fill="currentColor" d="M6 1h8l5 5v8l-5 5H6l-5-5V6z"/>
{%- elif look == "warning" %}<path fill="currentColor" d="M10 1l9.5 17H.5z"/>
{%- elif look == "information" %}<circle cx="10" cy="10" r="8" fill="none" stroke="currentColor" stroke-width="2"/>
<path stroke="currentColor" stroke-width="2" d="M10 9v6M10 5v2"/>
{%- else %}<path fill="none" stroke="currentColor" stroke-width="2.5" d="M3 10l5 5L17 5"/>
{%- endif %}</svg>{% endmacro %}
"""

_ALERT = """
<p class="mark {{ look }}">{{ shape(look) }}{{ severity }}</p>
<h1>{{ title }}</h1>
{% if just_said %}
<div class="said-now" role="status"><b>{{ just_said.who }}</b>
{% if just_said.comment %}<q>{{ just_said.comment }}</q>{% endif %}
<p class="quiet">{{ just_said.when }}</p></div>
{% endif %}
{% if note %}<p class="note" role="alert">{{ note }}</p>{% endif %}
{% if ended %}<p>{{ ended }}</p>{% endif %}
<dl>
{% for name, text in facts %}<dt>{{ name }}</dt><dd>{{ text }}</dd>
{% endfor %}</dl>
{% if suspect %}<p class="quiet">{{ suspect }}</p>{% endif %}
{% if active %}
<form method="post" autocomplete="off">
<label for="comment">{{ texts.comment }}</label>
<textarea id="comment" name="comment" maxlength="{{ comment_most }}" aria-describedby="hint"></textarea>
<p class="quiet" id="hint">{{ texts.comment_hint }} {{ texts.as_whom }}</p>
<div class="buttons">
{% if not theirs %}
<button class="first" name="deed" value="{{ deeds.ON_MY_WAY }}">{{ texts.on_my_way }}</button>
{% endif %}
<button{% if theirs %} class="first"{% endif %} name="deed" value="{{ deeds.DONE }}">{{ texts.done }}</button>
<button class="plain" name="deed" value="{{ deeds.COMMENT }}">{{ texts.only_comment }}</button>
</div>
<p class="quiet">{{ texts.what_done_does }}</p>
</form>
{% endif %}
{% if said %}
<h2>{{ texts.said }}</h2>
<ol>
{% for one in said %}<li>{{ one.who }} <span class="quiet">{{ one.when }}</span>
{% if one.comment %}<q>{{ one.comment }}</q>{% endif %}</li>
{% endfor %}</ol>
{% endif %}
<a class="away" href="{{ board }}" rel="noreferrer">{{ texts.board }}</a>
"""

_CLOSED = """
<h1>{{ title }}</h1>
<p>{{ text }}</p>
<a class="away" href="../alerts" rel="noreferrer">{{ board }}</a>
"""

_JINJA = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
_PAGE = _JINJA.from_string(_HEAD + _SHAPES + _ALERT + _FOOT)
_SHUT_PAGE = _JINJA.from_string(_HEAD + _CLOSED + _FOOT)
