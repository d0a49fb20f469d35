"""What rules think of a device, in sentences for people and in rows for programs."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import tzinfo
from typing import NamedTuple

from alerts.alert import Alert, Severity
from alerts.explain.explain import Explanation, Thought
from alerts.explain.misfit import Misfit, Part
from alerts.explain.reason import Reason, Why
from alerts.judge.lifecycle import Phase, holds
from alerts.message.shown import duration
from alerts.message.subject import Subject, subject_of
from alerts.message.words import EN, words_for
from alerts.rules.rule import Guard, Level, NoData, Rule, Side
from caretaker.alert_words import COLOURS, AlertWords, holder
from caretaker.commands.quarantine import printable
from caretaker.moments import age_text, from_ns, local_text, utc_text
from caretaker.output import Cell, Coloured
from caretaker.values import name_text, unit_text, value_text
from telemetry.reading import NS_PER_S
from telemetry.registry.models import Device

PROGRAMS = (
    "rule",
    "state",
    "severity",
    "since",
    "due",
    "because",
    "until",
    "value",
    "unit",
    "reading_time",
    "from_store",
    *(f"{severity.word}_{word}" for severity in Severity for word in ("raise", "clear")),
    "known_share",
    "silent_at",
    "judged",
    "alert",
    "acknowledged_by",
)
LATE_S = 30.0
"""A clock that is further back stands still: the heartbeat comes once a second."""
PARTS: Mapping[Part, str] = {
    Part.ARCHIVE: "its site plays old measurements, and rules judge only what is measured now",
    Part.KIND: "it selects the kind {wanted}; this device is {found}",
    Part.SITE: "it selects the site {wanted}; this device is at {found}",
    Part.SITE_KIND: "it selects sites of the kind {wanted}; this one is {found}",
    Part.AREA: "it selects the area {wanted}; this device is in {found}",
    Part.AREA_TYPE: "it selects areas of the type {wanted}; this one is {found}",
    Part.DEVICE: "it selects the device {wanted}",
    Part.LABEL: "it selects the label {wanted}; this device has {found}",
    Part.METRIC: "it reads {wanted}; this device measures {found}",
    Part.GUARD: "it looks at {wanted} too (only_while); this device measures {found}",
    Part.INTERVAL: "it counts missed intervals; this device has no interval_s",
}


WHYS: Mapping[Why, str] = {
    Why.CHANGED: "the alert service remembers another version of the rule; it begins anew when it reads this one",
    Why.OUTSIDE_HOURS: "it is outside the rule's hours, which begin {until}",
    Why.PAUSED: "it is paused until {until}, after “{event}” at {since}",
    Why.OUT_OF_SERVICE: "the device is out of service since {since}, until {until}",
    Why.NEVER_HEARD: "nothing that it reads has come yet",
    Why.SILENT: "the last value held until {since}, and none has come since",
    Why.ONE_READING: "a rate needs two readings with no gap between them and, of a counter, no fall",
    Why.WINDOW_NOT_FULL: "the device is watched since {since}; its first whole window ends {until}",
    Why.TOO_LITTLE_KNOWN: "too little of the window is known",
    Why.NO_PEAK: "there is no peak of this month yet: that takes three days of it",
    Why.GUARD_UNKNOWN: "it counts only {guard}",
    Why.GUARD_NOT_MET: "it counts only {guard}",
    Why.GATEWAY_AWAY: "its gateway {gateway} is away too: whether the device is silent, nobody can tell",
}


def misfit_text(misfit: Misfit) -> str:
    """Why a rule leaves the device out, as a sentence."""
    return PARTS[misfit.part].format(wanted=misfit.wanted, found=misfit.found or "none")


class Asked(NamedTuple):
    """About what, for whom, and when."""

    device: Device
    words: AlertWords
    language: str
    clock_ns: int


class Teller:
    """One explanation in words. Times are the site's own."""

    def __init__(self, asked: Asked, explanation: Explanation, alert: Alert | None) -> None:
        """`alert`: the active one, as it stands."""
        self._asked = asked
        self._found = explanation
        self.rule = explanation.rule
        self._alert = alert
        self._zone: tzinfo = asked.words.registry.sites[asked.device.site].timezone

    def for_people(self) -> Iterator[Sequence[Cell]]:
        """What, and what is to be said of it."""
        found = self._found
        yield "thinks", self._thought()
        if found.reason is not None:
            yield "because", self._why(found.reason)
        if found.now is not None and found.now.shown is not None:
            yield "compares", self._compared()
        if self.rule.guard is not None and found.reason is None:
            yield "only while", self._guard(self.rule.guard)
        for one in found.levels:
            yield one.level.severity.word, self._level(one.level)
        if found.share is not None:
            needed = f", {found.share.needed:.0%} is needed" if found.share.needed else ""
            # A window of which nothing is known sleeps until the next reading.
            awake = found.share.step_ns > self._asked.clock_ns
            step = f"; worked out again at {self._when(found.share.step_ns)}" if awake else ""
            yield "window", f"{found.share.known:.0%} of it is known{needed}{step}"
        if found.judged_ns is not None:
            yield "judged until", self._when(found.judged_ns)
        if self._alert is not None:
            who = printable(holder(self._alert, self._asked.clock_ns))
            yield "alert", f"{self._alert.id}, {f'acknowledged by {who}' if who else 'nobody has it yet'}"

    def for_programs(self) -> Sequence[Cell]:
        """Under `PROGRAMS`. Times are UTC, values in the rule's unit."""
        found, now = self._found, self._found.now
        levels = {one.level.severity: one.level for one in found.levels}
        top = next((one for one in found.levels if one.level.severity is found.severity), None)
        limits = [
            (None, None) if severity not in levels else (levels[severity].raise_at, levels[severity].clear_at)
            for severity in Severity
        ]
        reason = found.reason
        return (
            self.rule.id,
            found.thought.value,
            None if found.severity is None else found.severity.word,
            _utc(self._since_ns()),
            _utc(None if top is None else top.due_ns),
            None if reason is None else reason.why.value,
            _utc(None if reason is None else reason.until_ns),
            None if now is None else now.shown,
            self._subject(0.0).unit or None,
            _utc(None if now is None else now.reading_ns),
            found.stored,
            *(limit for pair in limits for limit in pair),
            None if found.share is None else round(found.share.known, 4),
            _utc(found.silent_ns),
            _utc(found.judged_ns),
            found.alert,
            None if self._alert is None else self._alert.acknowledged_by,
        )

    def _thought(self) -> str:
        found, severity = self._found, self._found.severity
        if severity is None:
            return self._idle()
        top = next(one for one in found.levels if one.level.severity is severity)
        since = self._when(self._since_ns() or 0)
        if found.phase is Phase.PENDING:
            said = f"pending since {since}: raised as {severity.word} at {self._when(top.due_ns or 0)}, if it lasts"
        else:
            said = f"raised since {since}, {severity.word} now"
        if found.phase is Phase.CLEARING:
            said += f"; clearing: {severity.word} ends at {self._when(top.due_ns or 0)}, if it does not come back"
        if found.expires_ns is not None:
            said += f"; ends by itself at {self._when(found.expires_ns)}"
        elif self.rule.latches:
            said += "; ends when somebody resolves it"
        if found.flapping:
            said += "; it flaps, so changes are only recorded"
        return Coloured(said, COLOURS[severity])

    def _idle(self) -> str:
        found = self._found
        if found.thought is not Thought.QUIET:
            return found.thought.value
        if found.silent_ns is not None:
            return f"quiet; the device counts as silent from {self._when(found.silent_ns)} on, if nothing comes"
        now = found.now
        beyond = now is not None and any(holds(one.level, self.rule.side, now.value) for one in found.levels)
        if found.stored and beyond and found.reason is None:
            return "quiet; the alert service has not judged the stored value yet"
        return "quiet"

    def _since_ns(self) -> int | None:
        """Of the alert, or of what is pending."""
        if self._alert is not None:
            return self._alert.raised_ns
        return next((one.since_ns for one in self._found.levels if one.level.severity is self._found.severity), None)

    def _why(self, reason: Reason) -> str:
        pause, guard = self.rule.pause, self.rule.guard
        return WHYS[reason.why].format(
            since="" if reason.since_ns is None else self._when(reason.since_ns),
            until="further notice" if reason.until_ns is None else self._when(reason.until_ns),
            event="" if pause is None else self._metric(pause.metric),
            guard="" if guard is None else self._guard(guard),
            gateway=self._asked.device.parent,
        )

    def _compared(self) -> str:
        now = self._found.now
        assert now is not None, "asked where there is something"
        subject = self._subject(now.shown)
        said = f"{subject.what}: {subject.value}" if subject.value else subject.what
        if now.reading_ns is not None:
            said += f", in the reading of {self._when(now.reading_ns)}"
        said += " (suspect)" if now.suspect else ""
        return f"{said}, from the store" if self._found.stored else said

    def _guard(self, guard: Guard) -> str:
        metric = self._asked.words.registry.metrics.get(guard.metric)
        limit = f"{value_text(metric, guard.threshold)} {unit_text(metric)}".rstrip()
        kept = self._found.guard
        value = (
            "it is not known" if kept is None else f"it was {value_text(metric, kept[1])} {unit_text(metric)}".rstrip()
        )
        return f"while {self._metric(guard.metric)} is {guard.side.value} {limit}; {value}"

    def _level(self, level: Level) -> str:
        lasting = f" for {duration(level.for_ns, EN)}" if level.for_ns else ""
        gone = f" for {duration(level.clear_for_ns, EN)}" if level.clear_for_ns else ""
        if level.raise_at is None or level.clear_at is None:
            begins = f"after {duration(level.for_ns, EN)}" if level.for_ns else "at once"
            if isinstance(self.rule.condition, NoData):
                begins += " of silence" if level.for_ns else " when it is silent"
            if self.rule.latches:
                return f"raised {begins}"
            ends = f"after {duration(level.clear_for_ns, EN)} without" if level.clear_for_ns else "when it is over"
            return f"raised {begins}, cleared {ends}"
        raises, clears = self._subject(level.raise_at).value, self._subject(level.clear_at).value
        back = "below" if self.rule.side is Side.ABOVE else "above"
        return f"raised {self.rule.side.value} {raises}{lasting}, cleared at {clears} or {back}{gone}"

    def _subject(self, value: float | None) -> Subject:
        """The rule's figures as messages write them."""
        words = self._asked.words
        alert = _figures(self.rule, self._asked.device, value)
        language = self._asked.language
        return subject_of(alert, self.rule, words.registry, words_for(language), language, self._asked.clock_ns)

    def _metric(self, name: str) -> str:
        return name_text(self._asked.words.registry.metrics.get(name), self._asked.language, name)

    def _when(self, time_ns: int) -> str:
        """The time of day; with its date where that is not the clock's."""
        same_day = from_ns(time_ns, self._zone).date() == from_ns(self._asked.clock_ns, self._zone).date()
        return local_text(time_ns, self._zone)[11 if same_day else 0 :]


def clock_text(asked: Asked, at_ns: int) -> str:
    """How old what is told is, seen from `at_ns`, wall clock."""
    if not asked.clock_ns:
        return "The alert service has not heard its clock yet: nothing was judged."
    zone = asked.words.registry.sites[asked.device.site].timezone
    old_s = (at_ns - asked.clock_ns) / NS_PER_S
    age = f"{age_text(old_s)} ago" if old_s > -LATE_S else f"{age_text(-old_s)} ahead of this machine's clock"
    late = "; the alert service is not running, or hears nothing: this is what it thought then"
    stands = f"The alert clock stands at {local_text(asked.clock_ns, zone)} ({zone.key}), {age}"
    return f"{stands}{late if old_s > LATE_S else ''}."


def _figures(rule: Rule, device: Device, value: float | None) -> Alert:
    """An alert that stands for figures only."""
    return Alert(
        id="",
        rule=rule.id,
        device=device.id,
        severity=rule.levels[0].severity,
        worst=rule.levels[0].severity,
        raised_ns=0,
        changed_ns=0,
        resolved_ns=None,
        value=None if isinstance(rule.condition, NoData) else value,
        threshold=None,
        reading_ns=None,
        suspect=False,
        acknowledged_by=None,
        acknowledged_ns=None,
        acknowledged_until_ns=None,
        comment=None,
        ending=None,
    )


def _utc(time_ns: int | None) -> str | None:
    return None if time_ns is None else utc_text(time_ns)
