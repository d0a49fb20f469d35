"""What a person chose by name or by time, checked; what cannot be becomes a sentence and an exit code."""

from collections.abc import Collection, Iterable
from datetime import tzinfo

from caretaker.moments import MomentError, moment_ns, now_ns
from caretaker.output import Exit, fail
from telemetry.document import nearest

SHOWN = 20


def known(names: Iterable[str], there: Collection[str], kind: str, mend: str | None = None) -> None:
    """Leave where a name is none of those that are there, with the one that may be meant.

    `mend` says where all of them stand; None: the first are named.
    """
    for name in names:
        if name not in there:
            close = nearest(name, there)
            mend = mend or named(there)
            fail(f"no {kind} {name!r}{f'; do you mean {close!r}?' if close else ''}", mend, Exit.USAGE)


def named(there: Collection[str]) -> str:
    """The first of them, and how many more there are."""
    more = len(there) - SHOWN
    return f"known are {', '.join(sorted(there)[:SHOWN]) or 'none'}{f', and {more} more' if more > 0 else ''}"


def span_ns(start: str, end: str, zone: tzinfo) -> tuple[int, int]:
    """`--from` and `--to` in ns UTC, by the clocks of `zone`; leaves where they are none, or span nothing."""
    at_ns = now_ns()
    try:
        start_ns, end_ns = moment_ns(start, zone, at_ns), moment_ns(end, zone, at_ns)
    except MomentError as error:
        fail(str(error), code=Exit.USAGE)
    if start_ns >= end_ns:
        fail(f"--from {start} is not before --to {end}", "give two different moments, the earlier first", Exit.USAGE)
    return start_ns, end_ns
