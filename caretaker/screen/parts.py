"""The parts of the screen: each a function of the view."""

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text
from textual.renderables.digits import Digits

from caretaker.screen.view import Account, SiteLine, State, View
from caretaker.screen.words import count, curve, rate

INK, FAINT, LINE = "#dfe6ec", "#75828f", "#2a333c"
CALM, GOOD, DOUBT, BAD = "#8fb8de", "#86d3ae", "#e8bd6d", "#f0807a"
SMOOTH_S = 5
"""The figure beside a curve is the mean of the last few seconds; the curve shows each second."""
WIDE = 100
"""Columns from which there is room for what explains."""
NAME_WIDE, NAME_NARROW = 35, 22
STATE_WIDE, STATE_NARROW = 28, 12
GAP = 2
PLACES = "=+++"


def title(view: View, name: str, width: int) -> RenderableType:
    """The line at the top: whose devices, where one of your own connects, what time it is."""
    bar = Table.grid(expand=True, padding=(0, 2))
    bar.add_column(no_wrap=True, ratio=1, overflow="ellipsis")
    bar.add_column(no_wrap=True, justify="right")
    right = [Text.assemble(("ingestor ", FAINT), (view.ingestor, GOOD if view.ingestor == "running" else DOUBT))]
    if width >= WIDE:
        right.append(Text(view.address, FAINT))
    right.append(Text(view.clock, INK))
    bar.add_row(
        Text.assemble(("Caretaker", f"bold {INK}"), (f"  {name}, simulated devices", FAINT)), Text("   ").join(right)
    )
    bar.add_row(Text.assemble(("board ", FAINT), (view.board, f"{CALM} link {view.board}")), Text(""))
    return bar


def headline(view: View, *, large: bool) -> RenderableType:
    """The account as one equation: received = written + quarantined + ignored + journal."""
    account = view.account or Account()
    numbers = (
        (account.received, "received", INK),
        (account.written, "written", GOOD),
        (account.quarantined, "quarantined", DOUBT if account.quarantined else INK),
        (account.ignored, "ignored", INK),
        (account.journal, "journal", CALM if account.journal else INK),
    )
    equation = Table.grid(padding=(0, 2) if large else (0, 1))
    figures: list[RenderableType] = []
    words: list[RenderableType] = []
    for place, (number, word, colour) in enumerate(numbers):
        if place:
            equation.add_column(vertical="middle")
            figures.append(Text(PLACES[place - 1], FAINT))
            words.append(Text(""))
        equation.add_column(justify="right", no_wrap=True)
        figures.append(_figure(number, colour, large=large))
        words.append(Text(word, FAINT))
    equation.add_row(*figures)
    equation.add_row(*words)
    return equation


def proof(view: View, width: int) -> RenderableType:
    """What the simulators say and what the store says: each acknowledged reading, looked for by name."""
    verdict = view.verdict
    parts = [
        Text(f" missing: {count(verdict.missing)} ", f"bold {GOOD if not verdict.missing else BAD} reverse"),
        _named("published", view.published),
        _named("acknowledged" if width >= WIDE else "acked", view.acknowledged),
        _named("found in the store" if width >= WIDE else "stored", verdict.stored),
        _named("on the way", verdict.on_the_way),
    ]
    if view.poison and width >= WIDE:
        parts.append(_named("poison", view.poison))
    if view.account is not None and not view.account.balanced:
        parts.insert(1, Text("the account does not hold", f"bold {BAD}"))
    return Text("  ").join(parts)


def pace(view: View, width: int) -> RenderableType:
    """Readings a second at three places, with the last minute as a curve."""
    table = Table.grid(expand=True, padding=(0, 3, 0, 0))
    stages = (
        ("published", view.rates.published),
        ("received", view.rates.received),
        ("written", view.rates.written),
    )
    cells: list[RenderableType] = []
    for word, values in stages:
        table.add_column(no_wrap=True, ratio=1)
        last = values[-SMOOTH_S:]
        now = sum(last) / len(last) if last else 0.0
        cells.append(
            Text.assemble(
                (f"{word} ", FAINT), (f"{rate(now):>4}/s ", INK), (curve(values, max(6, width // 3 - 22)), CALM)
            )
        )
    table.add_row(*cells)
    return table


def sites(view: View, width: int) -> RenderableType:
    """A line a site, worst first."""
    wide = width >= WIDE
    names = [line.name for line in view.sites]
    states = [_state(line, wide=wide) for line in view.sites]
    # Of the date that is played, what has room: the day, or the month.
    ages = [line.age[:10] if wide else line.age[:7] for line in view.sites]
    columns = (
        1,
        min(NAME_WIDE if wide else NAME_NARROW, max(map(len, names), default=0)),
        min(STATE_WIDE if wide else STATE_NARROW, max(map(len, states), default=0)),
        max(map(len, ages), default=0),
    )
    room = width - sum(columns) - GAP * len(columns)
    table = Table.grid(padding=(0, GAP, 0, 0), pad_edge=False)
    for column in (*columns[:3], room):
        table.add_column(no_wrap=True, overflow="ellipsis", width=column)
    table.add_column(no_wrap=True, justify="right", width=columns[3])
    for line, state, age in zip(view.sites, states, ages, strict=True):
        dot = Text("●", _colour(line.state))
        table.add_row(dot, Text(line.name, INK), state, _values(line, room), Text(age, FAINT))
    return table


def rejects(view: View, rows: int) -> RenderableType:
    """What was not admitted, by reason, most frequent first."""
    found = sorted((view.account or Account()).rejects.items(), key=lambda item: -item[1])
    if not found:
        return Text("nothing rejected", FAINT)
    if rows == 1:
        parts = [
            Text.assemble((reason.replace("_", " "), FAINT), " ", (count(number), DOUBT)) for reason, number in found
        ]
        return Text.assemble(("rejected  ", FAINT), Text("  ").join(parts))
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(justify="right")
    table.add_column()
    for reason, number in found[:rows]:
        table.add_row(Text(count(number), DOUBT), Text(reason.replace("_", " "), FAINT))
    return table


def happenings(view: View, rows: int) -> RenderableType:
    """The last events, newest first; before all others, trouble and the past that is being filled in."""
    lines: list[Text] = []
    if view.account is not None and view.account.trouble:
        lines.append(Text(view.account.trouble, BAD))
    if view.fill is not None:
        share, words = view.fill
        done = round(share * 20)
        lines.append(Text.assemble(("━" * done, CALM), ("━" * (20 - done), LINE), (f" {words}", FAINT)))
    lines += [Text(story, INK if not place else FAINT) for place, story in enumerate(view.stories)]
    if not lines:
        lines.append(Text("nothing has happened yet: press k and watch", FAINT))
    return Text("\n").join(lines[:rows])


def _figure(number: int, colour: str, *, large: bool) -> RenderableType:
    return Digits(f"{number:,}", f"bold {colour}") if large else Text(count(number), f"bold {colour}")


def _named(word: str, number: int) -> Text:
    return Text.assemble((f"{word} ", FAINT), (count(number), INK))


def _state(line: SiteLine, *, wide: bool) -> Text:
    state = Text(line.state.word, _colour(line.state))
    if wide and line.detail and (line.state.urgent or line.state.doubtful):
        state.append(f" {line.detail}", FAINT)
    return state


def _values(line: SiteLine, room: int) -> Text:
    """As many as have room, whole: half a number is a wrong one."""
    shown = Text()
    for value in line.values:
        part = Text.assemble(
            ("  " if shown else "", FAINT),
            (f"{value.label} ", FAINT),
            (value.text, DOUBT if value.suspect else INK),
            (f" {value.unit}".rstrip(), FAINT),
        )
        if len(shown) + len(part) > room:
            break
        shown.append_text(part)
    return shown


def _colour(state: State) -> str:
    if state.urgent:
        return BAD
    if state.doubtful:
        return DOUBT
    return {State.FINE: GOOD, State.REPLAYING: CALM}.get(state, FAINT)
