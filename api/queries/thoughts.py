"""What each rule thinks of a device now, and why: as the alert service left it, which need not be running."""

from collections.abc import Sequence
from datetime import datetime

from alerts.desk import AlertWords, Rules
from alerts.desk.thoughts import Explanation, Stored, Thought, Why, explained
from api.access.caller import Caller
from api.queries.alert_values import SeverityWord
from api.queries.answer import LANGUAGES, Answer, Names, moment_or_none
from api.queries.readers import device_of, require_reader
from api.sources import Sources


class RuleThought(Answer):
    """One rule that selects the device."""

    rule: str
    names: Names
    asks: Names
    """What it asks, in words, by language."""
    thought: Thought
    severity: SeverityWord | None
    """Of the alert; while it is pending the one that comes first."""
    since: datetime | None
    """Since when it is pending, raised or clearing."""
    due: datetime | None
    """When it is raised, or cleared, if nothing changes."""
    because: Why | None
    """Why it compares nothing, or why what it compares does not count; null: it does."""
    until: datetime | None
    """Until when that is so, where it is known."""
    value: float | None
    """What it compares; null also where that is not for the caller."""
    read: datetime | None
    """The reading behind it."""
    stored: bool
    """The newest value stands for it: the rule remembers nothing, and so is quiet."""
    known_share: float | None
    """Of a window: how much of it is known, of 1."""
    needed_share: float | None
    silent_at: datetime | None
    """When the device counts as silent if nothing comes."""
    judged: datetime | None
    """The last that it has judged."""
    alert: str | None
    expires: datetime | None
    """When its alert ends by itself."""
    flapping: bool
    """It changes so often that changes are only recorded."""


async def explain(sources: Sources, caller: Caller, device_id: str) -> tuple[RuleThought, ...]:
    """In the order in which the rules are written. Raises `NotFoundError`, `AwayError`."""
    require_reader(caller)
    device = device_of(sources, caller, device_id)
    registry, rules = sources.registry, sources.rules
    found = await explanations(sources, device.id, rules)
    by_id = {rule.id: rule for rule in rules.rules}
    words = {language: AlertWords(registry, by_id, language) for language in LANGUAGES}
    return tuple(_thought(sources, caller, one, words) for one in found)


async def explanations(sources: Sources, device: str, rules: Rules) -> Sequence[Explanation]:
    """Of those of the rules that select the device; where one remembers nothing, the newest value stands for it."""
    newest = {
        name: Stored(one.time_ns, float(one.value), one.quality)
        for name, one in sources.now.of(device).items()
        if not isinstance(one.value, str)
    }
    return await sources.alerts.ask(explained, sources.registry, rules, device, newest)


def _thought(sources: Sources, caller: Caller, found: Explanation, words: dict[str, AlertWords]) -> RuleThought:
    rule, now, metrics = found.rule, found.now, sources.registry.metrics
    shows = all(caller.reads(metrics[name]) for name in rule.metrics if name in metrics)
    top = next((one for one in found.levels if one.level.severity is found.severity), None)
    return RuleThought(
        rule=rule.id,
        names=rule.names,
        asks={language: one.asks(rule) for language, one in words.items()},
        thought=found.thought,
        severity=None if found.severity is None else SeverityWord(found.severity.word),
        since=moment_or_none(None if top is None else top.since_ns),
        due=moment_or_none(None if top is None else top.due_ns),
        because=None if found.reason is None else found.reason.why,
        until=moment_or_none(None if found.reason is None else found.reason.until_ns),
        value=now.shown if now is not None and shows else None,
        read=moment_or_none(None if now is None else now.reading_ns),
        stored=found.stored,
        known_share=None if found.share is None else found.share.known,
        needed_share=None if found.share is None else found.share.needed,
        silent_at=moment_or_none(found.silent_ns),
        judged=moment_or_none(found.judged_ns),
        alert=found.alert,
        expires=moment_or_none(found.expires_ns),
        flapping=found.flapping,
    )
