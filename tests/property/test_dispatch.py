"""Whatever happens in whatever order: nobody hears the same twice, nobody is forgotten, and a plan can be repeated."""

from collections import defaultdict

from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.alert import Severity
from alerts.dispatch.routing import Route, Step
from alerts.notice import Cause, Channel
from tests.unit.dispatch_play import HOUR, MINUTE, Play, route

S = 10**9
DEVICES = ("a-1", "a-2", "b-1", "gw")
WAIT_S, INTERVAL_S, REPEAT_S, AFTER_S = 30, 300, HOUR, 10 * MINUTE
MORNING_S = 20 * HOUR


def routes() -> Route:
    """A warning goes to two people; what is critical to one of them and the technician, at once."""
    timing = {"group_interval_ns": INTERVAL_S * S, "repeat_interval_ns": REPEAT_S * S}
    both = route(
        name="root/critical",
        match={"severity": "critical"},
        to=("manager", "technician"),
        group_wait_ns=0,
        escalate=(Step(AFTER_S * S, ("attendant",)),),
        **timing,
    )
    return route(both, to=("attendant", "manager"), **timing)


STEPS = st.lists(
    st.tuples(
        st.integers(0, 20 * MINUTE),
        st.sampled_from(("raise", "rise", "fall", "resolve", "acknowledge", "assign", "silence", "look", "flap")),
        st.sampled_from(DEVICES),
        st.integers(0, 40 * MINUTE),
    ),
    max_size=25,
)


def act(play: Play, active: dict[str, str], what: str, name: str, span_s: int, at_s: float) -> None:
    """One step of a story; what makes no sense at the moment is passed over."""
    alert = active.get(name)
    if what == "silence":
        play.silence(at_s, at_s + span_s + 1, device=name)
    elif what in {"raise", "flap"} and alert is None:
        severity = Severity.CRITICAL if span_s % 3 == 0 else Severity.WARNING
        active[name] = play.raised(name, severity=severity, flapping=what == "flap")
    elif alert is None or alert not in play.alerts:
        return
    elif what == "resolve":
        play.resolved(active.pop(name))
    elif what == "acknowledge":
        play.acknowledged(alert, until_s=at_s + span_s if span_s % 2 else None)
    elif what == "assign":
        play.assigned(alert, ("manager", "technician", "attendant")[span_s % 3])
    elif what == "rise" and play.alerts[alert].severity < Severity.CRITICAL:
        play.turned(alert, Severity.CRITICAL)
    elif what == "fall" and play.alerts[alert].severity > Severity.INFORMATION:
        play.turned(alert, Severity(play.alerts[alert].severity - 1))


def told(play: Play) -> dict[tuple[str, str], list[tuple[float, Cause, Severity]]]:
    """By person and alert: when they were told what."""
    found: dict[tuple[str, str], list[tuple[float, Cause, Severity]]] = defaultdict(list)
    for notice, line in zip(play.notices, play.lines, strict=True):
        for alert, cause in notice.alerts:
            found[notice.person, alert.id].append((line.at_s, cause, alert.severity))
    return found


def check_news(seen: list[tuple[float, Cause, Severity]]) -> None:
    """What one person heard of one alert."""
    for place, (at_s, cause, severity) in enumerate(seen):
        before = seen[place - 1] if place else None
        match cause:
            case Cause.NEW | Cause.MORE | Cause.FLAPPING:
                assert before is None
            case Cause.ROSE:
                assert before is not None
                assert severity > before[2]
            case Cause.RESOLVED:
                assert before is not None
                assert place == len(seen) - 1
            case Cause.REPEAT if before is not None:
                assert at_s - before[0] >= REPEAT_S - INTERVAL_S
            case _:
                pass
    assert [cause for _, cause, _ in seen].count(Cause.ESCALATED) <= 1


@settings(max_examples=150, deadline=None)
@given(STEPS)
def test_the_same_news_are_told_once_and_the_state_ends_empty(story: list[tuple[int, str, str, int]]) -> None:
    play, at_s, active = Play(routes(), cap_an_hour=1000), 0.0, dict[str, str]()
    for span_s, what, name, length_s in story:
        at_s += span_s
        play.clock(at_s)
        act(play, active, what, name, length_s, at_s)
        if what == "look":
            play.at(at_s)
    play.at(at_s + 1)
    play.silences = []
    play.at(at_s + HOUR)
    heard = {name for _, name in told(play)}
    flapped = {name for _, what, name, _ in story if what == "flap"}
    for alert in play.alerts.values():
        # It is active, and no silence is left: somebody knows it, or took it on before anybody was told. An alert that
        # flaps may be known by the notice about the one before.
        known = alert.id in heard or alert.acknowledged_by is not None
        assert known or (alert.device in flapped and Cause.FLAPPING in play.notified)
    for seen in told(play).values():
        check_news(seen)
    ids = [delivery.id for delivery in play.deliveries]
    assert len(set(ids)) == len(ids)

    for alert_id in list(play.alerts):
        play.resolved(alert_id)
    play.at(at_s + 3 * HOUR)
    assert {key for key in play.groups if not key.startswith("series")} == set()
    for seen in told(play).values():
        check_news(seen)


@settings(max_examples=60, deadline=None)
@given(STEPS, st.integers(1, 600))
def test_a_plan_worked_out_again_holds_the_same_messages(story: list[tuple[int, str, str, int]], later_s: int) -> None:
    play, at_s, active = Play(routes(), cap_an_hour=3), 0.0, dict[str, str]()
    for span_s, what, name, length_s in story:
        at_s += span_s
        play.clock(at_s)
        act(play, active, what, name, length_s, at_s)
        said = len(play.notices)
        first = play.planned(at_s)
        again = play.planned(at_s)
        assert again.deliveries == first.deliveries
        assert again.groups == first.groups
        # After a crash it is later, and more may be due; what was due before has its id.
        after = play.planned(at_s + later_s)
        del play.notices[said:]
        mqtt = {delivery.id for delivery in first.deliveries if delivery.channel is Channel.MQTT}
        assert mqtt <= {delivery.id for delivery in after.deliveries}
        play.at(at_s)
