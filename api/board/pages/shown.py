"""How the newest value of a metric is shown, and the alerts of a place: the same on every page about devices."""

from collections.abc import Sequence

from api.access.caller import Caller
from api.board import parts
from api.board.frame import Visit
from api.problem import AwayError
from api.queries import alerts as query
from api.queries.alert_values import AlertBrief
from api.queries.answer import time_ns_of
from api.queries.devices import Latest
from api.queries.paging import Page
from telemetry.catalogue.metric import Kind
from telemetry.reading import Quality

SUSPECT = "suspect"


def shown(visit: Visit, one: Latest, site: str) -> None:
    """A value with its unit; its age on hover, or beside it where it is old; marked where it is suspect."""
    words = visit.words
    time_ns = time_ns_of(one.time)
    parts.value(
        words,
        text_of(visit, one),
        unit=one.unit,
        decimals=one.decimals,
        age=words.ago(time_ns, visit.now_ns()),
        exact=words.moment(time_ns, visit.zone(site)),
        stale=one.stale,
        suspect=SUSPECT in one.quality,
    )


def text_of(visit: Visit, one: Latest) -> float | str:
    """A number, a text; of a state that is one of two: yes or no."""
    metric = visit.sources.registry.metrics.get(one.metric)
    if metric is None or metric.kind not in {Kind.STATE, Kind.EVENT} or metric.possible_max != 1.0:
        return one.value
    return visit.words("yes") if one.value else visit.words("no")


def trust_of(visit: Visit, one: Latest) -> str:
    """Why a value deserves less trust, in words; that it is good, if it is."""
    words = visit.words
    said = [words.quality(flag) for flag in Quality if flag.name is not None and flag.name.lower() in one.quality]
    if one.stale:
        said.append(words("older than twice its interval"))
    return words.list(said) or words("good")


def moment_text(visit: Visit, one: Latest) -> str:
    """Its age."""
    return visit.words.ago(time_ns_of(one.time), visit.now_ns())


async def active_at(visit: Visit, caller: Caller, site: str) -> Sequence[AlertBrief] | None:
    """The active alerts of a site; None: they can't be asked just now."""
    try:
        return (await query.alerts(visit.sources, caller, query.AlertFilter(site=site), Page())).items
    except AwayError:
        return None


def alerts_of(visit: Visit, alerts: Sequence[AlertBrief] | None) -> None:
    """Active alerts as a list of links, one line each; nothing where there are none."""
    words = visit.words
    if alerts is None:
        parts.message(words("Alerts can't be asked just now."), trouble=True)
    if not alerts:
        return
    with parts.tag("ul", classes="alert-lines"):
        for one in alerts:
            with parts.tag("li", data_key=one.id):
                parts.state(one.severity.severity, words)
                said = words.name(one.says) or words.name(one.rule_names, one.rule)
                parts.link(said, f"/alerts/{one.id}")
                raised_ns = time_ns_of(one.raised)
                parts.tag("span", words("since {time}", time=words.ago(raised_ns, visit.now_ns())), "quiet small")
                if one.acknowledged_by:
                    parts.tag("span", words("{name} has it", name=one.acknowledged_by), "quiet small")
