"""An air station: how is the air, and which way is it going? The worst pollutant first, each with its day."""

from collections.abc import Mapping

from api.board import parts
from api.board.frame import Visit
from api.board.pages.shown import active_at, alerts_of
from api.board.plot import Course, Curve, Line, Scene, Tone, draw
from api.board.refusal import refusal
from api.problem import AwayError
from api.queries import air, places
from api.queries.air import Air, Past, Pollutant, Trend
from api.queries.answer import time_ns_of
from telemetry.reading import NS_PER_MS, NS_PER_S
from telemetry.wording import later

LOOK_EVERY_S = 2.0
PAST_EVERY_NS = 60 * NS_PER_S
PLOT_PX = 150
TRENDS: Mapping[Trend, tuple[str, str]] = {
    Trend.RISING: ("\u2197", later("rising")),
    Trend.STEADY: ("\u2192", later("steady")),
    Trend.FALLING: ("\u2198", later("falling")),
    Trend.UNKNOWN: ("", later("trend not known yet")),
}


async def build_site(visit: Visit, site: str) -> None:
    """The page of a station."""
    past: Past | None = None

    async def build() -> None:
        nonlocal past
        caller = await visit.caller()
        if past is None or visit.now_ns() - past.at_ns >= PAST_EVERY_NS:
            past = await air.past(visit.sources, caller, site)
        found = await air.air(visit.sources, caller, site, past)
        place = await places.site(visit.sources, caller, site)
        active = await active_at(visit, caller, site)
        name = visit.words.name(place.names, place.id)
        visit.title(name)
        with parts.tag("div", classes="verdict"):
            parts.tag("p", name, "quiet")
            parts.tag("h1", verdict(visit, found))
            if found.worst is not None:
                parts.tag("p", basis(visit, found.worst))
        alerts_of(visit, active)
        if found.away is not None:
            refusal(AwayError(found.away), visit.words)
        with parts.section(visit.words("Pollutants"), hidden_title=True), parts.tag("div", classes="pollutants"):
            for one in found.pollutants:
                _pollutant(visit, found, one)
        if found.climate:
            with parts.section(visit.words("Weather")):
                _climate(visit, found)
        with parts.tag("p", classes="foot"):
            parts.tag("span", visit.words("Guidelines: WHO 2021, means over 24 hours, of ozone over 8 hours.") + " ")
            parts.link(visit.words("All devices here"), f"/devices?site={site}")

    await visit.live(build, [site], every_s=LOOK_EVERY_S)


def verdict(visit: Visit, found: Air) -> str:
    """The worst pollutant against its guideline, in words."""
    words, worst = visit.words, found.worst
    if worst is None or worst.against.share is None:
        return words("Too little is known for a mean yet")
    name = words.name(worst.names)
    if worst.against.share > 1:
        return words("{name} is {times} times its guideline", name=name, times=words.number(worst.against.share, 1))
    share = words.number(worst.against.share * 100, 0)
    return words("All within the guidelines; {name} is nearest, at {share}%", name=name, share=share)


def basis(visit: Visit, one: Pollutant) -> str:
    """The mean and the limit behind a verdict."""
    words, against = visit.words, one.against
    return words(
        "Mean of {hours} hours: {mean} {unit}; guideline {limit} {unit}",
        hours=against.hours,
        mean=words.number(against.mean, one.decimals),
        limit=words.number(against.limit, 0),
        unit=words.unit(one.unit),
    )


def _pollutant(visit: Visit, found: Air, one: Pollutant) -> None:
    words = visit.words
    with parts.tag("article", classes="edge pollutant", data_key=f"{one.device}/{one.metric}"):
        with parts.tag("div", classes="pollutant-head"):
            with parts.tag("h3"):
                parts.link(words.name(one.names, one.metric), f"/devices/{one.device}/{one.metric}")
            arrow, trend = TRENDS[one.trend]
            parts.tag("span", f"{arrow} {words(trend)}".strip(), "quiet")
        time_ns = None if one.time is None else time_ns_of(one.time)
        parts.value(
            words,
            one.value,
            unit=one.unit,
            decimals=one.decimals,
            age="" if time_ns is None else words.ago(time_ns, visit.now_ns()),
            exact="" if time_ns is None else words.moment(time_ns, visit.zone(found.site)),
            stale=one.stale,
            suspect=one.suspect,
            classes="big",
        )
        if one.against.share is None:
            said = words("The mean of {hours} hours is not known yet", hours=one.against.hours)
        else:
            said = f"{basis(visit, one)} ({words.number(one.against.share * 100, 0)}%)"
        parts.tag("p", said, "quiet small")
        draw([Curve(_course(one))], _scene(visit, found, one), words)


def _course(one: Pollutant) -> Course:
    return Course(
        [point.time_ms for point in one.points],
        [point.value for point in one.points],
        suspect=frozenset(place for place, point in enumerate(one.points) if point.suspect),
        step_ms=air.STEP_NS / NS_PER_MS,
    )


def _scene(visit: Visit, found: Air, one: Pollutant) -> Scene:
    words = visit.words
    limit = words.number(one.against.limit, 0)
    guideline = words("{hours} h guideline {limit}", hours=one.against.hours, limit=limit)
    return Scene(
        title=words("{name}, 24 hours", name=words.name(one.names, one.metric)),
        start_ms=time_ns_of(found.start) // NS_PER_MS,
        end_ms=time_ns_of(found.end) // NS_PER_MS,
        zone=visit.zone(found.site),
        unit=one.unit,
        decimals=one.decimals,
        lines=[Line(one.against.limit, guideline, Tone.GUIDELINE)],
        height_px=PLOT_PX,
    )


def _climate(visit: Visit, found: Air) -> None:
    words = visit.words
    with parts.tag("dl", classes="figures"):
        for one in found.climate:
            time_ns = time_ns_of(one.time)
            with parts.tag("div", classes="figure", data_key=f"{one.device}/{one.metric}"):
                parts.tag("dt", words.name(one.names, one.metric))
                with parts.tag("dd"):
                    parts.value(
                        words,
                        one.value,
                        unit=one.unit,
                        decimals=one.decimals,
                        age=words.ago(time_ns, visit.now_ns()),
                        exact=words.moment(time_ns, visit.zone(found.site)),
                        stale=one.stale,
                        suspect=one.suspect,
                    )
