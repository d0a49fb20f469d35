"""Silences: nobody is told of alerts with these labels for a while."""

from collections.abc import Iterable, Mapping

from alerts.alert import Silence
from alerts.labels import match


def silenced_until_ns(silences: Iterable[Silence], labels: Mapping[str, str], now_ns: int) -> int | None:
    """The end of the silence that holds now for an alert with these labels, the last of several; None: none does."""
    ends = [
        silence.end_ns
        for silence in silences
        if silence.start_ns <= now_ns < silence.end_ns and match(silence.matchers, labels)
    ]
    return max(ends, default=None)
