"""The alerts on the screen: how many, the worst of them with their course, and the last that is over."""

from dataclasses import replace
from typing import NamedTuple

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from alerts.alert import Severity
from caretaker.screen.parts import BAD, CALM, DOUBT, FAINT, GAP, GOOD, INK, WIDE
from caretaker.screen.view import AlertLine, Alerts, Step, View
from caretaker.screen.words import count

COLOURS = {Severity.CRITICAL: BAD, Severity.WARNING: DOUBT, Severity.INFORMATION: CALM}
TALL_ROWS = 5
"""From so many rows on each alert has a second one, which tells its course."""
NAME_NARROW = 24
INDENT = " " * 3
TO_COME = "#45515d"
ARROW = Text(" → ", TO_COME)
REACHED = {"raised": BAD, "delivered": DOUBT, "acknowledged": CALM, "resolved": GOOD}
"""Where one alert stands, in a colour that calms down."""


def alerts(view: View, width: int, rows: int) -> RenderableType:
    """A line of figures, then the worst alerts and the last that was resolved; in at most `rows` lines."""
    found = view.alerts
    wide = width >= WIDE
    height = 2 if wide and rows >= TALL_ROWS else 1
    room = max(1, (rows - 1) // height)
    over = found.resolved[: 1 if room > 1 or not found.lines else 0]
    active = found.lines[: room - len(over)]
    shown = (*active, *over)
    columns = _Columns(
        severity=max((len(alert.severity.word) for alert in shown), default=0),
        name=min(max((len(alert.name) for alert in shown), default=0), width // 3 if wide else NAME_NARROW),
        last=max(
            (min(len(alert.value), width // 3) if wide else len(alert.reached.word) for alert in shown), default=0
        ),
        age=max((len(alert.age) for alert in shown), default=0),
    )
    lines: list[RenderableType] = [_figures(found, len(active), width)]
    for alert in shown:
        lines.append(_line(alert, columns, width, wide=wide))
        if height > 1:
            lines.append(_course(alert, width))
    return Group(*lines)


class _Columns(NamedTuple):
    """Widths, the same in every line."""

    severity: int
    name: int
    last: int
    age: int


def _figures(found: Alerts, shown: int, width: int) -> Text:
    colour = COLOURS[found.lines[0].severity] if found.lines else GOOD
    parts = [
        Text(f" alerts: {count(found.active)} ", f"bold {colour} reverse"),
        Text.assemble((count(found.delivered), INK), (f"{_messages(found.delivered, width)} delivered", FAINT)),
        Text.assemble((count(found.outbox), DOUBT if found.outbox else INK), (" in the outbox", FAINT)),
    ]
    if found.dead:
        parts.append(Text.assemble((count(found.dead), BAD), (" dead letters", FAINT)))
    if found.active > shown:
        parts.append(Text(f"{count(found.active - shown)} more: caretaker alerts list"[: width // 2], FAINT))
    if found.service != "running":
        parts.insert(1, Text.assemble(("service ", FAINT), (found.service, DOUBT)))
    line = Text("  ").join(parts)
    line.no_wrap, line.overflow = True, "ellipsis"
    return line


def _messages(number: int, width: int) -> str:
    return "" if width < WIDE else " message" if number == 1 else " messages"


def _line(alert: AlertLine, columns: _Columns, width: int, *, wide: bool) -> Table:
    """Severity, what, where, value, how old; where there is little room, the last station instead of the value."""
    over = alert.reached.word == "resolved"
    colour = GOOD if over else COLOURS[alert.severity]
    place = f"{alert.site}, {alert.device}" if wide else alert.site
    last = Text(alert.value, FAINT if over else INK) if wide else Text(alert.reached.word, REACHED[alert.reached.word])
    room = max(0, width - 1 - sum(columns) - GAP * 5)
    table = Table.grid(padding=(0, GAP, 0, 0), pad_edge=False)
    for wanted in (1, columns.severity, columns.name, room):
        table.add_column(no_wrap=True, overflow="ellipsis", width=wanted)
    for wanted in (columns.last, columns.age):
        table.add_column(no_wrap=True, overflow="ellipsis", justify="right", width=wanted)
    table.add_row(
        Text("✓" if over else "▲", colour),
        Text(alert.severity.word, FAINT if over else f"bold {colour}"),
        Text(alert.name, FAINT if over else INK),
        Text(place, FAINT),
        last,
        Text(alert.age, FAINT),
    )
    return table


def _course(alert: AlertLine, room: int) -> Text:
    """Its stations: those that it got to, with when and who; those that are still to come, faint.

    Where there is no room for all, who was told goes first, then the moments but the first and the last.
    """
    reached = [place for place, step in enumerate(alert.course) if step.clock is not None]
    bare = [replace(step, detail="") if step.word == "delivered" else step for step in alert.course]
    brief = [step if place in {0, *reached[-1:]} else _timeless(step) for place, step in enumerate(bare)]
    line = Text()
    for steps in (alert.course, bare, brief):
        line = Text(INDENT).append_text(ARROW.join(map(_station, steps)))
        if len(line) <= room:
            break
    line.no_wrap, line.overflow = True, "ellipsis"
    return line


def _timeless(step: Step) -> Step:
    return step if step.clock is None else replace(step, clock="")


def _station(step: Step) -> Text:
    if step.clock is None:
        return Text(step.word, TO_COME)
    return Text.assemble(
        (step.word, REACHED[step.word]), *((f" {part}", FAINT) for part in (step.clock, step.detail) if part)
    )
