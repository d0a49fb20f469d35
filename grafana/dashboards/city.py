"""City overview: where is somebody needed, and how is everything else?"""

from grafana.deployment import Deployment
from grafana.links import CITY
from grafana.page import Dashboard, Page
from grafana.panels import course_of


def dashboard(deployment: Deployment) -> Dashboard:
    """The first page of a facility manager."""
    words = deployment.words
    sites = deployment.sites()
    page = Page(
        deployment,
        CITY,
        words("City overview"),
        words("Where somebody is needed, and how everything else is."),
        sites=sites,
        devices=deployment.devices(sites),
    )
    odour = deployment.devices(sites, "nh3_ppm")
    page.row(100, words("Toilets"))
    page.add(
        110,
        course_of(
            deployment,
            "nh3_ppm",
            odour,
            page.scope,
            words("Ammonia"),
            words("Highest ammonia in each window of the plot, by sensor, with the limits of the alert rules."),
        ),
        width=24,
        height=8,
        draws=["nh3_ppm"],
    )
    return page.build()
