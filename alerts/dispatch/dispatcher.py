"""From what happened to who is told: one look at the news, worked out without a clock, a database or a network.

The stages stand in `plan`, in their order; each is a module that answers one question. Worked out again from the same
state, a plan holds the same messages under the same ids.
"""

from collections.abc import Mapping, Sequence

from alerts.alert import Transition
from alerts.dispatch.announce import announcements
from alerts.dispatch.assign import tell_assigned
from alerts.dispatch.cap import deliver
from alerts.dispatch.cases import open_cases, take_news
from alerts.dispatch.digest import send_digests
from alerts.dispatch.escalate import escalate
from alerts.dispatch.flapping import damp, wish_for_notices
from alerts.dispatch.group import gather
from alerts.dispatch.look import Look
from alerts.dispatch.planned import Planned
from alerts.dispatch.wishes import make_wishes
from alerts.dispatch.world import World


def plan(
    now_ns: int,
    world: World,
    groups: Mapping[str, bytes],
    news: Sequence[Transition],
    sent: Mapping[str, Sequence[int]],
    figures: Mapping[str, int],
) -> Planned:
    """Who is told what now, and when to look again.

    Args:
        now_ns: Wall clock, ns UTC.
        world: Everything that is looked at and not changed.
        groups: What earlier plans wanted remembered, all of it, by key.
        news: The transitions since the last plan, in the order of their numbers.
        sent: By person: when messages were made for them within the last hour, ns UTC; those with the cause
            `ESCALATED`, and those of `MQTT`, apart.
        figures: Numbers that earlier plans wanted remembered, by name; others may be among them.
    """
    look = Look(now_ns, world, groups, sent, figures)
    look.planned.deliveries += announcements(news, world, now_ns)
    # Route: which alerts there are, and where each belongs.
    take_news(look, news)
    open_cases(look)
    # What was given to somebody by hand: before all that may stand against telling them.
    tell_assigned(look)
    # Mute: who is told what, and who is not, and why.
    damp(look)
    make_wishes(look)
    wish_for_notices(look)
    # Group, escalate, cap.
    gather(look)
    escalate(look)
    deliver(look)
    send_digests(look)

    planned = look.planned
    planned.groups = look.memory.changes()
    planned.cursor = news[-1].number if news else None
    return planned
