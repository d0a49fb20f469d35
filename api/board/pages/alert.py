"""One alert: why, since when, who has it, what the rule saw, and who was told."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode

from alerts.desk import Channel, Status
from api.board import parts
from api.board.alert_deeds import Deeds, may_act
from api.board.alert_words import age, device_name, has_it, name_of, shown, step_text, told_by, where, zone_of
from api.board.frame import Board, Visit
from api.board.in_grafana import link_to_alert
from api.board.plot import Course, Curve, Line, Look, Scene, Shape, Tone, course_of, draw
from api.board.refusal import refusal
from api.board.words import Words
from api.problem import AwayError, ForbiddenError
from api.queries import alerts, history
from api.queries.alert_values import SeverityWord, Told
from api.queries.alerts import AlertDetail
from api.queries.answer import moment, time_ns_of
from api.queries.history import Series
from telemetry.catalogue.metric import Kind, Metric
from telemetry.reading import NS_PER_MS
from telemetry.wording import later

PLOT_POINTS = 400
PLOT_HEIGHT_PX = 240
BEFORE_LEAST, BEFORE_MOST = timedelta(hours=1), timedelta(days=1)
AFTER = timedelta(minutes=30)
MOST = timedelta(days=7)
"""A plot shows the beginning of what lasts longer."""
SHAPES = {Kind.STATE: Shape.STEP, Kind.EVENT: Shape.DOTS}
CHANNELS = {
    Channel.INBOX: later("Inbox on this server"),
    Channel.EMAIL: later("E-mail"),
    Channel.WEBHOOK: later("Webhook"),
    Channel.APPRISE: later("Chat or push"),
    Channel.MQTT: later("MQTT"),
}
STATUSES = {
    Status.WAITING: later("Waiting"),
    Status.DELIVERED: later("Delivered"),
    Status.DEAD: later("Failed"),
}
_SEVERITIES = {
    SeverityWord.CRITICAL: later("Critical"),
    SeverityWord.WARNING: later("Warning"),
    SeverityWord.INFORMATION: later("Information"),
}


def add(board: Board) -> None:
    """Register it."""

    @board.page("/alerts/{alert_id}", later("Alert"))
    async def page(visit: Visit, alert_id: str) -> None:
        await _AlertPage(visit, alert_id).draw()


class _AlertPage:
    """One open alert."""

    def __init__(self, visit: Visit, alert_id: str) -> None:
        self._visit = visit
        self._id = alert_id
        self._deeds = Deeds(visit, self._done)

    async def draw(self) -> None:
        visit, words = self._visit, self._visit.words
        found = await self._ask()
        visit.title(name_of(found, words))
        parts.link(words("Alerts"), "/alerts", "crumb")
        with parts.tag("div", classes="alert-page"):
            with parts.tag("div", classes="alert-main"):
                self._live = await visit.live(self._head, sites=[])
                if found.metric is not None:
                    await visit.live(self._plot, sites=[], every_s=5.0)
            with parts.tag("div", classes="alert-side"):
                await visit.live(self._course, sites=[])

    async def _ask(self) -> AlertDetail:
        return await alerts.alert(self._visit.sources, await self._visit.caller(), self._id)

    async def _done(self) -> None:
        """Changes come with the news; a silence is none."""
        await self._live.draw()

    async def _head(self) -> None:
        visit, words = self._visit, self._visit.words
        found = await self._ask()
        caller = await visit.caller()
        told, zone = told_by(visit), zone_of(found, visit)
        with parts.tag("div", classes="alert-head"):
            with parts.tag("p", classes="alert-badges"):
                parts.state(found.severity.severity, words)
                if found.resolved is not None:
                    parts.tag("span", words("Resolved"), "badge")
                if found.silenced:
                    parts.tag("span", words("Silenced"), "badge")
            parts.tag("h1", name_of(found, words))
            if sentence := shown(found, words):
                parts.tag("p", sentence, "alert-sentence")
            if found.suspect:
                text = words("The value is outside the range that is plausible: the sensor may be at fault.")
                parts.tag("p", text, "quiet")
        with parts.tag("dl", classes="alert-facts"):
            _fact(words("Where"), where(found, visit))
            with _term(words("Device")):
                parts.link(device_name(found, words), f"/devices/{found.device}")
            with _term(words("Since")):
                age(found.raised, zone, visit)
                parts.tag("span", words.moment(time_ns_of(found.raised), zone), "quiet small")
            if found.resolved is not None:
                with _term(words("Resolved")):
                    age(found.resolved, zone, visit)
                    parts.tag("span", words.moment(time_ns_of(found.resolved), zone), "quiet small")
            else:
                _fact(words("Who has it"), has_it(found, visit))
                if advice := told.advice(found.rule):
                    _fact(words("What to do"), advice)
        link_to_alert(visit, found)
        if found.resolved is None and may_act(caller):
            self._buttons(found)

    def _buttons(self, found: AlertDetail) -> None:
        words, deeds = self._visit.words, self._deeds
        with parts.tag("div", classes="actions alert-deeds"):
            if found.acknowledged_by is None:
                parts.button(words("Acknowledge"), lambda: deeds.acknowledge([found]), primary=True)
            if found.latches:
                parts.button(words("End the alert"), lambda: deeds.ask_to_resolve([found]))
            parts.button(words("Give it to somebody"), lambda: deeds.ask_to_assign([found]))
            parts.button(words("Silence"), lambda: deeds.ask_to_silence(found))
            parts.button(words("Comment"), lambda: deeds.ask_for_comment([found]))

    async def _plot(self) -> None:
        """What the rule saw, with its lines and the moment at which it was raised."""
        visit, words = self._visit, self._visit.words
        found, caller = await self._ask(), await visit.caller()
        metric = visit.sources.registry.metrics.get(found.metric or "")
        if metric is None or metric.kind is Kind.TEXT or found.device not in visit.sources.registry.devices:
            return
        start, end = span_of(found, moment(visit.now_ns()))
        try:
            series = await history.series(
                visit.sources, caller, found.device, metric.name, time_ns_of(start), time_ns_of(end), PLOT_POINTS
            )
        except (AwayError, ForbiddenError) as error:
            refusal(error, words)
            return
        name = words.name(metric.names, metric.name)
        with parts.section(words("What the rule saw")):
            scene = Scene(
                title=words("{metric} at {device}", metric=name, device=device_name(found, words)),
                start_ms=time_ns_of(start) // NS_PER_MS,
                end_ms=time_ns_of(end) // NS_PER_MS,
                zone=zone_of(found, visit),
                unit=metric.unit,
                decimals=metric.decimals,
                lines=lines_of(found, words),
                height_px=PLOT_HEIGHT_PX,
                download=_download(found.device, metric, start, end),
            )
            interval_s = visit.sources.registry.devices[found.device].interval_s
            main = Curve(course_of(series, interval_s), name=name, shape=SHAPES.get(metric.kind, Shape.LINE))
            draw([main, *_raise_of(found, series, scene.lines, words)], scene, words)

    async def _course(self) -> None:
        """What happened, and who was told."""
        visit, words = self._visit, self._visit.words
        found = await self._ask()
        told, zone = told_by(visit), zone_of(found, visit)
        with parts.section(words("What happened")), parts.tag("ol", classes="steps"):
            for step in reversed(found.steps):
                what, value = step_text(step, told, words)
                with parts.tag("li", classes=f"step step-{step.change.value}", data_key=f"{step.at} {step.change}"):
                    parts.tag("span", what, "step-what")
                    age(step.at, zone, visit, "quiet small")
                    if value:
                        parts.tag("span", value, "step-value quiet")
                    if step.comment:
                        parts.tag("q", step.comment, "step-comment")
        if may_act(await visit.caller()):
            with parts.section(words("Who was told")):
                self._deliveries(found.deliveries, found)
        with parts.section(words("The rule")):
            rule = next((one for one in visit.sources.rules.rules if one.id == found.rule), None)
            if rule is not None:
                parts.tag("p", told.asks(rule))
            if found.why:
                parts.tag("p", found.why, "quiet")
            if rule is not None:
                parts.link(words("Everything about the rule"), f"/rules/{found.rule}")
            else:
                parts.tag("p", words("It is no longer configured."), "quiet")

    def _deliveries(self, deliveries: Sequence[Told], found: AlertDetail) -> None:
        visit, words = self._visit, self._visit.words
        if not deliveries:
            parts.tag("p", words("Nobody: routes.yaml names who is told of what."), "quiet")
            return
        with parts.tag("ol", classes="tellings"):
            for one in deliveries:
                with parts.tag("li", classes=f"telling telling-{one.status.value}"):
                    parts.tag("span", one.person or words(CHANNELS[one.channel]), "telling-who")
                    parts.tag("span", words(CHANNELS[one.channel]), "quiet")
                    with parts.tag("span", classes="telling-status"):
                        parts.tag("span", words(STATUSES[one.status]))
                        age(one.done or one.created, zone_of(found, visit), visit, "quiet small")
                    if one.detail and one.status is not Status.DELIVERED:
                        parts.tag("span", one.detail, "telling-why small")


def span_of(found: AlertDetail, now: datetime) -> tuple[datetime, datetime]:
    """What its plot shows: from a while before the raise to a while after the end, a week at most."""
    end = now if found.resolved is None else min(now, found.resolved + AFTER)
    start = found.raised - max(BEFORE_LEAST, min((end - found.raised) / 4, BEFORE_MOST))
    return start, min(end, start + MOST)


def lines_of(found: AlertDetail, words: Words) -> Sequence[Line]:
    """Where its rule raises and clears, if that is on the metric's own scale."""
    drawn: list[Line] = []
    for one in found.lines:
        if one.metric != found.metric:
            continue
        name = words(_SEVERITIES[one.severity])
        tone = Tone.CRITICAL if one.severity is SeverityWord.CRITICAL else Tone.ATTENTION
        drawn.append(Line(one.raise_at, name, tone))
        if one.clear_at != one.raise_at:
            drawn.append(Line(one.clear_at, words("{severity} ends", severity=name), Tone.CLEAR))
    return drawn


def _raise_of(found: AlertDetail, series: Series, lines: Sequence[Line], words: Words) -> Sequence[Curve]:
    """The moment of the raise, as an upright line from the lowest to the highest of what is drawn."""
    drawn = [*series.values, *series.low, *series.high, *(one.value for one in lines)]
    if not drawn:
        return ()
    low, high = min(drawn), max(drawn)
    if low == high:  # a state that does not change, a single event: between no and yes
        low, high = min(low, 0.0), max(high, 1.0)
    raised_ms = time_ns_of(found.raised) // NS_PER_MS
    course = Course((raised_ms, raised_ms + 1), (low, high))
    return (Curve(course, name=words("Raised"), look=Look.COMPARED),)


def _download(device: str, metric: Metric, start: datetime, end: datetime) -> str:
    asked = {
        "metric": metric.name,
        "start": start.astimezone(UTC).isoformat(),
        "end": end.astimezone(UTC).isoformat(),
        "format": "csv",
    }
    return f"/api/v1/devices/{device}/history?{urlencode(asked)}"


def _fact(name: str, text: str) -> None:
    with _term(name):
        parts.tag("span", text)


def _term(name: str) -> parts.Tag:
    """A name, and what is open for its text."""
    parts.tag("dt", name)
    return parts.tag("dd")
