"""Alerts in words for the terminal: those of the desk, in colour where there are colours."""

from collections.abc import Mapping

from alerts.alert import Alert, Severity, Transition
from alerts.desk.words import MEASURED
from alerts.desk.words import AlertWords as DeskWords
from alerts.message.course import change_text as said_of_change
from caretaker.moments import age_text
from caretaker.output import Coloured
from telemetry.reading import NS_PER_S

__all__ = ["COLOURS", "MEASURED", "SHORT", "AlertWords", "change_text", "holder"]

COLOURS: Mapping[Severity, str] = {
    Severity.INFORMATION: "cyan",
    Severity.WARNING: "yellow",
    Severity.CRITICAL: "bold red",
}
SHORT = 8
"""Characters of an id that tell alerts apart, and can be typed."""


class AlertWords(DeskWords):
    """Names for one deployment in one language."""

    def severity(self, severity: Severity) -> Coloured:
        """In a word, in its colour where there are colours."""
        return Coloured(super().severity(severity), COLOURS[severity])


def holder(alert: Alert, at_ns: int) -> str:
    """Who has it; empty where nobody has said so."""
    if alert.acknowledged_by is None:
        return ""
    until_ns = alert.acknowledged_until_ns
    return alert.acknowledged_by if until_ns is None else f"{alert.acknowledged_by} for {_left(until_ns, at_ns)}"


def change_text(transition: Transition, words: AlertWords) -> str:
    """What a transition did. In English, as all that the command says itself; names are in the language asked for."""
    return said_of_change(transition, "en", words.person)


def _left(until_ns: int, at_ns: int) -> str:
    return f"{age_text(max(0, until_ns - at_ns) / NS_PER_S)} more"
