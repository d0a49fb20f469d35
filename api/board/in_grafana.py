"""Links from a page to where Grafana draws the same. Without a Grafana there is none, and none on a wall."""

from api.board import parts
from api.board.frame import Visit
from api.dashboards import Episode
from api.queries.alerts import AlertDetail
from api.queries.answer import time_ns_of


def link_to_alert(visit: Visit, found: AlertDetail) -> None:
    """To the panel of what its rule looks at."""
    if visit.sources.dashboards is not None:
        resolved_ns = None if found.resolved is None else time_ns_of(found.resolved)
        episode = Episode(found.device, found.metric, time_ns_of(found.raised), resolved_ns)
        where = visit.sources.registry, visit.words.language
        _link(visit, visit.sources.dashboards.alert(episode, *where, visit.now_ns()))


def link_to_device(visit: Visit, device: str) -> None:
    """To how it is."""
    if visit.sources.dashboards is not None:
        _link(visit, visit.sources.dashboards.device(device, visit.sources.registry, visit.words.language))


def link_to_site(visit: Visit, site: str) -> None:
    """To the dashboard of its kind."""
    if visit.sources.dashboards is not None:
        _link(visit, visit.sources.dashboards.site(site, visit.sources.registry, visit.words.language))


def _link(visit: Visit, address: str | None) -> None:
    if address is not None and not visit.wall:
        with parts.tag("p", classes="elsewhere"):
            parts.link(visit.words("Open in Grafana"), address, "more-link", target="_blank", rel="noopener")
