"""Words for why something was refused."""

from collections.abc import Mapping

from grafana.words import Words
from telemetry.message import Reason


def reasons(words: Words) -> Mapping[str, str]:
    """Label of the counter to its words; not those that are counted and let go."""
    said = {
        Reason.NOT_UTF8: words("no text"),
        Reason.NOT_JSON: words("no JSON"),
        Reason.TOO_LARGE: words("too large"),
        Reason.TOO_DEEP: words("too deeply nested"),
        Reason.NOT_A_READING: words("no reading"),
        Reason.UNKNOWN_TOPIC: words("unknown topic"),
        Reason.UNKNOWN_DEVICE: words("unknown device"),
        Reason.IDENTITY_CONFLICT: words("another device than its topic"),
        Reason.UNKNOWN_METRIC: words("unknown metric"),
        Reason.WRONG_SOURCE: words("not for devices to say"),
        Reason.WRONG_TYPE: words("text for a number, or the reverse"),
        Reason.NOT_FINITE: words("not a finite number"),
        Reason.IMPOSSIBLE_VALUE: words("impossible value"),
        Reason.TOO_OLD: words("too old"),
        Reason.IN_FUTURE: words("in the future"),
        Reason.RETAINED: words("retained message"),
        Reason.REFUSED_BY_STORE: words("refused by the store"),
        Reason.DEFECT: words("a defect of ours"),
    }
    return {reason.value: text for reason, text in said.items()}
