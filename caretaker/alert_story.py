"""The whole story of one alert, for a person: what it is and why, what happened, who was told, what to do next."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from alerts.alert import Alert, Silence, Transition
from alerts.desk import Delivered
from alerts.labels import match
from alerts.message.course import course_for
from alerts.notice import Cause, Muted
from caretaker.alert_words import MEASURED, SHORT, AlertWords, change_text, holder
from caretaker.commands.quarantine import printable
from caretaker.moments import age_text, local_text
from caretaker.output import Cell, rows, say
from telemetry.reading import NS_PER_S

LATE_NS = 2 * NS_PER_S
"""Noticed later than this after it became true, a change says so."""
CAUSES: Mapping[Cause, str] = course_for("en").causes


@dataclass(frozen=True)
class Story:
    """Everything that the database knows of one alert."""

    alert: Alert
    transitions: Sequence[Transition]
    deliveries: Sequence[Delivered]
    untold: Mapping[str, Muted]
    """By person: why they are not told something."""
    silences: Sequence[Silence]
    """Those that match it now."""
    at_ns: int


def silences_of(alert: Alert, silences: Sequence[Silence], words: AlertWords) -> Sequence[Silence]:
    """Those whose matchers fit the alert."""
    labels = words.labels(alert)
    return [silence for silence in silences if match(silence.matchers, labels)]


def tell(story: Story, words: AlertWords) -> None:
    """All of it on stdout."""
    rows(("what", "found"), _facts(story, words))
    say("")
    _timeline(story, words)
    say("")
    _told(story, words)
    if story.untold:
        say("")
        reasons = course_for("en").muted
        rows(
            ("not told", "because", "reason"),
            [(person_text(person, words), reasons[why], why) for person, why in story.untold.items()],
        )
    if story.silences:
        say("")
        zone = words.zone(story.alert)
        rows(
            ("silenced until", "by", "reason", "id"),
            [
                (local_text(one.end_ns, zone), printable(one.author), printable(one.reason), one.id)
                for one in story.silences
            ],
        )
    say("\nnext:")
    for step in next_steps(story.alert, words):
        say(f"  {step}")


def next_steps(alert: Alert, words: AlertWords) -> Sequence[str]:
    """The commands that make sense now."""
    rule, device = words.rules.get(alert.rule), words.device(alert)
    short = alert.id[:SHORT]
    steps: list[str] = []
    if alert.active:
        if alert.acknowledged_by is None:
            steps.append(f'caretaker alerts ack {short} --comment "…"')
        steps += [f"caretaker alerts assign {short} {person}" for person in [*words.registry.people][:1]]
        if rule is not None and rule.latches:
            steps.append(f"caretaker alerts resolve {short}")
        place = f" site={device.site}" if device is not None else f" device={alert.device}"
        steps.append(f'caretaker alerts silence rule={alert.rule}{place} --for 2h --reason "…"')
        steps.append(f"caretaker rules explain {alert.device}")
    if rule is not None and rule.metrics:
        steps.append(f"caretaker readings history {alert.device} {' '.join(rule.metrics)} --from 2h")
    steps.append(f"caretaker alerts history --device {alert.device} --from 7d")
    return steps


def _facts(story: Story, words: AlertWords) -> list[tuple[Cell, ...]]:
    alert, rule = story.alert, words.rules.get(story.alert.rule)
    zone = words.zone(alert)
    facts: list[tuple[Cell, ...]] = [
        ("alert", f"{words.name(alert.rule)} ({alert.id}, rule {alert.rule})"),
        ("severity", words.severity(alert.severity)),
        ("where", f"{words.device_name(alert)}, {words.site_name(alert)} ({alert.device})"),
        ("state", _state(alert, story.at_ns)),
    ]
    if shown := words.shown(alert):
        reading = "" if alert.reading_ns is None else f", in the reading of {local_text(alert.reading_ns, zone)}"
        facts.append(("value", f"{shown}{reading}{' (suspect)' if alert.suspect else ''}"))
    if (who := holder(alert, story.at_ns)) or alert.active:
        facts.append(("who has it", printable(who) or "nobody yet"))
    if alert.comment:
        facts.append(("comment", printable(alert.comment)))
    if rule is not None:
        facts.append(("why this rule", rule.why))
        if advice := words.advice(rule.id):
            facts.append(("what to do", advice))
    facts.append(("labels", " ".join(f"{name}={value}" for name, value in words.labels(alert).items() if value)))
    return facts


def _state(alert: Alert, at_ns: int) -> str:
    if alert.resolved_ns is None:
        return f"active for {age_text((at_ns - alert.raised_ns) / NS_PER_S)}"
    lasted = age_text((alert.resolved_ns - alert.raised_ns) / NS_PER_S)
    return f"resolved {age_text((at_ns - alert.resolved_ns) / NS_PER_S)} ago, it lasted {lasted}"


def _timeline(story: Story, words: AlertWords) -> None:
    zone = words.zone(story.alert)
    rows(
        (f"when ({getattr(zone, 'key', 'UTC')})", "what", "value", "noticed", "by", "comment"),
        [
            (
                local_text(one.at_ns, zone),
                change_text(one, words),
                words.shown(one) if one.change in MEASURED else None,
                _late(one),
                None if one.by is None else printable(one.by),
                None if one.comment is None else printable(one.comment),
            )
            for one in story.transitions
        ],
    )


def _late(transition: Transition) -> str:
    late_ns = transition.noticed_ns - transition.at_ns
    return "at once" if late_ns < LATE_NS else f"{age_text(late_ns / NS_PER_S)} later"


def _told(story: Story, words: AlertWords) -> None:
    if not story.deliveries:
        say("Nobody was told yet.")
        return
    zone = words.zone(story.alert)
    rows(
        ("told", "by", "because", "decided", "result", "at", "detail"),
        [
            (
                person_text(one.delivery.person, words),
                one.delivery.channel,
                CAUSES[one.delivery.cause],
                local_text(one.delivery.created_ns, zone),
                one.status,
                None if one.done_ns is None else local_text(one.done_ns, zone),
                printable(one.detail) or None,
            )
            for one in story.deliveries
        ],
    )


def person_text(person: str, words: AlertWords) -> str:
    """What people call them; the readings on MQTT have no person."""
    if not person:
        return "programs"
    return words.person(person)
