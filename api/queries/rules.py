"""Rules as they are in force: what each asks, in words and in numbers."""

from alerts.desk import AlertWords, Rule, watched
from api.access.caller import Caller
from api.problem import NotFoundError
from api.queries.alert_values import SeverityWord
from api.queries.answer import LANGUAGES, Answer, Names
from api.queries.readers import require_reader
from api.sources import Sources
from telemetry.reading import NS_PER_S
from telemetry.registry.hours import DAYS, Hours


class RuleBrief(Answer):
    """A rule in a list."""

    id: str
    names: Names
    asks: Names
    """What it asks, in words, by language."""
    why: str
    """Why these thresholds."""
    metrics: tuple[str, ...]
    """What it looks at; empty: whether the device speaks at all."""
    severities: tuple[SeverityWord, ...]
    """Rising."""
    latches: bool
    """Its alerts end by hand, or by time."""


class LevelFacts(Answer):
    """One severity of a rule. Values in the unit of what it compares."""

    severity: SeverityWord
    raise_at: float | None
    """Null: the condition has no threshold."""
    clear_at: float | None
    for_s: float
    """The condition has to hold so long."""
    clear_for_s: float


class ActiveHours(Answer):
    """When a rule is active, by the clocks of the site."""

    days: tuple[str, ...]
    """mon to sun; of a span over midnight: the day on which it starts."""
    start: str
    """As in 22:00."""
    end: str


class Where(Answer):
    """Which devices it looks at: those that fit all that is said. `*` stands for anything."""

    sites: tuple[str, ...]
    site_kinds: tuple[str, ...]
    areas: tuple[str, ...]
    area_types: tuple[str, ...]
    kinds: tuple[str, ...]
    devices: tuple[str, ...]
    labels: dict[str, str]


class RuleDetail(RuleBrief):
    """One rule, whole."""

    levels: tuple[LevelFacts, ...]
    side: str
    """On which side of its thresholds it is bad: above or below."""
    where: Where
    hours: ActiveHours | None
    """Null: always."""
    advice: Names
    """What to do, by language."""
    labels: dict[str, str]


async def rules(sources: Sources, caller: Caller) -> tuple[RuleBrief, ...]:
    """All of them, in the order in which they are written. Sites of others are not named."""
    require_reader(caller)
    words = _words(sources)
    return tuple(_brief(rule, words) for rule in sources.rules.rules)


async def rule(sources: Sources, caller: Caller, rule_id: str) -> RuleDetail:
    """One of them. Raises `NotFoundError`."""
    require_reader(caller)
    found = next((one for one in sources.rules.rules if one.id == rule_id), None)
    if found is None:
        raise NotFoundError(f"there is no rule {rule_id}")
    own = sources.registry.devices
    return RuleDetail(
        **dict(_brief(found, _words(sources))),
        levels=[
            LevelFacts(
                severity=SeverityWord(level.severity.word),
                raise_at=level.raise_at,
                clear_at=level.clear_at,
                for_s=level.for_ns / NS_PER_S,
                clear_for_s=level.clear_for_ns / NS_PER_S,
            )
            for level in found.levels
        ],
        side=found.side.value,
        where=Where(
            sites=[one for one in found.where.sites if one not in sources.registry.sites or caller.sees(one)],
            site_kinds=found.where.site_kinds,
            areas=found.where.areas,
            area_types=found.where.area_types,
            kinds=found.where.kinds,
            devices=[one for one in found.where.devices if one not in own or caller.sees(own[one].site)],
            labels=found.where.labels,
        ),
        hours=None if found.hours is None else _hours(found.hours),
        advice=found.advice,
        labels=found.labels,
    )


def _brief(rule: Rule, words: dict[str, AlertWords]) -> RuleBrief:
    return RuleBrief(
        id=rule.id,
        names=rule.names,
        asks={language: one.asks(rule) for language, one in words.items()},
        why=rule.why,
        metrics=watched(rule),
        severities=[SeverityWord(level.severity.word) for level in rule.levels],
        latches=rule.latches,
    )


def _words(sources: Sources) -> dict[str, AlertWords]:
    by_id = {one.id: one for one in sources.rules.rules}
    return {language: AlertWords(sources.registry, by_id, language) for language in LANGUAGES}


def _hours(hours: Hours) -> ActiveHours:
    return ActiveHours(
        days=[DAYS[day] for day in sorted(hours.days)],
        start=hours.start.isoformat("minutes"),
        end=hours.end.isoformat("minutes"),
    )
