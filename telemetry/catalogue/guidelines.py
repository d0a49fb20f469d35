"""The WHO's global air quality guidelines of 2021 (https://www.who.int/publications/i/item/9789240034228)."""

from collections.abc import Mapping

from msgspec import Struct


class Guideline(Struct, frozen=True, gc=False):
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
