"""All dashboards of a deployment, in one language. A page is a module here; README.md of the package says how."""

from collections.abc import Callable, Sequence

from grafana.dashboards import air, alerts, buildings, city, devices, platform, toilets
from grafana.deployment import Deployment
from grafana.links import Places
from grafana.page import Dashboard

__all__ = ["ABOUT_ALERTS", "MEASURED", "Dashboard", "dashboards", "places_of"]

MEASURED: Sequence[Callable[[Deployment], Dashboard]] = (
    city.dashboard,
    toilets.dashboard,
    buildings.dashboard,
    air.dashboard,
    devices.dashboard,
    platform.dashboard,
)
"""Those about what is measured."""
ABOUT_ALERTS: Sequence[Callable[[Deployment, Places], Dashboard]] = (alerts.dashboard,)
"""Those that point to panels of the former."""


def dashboards(deployment: Deployment) -> Sequence[Dashboard]:
    """Each is the same for the same deployment, to the byte."""
    made = [make(deployment) for make in MEASURED]
    places = places_of(made)
    return [*made, *(make(deployment, places) for make in ABOUT_ALERTS)]


def places_of(made: Sequence[Dashboard]) -> Places:
    """Where each metric is drawn: the panel to which an alert about it points. The first dashboard counts."""
    return {metric: place for one in reversed(made) for metric, place in one.drawn.items()}
