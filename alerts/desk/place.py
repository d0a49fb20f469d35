"""The alerts of a deployment as another process finds them: where they are kept, how links begin, which rules hold."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from msgspec import Struct

from alerts.configuration import watch_rules
from alerts.rules.rule import Rule, Rules
from alerts.settings import load_settings
from telemetry.document import DocumentError, Problem
from telemetry.registry.models import Registry
from telemetry.watch import FilesWatch


class Deployment(Struct, frozen=True):
    """What others need of the section `alerts` in `caretaker.yaml`."""

    database: Path
    """The file, whether it is there yet or not."""
    public_url: str | None
    """Where the API is reached from outside; None: messages carry no links."""
    link_hours: int
    """How long a link in a message works."""


def deployment(config: Path, data: Path) -> Deployment:
    """As the settings say. Raises `DocumentError`."""
    own = load_settings(config, data).alerts
    assert own.database is not None, "load_settings fills it in"
    return Deployment(own.database, None if own.public_url is None else str(own.public_url), own.link_hours)


class RuleBook:
    """The rules while they are edited, for who shows them: the last good ones stay while the files have errors.

    Unlike the engine it begins with no rules where there are no good ones: alerts are to be seen then of all times.
    """

    def __init__(self, directory: Path, registry: Callable[[], Registry]) -> None:
        """`registry` gives the one in force: rules are checked against it."""
        self._begun: Callable[[], FilesWatch[Rules]] = lambda: watch_rules(directory, registry)
        self._watch: FilesWatch[Rules] | None = None
        self._problems: Sequence[Problem] = ()
        self._by_id: Mapping[str, Rule] = {}
        self.poll()

    @property
    def rules(self) -> Rules:
        """In force."""
        return Rules() if self._watch is None else self._watch.current

    @property
    def by_id(self) -> Mapping[str, Rule]:
        """Those in force."""
        return self._by_id

    @property
    def problems(self) -> Sequence[Problem]:
        """What is wrong with the files as they are now."""
        return self._problems if self._watch is None else self._watch.problems

    def poll(self) -> bool:
        """Look once; whether other rules are in force now. Blocks while it reads."""
        changed = self._begin() if self._watch is None else self._watch.poll() is not None
        if changed:
            self._by_id = {rule.id: rule for rule in self.rules.rules}
        return changed

    def _begin(self) -> bool:
        try:
            self._watch = self._begun()
        except DocumentError as error:
            self._problems = error.problems
            return False
        return True
