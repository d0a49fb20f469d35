"""What the WHO recommends, among the limits of the rules."""

from collections.abc import Sequence

from grafana_foundation_sdk.models.dashboard import Threshold

from grafana.thresholds import FINE, QUIET
from telemetry.catalogue.guidelines import GUIDELINES


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
