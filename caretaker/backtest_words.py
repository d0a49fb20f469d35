"""A backtest in rows: for people, for programs, as a strip of time that a terminal shows, and for the picture."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import tzinfo

from alerts.alert import Severity
from alerts.backtest import Bar, Summary, bars, summary
from alerts.message.shown import duration
from alerts.message.words import EN
from alerts.rules.rule import Rule
from caretaker.alert_words import COLOURS
from caretaker.backtest_picture import Row, ticks
from caretaker.backtest_run import Found
from caretaker.moments import local_text, utc_text
from caretaker.output import Cell, Coloured
from caretaker.values import name_text
from telemetry.reading import NS_PER_S
from telemetry.registry.models import Registry

PEOPLE = ("rule", "raised", "of these", "devices", "in all", "longest", "median", "last", "still")
PROGRAMS = (
    "rule",
    "raised",
    "critical",
    "warning",
    "information",
    "flapping",
    "devices_raised",
    "devices_with_readings",
    "devices_selected",
    "total_s",
    "longest_s",
    "median_s",
    "active_at_end",
    "first",
    "last",
)
CELLS = 64
"""Of a strip."""
NOTHING = "·"
HEIGHTS = {Severity.INFORMATION: "▂", Severity.WARNING: "▅", Severity.CRITICAL: "█"}


def for_people(found: Found, registry: Registry) -> Iterator[Sequence[Cell]]:
    """Every rule, under `PEOPLE`; what was never raised has its zero, and no durations."""
    for rule, episodes in found.episodes.items():
        about = summary(episodes)
        if not about.raised:
            yield rule, 0, None, _devices(found, rule, about), None, None, None, None, None
            continue
        last = episodes[-1]
        yield (
            rule,
            about.raised,
            _severities(about),
            _devices(found, rule, about),
            duration(about.total_ns, EN),
            duration(about.longest_ns, EN),
            duration(about.median_ns, EN),
            local_text(last.start_ns, registry.sites[registry.devices[last.device].site].timezone)[:-3],
            about.active or None,
        )


def for_programs(found: Found) -> Iterator[Sequence[Cell]]:
    """Every rule, under `PROGRAMS`. Times are UTC; where nothing was raised there is no duration."""
    for rule, episodes in found.episodes.items():
        about = summary(episodes)
        yield (
            rule,
            about.raised,
            *(about.by_severity.get(severity, 0) for severity in reversed(Severity)),
            about.flapping,
            about.devices,
            found.heard.get(rule, 0),
            found.selected.get(rule, 0),
            about.total_ns / NS_PER_S,
            about.longest_ns / NS_PER_S if about.raised else None,
            about.median_ns / NS_PER_S if about.raised else None,
            about.active,
            None if about.first_ns is None else utc_text(about.first_ns),
            None if about.last_ns is None else utc_text(about.last_ns),
        )


def for_picture(found: Found, rules: Mapping[str, Rule], language: str) -> Iterator[Row]:
    """Every rule, by its name in `language`."""
    for rule, episodes in found.episodes.items():
        about = summary(episodes)
        if about.raised:
            times = f"{about.raised} alert{'s' if about.raised > 1 else ''}"
            noted = f"{times} on {_devices(found, rule, about)} devices, {duration(about.total_ns, EN)} in all"
        else:
            heard = found.heard.get(rule, 0)
            noted = f"never, {heard} device{'' if heard == 1 else 's'}" if heard else "no readings"
        yield Row(name_text(rules[rule], language, rule), noted, bars(episodes))


def strips(found: Found, span_ns: tuple[int, int], zone: tzinfo) -> tuple[str, Sequence[Sequence[Cell]]]:
    """The days above the strips, and each rule that was raised with its own, coloured by its worst severity."""
    lines: list[Sequence[Cell]] = []
    for rule, episodes in found.episodes.items():
        if episodes:
            worst = max(one.worst for one in episodes)
            lines.append((rule, Coloured(_strip(bars(episodes), span_ns), COLOURS[worst])))
    return _scale(span_ns, zone), lines


def _strip(some: Sequence[Bar], span_ns: tuple[int, int]) -> str:
    """A letter for each part of the time, as high as the worst severity in it."""
    cells = [NOTHING] * CELLS
    for bar in sorted(some, key=lambda one: one.severity):
        for place in range(_cell(bar.start_ns, span_ns), _cell(bar.end_ns - 1, span_ns) + 1):
            cells[place] = HEIGHTS[bar.severity]
    return "".join(cells)


def _scale(span_ns: tuple[int, int], zone: tzinfo) -> str:
    """Days where they begin, then hours, as far as there is room."""
    text = " " * CELLS
    for tick in sorted(ticks(*span_ns, zone), key=lambda one: not one.day):
        place = _cell(tick.time_ns, span_ns)
        end = place + len(tick.label)
        if end <= CELLS and text[max(0, place - 1) : end + 1].isspace():
            text = text[:place] + tick.label + text[end:]
    return text.rstrip()


def _cell(time_ns: int, span_ns: tuple[int, int]) -> int:
    start_ns, end_ns = span_ns
    return min(CELLS - 1, max(0, (time_ns - start_ns) * CELLS // (end_ns - start_ns)))


def _severities(about: Summary) -> str:
    counts = ((severity, about.by_severity.get(severity, 0)) for severity in reversed(Severity))
    return ", ".join(f"{count} {severity.word}" for severity, count in counts if count)


def _devices(found: Found, rule: str, about: Summary) -> str:
    heard = found.heard.get(rule, 0)
    return f"{about.devices} of {heard}" if heard else "no readings"
