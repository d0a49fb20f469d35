"""The WHO's global air quality guidelines of 2021 (https://www.who.int/publications/i/item/9789240034228)."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from grafana_foundation_sdk.models.dashboard import Threshold

from grafana.thresholds import FINE, QUIET


class Guideline(NamedTuple):
    """What a mean should not exceed."""

    limit: float
    """In the metric's unit."""
    hours: int
    """Over which the mean is taken."""


GUIDELINES: Mapping[str, Guideline] = {
    "pm2_5_ugm3": Guideline(15.0, 24),
    "pm10_ugm3": Guideline(45.0, 24),
    "no2_ugm3": Guideline(25.0, 24),
    "so2_ugm3": Guideline(40.0, 24),
    "o3_ugm3": Guideline(100.0, 8),
    "co_ugm3": Guideline(4_000.0, 24),
}
"""By metric: the short-term guideline level; for CO 4 mg/m3."""


def with_guideline(limits: Sequence[Threshold], metric: str) -> Sequence[Threshold]:
    """The rules' steps with that of the guideline among them, quiet: it calls nobody.

    It is left out where the metric has none, and where a rule already colours what lies above it.
    """
    guideline = GUIDELINES.get(metric)
    if guideline is None:
        return limits
    under = [one for one in limits if one.value is None or one.value < guideline.limit]
    over = [one for one in limits if one.value is not None and one.value >= guideline.limit]
    if under[-1].color != FINE or (over and over[0].value == guideline.limit):
        return limits
    return [*under, Threshold(value=guideline.limit, color=QUIET), *over]
