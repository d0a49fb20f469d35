"""What Grafana makes of a dashboard's queries before it sends them: variables, ranges, windows.

After Grafana 9.3 (`formatRegistry.ts`, `template_srv.ts`, `influx_query_model.ts`, `datasource.ts`, `datemath.ts`);
newer ones put in the same, from the server instead of the browser.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

ALL = "$__all"
WIDTH = 1_000
"""Of a plot in pixels: so many windows it asks for."""
INFLUXDB = "caretaker-influxdb"

_VARIABLE = re.compile(r"\$\{(\w+)(?::(\w+))?\}|\$(\w+)")
_SPECIAL = re.compile(r"[\\^$*+?.()|\[\]{}/]")
_MOMENT = re.compile(r"now(?:-(\d+)([mhdwM]))?(?:/([hdwM]))?")

Document = Mapping[str, Any]
Choice = Mapping[str, Sequence[str]]
"""Variable to what is chosen; what is not in it: All."""


@dataclass(frozen=True)
class Asked:
    """One query as it is sent."""

    uid: str
    panel: int
    """0: the dashboard's marks."""
    title: str
    ref: str
    query: str

    def __str__(self) -> str:
        return f"{self.uid} panel {self.panel} {self.title!r} ({self.ref})"


def asked(
    document: Document, now: datetime, choice: Choice | None = None, *, start: str | None = None
) -> Iterator[Asked]:
    """Every InfluxQL query of a dashboard. `start` replaces the beginning of its range."""
    zone = ZoneInfo(document["timezone"])
    for mark in document["annotations"]["list"]:
        if mark["datasource"]["uid"] == INFLUXDB:
            text = _filled(mark["target"]["query"], document, choice or {}, *_range(document, {}, now, zone, start), 1)
            yield Asked(document["uid"], 0, mark["name"], "Anno", text)
    for panel in document["panels"]:
        begin, end = _range(document, panel, now, zone, start)
        window_ms = max(
            _span_ms(panel.get("interval", "1ms")), round((end - begin) / panel.get("maxDataPoints", WIDTH))
        )
        for target in panel.get("targets", ()):
            if target["datasource"]["uid"] == INFLUXDB:
                text = _filled(target["query"], document, choice or {}, begin, end, window_ms)
                yield Asked(document["uid"], panel["id"], panel["title"], target["refId"], text)


def choices(document: Document, variable: str) -> Sequence[str]:
    """What can be chosen of a custom variable."""
    for one in document["templating"]["list"]:
        if one["name"] == variable:
            parts = re.findall(r"(?:\\,|[^,])+", one["query"])
            return [re.fullmatch(r"(.+)\s:\s(.+)", part.replace(r"\,", ","))[2].strip() for part in parts]  # type: ignore[index]  # each is text : value
    return []


def _filled(text: str, document: Document, choice: Choice, start_ms: int, end_ms: int, window_ms: int) -> str:
    known = {one["name"]: one for one in document["templating"]["list"]}
    own = {
        "timeFilter": f"time >= {start_ms}ms and time <= {end_ms}ms",
        "__interval": f"{window_ms}ms",
        "__from": str(start_ms),
        "__to": str(end_ms),
    }

    def put(found: re.Match[str]) -> str:
        name, form = found[1] or found[3], found[2]
        if name in own:
            return own[name]
        assert name in known, f"{found[0]} is no variable of {document['uid']}: {text}"
        chosen = choice.get(name, known[name]["current"]["value"])
        if list(chosen) == [ALL]:
            assert known[name]["allValue"], "else All is every value"
            return str(known[name]["allValue"])
        return _formatted(chosen, form)

    return _VARIABLE.sub(put, text)


def _formatted(values: Sequence[str], form: str | None) -> str:
    if form == "pipe":
        return "|".join(values)
    assert form == "regex", f"no query of ours uses the form {form}"
    escaped = [_SPECIAL.sub(r"\\\g<0>", value) for value in values]
    return escaped[0] if len(escaped) == 1 else f"({'|'.join(escaped)})"


def _range(document: Document, panel: Document, now: datetime, zone: ZoneInfo, start: str | None) -> tuple[int, int]:
    """Start and end in ms: the dashboard's, or the panel's own, moved by its shift."""
    begin, end = start or document["time"]["from"], document["time"]["to"]
    own = panel.get("timeFrom")
    if own is not None:
        # `7d` is short for `now-7d`; `now/d` is the day so far.
        begin, end = (own if own.startswith("now") else f"now-{own}"), "now"
    shift = timedelta(milliseconds=_span_ms(panel["timeShift"])) if "timeShift" in panel else timedelta()
    return tuple(round((_moment(text, now.astimezone(zone)) - shift).timestamp() * 1000) for text in (begin, end))  # type: ignore[return-value]  # two


def _moment(text: str, now: datetime) -> datetime:
    found = _MOMENT.fullmatch(text)
    assert found is not None, text
    number, unit, whole = found.groups()
    moment = now - timedelta(milliseconds=_span_ms(f"{number}{unit}")) if number else now
    if whole == "h":
        return moment.replace(minute=0, second=0, microsecond=0)
    if whole is not None:
        moment = moment.replace(hour=0, minute=0, second=0, microsecond=0)
    if whole == "w":
        moment -= timedelta(days=moment.weekday())
    return moment.replace(day=1) if whole == "M" else moment


def _span_ms(text: str) -> int:
    number, unit = re.fullmatch(r"(\d+)(ms|[smhdwM])", text).groups()  # type: ignore[union-attr]  # Grafana knows no other
    return (
        int(number)
        * {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000, "M": 2_592_000_000}[
            unit
        ]
    )
