"""How much is measured."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Options:
    """For every benchmark of a run."""

    messages: int
    """Of a saturated drain."""
    seconds: int
    """Of a run at a given rate."""


FULL = Options(messages=200_000, seconds=15)
QUICK = Options(messages=20_000, seconds=5)
"""For trying a change out: the figures are noisier, and include more of the first batches."""
