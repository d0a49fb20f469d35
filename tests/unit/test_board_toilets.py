"""What must be done at a toilet block, and what first."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from alerts.desk import Level, Rule, Rules, Severity, Side
from alerts.desk import Value as Threshold
from alerts.rules.rule import Selector
from api.access.caller import Caller, Role, Way
from api.board.pages.toilet import CUBICLES, EDGES, _headline, _reason
from api.board.words import words_of
from api.now import Now
from api.problem import AwayError, NotFoundError
from api.queries import toilets
from api.queries.alert_values import AlertBrief, SeverityWord
from api.queries.standing import State
from api.queries.tasks import CLEANED_EVERY, USES_A_CLEANING, WITHIN, ReasonKind, Task, TaskReason, tasks
from api.queries.toilet_areas import AreaNow, AreaValue, CubicleState
from api.queries.toilets import toilet
from api.queries.trends import Trends
from telemetry.reading import NS_PER_S, Reading
from telemetry.registry.models import Outage
from telemetry.stores.store import StoreAwayError, Window
from tests.builders import area, device, registry, site

NOW = datetime(2026, 11, 22, 4, 0, tzinfo=UTC)
NOW_NS = int(NOW.timestamp()) * NS_PER_S
HOUR_NS = 3_600 * NS_PER_S
OPERATOR = Caller("shift leader", Role.OPERATOR, None, Way.SESSION, "")
VIEWER = Caller("wall", Role.VIEWER, None, Way.SESSION, "")
NAMES = {"male": {"en": "Men's"}, "female": {"en": "Women's"}}


def rule(name: str, team: str) -> Rule:
    return Rule(
        id=name,
        names={"en": name.title()},
        why="",
        where=Selector(),
        condition=Threshold("nh3_ppm"),
        side=Side.ABOVE,
        levels=(Level(Severity.WARNING, 3.0, 2.0, 0, 0),),
        advice={"en": f"Mend the {name}."},
        labels={"team": team},
    )


RULES = {one.id: one for one in (rule("odour", "cleaning"), rule("leak", "plumbing"), rule("paper", "cleaning"))}


def alert(name: str = "a1", rule: str = "odour", **fields: Any) -> AlertBrief:
    plain: dict[str, Any] = {
        **dict.fromkeys(AlertBrief.model_fields),
        "id": name,
        "rule": rule,
        "rule_names": {"en": rule.title()},
        "device": "nh3-1",
        "device_names": {},
        "site": "pier",
        "area": "male",
        "severity": SeverityWord.WARNING,
        "worst": SeverityWord.WARNING,
        "raised": NOW - timedelta(minutes=20),
        "changed": NOW,
        "says": {"en": f"{rule} is high."},
        "suspect": False,
        "silenced": False,
        "latches": False,
    }
    return AlertBrief.model_validate({**plain, **fields})


def place(name: str = "male", **fields: Any) -> AreaNow:
    plain: dict[str, Any] = {
        "id": name,
        "type": name,
        "names": NAMES[name],
        "state": State.FINE,
        "cubicles": (),
        "cubicles_hidden": False,
        "uses": 0,
        "cleaned": NOW - timedelta(hours=1),
        "cleanable": True,
        "gases": (),
        "supplies": (),
        "leak": False,
    }
    return AreaNow.model_validate({**plain, **fields})


def paper(left: float) -> AreaValue:
    return AreaValue(
        device="supplies-1",
        metric="paper_pct",
        names={"en": "Toilet paper left"},
        unit="%",
        decimals=0,
        value=left,
        time=NOW,
        stale=False,
        suspect=False,
        low=toilets.runs_down("paper_pct", left),
    )


def made(*areas: AreaNow, active: Sequence[AlertBrief] = (), rules: Mapping[str, Rule] = RULES) -> Sequence[Task]:
    return tasks(areas, active, rules, NAMES, NOW)


def test_nothing_is_to_be_done_where_nothing_is_the_matter() -> None:
    assert made(place("male"), place("female")) == []


def test_an_alert_is_a_task_with_its_rules_advice() -> None:
    (task,) = made(place(), active=[alert()])
    assert task.advice == {"en": "Mend the odour."}
    assert task.area_names == {"en": "Men's"}
    assert [reason.kind for reason in task.reasons] == [ReasonKind.ALERT]
    assert task.due == NOW - timedelta(minutes=20) + WITHIN[SeverityWord.WARNING]
    assert not task.overdue
    assert task.open_alerts == ("a1",)


def test_what_one_team_has_to_do_in_one_area_is_one_task() -> None:
    found = made(
        place(supplies=(paper(4),)),
        active=[alert("a1", "odour"), alert("a2", "paper"), alert("a3", "leak"), alert("a4", area="female")],
    )
    assert {(task.area, task.team, len(task.reasons)) for task in found} == {
        ("male", "cleaning", 3),
        ("male", "plumbing", 1),
        ("female", "cleaning", 1),
    }


def test_the_worst_comes_first_and_what_somebody_has_comes_last() -> None:
    taken = alert("a1", area="male", severity=SeverityWord.CRITICAL, acknowledged_by="Duty attendant")
    found = made(place(), active=[taken, alert("a2", "leak", area="female"), alert("a3", "odour", area="female")])
    assert [(task.area, task.team) for task in found] == [
        ("female", "cleaning"),
        ("female", "plumbing"),
        ("male", "cleaning"),
    ]
    assert found[-1].has_it == "Duty attendant"
    critical = alert("a4", "leak", area="female", severity=SeverityWord.CRITICAL)
    assert made(active=[alert("a2"), critical])[0].open_alerts == ("a4",)


@pytest.mark.parametrize(
    ("changed", "kinds", "due"),
    [
        ({"uses": USES_A_CLEANING - 1}, [], None),
        ({"uses": USES_A_CLEANING}, [ReasonKind.USES], NOW),
        ({"uses": None}, [], None),
        ({"uses": 5, "cleaned": NOW - CLEANED_EVERY}, [ReasonKind.HOURS], NOW),
        ({"uses": 0, "cleaned": NOW - CLEANED_EVERY}, [], None),
        ({"uses": None, "cleaned": NOW - timedelta(hours=9)}, [ReasonKind.HOURS], NOW - timedelta(hours=1)),
        ({"cleaned": None}, [], None),
        ({"supplies": (paper(21),)}, [], None),
        ({"supplies": (paper(19),)}, [ReasonKind.SUPPLY], None),
    ],
)
def test_what_is_due_without_an_alert(changed: dict[str, Any], kinds: list[ReasonKind], due: datetime | None) -> None:
    found = made(place(**changed))
    assert [reason.kind for task in found for reason in task.reasons] == kinds
    assert [task.due for task in found] == ([due] if kinds else [])


def test_a_task_is_overdue_when_its_time_has_passed() -> None:
    (task,) = made(active=[alert(severity=SeverityWord.CRITICAL)])
    assert task.overdue, "raised 20 minutes ago, and somebody should be there within 15"


def test_an_alert_of_a_rule_that_is_gone_is_still_a_task() -> None:
    (task,) = made(active=[alert()], rules={})
    assert (task.team, task.advice, task.open_alerts) == ("", {}, ("a1",))


@pytest.mark.parametrize(
    ("metric", "value", "low"),
    [("paper_pct", 19, True), ("paper_pct", 20, False), ("bin_level_pct", 81, True), ("bin_level_pct", 80, False)],
)
def test_what_runs_down(metric: str, value: float, *, low: bool) -> None:
    assert toilets.runs_down(metric, value) is low


@pytest.mark.parametrize("kind", ReasonKind)
def test_every_reason_is_told_in_both_languages(kind: ReasonKind) -> None:
    reason = TaskReason(kind=kind, says={"en": "Paper", "zh-Hant": "廁紙"}, number=4)
    said = {_reason(words_of(language), reason) for language in ("en", "zh-Hant")}
    assert len(said) == 2
    assert all(said)


def test_what_is_to_be_done_is_told() -> None:
    words = words_of("en")
    seen: Any = None  # only asked for the name of a site where a task has no area
    said = [
        _headline(words, seen, made(place(**changed), active=active)[0])
        for changed, active in (
            ({}, [alert()]),
            ({"uses": 99}, []),
            ({"supplies": (paper(4),)}, []),
        )
    ]
    assert said == ["Men's: Mend the odour.", "Men's: Clean it.", "Men's: Refill or empty it with the next round."]


def test_every_state_has_a_look() -> None:
    assert set(CUBICLES) == set(CubicleState)
    assert set(EDGES) == set(State)


class Ground:
    """One block: two cubicles, supplies, buttons, a leak detector; a store that knows when counters were what."""

    def __init__(self, first_uses: float | None = 100.0) -> None:
        places = [site("pier", kind="toilet", areas=[area("male")], names={"en": "Pier"})]
        common = {"site": "pier", "area": "male"}
        rest = (Outage(0, None, "repair"),)
        self.registry = registry(
            device("odour-1", **common, metrics=("nh3_ppm", "h2s_ppm")),
            *(
                device(f"wc-{n}", **common, metrics=("occupied", "uses"), labels={"cubicle": str(n)}, interval_s=60.0)
                for n in (1, 2, 3)
            ),
            device("wc-4", **common, metrics=("occupied", "uses"), out_of_service=rest),
            device("supplies-1", **common, metrics=("paper_pct", "soap_pct", "bin_level_pct")),
            device("leak-1", **common, metrics=("leak",)),
            device("button-1", **common, metrics=("cleaned",), interval_s=None),
            sites=places,
        )
        self.now = Now()
        self.rules = Rules(())
        self.store = self
        self.alerts = self
        self.clock = lambda: NOW_NS
        self.first_uses = first_uses

    async def ask(self, *_: object, **__: object) -> object:
        raise AwayError("the alert database is away")

    async def windows(self, _device: str, _metric: str, start_ns: int, *_: object) -> Sequence[Window]:
        if self.first_uses is None:
            raise StoreAwayError("away")
        return [Window(start_ns, 1, 0, self.first_uses, first=self.first_uses, total=self.first_uses)]

    def said(self, device: str, ago_s: float = 1, **values: float) -> None:
        self.now.take(Reading(device, NOW_NS - int(ago_s * NS_PER_S), None, values, {}), "pier")

    async def seen(self, caller: Caller = OPERATOR) -> toilets.Toilet:
        sources: Any = self
        return await toilet(sources, caller, "pier", Trends(sources))


async def test_cubicles_are_free_occupied_out_or_not_known() -> None:
    ground = Ground()
    ground.said("wc-1", occupied=0.0)
    ground.said("wc-2", occupied=1.0)
    ground.said("wc-3", ago_s=4 * 60, occupied=0.0)
    ground.said("wc-4", occupied=0.0)
    (found,) = (await ground.seen()).areas
    assert [(one.number, one.state) for one in found.cubicles] == [
        ("1", CubicleState.FREE),
        ("2", CubicleState.OCCUPIED),
        ("3", CubicleState.UNKNOWN),
        ("", CubicleState.OUT),
    ]


async def test_a_viewer_is_not_told_who_is_where_and_may_not_act() -> None:
    ground = Ground()
    ground.said("wc-1", occupied=1.0)
    seen = await ground.seen(VIEWER)
    assert seen.areas[0].cubicles == ()
    assert seen.areas[0].cubicles_hidden
    assert not seen.may_act


async def test_uses_are_counted_since_the_last_cleaning() -> None:
    ground = Ground(first_uses=100.0)
    ground.said("button-1", ago_s=3_600, cleaned=1.0)
    ground.said("wc-1", uses=130.0)
    ground.said("wc-2", uses=7.0)  # began anew: it counts from nothing
    ground.said("wc-3", ago_s=2 * 3_600, uses=900.0)  # has said nothing since
    (found,) = (await ground.seen()).areas
    assert found.uses == 30 + 7
    assert found.cleaned == NOW - timedelta(hours=1)
    assert found.cleanable


async def test_without_store_and_alert_database_the_rest_is_shown() -> None:
    ground = Ground(first_uses=None)
    ground.said("odour-1", nh3_ppm=1.5)
    ground.said("supplies-1", paper_pct=4.0, bin_level_pct=50.0)
    ground.said("leak-1", leak=1.0)
    ground.said("wc-1", uses=3.0)
    seen = await ground.seen()
    (found,) = seen.areas
    assert not seen.alerts_known
    assert (found.uses, found.leak) == (None, True)
    assert [(one.metric, one.value, one.trend) for one in found.gases] == [("nh3_ppm", 1.5, ())]
    assert [(one.metric, one.low) for one in found.supplies] == [("paper_pct", True), ("bin_level_pct", False)]
    assert [task.team for task in seen.tasks] == ["cleaning"]


async def test_a_site_of_others_does_not_exist() -> None:
    ground = Ground()
    with pytest.raises(NotFoundError):
        await ground.seen(Caller("elsewhere", Role.OPERATOR, frozenset({"hall"}), Way.SESSION, ""))
