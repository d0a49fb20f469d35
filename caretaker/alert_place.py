"""The alerts of a deployment as commands open them: the desk on their database, and the words for what lies there."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, tzinfo
from pathlib import Path

from alerts.alert import Alert
from alerts.desk import DatabaseAwayError, DatabaseUnusableError, Desk, NoAlertsError, UnknownAlertError
from alerts.rules.load import load_rules
from alerts.rules.rule import Rule
from alerts.settings import load_settings
from caretaker.alert_words import AlertWords
from caretaker.deployment import explained
from caretaker.output import Exit, fail, note
from telemetry.document import DocumentError
from telemetry.registry.load import load_registry
from telemetry.registry.models import Registry


def database(config: Path, data: Path) -> Path:
    """Where the alerts of a deployment are kept. Raises `DocumentError`."""
    path = load_settings(config, data).alerts.database
    assert path is not None, "load_settings fills it in"
    return path


def rules_by_id(config: Path, registry: Registry) -> Mapping[str, Rule]:
    """The rules of a configuration. Raises `DocumentError`."""
    return {rule.id: rule for rule in load_rules(config, registry).rules}


@contextmanager
def desk(config: Path, data: Path, language: str = "en") -> Iterator[tuple[Desk, AlertWords]]:
    """The desk and the words; what a user can mend becomes a sentence and an exit code."""
    with explained():
        registry = load_registry(config)
        try:
            with Desk(database(config, data)) as found:
                yield found, AlertWords(registry, _rules(config, registry), language)
        except (DatabaseAwayError, DatabaseUnusableError) as error:
            fail(str(error), code=Exit.UNAVAILABLE)
        except NoAlertsError as error:
            fail(
                str(error),
                "give --data DIR as the alert service has it; the file is made when `caretaker run alerts` starts",
                Exit.UNAVAILABLE,
            )


def known_alert(desk: Desk, name: str) -> Alert:
    """The alert whose id begins so; leaves where there is none, or more than one."""
    try:
        return desk.alert(name)
    except UnknownAlertError as error:
        fail(str(error), "`caretaker alerts list` shows those that are active, with --all the others too", Exit.USAGE)


def zone_of(registry: Registry, device: str | None) -> tzinfo:
    """The time zone in which a person means a moment: the device's, else that of the first site that is no archive."""
    found = None if device is None else registry.devices.get(device)
    if found is not None:
        return registry.sites[found.site].timezone
    return next((site.timezone for site in registry.sites.values() if not site.archive), UTC)


def _rules(config: Path, registry: Registry) -> Mapping[str, Rule]:
    try:
        return rules_by_id(config, registry)
    except DocumentError as error:
        # The alerts of the rules that the engine still has must be seen now of all times.
        note(f"The rules have {len(error.problems)} problems, so alerts are shown by id: `caretaker check` names them.")
        return {}
