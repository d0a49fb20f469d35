"""The board's building blocks: native elements with our own look. Data goes in as text, never as markup."""

from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from nicegui import events, ui

from alerts.desk import Severity
from api.board.redraw import Kept
from api.board.words import Words
from api.queries.standing import State
from telemetry.wording import later

Prop = str | int | float | bool
Then = Callable[[], Awaitable[None] | None]
Cell = str | int | float | Callable[[], object] | None
"""What stands in a table: a text, or what draws it."""

STATES: Mapping[State | Severity, tuple[str, str]] = {
    State.CRITICAL: ("critical", later("Critical")),
    State.ATTENTION: ("attention", later("Attention")),
    State.UNKNOWN: ("unknown", later("Unknown")),
    State.OUT_OF_SERVICE: ("out", later("Out of service")),
    State.FINE: ("fine", later("Fine")),
    Severity.CRITICAL: ("critical", later("Critical")),
    Severity.WARNING: ("attention", later("Warning")),
    Severity.INFORMATION: ("information", later("Information")),
}
"""Colour and shape (in look.css), and the word."""


class Tag(ui.element):
    """One native element with a text. `aria_label` is the attribute aria-label, `for_` is for."""

    def __init__(self, tag: str, text: str | None = None, classes: str = "", **attributes: Prop | None) -> None:
        super().__init__(tag)
        self._text = text
        if classes:
            self.classes(classes)
        given = {name.rstrip("_").replace("_", "-"): value for name, value in attributes.items() if value is not None}
        if given:
            self.props.update(given)

    def say(self, text: str) -> None:
        """Another text."""
        if text != self._text:
            self._text = text
            self.update()


def tag(name: str, text: str | None = None, classes: str = "", **attributes: Prop | None) -> Tag:
    """As in `tag("p", "All is fine", "quiet")`; draws into what is open, and can be opened with `with`."""
    return Tag(name, text, classes, **attributes)


def state(which: State | Severity, words: Words, classes: str = "") -> Tag:
    """Colour, shape and word."""
    look, word = STATES[which]
    with tag("span", classes=f"state state-{look} {classes}") as drawn:
        tag("span", classes=f"shape shape-{look}", aria_hidden="true")
        tag("span", words(word))
    return drawn


def value(
    words: Words,
    number: float | str | None,
    *,
    unit: str = "",
    decimals: int = 1,
    age: str = "",
    exact: str = "",
    stale: bool = False,
    suspect: bool = False,
    classes: str = "",
) -> Tag:
    """A number, its unit (UCUM) small and grey after it, and its age. `exact`: the moment, shown on hover.

    Stale: grey, and the age stands beside it; of others the age is on hover. Suspect: marked, with the word.
    """
    hover = " · ".join(one for one in (age, exact) if one)
    look = f"value {'stale' if stale else ''} {'suspect' if suspect else ''} {classes}"
    with tag("span", classes=look, title=hover or None) as drawn:
        tag("span", number if isinstance(number, str) else words.number(number, decimals), "number")
        if number is not None and (symbol := words.unit(unit)):
            tag("span", symbol, "unit")
        if suspect:
            tag("span", words("suspect"), "note")
        if stale and age:
            tag("span", age, "note")
    return drawn


def heading(text: str, note: str = "") -> Tag:
    """The one h1 of a page."""
    with tag("div", classes="heading") as drawn:
        tag("h1", text)
        if note:
            tag("p", note, "quiet")
    return drawn


@contextmanager
def section(title: str, classes: str = "", *, hidden_title: bool = False) -> Iterator[Tag]:
    """A part of a page, with its h2. A hidden title is for screen readers."""
    with tag("section", classes=f"section {classes}", aria_label=title) as drawn:
        tag("h2", title, "only-read" if hidden_title else "")
        yield drawn


@dataclass(frozen=True, slots=True)
class Column:
    """Of a table."""

    title: str
    number: bool = False
    """Right-aligned, with tabular figures."""


def table(columns: Sequence[Column], rows: Sequence[Sequence[Cell]], title: str, classes: str = "") -> Tag:
    """The first cell of a row is its heading. On a phone each row is a block, each cell with its column's title."""
    with tag("div", classes="table-frame"), tag("table", classes=f"table {classes}", aria_label=title) as drawn:
        with tag("thead"), tag("tr"):
            for column in columns:
                tag("th", column.title, "number-column" if column.number else "", scope="col")
        with tag("tbody"):
            for row in rows:
                with tag("tr"):
                    for place, (column, cell) in enumerate(zip(columns, row, strict=True)):
                        _cell(column, cell, first=place == 0)
    return drawn


def _cell(column: Column, cell: Cell, *, first: bool) -> None:
    look = "number-column" if column.number else ""
    text = None if cell is None or callable(cell) else str(cell)
    scope = "row" if first else None
    with tag("th" if first else "td", classes=look, scope=scope, data_title=column.title):
        if callable(cell):
            cell()
        else:
            tag("span", text or "")


def button(
    text: str,
    on_click: Then | None = None,
    *,
    primary: bool = False,
    danger: bool = False,
    classes: str = "",
    **attributes: Prop | None,
) -> Tag:
    """A native button, 44 px high."""
    look = "primary" if primary else "danger" if danger else ""
    drawn = tag("button", text, f"button {look} {classes}", type="button", **attributes)
    if on_click is not None:
        then = on_click
        drawn.on("click", lambda _: then(), args=[])
    return drawn


def link(text: str, href: str, classes: str = "", **attributes: Prop | None) -> Tag:
    """To another page."""
    return tag("a", text, f"link {classes}", href=href, **attributes)


def empty(text: str, action: str = "", href: str = "") -> Tag:
    """Where there is nothing to show: what would be here, and what to do."""
    with tag("div", classes="empty") as drawn:
        tag("p", text)
        if action:
            link(action, href, "button")
    return drawn


def message(text: str, *, trouble: bool = False) -> Tag:
    """A note in a page; trouble is read out at once."""
    return tag("p", text, f"message {'trouble' if trouble else ''}", role="alert" if trouble else "status")


class Field(Tag, Kept):
    """A labelled native input. What was typed is in `value`."""

    _typed: list[str]  # shared with the one that comes in its place

    @property
    def value(self) -> str:
        """As it stands."""
        return self._typed[0]

    @value.setter
    def value(self, text: str) -> None:
        self._typed[0] = text

    def keep(self, old: Kept) -> None:
        """What was typed stays."""
        if isinstance(old, Field):
            self._typed = old._typed  # noqa: SLF001 - its own kind


def field(
    title: str,
    *,
    kind: str = "text",
    initial: str = "",
    note: str = "",
    options: Mapping[str, str] | None = None,
    on_change: Then | None = None,
    **attributes: Prop | None,
) -> Field:
    """`kind`: of an `<input>`, or textarea, or select (with `options`: value to what is read)."""
    with tag("label", classes=f"field field-{kind}"):
        tag("span", title, "field-title")
        name = kind if kind in {"textarea", "select"} else "input"
        drawn = Field(name, initial if kind == "textarea" else None, "input", **attributes)
        drawn._typed = [initial]  # noqa: SLF001 - made here
        if name == "input":
            drawn.props["type"] = kind
            # With ^ it is the attribute, where typing begins; the property would undo what was typed.
            drawn.props["^value"] = initial
        with drawn:
            for option, text in (options or {}).items():
                chosen: dict[str, Prop] = {"^selected": True} if option == initial else {}
                tag("option", text, value=option).props.update(chosen)
        if note:
            tag("span", note, "quiet")

    def typed(event: events.GenericEventArguments) -> Awaitable[None] | None:
        drawn.value = str(event.args)
        return on_change() if on_change is not None else None

    of = "(e) => emit(e.target.type === 'checkbox' ? String(e.target.checked) : e.target.value)"
    drawn.on("change" if kind in {"select", "checkbox"} else "input", typed, js_handler=of)
    return drawn


class Dialog(Tag):
    """A modal: the browser keeps the focus in it, closes it on Escape, and gives the focus back."""

    def open(self) -> None:
        """Show it."""
        self.client.run_javascript(f"document.getElementById('{self.html_id}').showModal()")

    def close(self) -> None:
        """Hide it."""
        self.client.run_javascript(f"document.getElementById('{self.html_id}').close()")


def dialog(title: str, words: Words) -> Dialog:
    """Closed; draw into it with `with`, then `open()`."""
    drawn = Dialog("dialog", classes="dialog", aria_label=title)
    with drawn, tag("div", classes="dialog-head"):
        tag("h2", title)
        button(words("Close"), drawn.close, classes="plain")
    return drawn
