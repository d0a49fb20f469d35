"""All dashboards of a deployment, in one language. A page is a module here; README.md of the package says how."""

from collections.abc import Callable, Mapping, Sequence

from grafana.dashboards import air, alerts, buildings, city, devices, platform, toilets
from grafana.deployment import Deployment
from grafana.links import Places
from grafana.page import Dashboard

__all__ = ["Dashboard", "dashboards", "places_of"]

OF_A_KIND: Mapping[str, Callable[[Deployment], Dashboard]] = {
    "toilet": toilets.dashboard,
    "building": buildings.dashboard,
    "air": air.dashboard,
}
"""Those about sites of a kind, which a deployment without such sites does not have."""


def dashboards(deployment: Deployment) -> Sequence[Dashboard]:
    """Each is the same for the same deployment, to the byte."""
    made = [
        city.dashboard(deployment),
        *(make(deployment) for kind, make in OF_A_KIND.items() if deployment.sites(kind)),
        devices.dashboard(deployment),
        platform.dashboard(deployment),
    ]
    return [*made, alerts.dashboard(deployment, places_of(made))]


def places_of(made: Sequence[Dashboard]) -> Places:
    """Where each metric is drawn: the panel to which an alert about it points. The first dashboard counts."""
    return {key: place for one in reversed(made) for key, place in one.drawn.items()}
